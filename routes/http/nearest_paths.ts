/** How many paths are named at most. */
const MAX_NAMED = 3;

/** Longer than any path of ours: it resembles none, and costs little to refuse. */
const MAX_LETTERS = 32;

const MAX_SEGMENTS = 8;

/** What it costs that two paths differ in a segment; from 1 on they are not close. */
const COSTS = {
  /** The template has one that was left out. */
  left_out: 0.4,
  /** What was asked has one more, which at the beginning is mostly a base path such as `/api`. */
  added: 0.6,
  added_first: 0.3,
  /** One is a word of the other: `keys` of `api-keys`. */
  word: 0.2,
  /** Any text stands for a parameter. */
  parameter: 0.1,
} as const;

/** What part of the letters of a segment may be wrong. */
const MAX_WRONG = 0.4;

/**
 * The templates that a path which does not exist resembles, the closest first; none where nothing is
 * close. Segments may be left out, added or misspelt, or be one word of the right one: `/v1/check` is
 * close to `/v1/permissions/check`, and `/v1/keys` to `/v1/api-keys`.
 *
 * @param templates paths as documentation writes them, parameters in braces
 */
export function nearestPaths(path: string, templates: readonly string[]): string[] {
  const asked = segmentsOf(path.toLowerCase());
  const tooLong = asked.length > MAX_SEGMENTS || asked.some(({ length }) => length > MAX_LETTERS);
  if (asked.length === 0 || tooLong) return [];
  return [...new Set(templates)]
    .map((template) => ({ template, distance: distanceOf(asked, segmentsOf(template)) }))
    .filter(({ distance }) => distance < 1)
    .sort((a, b) => a.distance - b.distance || (a.template < b.template ? -1 : 1))
    .slice(0, MAX_NAMED)
    .map(({ template }) => template);
}

function segmentsOf(path: string): string[] {
  return path.split("/").filter((segment) => segment !== "");
}

/** The least cost to make one path of the other; Infinity unless they share a name of something. */
function distanceOf(asked: readonly string[], template: readonly string[]): number {
  // Most templates end here.
  if (Math.abs(asked.length - template.length) > 2) return Infinity;
  // Of what both begin with: the cost where no name is shared yet, and where one is. The version is no
  // name, and neither is text for a parameter.
  let row: Reached[] = [];
  for (let i = 0; i <= asked.length; i++) {
    const next: Reached[] = [];
    for (let j = 0; j <= template.length; j++) {
      let best: Reached = i === 0 && j === 0 ? { unnamed: 0, named: Infinity } : NOT_REACHED;
      const mine = asked[i - 1];
      const theirs = template[j - 1];
      if (theirs !== undefined) best = cheaper(best, next[j - 1], COSTS.left_out);
      if (mine !== undefined) {
        best = cheaper(best, row[j], i === 1 ? COSTS.added_first : COSTS.added);
      }
      if (mine !== undefined && theirs !== undefined) {
        const named = !isParameter(theirs) && !/^v\d+$/.test(theirs);
        best = cheaper(best, row[j - 1], segmentCost(mine, theirs), named);
      }
      next.push(best);
    }
    row = next;
  }
  return row[template.length]?.named ?? Infinity;
}

interface Reached {
  readonly unnamed: number;
  readonly named: number;
}

const NOT_REACHED: Reached = { unnamed: Infinity, named: Infinity };

/** What is cheaper of both ways to a place: as it was reached, or from another with one step more. */
function cheaper(
  best: Reached,
  { unnamed, named }: Reached = NOT_REACHED,
  step: number,
  names = false,
): Reached {
  return {
    unnamed: names ? best.unnamed : Math.min(best.unnamed, unnamed + step),
    named: Math.min(best.named, named + step, names ? unnamed + step : Infinity),
  };
}

function isParameter(segment: string): boolean {
  return segment.startsWith("{");
}

function segmentCost(mine: string, theirs: string): number {
  if (mine === theirs) return 0;
  if (isParameter(theirs)) return COSTS.parameter;
  const [shorter, longer] = mine.length < theirs.length ? [mine, theirs] : [theirs, mine];
  if (longer.split(/[-_.]/).includes(shorter)) return COSTS.word;
  const wrong = longer.length - shorter.length <= MAX_WRONG * longer.length
    ? lettersWrong(mine, theirs) / longer.length
    : Infinity;
  return wrong <= MAX_WRONG ? wrong : Infinity;
}

/** Levenshtein's distance: letters to add, leave out or change. */
function lettersWrong(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(changed, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
