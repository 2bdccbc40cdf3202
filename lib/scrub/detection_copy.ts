/**
 * Stands for text that is already scrubbed. No detector accepts it inside a finding, and no source
 * text can produce it, because control characters are left out of the copy.
 */
export const BARRIER = "\0";

/** A copy of a text that detectors can read plainly, with the way back to the source. */
export interface DetectionCopy {
  readonly text: string;
  /** For each character of the copy: where its source character starts and ends. */
  startOf(at: number): number;
  endOf(at: number): number;
}

const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}\p{Mn}\p{Me}]/u;

/**
 * Printable ASCII and line ends, and no "[" that might open a placeholder; letters of Latin, Greek,
 * Cyrillic, Chinese, Japanese and Korean, and quotes, that are their own plain form.
 */
const PLAIN =
  /^[\t\n\r -Z\\-~\u00a7\u00ab\u00b0\u00bb\u00bf-\u0131\u0134-\u013e\u0141-\u0148\u014a-\u017e\u0391-\u03c9\u0400-\u0481\u048a-\u052f\u2018-\u201f\u20ac\u3001\u3002\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff\uac00-\ud7a3]*$/;

const DASH = /[\p{Pd}\u2212]/u;

const BLANK = /\p{Zs}/u;

const DECIMAL_DIGIT = /\p{Nd}/u;

/** The value of a decimal digit of any script: each script has its ten in a row. */
function digitValue(char: string): string {
  let code = char.codePointAt(0) ?? 0;
  let value = 0;
  while (value < 9 && DECIMAL_DIGIT.test(String.fromCodePoint(code - 1))) {
    code--;
    value++;
  }
  return String(value);
}

function plain(char: string): string {
  if (char === "\n" || char === "\r" || char === "\t") return char;
  if (char >= " " && char <= "~") return char;
  let out = "";
  for (const part of char.normalize("NFKC")) {
    if (part >= " " && part <= "~") out += part;
    else if (INVISIBLE.test(part)) continue;
    else if (DASH.test(part)) out += "-";
    else if (BLANK.test(part)) out += " ";
    else if (DECIMAL_DIGIT.test(part)) out += digitValue(part);
    else out += part;
  }
  return out;
}

/**
 * The detection copy of a text: compatibility forms (full-width, mathematical, superscript) as
 * their plain characters (NFKC, one code point at a time so that positions can be mapped back),
 * digits of every script as ASCII digits, all dashes as "-", all blanks as " ", and without
 * invisible characters, so that a zero-width space in a card number does not hide it. Each of
 * the `placeholders` becomes one `BARRIER`.
 */
export function detectionCopy(source: string, placeholders: readonly string[]): DetectionCopy {
  // Most reasons are their own copy.
  if (PLAIN.test(source)) return { text: source, startOf: (at) => at, endOf: (at) => at + 1 };
  const chars: string[] = [];
  const starts: number[] = [];
  const ends: number[] = [];
  let at = 0;
  while (at < source.length) {
    const placeholder = source[at] === "["
      ? placeholders.find((candidate) => source.startsWith(candidate, at))
      : undefined;
    const from = placeholder ?? String.fromCodePoint(source.codePointAt(at) ?? 0);
    const end = at + from.length;
    const to = placeholder === undefined ? plain(from) : BARRIER;
    for (let i = 0; i < to.length; i++) {
      chars.push(to.charAt(i));
      starts.push(at);
      ends.push(end);
    }
    at = end;
  }
  return { text: chars.join(""), startOf: (at) => starts[at] ?? 0, endOf: (at) => ends[at] ?? 0 };
}
