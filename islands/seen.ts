import type { RefObject } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import type { ReadingProgress } from "../components/value_viewer.tsx";
import { visibleLine } from "../lib/base/text.ts";

/** Whether somebody has had the whole of an element on their screen. */
export interface Seen {
  readonly all: boolean;
  /** What was not seen, where it is a long value: `body from line 300`. */
  readonly rest: string | null;
  /** Scrolls to the first part that was not on the screen yet. */
  readonly showRest: () => void;
  /** How far each long value within was read. */
  readonly progress: ReadingProgress;
}

/**
 * Notes which parts of an element have been on the screen, between what covers its upper and its
 * lower edge. It is made of parts, and a part whose height changes is to be seen anew; when the
 * content changes, all of it is.
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
  const [rest, setRest] = useState<string | null>(null);
  const parts = useMemo(() => new SeenParts(), []);
  useEffect(() => {
    const shown = element.current;
    if (shown === null) return;
    const look = () => {
      if (document.hidden) return;
      parts.see(topEdge(), innerHeight - covered());
      setAll(parts.firstUnseen() === null);
      setRest(parts.rest());
    };
    const anew = () => {
      parts.are(partsOf(shown));
      look();
    };
    parts.forget();
    anew();
    const resized = new ResizeObserver(anew);
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
    rest,
    progress: parts,
    showRest() {
      const at = parts.firstUnseen();
      const isMoving = !matchMedia("(prefers-reduced-motion: reduce)").matches;
      if (at === null) return;
      scrollTo({ top: scrollY + at - topEdge(), behavior: isMoving ? "smooth" : "instant" });
    },
  };
}

/** How far down the page's header covers the window, pixels. */
function topEdge(): number {
  return Math.max(0, document.querySelector(".page-header")?.getBoundingClientRect().bottom ?? 0);
}

/**
 * The parts that an element is seen by: those of what says that it has parts, or holds lines to be
 * read; else the element itself. What may be opened besides need not be seen.
 */
function partsOf(element: Element): HTMLElement[] {
  if (!(element instanceof HTMLElement) || element.dataset.optional !== undefined) return [];
  // What has no box of its own is where its children are.
  const hasBox = getComputedStyle(element).display !== "contents";
  const isWhole = element.dataset.lines !== undefined ||
    (hasBox && element.dataset.parts === undefined &&
      element.querySelector("[data-parts], [data-lines], [data-optional]") === null);
  return isWhole ? [element] : [...element.children].flatMap(partsOf);
}

/** So much of a name stands in a sentence of ours, characters. */
const NAME_SHOWN = 40;

/** What of each part of an element was on the screen. */
class SeenParts implements ReadingProgress {
  #parts: readonly HTMLElement[] = [];
  readonly #seen = new Map<HTMLElement, { height: number; spans: Span[] }>();
  readonly #told = new Map<HTMLElement, (read: number) => void>();

  /** Nothing was seen. */
  forget(): void {
    this.#seen.clear();
  }

  /** Names the parts that there are by now, from top to bottom. */
  are(parts: readonly HTMLElement[]): void {
    this.#parts = parts;
    for (const part of this.#seen.keys()) if (!parts.includes(part)) this.#seen.delete(part);
  }

  /** Notes that the window shows what stands between two heights of it, pixels. */
  see(top: number, bottom: number): void {
    for (const part of this.#parts) {
      const box = part.getBoundingClientRect();
      const before = this.#seen.get(part);
      const isSame = before !== undefined && Math.abs(before.height - box.height) <= SLACK;
      const spans = isSame ? before.spans : [];
      const isShown = box.bottom > top - SLACK && box.top < bottom + SLACK;
      const now = isShown ? withSpan(spans, [top - box.top, bottom - box.top]) : spans;
      this.#seen.set(part, { height: box.height, spans: now });
      if (isShown || !isSame) this.#told.get(part)?.(this.#read(part));
    }
  }

  /** Where in the window the first place stands that was not seen, pixels; null when all was. */
  firstUnseen(): number | null {
    for (const part of this.#parts) {
      const at = this.#unseenWithin(part);
      if (at !== null) return part.getBoundingClientRect().top + at;
    }
    return null;
  }

  /** The long value that was not seen and the line from which on; null for other parts. */
  rest(): string | null {
    const part = this.#parts.find((part) => this.#unseenWithin(part) !== null);
    const name = part?.dataset.lines;
    if (part === undefined || name === undefined) return null;
    const read = this.#read(part);
    const shown = visibleLine(name, NAME_SHOWN);
    return read === 0 ? shown : `${shown} from line ${read + 1}`;
  }

  follow(lines: HTMLElement, tell: (read: number) => void): () => void {
    this.#told.set(lines, tell);
    if (this.#seen.has(lines)) tell(this.#read(lines));
    return () => this.#told.delete(lines);
  }

  #unseenWithin(part: HTMLElement): number | null {
    const { height, spans } = this.#seen.get(part) ?? { height: Infinity, spans: [] };
    return firstUnseen(spans, [0, height]);
  }

  /** How many lines of a part were seen from its first one on. */
  #read(part: HTMLElement): number {
    const at = this.#unseenWithin(part);
    if (at === null) return Infinity;
    const end = part.getBoundingClientRect().top + at;
    const lines = part.children;
    // The last line that ends above: lines stand one below another.
    let [low, high] = [0, lines.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const bottom = lines[middle]?.getBoundingClientRect().bottom ?? 0;
      if (bottom <= end + SLACK) low = middle + 1;
      else high = middle;
    }
    for (let line = low - 1; line >= 0; line--) {
      const to = (lines[line] as HTMLElement).dataset.to;
      if (to !== undefined) return Number(to);
    }
    return 0;
  }
}

/** A stretch of a part, in pixels from its top: from, to. */
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
