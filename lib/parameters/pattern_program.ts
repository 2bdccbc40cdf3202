import type { Edge, PatternNode } from "../schema/pattern_syntax.ts";
import type { CharacterSet } from "./character_set.ts";

/**
 * One step of a matching program. Without a target the next instruction follows. `count` repeats
 * one set of characters from `min` (at least 1) to `max` times, as a single instruction.
 */
export type Instruction =
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

export type Program = readonly Instruction[];

/** How many instructions `compilePattern` would write, worked out without writing them. */
export function programSize(node: PatternNode): number {
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
export function compilePattern(root: PatternNode): Program {
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
