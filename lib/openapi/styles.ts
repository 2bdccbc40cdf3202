import { canonicalJson } from "../base/canonical.ts";
import { isJsonObject, type JsonValue } from "../base/json.ts";
import type { OperationParameter, PropertyEncoding } from "../store/records/operation.ts";

/**
 * How values are written into addresses, headers, cookies and forms (OpenAPI 3.1, "Style Values",
 * after RFC 6570). Everything but letters, digits and `-._~` is percent-encoded, wherever that is how
 * a place is read: no value has a character in it that could end it. Pure.
 */

/** Why a value cannot be written where it belongs. Its message completes "<argument> …". */
export class Unwritable extends Error {}

/** A name and a value, as they stand in a query or form. */
export type Pair = readonly [name: string, value: string];

/** A text of which only letters, digits and `-._~` stand as they are (RFC 3986, section 2.3). */
export function percentEncoded(text: string): string {
  if (!text.isWellFormed()) throw new Unwritable("holds half of a surrogate pair");
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/**
 * The names of all parameters of a query, or fields of a form, by which none is taken for another that
 * there is, given or not: whoever looked at that one, by its schema, a guard or their own eyes, would
 * not have seen it. Servers read brackets as members, some names without case, and some take points and
 * blanks in them for underscores.
 */
export class Names {
  readonly #exact: ReadonlySet<string>;
  /** How many of them are read alike. */
  readonly #read = new Map<string, number>();
  #longest = 0;

  constructor(names: Iterable<string>) {
    this.#exact = new Set(names);
    for (const name of this.#exact) {
      const read = readName(name);
      this.#read.set(read, (this.#read.get(read) ?? 0) + 1);
      this.#longest = Math.max(this.#longest, name.length);
    }
  }

  /**
   * The pairs that one of them makes, all its own.
   * @param written whether it is the document that has the name, or whoever gives the value
   * @throws {Unwritable}
   */
  assertOwn(name: string, written: "document" | "value", pairs: readonly Pair[]): readonly Pair[] {
    const [own, ownRead] = [percentEncoded(name), readName(name)];
    const isAnother = (read: string) => (this.#read.get(read) ?? 0) > (read === ownRead ? 1 : 0);
    for (const [key] of pairs) {
      const isForeign = key !== own
        ? this.#wholes(readName(decodeURIComponent(key))).some(isAnother)
        // Names that stand in a document as near to each other as that are its own affair.
        : written === "value" &&
          this.#wholes(name).some((whole) => whole !== name && this.#exact.has(whole));
      if (isForeign) {
        throw new Unwritable(`has a member that another argument is called by: ${key}`);
      }
    }
    return pairs;
  }

  /** What a key may be, or be a member of, as far as one of the names is as long. */
  #wholes(key: string): string[] {
    const wholes = [key];
    for (let at = key.indexOf("["); at >= 0 && at <= this.#longest; at = key.indexOf("[", at + 1)) {
      wholes.push(key.slice(0, at));
    }
    return wholes;
  }
}

function readName(name: string): string {
  return name.trim().toLowerCase().replace(/[.\s]/g, "_");
}

/** Parts of a value with what separates them; none holds it, for it would begin another part. */
function joined(words: readonly string[], between: string): string {
  if (words.some((one) => one.includes(between))) {
    throw new Unwritable("holds what separates one element from the next there");
  }
  return words.join(between);
}

/** A value that stands for itself: what has parts, within others, is one JSON text (RFC 8785). */
export function wordOf(value: JsonValue): string {
  return typeof value === "string" ? value : canonicalJson(value);
}

/** Members that say nothing: what is null is left out. */
function membersOf(value: JsonValue): (readonly [string, JsonValue])[] {
  return isJsonObject(value) ? Object.entries(value).filter(([, member]) => member !== null) : [];
}

function elementsOf(value: JsonValue[]): JsonValue[] {
  return value.filter((element) => element !== null);
}

type Style = Pick<OperationParameter, "style" | "explode">;

/** A path parameter as a part of its segment. */
export function pathText({ name, style, explode }: Style & { name: string }, value: JsonValue) {
  const [lead, between] = style === "label"
    ? [".", explode ? "." : ","]
    : style === "matrix"
    ? [";", explode ? ";" : ","]
    : ["", ","];
  const named = style === "matrix";
  const word = (one: JsonValue) => percentEncoded(wordOf(one));
  const own = (text: string) => named ? text === "" ? name : `${name}=${text}` : text;
  if (Array.isArray(value)) {
    const words = elementsOf(value).map(word);
    if (named && explode) return words.map((one) => `;${own(one)}`).join("");
    return lead + own(words.join(between));
  }
  if (isJsonObject(value)) {
    const pairs = membersOf(value).map(([key, member]) => [percentEncoded(key), word(member)]);
    if (explode) return lead + pairs.map(([key, one]) => `${key}=${one}`).join(between);
    return lead + own(pairs.flat().join(between));
  }
  return lead + own(word(value));
}

/** What stands between elements that are not repeated, where that is no comma. */
const BETWEEN: Partial<Record<OperationParameter["style"], string>> = {
  spaceDelimited: "%20",
  pipeDelimited: "%7C",
};

/** A parameter of a query, or a member of a form: as many pairs as its style makes of it. */
export function queryPairs({ name, style, explode }: Style & { name: string }, value: JsonValue) {
  const word = (one: JsonValue) => percentEncoded(wordOf(one));
  const own = percentEncoded(name);
  if (value === null) return [];
  if (style === "deepObject") return deepPairs(own, value);
  if (Array.isArray(value)) {
    const words = elementsOf(value).map(word);
    if (words.length === 0) return [];
    if (explode) return words.map((one): Pair => [own, one]);
    return [[own, joined(words, BETWEEN[style] ?? ",")] as const];
  }
  if (isJsonObject(value)) {
    const pairs = membersOf(value).map((
      [key, member],
    ): Pair => [percentEncoded(key), word(member)]);
    if (explode) return pairs;
    if (pairs.length === 0) return [];
    return [[own, joined(pairs.flat(), BETWEEN[style] ?? ",")] as const];
  }
  return [[own, word(value)] as const];
}

/**
 * Of `deepObject`, which the specification leaves open beyond one level: members as `a[b][c]=1`, as
 * PHP, Rails, qs and Stripe read them; elements that are words as `a[]=1`, others as `a[0][b]=1`.
 */
function deepPairs(name: string, value: JsonValue): Pair[] {
  if (value === null) return [];
  if (Array.isArray(value)) {
    return elementsOf(value).flatMap((element, at) =>
      typeof element === "object"
        ? deepPairs(`${name}%5B${at}%5D`, element)
        : deepPairs(`${name}%5B%5D`, element)
    );
  }
  if (isJsonObject(value)) {
    return membersOf(value).flatMap(([key, member]) => {
      if (key === "" || /[[\]]/.test(key)) {
        throw new Unwritable(
          "has a member with brackets or nothing in its name: it would be another",
        );
      }
      return deepPairs(`${name}%5B${percentEncoded(key)}%5D`, member);
    });
  }
  return [[name, percentEncoded(wordOf(value))]];
}

/** A member of a form, without a word on its style: lists are repeated, what has parts is JSON. */
export function formPairs(name: string, value: JsonValue, encoding: PropertyEncoding): Pair[] {
  const { style, explode } = encoding;
  if (style !== undefined) {
    return queryPairs({ name, style, explode: explode ?? style === "form" }, value);
  }
  if (isJsonObject(value)) return [[percentEncoded(name), percentEncoded(wordOf(value))]];
  return queryPairs({ name, style: "form", explode: explode ?? true }, value);
}

/** What a header can hold so that it is read as it was written (RFC 9110, section 5.5). */
const HEADER_VALUE = /^(?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?$/;

/** A header's value, of style `simple`. Nothing in it can end the header, or begin another element. */
export function headerText({ explode }: Pick<Style, "explode">, value: JsonValue): string {
  const element = (one: JsonValue) => {
    const word = wordOf(one);
    if (word.includes(",")) {
      throw new Unwritable("holds a comma, which would begin another element");
    }
    return word;
  };
  const text = Array.isArray(value)
    ? elementsOf(value).map(element).join(",")
    : isJsonObject(value)
    ? membersOf(value).map(([key, member]) => {
      if (explode && key.includes("=")) {
        throw new Unwritable("has a member with = in its name, which would end there");
      }
      return [key, member].map(element).join(explode ? "=" : ",");
    }).join(",")
    : wordOf(value);
  if (!HEADER_VALUE.test(text)) {
    throw new Unwritable("holds what a header cannot: it takes visible ASCII, with spaces within");
  }
  return text;
}

/** A cookie's value: nothing in it ends the cookie or begins another one, or another element. */
export function cookieText(value: JsonValue): string {
  const parts = Array.isArray(value)
    ? elementsOf(value)
    : isJsonObject(value)
    ? membersOf(value).flat()
    : null;
  if (parts === null) return percentEncoded(wordOf(value));
  return joined(parts.map(wordOf).map(percentEncoded), "%2C");
}
