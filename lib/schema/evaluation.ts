import { type JsonObject, type JsonValue, pointerToken } from "../base/json.ts";
import type { LinearPattern } from "./pattern.ts";

/**
 * One validation under way: its budget, the schemas that it is inside of, the problems found, and
 * what equality means in JSON Schema. Everything that costs time takes from the budget.
 */

/** A schema with its own `$id`, or the root: what anchors and dynamic references are looked up in. */
export interface SchemaResource {
  readonly uri: string;
  readonly anchors: Map<string, SchemaNode>;
  readonly dynamicAnchors: Map<string, SchemaNode>;
}

/**
 * What the subschemas of one schema have evaluated at the same place: property names, array
 * indexes, or EVERYTHING. Kept only where an `unevaluated…` keyword will ask.
 */
type Marks = (string | number | typeof EVERYTHING)[];

export const EVERYTHING = Symbol("everything");

/** One keyword bound to its value. Reports every reason for returning false. */
export type Check = (
  value: JsonValue,
  run: Evaluation,
  at: Location | null,
  marks: Marks | null,
) => boolean;

/** A subschema as a list of checks; `late` ones run only when the others passed. */
export interface SchemaNode {
  readonly resource: SchemaResource;
  readonly checks: Check[];
  readonly late: Check[];
}

/**
 * Why a check failed. Most reasons inside of an `anyOf` are never shown, so their place and any
 * costly text are worked out only when they are. `brief` asks for one that quotes no other reasons.
 */
export interface Reason {
  readonly at: Location | null;
  readonly message: string | ((brief: boolean) => string);
}

/** Thrown when an evaluation exceeds what one validation may cost. */
export class TooComplexError extends Error {
  override name = "TooComplexError";
}

/** Evaluations of subschemas, property look-ups and the like that one validation may take. */
const STEP_BUDGET = 100_000;

/** Subschemas that may be open at once: arguments are at most 32 deep, the rest is `$ref` and `anyOf`. */
const MAX_DEPTH = 400;

export const MAX_PROBLEMS = 20;

const CHARACTERS_PER_STEP = 32;

/** Measured: an adversarial pattern takes some 30 ns for each character and instruction. */
const PATTERN_WORK_PER_STEP = 100;

/** One validation: its budget, the schemas it is inside of, and the problems found. */
export class Evaluation {
  #reasons: Reason[] = [];
  #limit = MAX_PROBLEMS;
  #steps = STEP_BUDGET;
  #depth = 0;
  readonly #scope: SchemaResource[] = [];

  /** The problems found, at most MAX_PROBLEMS. */
  get problems(): ParameterProblem[] {
    return this.#reasons.map(({ at, message }) => ({
      path: pointerOf(at),
      message: cut(typeof message === "string" ? message : message(false), 600),
    }));
  }

  /** True when further problems would not be kept, so that looking for them is wasted work. */
  get full(): boolean {
    return this.#reasons.length >= this.#limit;
  }

  /** Takes from the budget. Throws TooComplexError when it is used up. */
  spend(steps: number): void {
    this.#steps -= steps;
    if (this.#steps < 0) throw new TooComplexError();
  }

  /** Takes for work that grows with the number of characters read. */
  readonly spendCharacters = (characters: number): void => {
    this.spend(1 + Math.floor(characters / CHARACTERS_PER_STEP));
  };

  /** Whether the pattern is found in the text, at a price of text length times program size. */
  matches(pattern: LinearPattern, text: string): boolean {
    this.spend(1 + Math.floor(text.length * pattern.size / PATTERN_WORK_PER_STEP));
    return pattern.test(text);
  }

  /** Records a problem; returns false so that a check can end with it. */
  report(at: Location | null, message: Reason["message"]): false {
    if (!this.full) this.#reasons.push({ at, message });
    return false;
  }

  /** Applies a subschema. What it evaluates is added to `marks` when it passes. */
  evaluate(
    node: SchemaNode,
    value: JsonValue,
    at: Location | null,
    marks: Marks | null,
  ): boolean {
    this.spend(1);
    if (this.#depth >= MAX_DEPTH) throw new TooComplexError();
    this.#depth += 1;
    const entered = this.#scope.at(-1) !== node.resource;
    if (entered) this.#scope.push(node.resource);
    const own: Marks | null = marks !== null || node.late.length > 0 ? [] : null;
    let valid = true;
    for (const check of node.checks) {
      if (!check(value, this, at, own)) {
        valid = false;
        if (this.full) break;
      }
    }
    // After a failure the marks are incomplete and would produce problems that are none.
    if (valid) {
      for (const check of node.late) valid = check(value, this, at, own) && valid;
    }
    if (valid && marks !== null && own !== null) {
      this.spend(own.length);
      for (const mark of own) marks.push(mark);
    }
    if (entered) this.#scope.pop();
    this.#depth -= 1;
    return valid;
  }

  /** Applies a subschema without recording problems. Returns null when it passes, else a reason. */
  probe(
    node: SchemaNode,
    value: JsonValue,
    at: Location | null,
    marks: Marks | null,
  ): Reason | null {
    const outer = this.#reasons;
    const outerLimit = this.#limit;
    this.#reasons = [];
    this.#limit = 1;
    const valid = this.evaluate(node, value, at, marks);
    const reason = this.#reasons[0] ?? { at, message: "does not match" };
    this.#reasons = outer;
    this.#limit = outerLimit;
    return valid ? null : reason;
  }

  /** The outermost schema now open that has the dynamic anchor (JSON Schema core 2020-12, 8.2.3.2). */
  dynamicTarget(anchor: string): SchemaNode | undefined {
    this.spend(this.#scope.length);
    for (const resource of this.#scope) {
      const node = resource.dynamicAnchors.get(anchor);
      if (node !== undefined) return node;
    }
    return undefined;
  }
}

/** A place in a JSON value as a chain of tokens from the leaf up; null is the whole value. */
export interface Location {
  readonly parent: Location | null;
  readonly token: string | number;
}

/** Where something is wrong (a JSON Pointer, RFC 6901, "" for the whole value) and what. */
export interface ParameterProblem {
  readonly path: string;
  readonly message: string;
}

const MAX_POINTER_CHARACTERS = 1_000;

/** The JSON Pointer of a location. One too long to print becomes that of the nearest shorter parent. */
export function pointerOf(location: Location | null): string {
  const parts: string[] = [];
  for (let at = location; at !== null; at = at.parent) {
    parts.push(pointerToken(String(at.token)));
  }
  let pointer = "";
  for (const part of parts.reverse()) {
    if (pointer.length + 1 + part.length > MAX_POINTER_CHARACTERS) break;
    pointer += `/${part}`;
  }
  return pointer;
}

/** `text` cut to `limit` characters, with a mark when something was left out. */
export function cut(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit)}… (cut)`;
}

/** A quoted, bounded form of a name for messages. */
export function quoted(text: string): string {
  return JSON.stringify(cut(text, 80));
}

/** An array or object: what does not compare by `===`. */
function isComposite(value: JsonValue): value is JsonObject | JsonValue[] {
  return typeof value === "object" && value !== null;
}

/**
 * A text that two JSON values share exactly when JSON Schema calls them equal: the order of
 * members does not count, 1 and 1.0 are the same. `visit` is told of every value read and how many
 * characters it holds, so that the caller can bound the work by throwing.
 */
function equalityKey(value: JsonValue, visit: (characters: number) => void): string {
  if (typeof value === "string") {
    visit(value.length);
    return JSON.stringify(value);
  }
  visit(1);
  if (!isComposite(value)) return JSON.stringify(value);
  if (Array.isArray(value)) {
    return `[${value.map((item) => equalityKey(item, visit)).join(",")}]`;
  }
  const members = Object.keys(value).sort().map((name) => {
    visit(name.length);
    return `${JSON.stringify(name)}:${equalityKey(value[name]!, visit)}`;
  });
  return `{${members.join(",")}}`;
}

/** A set of JSON values under JSON Schema equality. */
export class JsonValueSet {
  readonly #primitives = new Set<JsonValue>();
  readonly #composites = new Set<string>();

  /** Adds the value. Returns false when an equal one was there. */
  add(value: JsonValue, visit: (characters: number) => void): boolean {
    const set: Set<JsonValue> = isComposite(value) ? this.#composites : this.#primitives;
    const key = isComposite(value) ? equalityKey(value, visit) : value;
    if (set.has(key)) return false;
    set.add(key);
    return true;
  }

  /** Whether an equal value was added. */
  has(value: JsonValue, visit: (characters: number) => void): boolean {
    if (!isComposite(value)) return this.#primitives.has(value);
    return this.#composites.size > 0 && this.#composites.has(equalityKey(value, visit));
  }
}
