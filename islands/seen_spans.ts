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
