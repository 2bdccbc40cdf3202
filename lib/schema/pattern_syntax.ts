/**
 * Patterns read: ECMA-262 as a tree, and the sets of characters in it. What the tree cannot say in
 * linear time is refused here, with what to write instead.
 */

/** A place between two characters that a pattern can ask for. */
export type Edge = "start" | "end" | "line start" | "line end";

/** A pattern as a tree. What it captures is of no interest: it matches or it does not. */
export type PatternNode =
  | { readonly kind: "set"; readonly set: CharacterSet }
  | { readonly kind: "edge"; readonly edge: Edge }
  /** `\b` and `\B`: one of two neighbours is of `set`, the characters of words, or not so. */
  | { readonly kind: "word"; readonly set: CharacterSet; readonly wanted: boolean }
  /** A look-ahead right after `^`: a pattern of its own, for the same text. */
  | { readonly kind: "ahead"; readonly body: PatternNode; readonly wanted: boolean }
  | { readonly kind: "sequence"; readonly parts: readonly PatternNode[] }
  | { readonly kind: "choice"; readonly options: readonly PatternNode[] }
  | {
    readonly kind: "repeat";
    readonly body: PatternNode;
    readonly min: number;
    readonly max: number;
  };

interface ParsedPattern {
  readonly root: PatternNode;
  /** The characters of the text are code points (flag "u"), not UTF-16 code units. */
  readonly unicode: boolean;
}

/** A pattern that is refused, with the reason as a message that follows the pattern's place. */
export class PatternRefusal extends Error {
  override name = "PatternRefusal";
}

/** Groups that may be nested: parsing and compiling recurse. */
const MAX_GROUP_DEPTH = 100;

/** Before ECMA-262 had `(?i:…)`, and in other languages, flags for the whole pattern. */
const LEADING_FLAGS = /^\(\?([ims]+)\)/;

/** What a pattern without the flag "u" may escape; other letters mean something elsewhere only. */
const LOOSE_ESCAPE =
  /\\(?:[^A-Za-z0-9]|[dDsSwWbBfnrtv]|0(?!\d)|x[\dA-Fa-f]{2}|u[\dA-Fa-f]{4}|c[A-Za-z])/y;

const POSIX_CLASS = /\[:\^?[a-z]+:\]/;

/**
 * Reads a pattern as `new RegExp(source, "u")` would, which is how JSON Schema means it, or without
 * the flag where only that is valid (`[\w-.]`, `\-`). Throws PatternRefusal.
 */
export function parsePattern(source: string): ParsedPattern {
  const leading = LEADING_FLAGS.exec(source);
  const body = source.slice(leading?.[0].length ?? 0);
  const problem = syntaxProblem(body, "u");
  if (problem !== null) {
    if (syntaxProblem(body, "") !== null) throw new PatternRefusal(`is not a pattern: ${problem}`);
    refuseForeign(body, problem);
  }
  const unicode = problem === null;
  return { root: new Parser(body, unicode).parse(new Set(leading?.[1])), unicode };
}

/** What the engine of the language says against a pattern. It reads it, and does not run it. */
function syntaxProblem(source: string, flags: string): string | null {
  try {
    new RegExp(source, flags);
    return null;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return message.slice(message.lastIndexOf(": ") + 2).slice(0, 200);
  }
}

/** Refuses what is valid without the flag "u" by accident: `\A` would be the letter A. */
function refuseForeign(source: string, problem: string): void {
  for (let at = source.indexOf("\\"); at >= 0; at = source.indexOf("\\", LOOSE_ESCAPE.lastIndex)) {
    LOOSE_ESCAPE.lastIndex = at;
    if (LOOSE_ESCAPE.test(source)) continue;
    const escaped = source.slice(at, at + 2);
    throw new PatternRefusal(
      /[1-9k]/.test(escaped)
        ? backReference(escaped)
        : `uses "${escaped}", which ECMA-262 does not have: ${problem}`,
    );
  }
  const posix = POSIX_CLASS.exec(source);
  if (posix !== null) {
    throw new PatternRefusal(`uses "${posix[0]}", which ECMA-262 does not have; write its letters`);
  }
}

function backReference(escaped: string): string {
  return `uses the back-reference "${escaped}", which a linear-time engine cannot run; ` +
    `rewrite the pattern without it`;
}

type Flags = ReadonlySet<string>;

/** A flat group without a name, or the flags of one: `(?:`, `(?i:`, `(?i-s:`. */
const FLAT_GROUP = /\?([ims]*)(?:-([ims]*))?:/y;

const NAMED_GROUP = /\?<[^=!>][^>]*>/y;

const LOOK_AROUND = /\?<?[=!]/y;

const QUANTIFIER = /(?:[*+?]|\{(\d+)(?:(,)(\d*))?\})\??/y;

/** One escape that stands for a character or a class of them, of a pattern that is valid. */
const ESCAPE =
  /\\(?:u[dD][89abAB][\dA-Fa-f]{2}\\u[dD][c-fC-F][\dA-Fa-f]{2}|u\{[\dA-Fa-f]+\}|u[\dA-Fa-f]{4}|x[\dA-Fa-f]{2}|c[A-Za-z]|[pP]\{[^}]*\}|[^])/uy;

const LOOSE_ESCAPE_ATOM = /\\(?:u[\dA-Fa-f]{4}|x[\dA-Fa-f]{2}|c[A-Za-z]|[^])/y;

/** Reads a pattern that the language's own engine has found valid. */
class Parser {
  #at = 0;
  #depth = 0;
  readonly #sets = new Map<string, CharacterSet>();

  constructor(readonly source: string, readonly unicode: boolean) {}

  parse(flags: Flags): PatternNode {
    return this.#choice(flags);
  }

  #match(sticky: RegExp): RegExpExecArray | null {
    sticky.lastIndex = this.#at;
    const match = sticky.exec(this.source);
    if (match !== null) this.#at += match[0].length;
    return match;
  }

  #choice(flags: Flags): PatternNode {
    const options = [this.#sequence(flags)];
    while (this.source[this.#at] === "|") {
      this.#at++;
      options.push(this.#sequence(flags));
    }
    return options.length === 1 ? options[0]! : { kind: "choice", options };
  }

  #sequence(flags: Flags): PatternNode {
    const parts: PatternNode[] = [];
    while (this.#at < this.source.length && !/[|)]/.test(this.source[this.#at]!)) {
      const atom = this.#atom(flags, parts.at(-1));
      const repeated = this.#match(QUANTIFIER);
      if (repeated !== null && atom.kind === "ahead") {
        throw new PatternRefusal("repeats a look-ahead; take the repetition away");
      }
      parts.push(repeated === null ? atom : repeat(atom, repeated));
    }
    return parts.length === 1 ? parts[0]! : { kind: "sequence", parts };
  }

  #atom(flags: Flags, previous: PatternNode | undefined): PatternNode {
    switch (this.source[this.#at]) {
      case "(":
        return this.#group(flags, previous);
      case "^":
        this.#at++;
        return { kind: "edge", edge: flags.has("m") ? "line start" : "start" };
      case "$":
        this.#at++;
        return { kind: "edge", edge: flags.has("m") ? "line end" : "end" };
      case ".":
        return this.#native(this.#at + 1, flags);
      case "[":
        return this.#native(this.#endOfClass(), flags);
      case "\\":
        return this.#escape(flags);
      default:
        return this.#literal(flags);
    }
  }

  #group(flags: Flags, previous: PatternNode | undefined): PatternNode {
    this.#at++;
    const look = this.#match(LOOK_AROUND);
    if (look !== null && !canLookAhead(look[0], previous)) {
      throw new PatternRefusal(
        `uses look-around "(${look[0]}", which a linear-time engine runs only as a look-ahead ` +
          `right after "^"; rewrite the pattern without it`,
      );
    }
    const flat = look ?? this.#match(FLAT_GROUP);
    if (flat === null) this.#match(NAMED_GROUP);
    const inner = new Set(flags);
    if (look === null) {
      for (const flag of flat?.[1] ?? "") inner.add(flag);
      for (const flag of flat?.[2] ?? "") inner.delete(flag);
    }
    if (++this.#depth > MAX_GROUP_DEPTH) {
      throw new PatternRefusal(`nests more than ${MAX_GROUP_DEPTH} groups`);
    }
    const body = this.#choice(inner);
    this.#depth--;
    this.#at++;
    return look === null ? body : { kind: "ahead", body, wanted: look[0] === "?=" };
  }

  /** The atom that is written up to `end`. */
  #native(end: number, flags: Flags): PatternNode {
    const atom = this.source.slice(this.#at, end);
    this.#at = end;
    return { kind: "set", set: this.#set(atom, flags) };
  }

  #set(atom: string, flags: Flags): CharacterSet {
    const kept = [this.unicode ? "u" : "", ...["i", "s"].filter((flag) => flags.has(flag))].join(
      "",
    );
    const key = `${kept}/${atom}`;
    let set = this.#sets.get(key);
    if (set === undefined) {
      set = new CharacterSet(atom, kept);
      this.#sets.set(key, set);
    }
    return set;
  }

  #escape(flags: Flags): PatternNode {
    const escaped = this.source[this.#at + 1] ?? "";
    if (escaped === "b" || escaped === "B") {
      this.#at += 2;
      return { kind: "word", set: this.#set("\\w", flags), wanted: escaped === "b" };
    }
    if (/[1-9k]/.test(escaped)) throw new PatternRefusal(backReference(`\\${escaped}`));
    const sticky = this.unicode ? ESCAPE : LOOSE_ESCAPE_ATOM;
    sticky.lastIndex = this.#at;
    const length = sticky.exec(this.source)?.[0].length ?? 2;
    return this.#native(this.#at + length, flags);
  }

  #literal(flags: Flags): PatternNode {
    const code = this.source.codePointAt(this.#at)!;
    return this.#native(this.#at + (this.unicode && code > 0xffff ? 2 : 1), flags);
  }

  #endOfClass(): number {
    let at = this.#at + 1;
    while (this.source[at] !== "]") at += this.source[at] === "\\" ? 2 : 1;
    return at + 1;
  }
}

/** A look-ahead after `^`, or after another one there, looks at the whole text from its start. */
function canLookAhead(look: string, previous: PatternNode | undefined): boolean {
  return !look.startsWith("?<") &&
    (previous?.kind === "ahead" || (previous?.kind === "edge" && previous.edge === "start"));
}

function repeat(body: PatternNode, quantifier: RegExpExecArray): PatternNode {
  const [text, min, comma, max] = quantifier;
  if (min === undefined) {
    return {
      kind: "repeat",
      body,
      min: text.startsWith("+") ? 1 : 0,
      max: text.startsWith("?") ? 1 : Infinity,
    };
  }
  const least = Number(min);
  return {
    kind: "repeat",
    body,
    min: least,
    max: comma === undefined ? least : Number(max || Infinity),
  };
}

/** Answers that are kept: all of ASCII, and the characters beyond that were asked for last. */
const KEPT = 256;

/**
 * Which characters an atom of ECMA-262 matches (`.`, `\s`, `\p{Lu}`, `[^a-z]`), by the language's
 * own engine: asked for one character alone it has nothing to backtrack into. Characters are code
 * points with the flag "u", else UTF-16 code units.
 */
export class CharacterSet {
  readonly #alone: RegExp;
  readonly #codes = new Int32Array(KEPT).fill(-1);
  readonly #answers = new Uint8Array(KEPT);

  constructor(atom: string, flags: string) {
    this.#alone = new RegExp(`^${atom}$`, flags);
  }

  has(code: number): boolean {
    const slot = code < 128 ? code : 128 + (code & 127);
    if (this.#codes[slot] !== code) {
      this.#codes[slot] = code;
      this.#answers[slot] = this.#alone.test(String.fromCodePoint(code)) ? 1 : 0;
    }
    return this.#answers[slot] === 1;
  }
}
