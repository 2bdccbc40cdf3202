/**
 * Whether what two services say is the same but for what must differ: ids, secrets, salts, digests
 * and signatures stand for one another, always the same for the same, and times are about as late.
 */

/** What a service said, and what the other did. */
export type Both = readonly [before: string, after: string];

/** The first place where two texts are not the same. */
export interface Difference {
  readonly why: string;
  /** Some of either text from there on. */
  readonly there: Both;
}

const PATTERNS = {
  secret: /cs_(?:run|live|mgmt|appr|agent|at|rt)_[A-Za-z0-9_.=-]+/,
  id: /(?<![A-Za-z0-9])[a-z]{3}_[0-7][0-9a-hjkmnp-tv-z]{25}(?![A-Za-z0-9])/,
  reference: /REF-[0-9A-Z]{8}-[0-9A-Z]{4}/,
  hash: /(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/,
  salt: /(?<="salt":")[0-9a-f]{32}(?=")/,
  kid: /(?<="(?:key_id|kid|log_key)":")[A-Za-z0-9_-]+(?=")/,
  cursor: /(?<="next_cursor":")[A-Za-z0-9_-]+(?=")/,
  key: /(?<="x":")[A-Za-z0-9_-]{43}(?=")/,
  signature: /[A-Za-z0-9+/]{80,}={0,2}|[A-Za-z0-9+/]{43}=(?!=)/,
  time: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/,
  left: /(?<=;r=)\d+(?=;t=)|(?<=;t=)\d+/,
  seconds: /(?<=retry_after_seconds":|retry-after: )\d+|\d+(?= seconds?\b)/,
} as const;

type Kind = keyof typeof PATTERNS;

const ANY = new RegExp(
  Object.entries(PATTERNS).map(([kind, { source }]) => `(?<${kind}>${source})`).join("|"),
  "g",
);

/** The two are started, set up and asked side by side, on a machine that does other things too. */
const TIME_APART_MS = 30_000;
const SECONDS_APART = 5;
const SHOWN = 300;

/** Holds texts of two services against each other, and knows which of either stand for which. */
export class SameAnswers {
  readonly #afterOf = new Map<string, string>();
  readonly #beforeOf = new Map<string, string>();

  /** The first difference, or null. */
  difference([before, after]: Both): Difference | null {
    const ours = after.matchAll(ANY);
    let [from, fromAfter] = [0, 0];
    for (const theirs of before.matchAll(ANY)) {
      const { value: own } = ours.next();
      if (own === undefined) break;
      if (before.slice(from, theirs.index) !== after.slice(fromAfter, own.index)) break;
      const why = this.#unlike(theirs, own);
      if (why !== null) {
        return { why, there: [shown(before, theirs.index), shown(after, own.index)] };
      }
      from = theirs.index + theirs[0].length;
      fromAfter = own.index + own[0].length;
    }
    const [rest, restAfter] = [before.slice(from), after.slice(fromAfter)];
    if (rest === restAfter) return null;
    let same = 0;
    while (rest[same] === restAfter[same]) same++;
    const start = Math.max(0, same - 40);
    return { why: "the texts differ", there: [shown(rest, start), shown(restAfter, start)] };
  }

  /** Why two of these cannot stand for each other, or null. */
  #unlike(theirs: RegExpExecArray, own: RegExpExecArray): string | null {
    const [kind, kindAfter] = [kindOf(theirs), kindOf(own)];
    const [before, after] = [theirs[0], own[0]];
    if (kind !== kindAfter) return `${kind} before, ${kindAfter} after`;
    // What is left of a minute's requests depends on when the minute began.
    if (kind === "left") return null;
    if (kind === "time") {
      const apart = Math.abs(Date.parse(before) - Date.parse(after));
      return apart <= TIME_APART_MS ? null : `the times are ${apart} ms apart`;
    }
    if (kind === "seconds") {
      const apart = Math.abs(Number(before) - Number(after));
      return apart <= SECONDS_APART ? null : `${apart} seconds apart`;
    }
    if (before.length !== after.length) return `a ${kind} of another length`;
    const known = this.#afterOf.get(before);
    if (known === undefined && !this.#beforeOf.has(after)) {
      this.#afterOf.set(before, after);
      this.#beforeOf.set(after, before);
      return null;
    }
    return known === after ? null : `another ${kind} than the one that stands for it elsewhere`;
  }
}

function kindOf(match: RegExpExecArray): Kind {
  const groups = match.groups ?? {};
  const kind = (Object.keys(PATTERNS) as Kind[]).find((name) => groups[name] !== undefined);
  if (kind === undefined) throw new Error("A pattern matched without saying which it is");
  return kind;
}

function shown(text: string, from: number): string {
  return text.slice(from, from + SHOWN);
}
