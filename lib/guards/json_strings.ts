import { joinBytes } from "../base/bytes.ts";
import { shownToken } from "./findings.ts";
import type { WrittenText } from "./long_text.ts";

/**
 * The strings of a JSON text, wherever they stand, and the text with some of them replaced. What is
 * not replaced stays byte for byte: numbers keep their digits, blanks their place, pictures are what
 * they were.
 */

/** Where a string stands: a value, or the name of a member, which is placed at its object. */
export interface JsonPlace {
  /** As people may read it: names that may be data themselves are a `*`. */
  readonly pointer: string;
  /** Whether it is a number, which is read where it may be a card's. */
  readonly is_number: boolean;
}

/**
 * Gives what stands in place of a text: the same where it stays. It may give others their turn on the
 * way (each `yield`).
 */
export interface Visitor {
  readonly text: (text: string, place: JsonPlace) => Generator<void, string>;
  /** The same of a value that is so long that no copy of it is made. */
  readonly long: (written: WrittenText, place: JsonPlace) => Generator<void, WrittenText>;
  /** The same of the base64 that a file is sent as, of the same length. Absent: files stay. */
  readonly file?: (base64: Uint8Array<ArrayBuffer>) => Generator<void, Uint8Array<ArrayBuffer>>;
  /** Every number of so many characters is a text, too. Absent: what may be the number of a card. */
  readonly numbers?: number;
}

/** A value of more bytes is long. */
const LONG = 256 * 1024;

const QUOTE = 0x22;

const COMMA = 0x2c;

const MINUS = 0x2d;

const BACKSLASH = 0x5c;

const OPEN_BRACKET = 0x5b;

const CLOSE_BRACKET = 0x5d;

const OPEN_BRACE = 0x7b;

const CLOSE_BRACE = 0x7d;

/** An object or array that is open. */
interface Open {
  readonly is_array: boolean;
  /** Pointer of it, and of the value that is read in it. */
  readonly pointer: string;
  /** The name of the member that is read; null while a name is due. */
  name: string | null;
  index: number;
  /** The names that it has, as they leave. */
  readonly names: Set<string>;
  /** The number that made the last name that would have been there twice another. */
  twins: number;
  /** Its `type`, where it is a block of content. */
  type: string | null;
  /** Strings that are looked at once its type is known. */
  readonly later: { readonly start: number; readonly end: number; readonly pointer: string }[];
}

interface Replacement {
  readonly start: number;
  readonly end: number;
  readonly written: WrittenText;
}

/** Only this is what a picture, a sound or a file is sent as (RFC 4648 section 4). */
const IS_BASE64: readonly boolean[] = Array.from(
  { length: 256 },
  (_, byte) => /[A-Za-z0-9+/]/.test(String.fromCharCode(byte)),
);

const EQUALS = 0x3d;

/** Where the resource of a block has the bytes of a file. */
const FILE = "blob";

/** Types of blocks that carry bytes, and where: `data` of the block, or of its resource. */
const CARRIES: Readonly<Record<string, string>> = {
  image: "data",
  audio: "data",
  resource: FILE,
};

/** Card numbers have as many digits. */
const CARD_NUMBER = /^[1-9]\d{12,18}$/;

const encoder = new TextEncoder();

const decoder = new TextDecoder();

/**
 * The text with every string in it as the visitor gives it; the very same bytes where nothing is replaced.
 * @param json well-formed JSON
 * @param at pointer of the whole
 * @param content by which names of members the content of MCP is found in it, whose pictures and sounds
 *   stay as they are; none where it is all of it, null where there is none
 */
export function* withStrings(
  json: Uint8Array<ArrayBuffer>,
  at: string,
  { text: visit, long, file, numbers }: Visitor,
  content: readonly string[] | null = null,
): Generator<void, Uint8Array<ArrayBuffer>> {
  const replaced: Replacement[] = [];
  const open: Open[] = [];
  const tokens = new Map<string, string>();
  const token = (name: string) => tokens.getOrInsertComputed(name, shownToken);
  const here = (): string => {
    const inside = open.at(-1);
    if (inside === undefined) return at;
    return inside.is_array
      ? `${inside.pointer}/${inside.index}`
      : `${inside.pointer}/${inside.name === null ? "*" : token(inside.name)}`;
  };
  const put = function* (start: number, end: number, pointer: string): Generator<void, void> {
    const place = { pointer, is_number: false };
    if (end - start > LONG) {
      const written = [json.subarray(start + 1, end - 1)];
      const next = yield* long(written, place);
      if (next !== written) replaced.push({ start: start + 1, end: end - 1, written: next });
      return;
    }
    const text = stringAt(json, start, end);
    const next = yield* visit(text, place);
    if (next !== text) replaced.push(replacement(start, end, next));
  };
  for (let i = 0; i < json.length; i++) {
    const byte = json[i] ?? 0;
    const inside = open.at(-1);
    if (byte === QUOTE) {
      const start = i;
      i = stringEnd(json, i);
      const end = i + 1;
      if (inside !== undefined && !inside.is_array && inside.name === null) {
        const name = stringAt(json, start, end);
        const next = yield* visit(name, { pointer: inside.pointer, is_number: false });
        const own = uniqueName(next, next !== name, inside);
        inside.names.add(own);
        if (own !== name) replaced.push(replacement(start, end, own));
        // The value goes by the name that it came by.
        inside.name = name;
        continue;
      }
      const inner = content === null ? null : contentOf(open, content);
      const block = inner === null ? null : blockOf(inner);
      if (inner !== null && block !== null && mayCarry(inner)) {
        block.later.push({ start, end, pointer: here() });
        continue;
      }
      if (block !== null && inner?.length === 2 && inside?.name === "type") {
        block.type = end - start > LONG ? null : stringAt(json, start, end);
      }
      yield* put(start, end, here());
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      open.push({
        is_array: byte === OPEN_BRACKET,
        pointer: here(),
        name: null,
        index: 0,
        names: new Set(),
        twins: 1,
        type: null,
        later: [],
      });
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      const closed = open.pop();
      for (const { start, end, pointer } of closed?.later ?? []) {
        const member = pointer.slice(pointer.lastIndexOf("/") + 1);
        const isBytes = CARRIES[closed?.type ?? ""] === member && isBase64(json, start, end);
        if (!isBytes) {
          yield* put(start, end, pointer);
        } else if (file !== undefined && member === FILE) {
          const base64 = json.subarray(start + 1, end - 1);
          const next = yield* file(base64);
          if (next !== base64) replaced.push({ start: start + 1, end: end - 1, written: [next] });
        }
      }
    } else if (byte === COMMA && inside !== undefined) {
      if (inside.is_array) inside.index++;
      else inside.name = null;
    } else if (isDigit(byte) || (byte === MINUS && numbers !== undefined)) {
      const start = i;
      while (i + 1 < json.length && isInNumber(json[i + 1] ?? 0)) i++;
      if (numbers !== undefined) {
        if (i + 1 - start < numbers) continue;
        const number = decoder.decode(json.subarray(start, i + 1));
        const next = yield* visit(number, { pointer: here(), is_number: true });
        if (next !== number) replaced.push(replacement(start, i + 1, next));
        continue;
      }
      const digits = i - start >= 12 && i - start < 19
        ? decoder.decode(json.subarray(start, i + 1))
        : "";
      // What stands behind a sign is no card's.
      if (!CARD_NUMBER.test(digits) || json[start - 1] === MINUS) continue;
      const next = yield* visit(digits, { pointer: here(), is_number: true });
      if (next !== digits) replaced.push(replacement(start, i + 1, next));
    }
  }
  return replaced.length === 0 ? json : assembled(json, replaced);
}

/** What is open of the content, from the outside in; null outside of it. */
function contentOf(open: readonly Open[], names: readonly string[]): readonly Open[] | null {
  const leads = names.every((name, at) => open[at]?.is_array === false && open[at].name === name);
  return !leads ? null : names.length === 0 ? open : open.slice(names.length);
}

/** The block of content that is open: an object in the array that is the whole. */
function blockOf(open: readonly Open[]): Open | null {
  const [whole, block] = open;
  return whole?.is_array === true && block?.is_array === false ? block : null;
}

/** Whether the string that is read stands where a block may carry bytes. */
function mayCarry(open: readonly Open[]): boolean {
  const [, block, resource] = open;
  if (open.length === 2) return block?.name === "data";
  return open.length === 3 && block?.name === "resource" && resource?.is_array === false &&
    resource.name === "blob";
}

/** Read as bytes: a picture may be as large as a result. */
function isBase64(json: Uint8Array, start: number, end: number): boolean {
  const last = end - 1;
  if ((last - start - 1) % 4 !== 0) return false;
  let at = start + 1;
  while (IS_BASE64[json[at] ?? 0]) at++;
  const padding = last - at;
  return padding <= 2 && (padding < 1 || json[at] === EQUALS) &&
    (padding < 2 || json[at + 1] === EQUALS);
}

function replacement(start: number, end: number, text: string): Replacement {
  return { start, end, written: [encoder.encode(JSON.stringify(text))] };
}

/** The name, or one like it that no other member has. */
function uniqueName(name: string, isReplaced: boolean, object: Open): string {
  // A name that came twice stays as it came, unless it looks like one of ours.
  if (!object.names.has(name) || !(isReplaced || name.startsWith("["))) return name;
  let own: string;
  do own = `${name} ${++object.twins}`; while (object.names.has(own));
  return own;
}

function assembled(
  json: Uint8Array<ArrayBuffer>,
  replaced: Replacement[],
): Uint8Array<ArrayBuffer> {
  replaced.sort((a, b) => a.start - b.start);
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const { start, end, written } of replaced) {
    parts.push(json.subarray(at, start), ...written);
    at = end;
  }
  parts.push(json.subarray(at));
  return joinBytes(parts);
}

/** The position of the quote that ends a string, or the last of the text. */
function stringEnd(json: Uint8Array, start: number): number {
  for (let at = start + 1; at < json.length; at++) {
    if (json[at] === BACKSLASH) at++;
    else if (json[at] === QUOTE) return at;
  }
  return json.length - 1;
}

function stringAt(json: Uint8Array, start: number, end: number): string {
  return String(JSON.parse(decoder.decode(json.subarray(start, end))));
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** Digits, and what makes a number of them. */
function isInNumber(byte: number): boolean {
  return isDigit(byte) || byte === 0x2b || byte === 0x2d || byte === 0x2e || byte === 0x45 ||
    byte === 0x65;
}
