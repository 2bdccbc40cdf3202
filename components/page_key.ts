/// <reference lib="dom" />

/**
 * Which key presses are meant for a page. Single characters are nobody's while something is typed,
 * and for who has switched them off (WCAG 2.2, 2.1.4).
 */

/** Where keys are what somebody types. */
const TYPED_IN = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]";

/**
 * The key, if it is meant for the page: none while somebody types, with a modifier, or over a page
 * that a dialog covers.
 */
export function pageKey(event: KeyboardEvent): string | null {
  const { key, target, ctrlKey, altKey, metaKey, defaultPrevented, isComposing } = event;
  if (ctrlKey || altKey || metaKey || defaultPrevented || isComposing) return null;
  if (key.length === 1 && !areShortcutsOn()) return null;
  if (document.querySelector("dialog[open]") !== null) return null;
  return target instanceof Element && target.matches(TYPED_IN) ? null : key;
}

const SWITCH = "single_keys";

/** Whether single characters are keys in this browser; who speaks to it may not want them to be. */
export function areShortcutsOn(): boolean {
  try {
    return localStorage.getItem(SWITCH) !== "off";
  } catch {
    // A browser that keeps nothing has not been told either.
    return true;
  }
}

/** Switches them for this browser. @throws where it keeps nothing */
export function switchShortcuts(isOn: boolean): void {
  if (isOn) localStorage.removeItem(SWITCH);
  else localStorage.setItem(SWITCH, "off");
}
