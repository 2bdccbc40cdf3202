import type { JsonObject, JsonValue } from "../json/json_value.ts";
import type { CheckedEntry } from "./export_lines.ts";
import { entryFinding, type Finding, type FindingCode } from "./finding.ts";

/** An entry in its place, as the chapters of a log's story read it. */
export class StoryEntry {
  readonly type: string;
  /** RFC 3339 in UTC with milliseconds. */
  readonly at: string;
  readonly data: JsonObject;
  readonly #subject: JsonObject;
  readonly actor: { readonly type: string; readonly id: string };

  constructor({ type, at, actor, subject, data }: CheckedEntry, readonly index: number) {
    this.type = type;
    this.at = at;
    this.data = data;
    this.#subject = subject;
    this.actor = { type: textOr(actor.type, ""), id: textOr(actor.id, "") };
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

  /** A text of the data; null when there is none. */
  text(name: string): string | null {
    const value = this.data[name];
    return typeof value === "string" ? value : null;
  }

  /** A time of the data; null where there is none. */
  time(name: string): string | null {
    const told = this.text(name);
    return told !== null && TIME.test(told) ? told : null;
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

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

function textOr(value: JsonValue | undefined, other: string): string {
  return typeof value === "string" ? value : other;
}
