import type { RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";
import { followClock, followStream, type StreamState } from "./page_stream.tsx";

/** What a stream brought last, and how it stands. */
export interface Live<T> {
  readonly value: T;
  readonly state: StreamState;
}

/** Follows a stream of this origin; see `followStream`. */
export function useLive<T>(path: string, start: T): Live<T> {
  const [value, setValue] = useState(start);
  const [state, setState] = useState<Live<T>["state"]>("connecting");
  useEffect(() =>
    followStream({
      path,
      onNews: (data) => setValue(JSON.parse(data)),
      onState: setState,
    }), [path]);
  return { value, state };
}

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

/**
 * The server's time, milliseconds, moving on each second: a phone's own clock may be wrong, and stands
 * still while it sleeps, so the streams of the page set it anew.
 * @param start the server's time when it rendered the page; what the first rendering sees
 */
export function useClock(start: number): number {
  const [now, setNow] = useState(start);
  useEffect(() => {
    let known = { server: start, at: performance.now() };
    const tick = () => setNow(known.server + performance.now() - known.at);
    const timer = setInterval(tick, 1000);
    const stop = followClock((server) => {
      known = { server, at: performance.now() };
      tick();
    });
    return () => {
      clearInterval(timer);
      stop();
    };
  }, [start]);
  return now;
}
