import type { RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";

/**
 * Whether somebody is at an element: with the pointer, with the keyboard, or further down in it. What
 * grows at its top must wait meanwhile, or it moves under their finger. A touch is no pointer that
 * stays, so it counts by where the page is scrolled to.
 */
export function useReading(element: RefObject<HTMLElement | null>): boolean {
  const [reading, setReading] = useState(false);
  useEffect(() => {
    const box = element.current;
    if (box === null) return;
    const at = { pointer: false, focus: false, below: false };
    const note = (change: Partial<typeof at>) => {
      Object.assign(at, change);
      setReading(at.pointer || at.focus || at.below);
    };
    const listeners: readonly [EventTarget, string, (event: Event) => void][] = [
      [box, "pointerenter", (event) => {
        if (event instanceof PointerEvent) note({ pointer: event.pointerType === "mouse" });
      }],
      [box, "pointerleave", () => note({ pointer: false })],
      [box, "focusin", () => note({ focus: true })],
      [box, "focusout", () => note({ focus: false })],
      [globalThis, "scroll", () => note({ below: box.getBoundingClientRect().top < 0 })],
    ];
    for (const [target, type, listener] of listeners) {
      target.addEventListener(type, listener, { passive: true });
    }
    return () => {
      for (const [target, type, listener] of listeners) target.removeEventListener(type, listener);
    };
  }, []);
  return reading;
}
