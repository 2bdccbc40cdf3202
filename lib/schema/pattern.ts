import {
  type CharacterSet,
  type Edge,
  parsePattern,
  type PatternNode,
  PatternRefusal,
} from "./pattern_syntax.ts";

/**
 * Patterns that are run in time linear in the text, whatever the pattern. The language's own engine
 * would go back and forth on a stranger's pattern for as long as that stranger likes.
 */

/** A `pattern` compiled to a program whose time is linear in the text. */
export interface LinearPattern {
  readonly source: string;
  /** Instructions of the compiled program; matching costs at most text length times this. */
  readonly size: number;
  test(text: string): boolean;
}

/** Instructions that one pattern may compile to: room for an IPv6 address, a date-time, an URL. */
const MAX_PATTERN_SIZE = 2_500;

/**
 * Compiles a JSON Schema `pattern`: ECMA-262 with the flag "u" (without it where only that is
 * valid), found anywhere in the text. Look-ahead is run right after `^` only, where it is a pattern
 * of its own; look-behind and back-references have no linear-time form here. Returns the reason as
 * a string when the pattern is refused.
 */
export function linearPattern(source: string): LinearPattern | string {
  try {
    const { root, unicode } = parsePattern(source);
    const size = programSize(root) + 1;
    if (size > MAX_PATTERN_SIZE) return tooLarge(size);
    const program = compilePattern(root);
    return { source, size, test: (text) => new Match(program, text, unicode).isFound() };
  } catch (error) {
    if (error instanceof PatternRefusal) return error.message;
    throw error;
  }
}

function tooLarge(size: number): string {
  return `expands to about ${size} matching instructions, at most ${MAX_PATTERN_SIZE} are allowed; ` +
    `use smaller repetition counts, or maxLength`;
}

/** The places where runs of one counted set that may still end well began, the oldest first. */
class Runs {
  #starts: number[] = [];
  #first = 0;

  constructor(readonly min: number, readonly max: number) {}

  get isEmpty(): boolean {
    return this.#first === this.#starts.length;
  }

  begin(at: number): void {
    const last = this.#starts.length - 1;
    if (this.#starts[last] === at) return;
    // Without a maximum, what lies between the oldest run and the newest can do nothing new.
    if (this.max === Infinity && last > this.#first) this.#starts[last] = at;
    else this.#starts.push(at);
  }

  /** Goes on to the place `at`; true when a run has reached a length that may end there. */
  grow(at: number, isIn: boolean): boolean {
    // A run that began at this very place has not read the character yet.
    const keep = isIn ? at - this.max : at;
    while (!this.isEmpty && this.#starts[this.#first]! < keep) this.#first++;
    if (this.isEmpty) this.#starts.length = this.#first = 0;
    return !this.isEmpty && at - this.#starts[this.#first]! >= this.min;
  }
}

/** Instructions by number, each once, in the order in which they were added. */
class Worklist {
  readonly #items: Int32Array;
  /** The place at which an instruction was added last. */
  readonly #added: Int32Array;
  length = 0;

  constructor(size: number) {
    this.#items = new Int32Array(size);
    this.#added = new Int32Array(size).fill(-1);
  }

  at(i: number): number {
    return this.#items[i]!;
  }

  add(instruction: number, place: number): boolean {
    if (this.#added[instruction] === place) return false;
    this.#added[instruction] = place;
    this.#items[this.length++] = instruction;
    return true;
  }
}

/**
 * One search. All ways through the program that the text allows so far are walked at once, each
 * instruction at most once for each character, so no text makes it go back.
 */
class Match {
  /** The `set` and `count` instructions that wait for the next character, and those of the last. */
  #waiting: Worklist;
  #served: Worklist;
  /** What the walk at this place came through, from `#open` on still to be followed. */
  readonly #walked: Worklist;
  readonly #runs: (Runs | undefined)[] = [];
  /** Where in the text, in UTF-16 code units, and how many characters that is. */
  #index = 0;
  #place = 0;

  constructor(
    readonly program: Program,
    readonly text: string,
    readonly unicode: boolean,
  ) {
    this.#waiting = new Worklist(program.length);
    this.#served = new Worklist(program.length);
    this.#walked = new Worklist(program.length);
  }

  isFound(): boolean {
    const first = this.program[0];
    return this.#search(first?.op === "edge" && first.edge === "start");
  }

  /** Whether the pattern matches from the start of the text on. */
  isFoundAtStart(): boolean {
    return this.#search(true);
  }

  #search(isAnchored: boolean): boolean {
    if (this.#walk(0)) return true;
    while (this.#index < this.text.length) {
      if (isAnchored && this.#waiting.length === 0) return false;
      if (this.#step()) return true;
      if (!isAnchored && this.#walk(0)) return true;
    }
    return false;
  }

  /** Reads one character; true when the pattern has matched. */
  #step(): boolean {
    const code = this.unicode
      ? this.text.codePointAt(this.#index)!
      : this.text.charCodeAt(this.#index);
    this.#index += code > 0xffff ? 2 : 1;
    const place = ++this.#place;
    const waiting = this.#waiting;
    this.#waiting = this.#served;
    this.#served = waiting;
    this.#waiting.length = this.#walked.length = 0;
    for (let i = 0; i < waiting.length; i++) {
      const at = waiting.at(i);
      const instruction = this.program[at]!;
      if (instruction.op === "set") {
        if (instruction.set.has(code) && this.#walk(at + 1)) return true;
      } else if (instruction.op === "count") {
        const runs = this.#runs[at]!;
        const mayEnd = runs.grow(place, instruction.set.has(code));
        if (!runs.isEmpty) this.#waiting.add(at, place);
        if (mayEnd && this.#walk(at + 1)) return true;
      }
    }
    return false;
  }

  /** Follows the program from an instruction to all that need a character; true at its end. */
  #walk(from: number): boolean {
    const place = this.#place;
    const walked = this.#walked;
    let open = walked.length;
    walked.add(from, place);
    while (open < walked.length) {
      const at = walked.at(open++);
      const instruction = this.program[at]!;
      switch (instruction.op) {
        case "set":
          this.#waiting.add(at, place);
          break;
        case "count":
          this.#runsOf(at, instruction.min, instruction.max).begin(place);
          this.#waiting.add(at, place);
          break;
        case "fork":
          for (const target of instruction.targets) walked.add(target, place);
          break;
        case "edge":
          if (isAtEdge(this.text, this.#index, instruction.edge)) walked.add(at + 1, place);
          break;
        case "word":
          if (this.#isWordEdge(instruction.set) === instruction.wanted) walked.add(at + 1, place);
          break;
        case "ahead": {
          const ahead = new Match(instruction.program, this.text, this.unicode);
          if (ahead.isFoundAtStart() === instruction.wanted) walked.add(at + 1, place);
          break;
        }
        case "match":
          return true;
      }
    }
    return false;
  }

  /** Letters of words are single code units in every mode. */
  #isWordEdge(word: CharacterSet): boolean {
    const { text } = this;
    const at = this.#index;
    const before = at > 0 && word.has(text.charCodeAt(at - 1));
    return before !== (at < text.length && word.has(text.charCodeAt(at)));
  }

  #runsOf(at: number, min: number, max: number): Runs {
    return this.#runs[at] ??= new Runs(min, max);
  }
}

const LINE_END = /[\n\r\u2028\u2029]/;

function isAtEdge(text: string, at: number, edge: Edge): boolean {
  switch (edge) {
    case "start":
      return at === 0;
    case "end":
      return at === text.length;
    case "line start":
      return at === 0 || LINE_END.test(text.charAt(at - 1));
    case "line end":
      return at === text.length || LINE_END.test(text.charAt(at));
  }
}

/**
 * One step of a matching program. Without a target the next instruction follows. `count` repeats
 * one set of characters from `min` (at least 1) to `max` times, as a single instruction.
 */
type Instruction =
  | { readonly op: "set"; readonly set: CharacterSet }
  | {
    readonly op: "count";
    readonly set: CharacterSet;
    readonly min: number;
    readonly max: number;
  }
  | { readonly op: "edge"; readonly edge: Edge }
  | { readonly op: "word"; readonly set: CharacterSet; readonly wanted: boolean }
  | { readonly op: "ahead"; readonly program: Program; readonly wanted: boolean }
  | { readonly op: "fork"; readonly targets: readonly number[] }
  | { readonly op: "match" };

type Program = readonly Instruction[];

/** How many instructions `compilePattern` would write, worked out without writing them. */
function programSize(node: PatternNode): number {
  switch (node.kind) {
    case "set":
    case "edge":
    case "word":
      return 1;
    case "ahead":
      return 2 + programSize(node.body);
    case "sequence":
      return node.parts.reduce((sum, part) => sum + programSize(part), 0);
    case "choice":
      return node.options.reduce((sum, option) => sum + 1 + programSize(option), 1);
    case "repeat": {
      const size = programSize(node.body);
      if (size === 0 || node.max === 0) return 0;
      if (node.body.kind === "set") return 2;
      return node.max === Infinity
        ? node.min * size + size + 2
        : node.min * size + (node.max - node.min) * (size + 1);
    }
  }
}

/** Writes the program of a pattern whose `programSize` was found small enough. */
function compilePattern(root: PatternNode): Program {
  const program: Instruction[] = [];
  write(root, program);
  program.push({ op: "match" });
  return program;
}

function write(node: PatternNode, program: Instruction[]): void {
  switch (node.kind) {
    case "set":
      program.push({ op: "set", set: node.set });
      break;
    case "edge":
      program.push({ op: "edge", edge: node.edge });
      break;
    case "word":
      program.push({ op: "word", set: node.set, wanted: node.wanted });
      break;
    case "ahead":
      program.push({ op: "ahead", program: compilePattern(node.body), wanted: node.wanted });
      break;
    case "sequence":
      for (const part of node.parts) write(part, program);
      break;
    case "choice":
      writeChoice(node.options, program);
      break;
    case "repeat":
      if (node.max > 0 && programSize(node.body) > 0) writeRepeat(node, program);
      break;
  }
}

function writeChoice(options: readonly PatternNode[], program: Instruction[]): void {
  const starts: number[] = [];
  const after: number[] = [];
  program.push({ op: "fork", targets: starts });
  for (const option of options) {
    starts.push(program.length);
    write(option, program);
    program.push({ op: "fork", targets: after });
  }
  after.push(program.length);
}

type Repeat = Extract<PatternNode, { kind: "repeat" }>;

function writeRepeat({ body, min, max }: Repeat, program: Instruction[]): void {
  if (body.kind === "set") {
    const at = program.length;
    if (min === 0) program.push({ op: "fork", targets: [at + 1, at + 2] });
    program.push({ op: "count", set: body.set, min: Math.max(min, 1), max });
    return;
  }
  for (let i = 0; i < min; i++) write(body, program);
  const ends: number[][] = [];
  const loop = program.length;
  for (let i = min; i < (max === Infinity ? min + 1 : max); i++) {
    const targets = [program.length + 1];
    ends.push(targets);
    program.push({ op: "fork", targets });
    write(body, program);
  }
  if (max === Infinity) program.push({ op: "fork", targets: [loop] });
  for (const targets of ends) targets.push(program.length);
}
