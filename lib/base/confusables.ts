/**
 * What a reader of names is told that the eye does not tell: letters of other scripts that look
 * like Latin ones, and the names of characters that nobody sees. Runs in the browser.
 */

/**
 * Letters of other scripts that most fonts draw like a letter of ASCII, as pairs. Not every one that
 * Unicode's confusables list, but those by which a name in whole words can be imitated.
 */
const CYRILLIC = "аaсcеeоoрpхxуyіiјjѕsԁdһhԛqԝwӏlАAВBЕEКKМMНHОOРPСCТTХXУYЅSІIЈJԚQԜW";

const GREEK = "οoνvαaρpιiκkυuΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧXϹCϲcϳjϻm";

const TWINS: ReadonlyMap<string, string> = new Map(
  [...pairs(CYRILLIC), ...pairs(GREEK)],
);

/** A letter or digit beyond ASCII; not `²`, which is neither and seen as what it is. */
const DISGUISE = /[[\p{L}\p{Nd}]--[A-Za-z0-9]]/v;

const SCRIPTS = [
  { name: "Cyrillic", letter: /\p{Script=Cyrillic}/u },
  { name: "Greek", letter: /\p{Script=Greek}/u },
] as const;

/**
 * Why an id or a name can be taken for another one, to be shown beside it; null when nothing is
 * suspicious. Marked are Latin letters beside Cyrillic or Greek ones, a text of those alone in which
 * every letter has a Latin twin, and letters or digits in disguise (full-width, mathematical, …).
 * A mark accuses nobody: `μ-service` has one too.
 */
export function confusableMark(text: string): string | null {
  for (const character of text) {
    if (!DISGUISE.test(character)) continue;
    const plain = character.normalize("NFKC");
    if (/^[A-Za-z0-9]$/.test(plain)) return looksLike(character, null, plain);
  }
  const latin = /\p{Script=Latin}/u.test(text);
  for (const { name, letter } of SCRIPTS) {
    const letters = [...text].filter((character) => letter.test(character));
    const [first] = letters;
    if (first === undefined) continue;
    const imitating = letters.find((character) => TWINS.has(character));
    if (latin) {
      return imitating === undefined
        ? `Mixes Latin letters with ${name} ones such as “${first}” (${numberOf(first)})`
        : looksLike(imitating, name, TWINS.get(imitating) ?? "");
    }
    if (imitating !== undefined && letters.every((character) => TWINS.has(character))) {
      const twin = [...text].map((character) => TWINS.get(character) ?? character).join("");
      return `Is written in ${name} letters that look like the Latin “${twin}”`;
    }
  }
  return null;
}

/**
 * What a text looks like to a hurried eye: without case, marks, punctuation and spaces, and with the
 * letters and digits that it could be taken for. Two texts of one look are taken for each other.
 */
export function lookOf(text: string): string {
  const plain = text.normalize("NFKD").replace(/[\u0300-\u036f]|[^\p{L}\p{M}\p{N}]/gu, "");
  const latin = [...plain].map((character) => TWINS.get(character) ?? character).join("");
  return latin.toLowerCase().replace(/[l1|]/g, "i").replaceAll("0", "o").replaceAll("rn", "m");
}

function looksLike(character: string, script: string | null, twin: string): string {
  const kind = script === null ? "" : `, ${script}`;
  return `“${character}” (${numberOf(character)}${kind}) looks like “${twin}”`;
}

function numberOf(character: string): string {
  return codePointText(character.codePointAt(0) ?? 0);
}

function pairs(text: string): [string, string][] {
  const characters = [...text];
  return characters.flatMap((character, at) =>
    at % 2 === 0 ? [[character, characters[at + 1] ?? ""] as [string, string]] : []
  );
}

/**
 * Names of characters that nobody sees, for people who are shown that they are there. The well-known
 * ones by the name that Unicode gives them; the controls, which have none, as ISO 6429 calls them.
 */
const NAMES: ReadonlyMap<number, string> = new Map([
  [0x00, "NULL"],
  [0x07, "BELL"],
  [0x08, "BACKSPACE"],
  [0x09, "TAB"],
  [0x0a, "LINE FEED"],
  [0x0b, "LINE TABULATION"],
  [0x0c, "FORM FEED"],
  [0x0d, "CARRIAGE RETURN"],
  [0x1b, "ESCAPE"],
  [0x7f, "DELETE"],
  [0x85, "NEXT LINE"],
  [0x9b, "CONTROL SEQUENCE INTRODUCER"],
  [0xad, "SOFT HYPHEN"],
  [0x34f, "COMBINING GRAPHEME JOINER"],
  [0x61c, "ARABIC LETTER MARK"],
  [0x115f, "HANGUL CHOSEONG FILLER"],
  [0x1160, "HANGUL JUNGSEONG FILLER"],
  [0x180e, "MONGOLIAN VOWEL SEPARATOR"],
  [0x200b, "ZERO WIDTH SPACE"],
  [0x200c, "ZERO WIDTH NON-JOINER"],
  [0x200d, "ZERO WIDTH JOINER"],
  [0x200e, "LEFT-TO-RIGHT MARK"],
  [0x200f, "RIGHT-TO-LEFT MARK"],
  [0x2028, "LINE SEPARATOR"],
  [0x2029, "PARAGRAPH SEPARATOR"],
  [0x202a, "LEFT-TO-RIGHT EMBEDDING"],
  [0x202b, "RIGHT-TO-LEFT EMBEDDING"],
  [0x202c, "POP DIRECTIONAL FORMATTING"],
  [0x202d, "LEFT-TO-RIGHT OVERRIDE"],
  [0x202e, "RIGHT-TO-LEFT OVERRIDE"],
  [0x2060, "WORD JOINER"],
  [0x2061, "FUNCTION APPLICATION"],
  [0x2062, "INVISIBLE TIMES"],
  [0x2063, "INVISIBLE SEPARATOR"],
  [0x2064, "INVISIBLE PLUS"],
  [0x2066, "LEFT-TO-RIGHT ISOLATE"],
  [0x2067, "RIGHT-TO-LEFT ISOLATE"],
  [0x2068, "FIRST STRONG ISOLATE"],
  [0x2069, "POP DIRECTIONAL ISOLATE"],
  [0x2800, "BRAILLE PATTERN BLANK"],
  [0x3164, "HANGUL FILLER"],
  [0xfeff, "ZERO WIDTH NO-BREAK SPACE (BYTE ORDER MARK)"],
  [0xffa0, "HALFWIDTH HANGUL FILLER"],
  [0xe0001, "LANGUAGE TAG"],
  [0xe007f, "CANCEL TAG"],
]);

/**
 * The end of an id, which stands beside a machine's name wherever people read one: two agents of one
 * name are told apart by it, and what calls itself like another is not taken for it.
 */
export function idTail(id: string): string {
  return `…${id.slice(-6)}`;
}

/** A code point as Unicode writes it: `U+202E`. */
export function codePointText(code: number): string {
  return `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** What a hidden character is called, after its code point: `U+202E RIGHT-TO-LEFT OVERRIDE`. */
export function characterName(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return `${codePointText(code)} ${NAMES.get(code) ?? kindOf(character, code)}`;
}

function kindOf(character: string, code: number): string {
  if (code >= 0xfe00 && code <= 0xfe0f) return `VARIATION SELECTOR-${code - 0xfe00 + 1}`;
  if (code >= 0xe0100 && code <= 0xe01ef) return `VARIATION SELECTOR-${code - 0xe0100 + 17}`;
  // A tag carries a character of ASCII that only software reads: what it says is shown.
  if (code >= 0xe0020 && code <= 0xe007e) return `TAG ${String.fromCodePoint(code - 0xe0000)}`;
  if (/\p{Surrogate}/u.test(character)) return "half of a surrogate pair";
  if (/\p{Private_Use}/u.test(character)) return "private use character";
  return /\p{Control}/u.test(character) ? "control character" : "invisible character";
}
