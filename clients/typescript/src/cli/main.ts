import { type CommandDef, defineCommand, renderUsage, runCommand } from "citty";
import { CountersignError } from "../errors.ts";
import { type Refusal, refusalOf } from "../refusal.ts";
import { Call, type Command, COMMON } from "./command.ts";
import { COMMANDS, type Group, type Named } from "./commands.ts";
import { EXIT, type Exit, exitOf, Failed, WrongUse } from "./exit.ts";
import type { Machine } from "./machine.ts";
import { clean, jsonText, refusalText } from "./shown.ts";
import { strictly } from "./strictly.ts";
import { VERSION } from "./version.ts";

const NAME = "countersign";

const ROOT: Group = { about: "Asks Countersign before an agent acts", commands: COMMANDS };

/** Runs the command that these words are, and says what the process ends with. Never throws. */
export async function main(words: readonly string[], machine: Machine): Promise<Exit> {
  // Hosts take 0 for a yes: nothing but an answer of this call may end so.
  const isHook = words[0] === "hook";
  try {
    const code = await ran(words, machine);
    return isHook && code !== EXIT.allowed ? EXIT.wrongUse : code;
  } catch (error) {
    if (isHook) {
      machine.err(refusalText(refusalOfHook(error)));
      return EXIT.wrongUse;
    }
    const own = words.includes("--") ? words.slice(0, words.indexOf("--")) : words;
    tellError(machine, error, own.includes("--json"));
    return exitOf(error);
  }
}

async function ran(words: readonly string[], machine: Machine): Promise<Exit> {
  if (words.length === 1 && (words[0] === "--version" || words[0] === "-v")) {
    machine.out(`${VERSION}\n`);
    return EXIT.allowed;
  }
  const { path, at, rest } = placed(words);
  const isHelp = rest.length === 1 && (rest[0] === "--help" || rest[0] === "-h");
  if ("commands" in at) {
    if (isHelp && path[0] !== "hook") {
      machine.out(await usageOfGroup(path, at));
      return EXIT.allowed;
    }
    machine.err(await usageOfGroup(path, at));
    const [word] = rest;
    if (word === undefined || isHelp) return EXIT.wrongUse;
    throw new WrongUse(
      word.startsWith("-")
        ? `${JSON.stringify(word)} has to stand behind the command`
        : `There is no command ${JSON.stringify([...path, word].join(" "))}`,
    );
  }
  const ended: { code: Exit } = { code: EXIT.failed };
  const command = leaf(path, { ...await at.load(), about: at.about }, { machine, ended });
  if (isHelp) {
    // Not 0: of a command that is a yes, and this word may have come from an agent.
    machine.err(await usageOf(command));
    return EXIT.wrongUse;
  }
  await runCommand(command, { rawArgs: [...rest] });
  return ended.code;
}

/** The innermost group or command that words begin with, and what is behind its name. */
function placed(words: readonly string[]): {
  readonly path: readonly string[];
  readonly at: Group | Named;
  readonly rest: readonly string[];
} {
  let at: Group | Named = ROOT;
  let depth = 0;
  while ("commands" in at) {
    const word = words[depth] ?? "";
    const next: Group | Named | undefined = Object.hasOwn(at.commands, word)
      ? at.commands[word]
      : undefined;
    if (next === undefined) break;
    at = next;
    depth++;
  }
  return { path: words.slice(0, depth), at, rest: words.slice(depth) };
}

/** A command, for the parser, which hands on no results: what it ends with is said in `ended`. */
function leaf(
  path: readonly string[],
  command: Command,
  { machine, ended }: { readonly machine: Machine; readonly ended: { code: Exit } },
): CommandDef {
  const name = [NAME, ...path].join(" ");
  const args = { ...command.args, ...COMMON };
  return defineCommand({
    meta: { name, description: command.about },
    args,
    async run({ args: parsed, rawArgs }) {
      const { values, rest } = strictly(parsed, rawArgs, args);
      if (rest.length > 0 && command.takesRest !== true) {
        throw new WrongUse(`${name} takes nothing behind --`);
      }
      ended.code = await command.run(new Call(machine, values, rest));
    },
  });
}

async function usageOf(command: CommandDef): Promise<string> {
  return `${plain(await renderUsage(command))}\n`;
}

async function usageOfGroup(
  path: readonly string[],
  { about, commands }: Group,
): Promise<string> {
  const subCommands = Object.fromEntries(
    Object.entries(commands).map(([word, one]) => [word, { meta: { description: one.about } }]),
  );
  const name = [NAME, ...path].join(" ");
  return await usageOf({ meta: { name, description: about }, subCommands });
}

/** What went wrong, on the side where nobody takes it for a result; in JSON it is the result. */
function tellError({ out, err }: Machine, error: unknown, json: boolean): void {
  const message = plain(error instanceof Error ? error.message : String(error));
  const { code = null, status = null, reference = null, next = null, errors = [] } =
    error instanceof CountersignError ? error : {};
  if (json) {
    out(`${jsonText({ error: { message, code, status, reference, next, errors } }, 2)}\n`);
    return;
  }
  err(`${NAME}: ${clean(message)}${code === null ? "" : ` (${clean(code)})`}\n`);
  if (next !== null) err(`next: ${jsonText(next)}\n`);
}

/** What a host is told where the hook came to no verdict. */
function refusalOfHook(error: unknown): Refusal {
  const refusal = refusalOf("The tool", error);
  // What these say is for whoever set it up; what others say is for nobody who reads this.
  const isOwn = error instanceof Failed || exitOf(error) === EXIT.wrongUse;
  return isOwn ? { ...refusal, message: plain((error as Error).message) } : refusal;
}

/** Without the colours that the parser gives its texts. */
function plain(text: string): string {
  // deno-lint-ignore no-control-regex -- an escape sequence begins with one
  return text.replace(/\u001b\[\d+m/g, "");
}
