import { codePointText } from "./confusables.ts";

/**
 * Characters that no name or id may hold, as none is needed to write one: controls, zero-width and
 * bidirectional format characters, tags, variation selectors, line separators. Fewer than are shown
 * by their code (`lib/text/visible_text.ts`): those in private use and the blank Braille pattern are
 * letters to somebody.
 */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

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
  const hidden = text.search(HIDDEN);
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
