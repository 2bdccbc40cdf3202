import { isJsonObject, type JsonValue, pointerToken } from "../base/json.ts";
import { findKinds } from "../scrub/scrub.ts";
import type { Finding } from "../store/records/guards.ts";

/** What guards look at, text by text, and what they found, by kind and place and never by its text. */

/** A stretch of a text in which a guard found something; `end` is not in it. */
export interface FoundSpan {
  readonly start: number;
  readonly end: number;
  readonly kind: string;
}

/** What a guard found in a text, in order, and how many characters it looked at for that. */
export interface Looked {
  readonly spans: readonly FoundSpan[];
  readonly reads: number;
}

export const FOUND_NOTHING: Looked = { spans: [], reads: 0 };

/** A text and the place that it is named by. */
export interface PlacedText {
  readonly text: string;
  readonly pointer: string;
}

/** A name that a schema would have: no data, and no secret. */
const PLAIN_NAME = /^[A-Za-z_$][A-Za-z0-9_$-]{0,39}$|^(?:0|[1-9]\d{0,6})$/;

const NAMED_KINDS = ["secret", "credential", "IBAN", "card", "e-mail", "phone", "ssn"] as const;

/**
 * A member's name or an element's index as a pointer has it. Names are whoever wrote the value's to
 * choose: one that may itself be what was found, or any other data, is a `*`.
 */
export function shownToken(name: string): string {
  const isPlain = PLAIN_NAME.test(name) && findKinds(name, NAMED_KINDS).spans.length === 0;
  return isPlain ? pointerToken(name) : "*";
}

/**
 * All texts of a value, of any depth: its strings, and the names of its members, which are placed at
 * the object that they are in.
 */
export function* textsOf(value: JsonValue, at = ""): Generator<PlacedText> {
  // A list of open work instead of recursion: a deep value must not exhaust the stack.
  const open: { readonly value: JsonValue; readonly pointer: string }[] = [{ value, pointer: at }];
  for (let work = open.pop(); work !== undefined; work = open.pop()) {
    const { value, pointer } = work;
    if (typeof value === "string") yield { text: value, pointer };
    else if (Array.isArray(value)) {
      for (let i = value.length - 1; i >= 0; i--) {
        open.push({ value: value[i] ?? null, pointer: `${pointer}/${i}` });
      }
    } else if (isJsonObject(value)) {
      for (const name of Object.keys(value)) yield { text: name, pointer };
      for (const [name, member] of Object.entries(value).reverse()) {
        if (typeof member !== "object" && typeof member !== "string") continue;
        open.push({ value: member, pointer: `${pointer}/${shownToken(name)}` });
      }
    }
  }
}

/** How many places are named; what is found at more is counted without one. */
const MAX_PLACES = 20;

/** Findings, counted by guard, kind and place. */
export class Findings {
  readonly #counts = new Map<string, Finding>();

  add(guard: string, kind: string, pointer: string, count = 1): void {
    const named = { guard, kind, pointer };
    const isRoom = this.#counts.size < MAX_PLACES || this.#counts.has(JSON.stringify(named));
    const place = isRoom ? named : { guard, kind };
    const key = JSON.stringify(place);
    this.#counts.set(key, { ...place, count: (this.#counts.get(key)?.count ?? 0) + count });
  }

  /** In the order in which they were found first. */
  list(): Finding[] {
    return [...this.#counts.values()];
  }
}
