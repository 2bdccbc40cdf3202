import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import type { Timer } from "../store/system.ts";

/**
 * JSON of strangers, read so that no text of it takes more time or memory than its size lets expect:
 * how many values it has and how deep they nest is counted before anything is made of them. Where the
 * parts of it lie is kept, so that they can be handed on byte for byte.
 */

/** Most values of a text: each costs far more than its bytes. 50,000 are parsed within 30 ms. */
export const MAX_VALUES = 50_000;

/** How deep arrays and objects nest at most. */
const MAX_DEPTH = 64;

/** A text longer than this is read in steps, between which others get their turn. */
const AT_ONCE = 256 * 1024;

/** A JSON object, and the bytes of it. */
export interface ForeignObject {
  readonly value: JsonObject;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The bytes of a member's value; null where there is none. @param path one or two names */
  part(...path: readonly [string] | readonly [string, string]): Uint8Array<ArrayBuffer> | null;
}

/** Why a text is not taken: it is no JSON object that all read alike, or one of too many values. */
export type ForeignFault = "malformed" | "too_many_values";

/**
 * Reads a JSON object. A name that stands twice in it, or in an object that is a member of it, is
 * `malformed`: one reader would take the first, the next the last.
 * @param timer gives others their turn
 */
export async function readForeign(
  bytes: Uint8Array<ArrayBuffer>,
  timer: (milliseconds: number) => Timer,
): Promise<ForeignObject | ForeignFault> {
  const turn = bytes.length > AT_ONCE ? () => timer(0).elapsed : () => undefined;
  await turn();
  const parts = outline(bytes);
  if (typeof parts === "string") return parts;
  await turn();
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return "malformed";
  }
  await turn();
  let value: JsonValue;
  try {
    value = JSON.parse(text);
  } catch {
    return "malformed";
  }
  if (!isJsonObject(value)) return "malformed";
  const part = (...path: readonly string[]) => {
    const place = parts.get(JSON.stringify(path));
    return place === undefined ? null : bytes.subarray(place.start, place.end);
  };
  return { value, bytes, part };
}

interface Place {
  readonly start: number;
  readonly end: number;
}

const QUOTE = 0x22;

const COMMA = 0x2c;

const COLON = 0x3a;

const BACKSLASH = 0x5c;

const OPEN_BRACKET = 0x5b;

const CLOSE_BRACKET = 0x5d;

const OPEN_BRACE = 0x7b;

const CLOSE_BRACE = 0x7d;

/** Space, tab, line feed or carriage return; nothing else may stand around values (RFC 8259). */
function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

/** An object that is open, at the first or second level. */
interface OpenObject {
  /** Names from the root to it. */
  readonly path: readonly string[];
  readonly names: Set<string>;
  /** The name whose value is being read; null where the next string is a name. */
  name: string | null;
  /** Where that value starts. */
  start: number;
}

/**
 * Where the members of an object, and of objects that are its members, lie. Of a text that is no JSON
 * it may say anything: whoever uses it parses that, too.
 */
function outline(bytes: Uint8Array): ReadonlyMap<string, Place> | ForeignFault {
  const parts = new Map<string, Place>();
  const open: (OpenObject | null)[] = [];
  let values = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      const start = at;
      at = stringEnd(bytes, at);
      const object = open.length <= 2 ? open.at(-1) : null;
      if (object?.name === null) {
        const name = nameIn(bytes.subarray(start, at + 1));
        if (name === null || object.names.has(name)) return "malformed";
        object.names.add(name);
        object.name = name;
      }
    } else if (byte === COLON) {
      const object = open.length <= 2 ? open.at(-1) : null;
      if (object) object.start = at + 1;
    } else if (byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      const object = open.length <= 2 ? open.at(-1) : null;
      if (object && object.name !== null) {
        parts.set(JSON.stringify([...object.path, object.name]), trimmed(bytes, object.start, at));
        object.name = null;
      }
      if (byte === COMMA) values++;
      else if (open.pop() === undefined) return "malformed";
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      values++;
      if (open.length === MAX_DEPTH) return "too_many_values";
      open.push(byte === OPEN_BRACE ? opened(open) : null);
    }
    if (values > MAX_VALUES) return "too_many_values";
  }
  return parts;
}

/** An object that opens now; null where its members are of no interest. */
function opened(open: readonly (OpenObject | null)[]): OpenObject | null {
  const [root] = open;
  if (open.length > 1 || root === null) return null;
  const path = root === undefined || root.name === null ? [] : [root.name];
  return { path, names: new Set(), name: null, start: 0 };
}

/** The position of the quote that ends a string, or the last of the text. */
function stringEnd(bytes: Uint8Array, start: number): number {
  for (let at = start + 1; at < bytes.length; at++) {
    if (bytes[at] === BACKSLASH) at++;
    else if (bytes[at] === QUOTE) return at;
  }
  return bytes.length - 1;
}

/** A member's name without its escapes; null for text that is no string. */
function nameIn(quoted: Uint8Array): string | null {
  try {
    return String(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(quoted)));
  } catch {
    return null;
  }
}

function trimmed(bytes: Uint8Array, from: number, to: number): Place {
  let [start, end] = [from, to];
  while (start < end && isSpace(bytes[start])) start++;
  while (end > start && isSpace(bytes[end - 1])) end--;
  return { start, end };
}
