import type { JsonObject, JsonValue } from "../base/json.ts";
import { type CheckedEntry, isTime } from "./export_lines.ts";
import { entryFinding, type Finding, type FindingCode } from "./finding.ts";

/**
 * What the chapters of a log's story share: an entry in its place, the log's clock, how far the log
 * tells of everything, and a memory that forgets what is over.
 */

/** An entry in its place, as the chapters of a log's story read it. */
export class StoryEntry {
  readonly type: string;
  /** RFC 3339 in UTC with milliseconds. */
  readonly at: string;
  readonly data: JsonObject;
  readonly #subject: JsonObject;
  readonly actor: {
    readonly type: string;
    readonly id: string;
    /** What it acted through; null where it acted by its own secret. */
    readonly sub_token: string | null;
  };

  constructor({ type, at, actor, subject, data }: CheckedEntry, readonly index: number) {
    this.type = type;
    this.at = at;
    this.data = data;
    this.#subject = subject;
    const { type: kind, id, sub_token } = actor;
    this.actor = {
      type: textOr(kind, ""),
      id: textOr(id, ""),
      sub_token: sub_token === undefined ? null : textOr(sub_token, ""),
    };
  }

  /** The part of the type before the dot. */
  get noun(): string {
    return this.type.split(".", 1)[0] ?? "";
  }

  /** A text of the subject; null when there is none. */
  subject(name: string): string | null {
    const value = this.#subject[name];
    return typeof value === "string" ? value : null;
  }

  /** What of an action an entry tells in clear, as one text: the same for the same. */
  get facts(): string {
    const { tool, tenant, resource, method } = this.#subject;
    return JSON.stringify([tool, tenant, resource, method].map((fact) => fact ?? null));
  }

  /** A text of the data; null when there is none. */
  text(name: string): string | null {
    const value = this.data[name];
    return typeof value === "string" ? value : null;
  }

  /** A time of the data; null where there is none. */
  time(name: string): string | null {
    const told = this.data[name];
    return isTime(told) ? told : null;
  }

  /**
   * The deadline that this entry sets, `longest` milliseconds away at most. One that is over already
   * was set by a clock that the log is ahead of, and tells nothing.
   */
  deadline(name: string, longest: number): string {
    const last = this.later(longest);
    const told = this.time(name);
    return told !== null && told > this.at && told < last ? told : last;
  }

  /** The time `milliseconds` after the entry's. */
  later(milliseconds: number): string {
    return new Date(Date.parse(this.at) + milliseconds).toISOString();
  }

  /** What is wrong with this entry, and by which earlier one it is. */
  finding(code: FindingCode, what: string, earlier: number | null = null): Finding {
    return entryFinding(code, this.index, `Entry ${this.index} ${what}`, earlier);
  }
}

function textOr(value: JsonValue | undefined, other: string): string {
  return typeof value === "string" ? value : other;
}

/**
 * How far a log tells of what its entries rest on. One that begins with the making of its org names
 * everybody and everything before it is used. One that begins later cannot, and what it does not
 * name is counted, and is not wrong.
 */
export class Told {
  /** Whether the log tells of everything from the beginning. */
  everything = false;
  #missing = 0;

  /** How often something was rested on that the log does not tell of. */
  get missing(): number {
    return this.#missing;
  }

  /** What is wrong with resting on what no entry tells of; nothing where the log cannot tell. */
  miss(finding: Finding): Finding | null {
    if (this.everything) return finding;
    this.#missing++;
    return null;
  }
}

/** How far the log may be ahead of the clock of whoever writes it without a word about it. */
const TOLERANCE_MS = 5 * 60 * 1000;

/**
 * What the times of a log tell of the clock that it was written by. Times never go back, so while a
 * clock that was ahead is waited for, they are later than it: an entry says when that was accepted,
 * and from it on the log takes a millisecond for each commit until the clock has caught up.
 */
export class LogClock {
  #at = "";
  #previous = "";
  #ahead: { readonly from: number; readonly index: number } | null = null;
  /** How often something had ended by the log's time, which was ahead of the clock. */
  unclear = 0;

  /** Takes in the next entry, about which `hasPassed` is asked. */
  take(entry: StoryEntry): void {
    this.#previous = this.#at;
    this.#at = entry.at;
    const now = Date.parse(entry.at);
    const { from, index } = this.#ahead ?? { from: 0, index: 0 };
    if (this.#ahead !== null && now > from + entry.index - index) this.#ahead = null;
    if (entry.type !== "clock.accepted") return;
    const to = entry.time("to");
    if (to !== null && to < entry.at) this.#ahead = { from: now, index: entry.index };
  }

  /**
   * Whether the clock had passed a time when the entry was written. Where it moved the log on past
   * that, the entry's time is the clock's; else it may lie behind by the tolerance.
   */
  hasPassed(time: string): boolean {
    if (this.#at < time) return false;
    if (this.#ahead !== null) {
      this.unclear++;
      return false;
    }
    return this.#previous < time || Date.parse(this.#at) >= Date.parse(time) + TOLERANCE_MS;
  }
}

/** Smaller than this, looking for what is over costs more than it frees. */
const FEW = 1024;

/**
 * Values by name, each until a time: so many as can be of effect at once, however long the log. What
 * is over goes when twice as many have gathered as were left the last time.
 */
export class Remembered<T> {
  readonly #values = new Map<string, { readonly value: T; readonly until: string }>();
  #limit = FEW;

  get size(): number {
    return this.#values.size;
  }

  get(name: string): T | undefined {
    return this.#values.get(name)?.value;
  }

  /** Keeps a value; until the time that it has, where none is given. */
  set(name: string, value: T, until: string = this.until(name)): void {
    this.#values.set(name, { value, until });
  }

  /** Until when a value is kept. */
  until(name: string): string {
    return this.#values.get(name)?.until ?? "";
  }

  /** Lets go of what is over at a time (RFC 3339), as far as that is worth while; whether it is. */
  forget(now: string): boolean {
    if (this.#values.size < this.#limit) return false;
    for (const [name, { until }] of this.#values) if (until <= now) this.#values.delete(name);
    this.#limit = Math.max(FEW, 2 * this.#values.size);
    return true;
  }
}
