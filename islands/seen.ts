import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

/** Whether somebody has had the whole of an element on their screen. */
export interface Seen {
  readonly all: boolean;
  /** Scrolls to the first part that was not on the screen yet. */
  readonly showRest: () => void;
}

/**
 * Notes which parts of an element have been on the screen, above whatever covers its lower edge. What
 * changes height or content is to be seen anew.
 *
 * @param content changes whenever the element shows something else
 * @param covered how many pixels of the window's lower edge are covered
 */
export function useSeen(
  element: RefObject<HTMLElement | null>,
  content: string,
  covered: () => number,
): Seen {
  const [all, setAll] = useState(false);
  const spans = useRef<Span[]>([]);
  const extent = () => {
    const box = element.current?.getBoundingClientRect();
    return box === undefined ? null : [box.top + scrollY, box.bottom + scrollY] as const;
  };
  useEffect(() => {
    const shown = element.current;
    if (shown === null) return;
    let height = -1;
    const look = () => {
      const whole = extent();
      if (whole === null || document.hidden) return;
      if (whole[1] - whole[0] !== height) {
        height = whole[1] - whole[0];
        spans.current = [];
      }
      const bottom = scrollY + innerHeight - covered();
      spans.current = withSpan(spans.current, [scrollY, bottom]);
      setAll(firstUnseen(spans.current, whole) === null);
    };
    spans.current = [];
    look();
    const resized = new ResizeObserver(look);
    resized.observe(shown);
    addEventListener("scroll", look, { passive: true });
    document.addEventListener("visibilitychange", look);
    return () => {
      resized.disconnect();
      removeEventListener("scroll", look);
      document.removeEventListener("visibilitychange", look);
    };
  }, [content]);
  return {
    all,
    showRest() {
      const whole = extent();
      const at = whole === null ? null : firstUnseen(spans.current, whole);
      if (at !== null) scrollTo({ top: at, behavior: "smooth" });
    },
  };
}

/** A stretch of a page, in pixels from its top: from, to. */
export type Span = readonly [number, number];

/** Pixels that a rounding of the browser may leave out. */
const SLACK = 2;

/** The stretches with one more, those that touch joined, from top to bottom. */
export function withSpan(spans: readonly Span[], added: Span): Span[] {
  const sorted = [...spans, added].toSorted((a, b) => a[0] - b[0]);
  const joined: Span[] = [];
  for (const [from, to] of sorted) {
    const last = joined.at(-1);
    if (last !== undefined && from <= last[1] + SLACK) {
      joined[joined.length - 1] = [last[0], Math.max(last[1], to)];
    } else joined.push([from, to]);
  }
  return joined;
}

/** Where the first stretch begins that was not seen between `from` and `to`; null when all was. */
export function firstUnseen(spans: readonly Span[], [from, to]: Span): number | null {
  let at = from;
  for (const [start, end] of spans) {
    if (start > at + SLACK) break;
    at = Math.max(at, end);
  }
  return at >= to - SLACK ? null : at;
}
