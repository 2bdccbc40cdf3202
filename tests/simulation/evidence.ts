import type { Entry } from "../../lib/ledger/entry.ts";
import type { Asked } from "./history.ts";

/** What invariants look at: all that was asked of one org, and its log. */
export interface Evidence {
  readonly org: string;
  readonly asked: readonly Asked[];
  readonly entries: readonly Entry[];
  /** What the tools' own defaults are, by name. */
  readonly tools: Readonly<Record<string, string>>;
}

/** A broken promise: which, and where it shows. */
export interface Broken {
  readonly invariant: string;
  readonly where: string;
}

/** Says what of an invariant is broken. */
export type Invariant = (evidence: Evidence) => Iterable<Broken>;

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
