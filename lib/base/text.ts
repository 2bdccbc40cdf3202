import { characterName, codePointText } from "./confusables.ts";
import type { JsonRefusal } from "./json.ts";

/**
 * Texts that others wrote: which are taken as names and ids, which look like an e-mail address, and
 * how they are shown so that nothing in them is hidden or passes for words of ours.
 */

/**
 * Characters that no name or id may hold, as none is needed to write one: controls, zero-width and
 * bidirectional format characters, tags, variation selectors, line separators. Fewer than are shown
 * by their code (`visibleText`): those in private use and the blank Braille pattern are
 * letters to somebody.
 */
const NOT_ACCEPTED = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

/** Most UTF-16 units of an external id of a tenant or a resource. */
export const MAX_EXTERNAL_ID = 128;

/**
 * Why a name or id that came from outside is not acceptable, or null.
 *
 * Such texts are compared byte for byte and shown to approvers, so two that look alike must not
 * differ: no control, zero-width, bidirectional or other invisible characters, no lone surrogates,
 * NFC only, no white space at either end. Says nothing about length; an empty text has no problem.
 */
export function externalIdProblem(text: string): string | null {
  if (isPlainAscii(text)) return null;
  if (!text.isWellFormed()) {
    const at = text.search(/\p{Surrogate}/u);
    return `Text holds half of a surrogate pair, ${named(text, at)}; send whole characters`;
  }
  const hidden = text.search(NOT_ACCEPTED);
  if (hidden >= 0) {
    return `Text holds ${named(text, hidden)}, which is invisible or changes how the text is ` +
      `shown; remove it`;
  }
  if (text.trimStart() !== text) return `Text starts with white space ${named(text, 0)}; trim it`;
  const end = text.trimEnd().length;
  if (end !== text.length) return `Text ends with white space ${named(text, end)}; trim it`;
  const normal = text.normalize("NFC");
  if (normal !== text) {
    return `Text is not in Unicode normalization form NFC from ${
      named(text, firstDifference(text, normal))
    } on; normalize it to NFC`;
  }
  return null;
}

/** Whether a text has anything to read: not only space, and what nobody sees. */
export function saysSomething(text: string): boolean {
  return VISIBLE.test(text);
}

const VISIBLE = /[^\s\p{Z}\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]/u;

/**
 * Whether a text holds something of the shape of an e-mail address: a mark before an at sign, and
 * a dotted domain after it whose last label starts with a letter. Percent-encoded and full-width
 * at signs count. Takes time linear in the text.
 */
export function looksLikeEmail(text: string): boolean {
  const plain = text.normalize("NFKC").replaceAll("%40", "@");
  const domain = /[\p{L}\p{M}\p{N}.-]*/uy;
  for (let at = plain.indexOf("@", 1); at >= 0; at = plain.indexOf("@", at + 1)) {
    if (!/[^\s@:;,<>()[\]/\\]/u.test(plain.charAt(at - 1))) continue;
    domain.lastIndex = at + 1;
    const labels = domain.exec(plain)?.[0].split(".") ?? [];
    const gap = labels.indexOf("");
    const named = gap < 0 ? labels : labels.slice(0, gap);
    if (named.length >= 2 && /^\p{L}[\p{L}\p{M}\p{N}-]/u.test(named.at(-1) ?? "")) return true;
  }
  return false;
}

/** Only printable ASCII, without a space at either end. */
function isPlainAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || code > 0x7e) return false;
  }
  return !text.startsWith(" ") && !text.endsWith(" ");
}

function named(text: string, at: number): string {
  return `${codePointText(text.codePointAt(at) ?? 0)} at position ${at}`;
}

function firstDifference(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a.charCodeAt(at) === b.charCodeAt(at)) at++;
  return at;
}

/** A part of a text: shown as it is, or, where `hidden` is not null, by that name instead. */
export interface Segment {
  /** As it stands in the text; all segments' joined are the text. */
  readonly text: string;
  /** `U+202E RIGHT-TO-LEFT OVERRIDE`, and behind it ` ×3` for three of the same in a row. */
  readonly hidden: string | null;
}

/**
 * The one definition, for pages, mail, push, titles and terminals: a character that a reader does not
 * see, that changes how its neighbours are shown, or whose look is for each font to choose. Controls,
 * zero-width, bidirectional and other format characters, line separators, fillers, variation selectors
 * and tags, private use, halves of surrogate pairs, and the blank Braille pattern, which looks like a
 * space. Line feed and tab are seen where a text may have several lines.
 */
const HIDDEN =
  "[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}\\p{Default_Ignorable_Code_Point}\\p{Co}\\p{Cs}\\u2800]";

const HIDDEN_IN_LINE = new RegExp(HIDDEN, "gu");

const HIDDEN_IN_LINES = new RegExp(`(?![\\n\\t])${HIDDEN}`, "gu");

const HIDDEN_RUN = new RegExp(`((?![\\n\\t])${HIDDEN})\\1*`, "gu");

/** Spaces, tabs and every line end that some program knows. */
const SPACES = /[ \t-\r\u0085\u2028\u2029]+/g;

/** What most texts are made of: nothing to look for in them. */
const PLAIN = /^[\x20-\x7e]*$/;

/**
 * A text that others sent, taken apart so that a page can show what is hidden in it. Loses and
 * changes nothing; takes time linear in the text.
 */
export function visibleSegments(text: string): Segment[] {
  const segments: Segment[] = [];
  let shown = 0;
  for (const { 0: run, 1: character = "", index } of text.matchAll(HIDDEN_RUN)) {
    if (index > shown) segments.push({ text: text.slice(shown, index), hidden: null });
    const count = run.length / character.length;
    const name = characterName(character);
    segments.push({ text: run, hidden: count === 1 ? name : `${name} ×${count}` });
    shown = index + run.length;
  }
  if (shown < text.length) segments.push({ text: text.slice(shown), hidden: null });
  return segments;
}

/**
 * The same where only text has room, each hidden character as ⟨U+202E⟩. Of one line; with `lines`,
 * line feeds and tabs stay.
 */
export function visibleText(text: string, options: { readonly lines?: boolean } = {}): string {
  if (PLAIN.test(text)) return text;
  const hidden = options.lines === true ? HIDDEN_IN_LINES : HIDDEN_IN_LINE;
  return text.replace(hidden, (character) => `⟨${codePointText(character.codePointAt(0) ?? 0)}⟩`);
}

/**
 * What somebody else wrote as one line that cannot pass for a line of ours: for mail, push and
 * titles. Line ends, tabs and spaces in a row are one space; cut by whole characters.
 */
export function visibleLine(text: string, limit = Infinity): string {
  const line = visibleText(text.replace(SPACES, " ").trim());
  // In units first: most texts are far shorter than any limit.
  if (line.length <= limit) return line;
  const characters = [...line];
  return characters.length <= limit ? line : characters.slice(0, limit - 1).join("") + "…";
}

/** Double quotation marks of every script, and what most fonts draw like one. */
const QUOTATION_MARK =
  /["\u00ab\u00bb\u02ba\u02dd\u02ee\u05f4\u201c-\u201f\u2033\u2036\u275d\u275e\u2760\u301d-\u301f\uff02]/g;

/** A name to stand within “ and ”: its own double quotation marks are single ones, so that it cannot end them. */
export function withinQuotes(name: string): string {
  return name.replace(QUOTATION_MARK, "\u2019");
}

const lenient = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Decodes the bytes of a JSON text. Refuses anything but UTF-8 (RFC 8259 section 8.1), and a byte
 * order mark, which readers treat differently.
 */
export function decodeUtf8(bytes: Uint8Array): { readonly ok: true; text: string } | JsonRefusal {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    return malformed("Text starts with a byte order mark; leave it out");
  }
  // Three times as fast as a decoder that refuses: what is not UTF-8 shows as a replacement character.
  const text = lenient.decode(bytes);
  const bad = text.includes("\ufffd") ? firstBadByte(bytes, text) : null;
  return bad === null
    ? { ok: true, text }
    : malformed(`Text is not UTF-8 at byte ${bad}; send JSON as UTF-8`);
}

function malformed(message: string): JsonRefusal {
  return { ok: false, code: "malformed_json", path: "", message };
}

/** Null where every replacement character in the text was sent as one. */
function firstBadByte(bytes: Uint8Array, text: string): number | null {
  let at = 0;
  for (const character of text) {
    // A replacement character that the sender wrote is three good bytes.
    const sent = bytes[at] === 0xef && bytes[at + 1] === 0xbf && bytes[at + 2] === 0xbd;
    if (character === "\ufffd" && !sent) return at;
    const code = character.codePointAt(0) ?? 0;
    at += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return null;
}

/**
 * Whether no address can hold a text as a segment of its own: every client takes these for steps up
 * and down the path, encoded too (WHATWG URL, "dot segments").
 */
export function isDotSegment(text: string): boolean {
  return text === "." || text === "..";
}
