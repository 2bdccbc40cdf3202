import type { Entry } from "../../lib/ledger/entry.ts";
import type { Asked, Happening } from "./history.ts";

/** What invariants are of: one org, and what was set up in it. */
export interface Facts {
  readonly org: string;
  /** What the tools' own defaults are, by name. */
  readonly tools: Readonly<Record<string, string>>;
}

/** A broken promise: which, and where it shows. */
export interface Broken {
  readonly invariant: string;
  readonly where: string;
}

/** Looks at what happened, one thing after the other, and says what that breaks. */
export type Watch = (happening: Happening) => Iterable<Broken>;

/**
 * A promise, as a fold over the history of one org: what it says of a thing that happens is decided by
 * that and by all before it, so that it breaks at the very step that broke it.
 */
export type Invariant = (facts: Facts) => Watch;

const NOTHING: readonly Broken[] = [];

/** A watch that looks at the log alone, entry by entry as they are committed. */
export function overLog(look: (entry: Entry) => Iterable<Broken>): Watch {
  return (happening) => happening.is === "logged" ? look(happening.entry) : NOTHING;
}

/** A watch that looks at answers alone, as they are heard: those that came, and say that it was done. */
export function overSuccesses(look: (asked: Asked) => Iterable<Broken>): Watch {
  return (happening) =>
    happening.is === "answered" && isSuccess(happening.asked) ? look(happening.asked) : NOTHING;
}

/** Whether an answer was heard, and says that what was asked for was done. */
export function isSuccess({ status }: Asked): boolean {
  return status !== null && status < 300;
}

/** When an entry was made, milliseconds since 1970. */
export function timeOf({ at }: Entry): number {
  return Date.parse(at);
}

/** A member of an entry's data or subject as a text; empty where it is none. */
export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** How an entry is named to whoever looks into a failure. */
export function named({ index, type, id }: Entry): string {
  return `entry ${index} (${type} ${id})`;
}

/** How a request is named. */
export function namedAsked({ number, actor, deed, status }: Asked): string {
  return `request ${number} (${actor}: ${deed}, ${status})`;
}
