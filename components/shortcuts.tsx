import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Button } from "./button.tsx";
import { island } from "./island.tsx";
import { areShortcutsOn, pageKey, switchShortcuts } from "./page_key.ts";

/** Single keys that do something on a page, the list of them, and their switch. */

/** What each key does on a page. */
export type Shortcuts = Readonly<Record<string, () => void>>;

/** Does what the keys of a page do, for as long as its component is there. */
export function useShortcuts(shortcuts: Shortcuts): void {
  const current = useRef(shortcuts);
  current.current = shortcuts;
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      const key = pageKey(event);
      if (key === null || event.repeat || !Object.hasOwn(current.current, key)) return;
      event.preventDefault();
      current.current[key]?.();
    };
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, []);
}

/** All keys of a page, over it. */
export function KeysSheet({ keys, onClose }: {
  /** Each key, and what it does. */
  readonly keys: readonly (readonly [string, string])[];
  readonly onClose: () => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  // Before the next key: it is the sheet's already.
  useLayoutEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  return (
    <dialog ref={dialog} class="sheet" aria-labelledby="keys-title" onClose={onClose}>
      <h2 id="keys-title" tabIndex={-1} autofocus>Keys</h2>
      <dl class="keys">
        {keys.map(([key, words]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{words}</dd>
          </div>
        ))}
      </dl>
      <p class="quiet small">
        No key approves. Single keys can be switched off under <a href="/security">Security</a>.
      </p>
      <div class="sheet-actions">
        <Button type="button" onClick={() => dialog.current?.close()}>Close</Button>
      </div>
    </dialog>
  );
}

export default island("keys_switch", KeysSwitch);

/** Whether single characters are keys of the pages, in this browser. */
function KeysSwitch() {
  const [isOn, setOn] = useState(true);
  // Without script there are no keys, and nothing to switch.
  const [isAlive, setAlive] = useState(false);
  const [isKept, setKept] = useState(true);
  useEffect(() => {
    setOn(areShortcutsOn());
    setAlive(true);
  }, []);
  const change = (next: boolean) => {
    try {
      switchShortcuts(next);
      setOn(next);
      setKept(true);
    } catch {
      setKept(false);
    }
  };
  return (
    <>
      <label class="choice">
        <input
          type="checkbox"
          checked={isOn}
          disabled={!isAlive}
          onChange={(event) => change(event.currentTarget.checked)}
        />
        <span class="choice-label">Single keys work in this browser</span>
      </label>
      {!isKept && <p class="field-error" role="alert">This browser keeps no settings of pages.</p>}
    </>
  );
}
