import { access, constants } from "node:fs/promises";
import { delimiter, resolve } from "node:path";
import type { Action } from "../authorize.ts";
import type { Countersign } from "../countersign.ts";
import { CountersignError, NoAnswer, NotRun } from "../errors.ts";
import { FACTS, factsOf } from "./action.ts";
import { type Call, type Command } from "./command.ts";
import { type Exit, Failed, WrongUse } from "./exit.ts";
import type { Machine } from "./machine.ts";
import { LONGEST_WAIT, noteWaiting, WAIT } from "./waiting.ts";

/**
 * `guard -- CMD`: the action is the command, word by word, and the folder that it runs in. It runs
 * once a token of exactly these was consumed, and what it ends with is what we end with.
 */

const DEFAULT_TOOL = "run_command";
const DEFAULT_WAIT = 300;

async function run(call: Call): Promise<Exit> {
  const { machine, rest } = call;
  const [program, ...args] = rest;
  if (program === undefined) throw new WrongUse("Say what to run: countersign guard -- CMD …");
  // Before anybody is asked: a person's yes is not for a word that was mistyped.
  if (!await isThere(machine, program)) throw new WrongUse(`There is no program ${program}`);
  const action = {
    tool_name: call.text("tool") ?? DEFAULT_TOOL,
    arguments: { command: rest, directory: machine.cwd },
    ...factsOf(call),
  };
  const countersign = await call.service();
  const token = await permitted(call, countersign, action);
  const began = countersign.ways.clock.now();
  const code = await started(machine, program, args);
  const report = {
    tool_name: action.tool_name,
    token,
    execution_result: code === null ? "error" : code === 0 ? "success" : "failed",
    duration_ms: Math.max(0, Math.round(countersign.ways.clock.now() - began)),
  } as const;
  await countersign.log(report).catch((error: unknown) => {
    call.note(`The run is not logged: ${(error as Error).message}`);
  });
  if (code === null) throw new Failed(`${program} could not be started`);
  return code;
}

/** The token, which is consumed when it is returned. @throws {CountersignError} for anything else */
async function permitted(call: Call, countersign: Countersign, action: Action): Promise<string> {
  const permit = await countersign.authorize(action, {
    reason: call.text("reason") ?? "No reason given.",
    wait: call.number("wait", DEFAULT_WAIT, LONGEST_WAIT),
    onPending: (approval) => noteWaiting(call, approval),
  });
  if (!permit.allowed) {
    const { code, reference, next } = permit;
    const what = `It did not run: ${permit.message}`;
    throw new NotRun(what, { code, reference, next: next as CountersignError["next"] });
  }
  // Only tools that are named beforehand may run unasked, and here none is.
  if (permit.is_fallback) throw new Failed("It did not run: nobody could be asked");
  const { token_id } = await countersign.consume(permit.token, action);
  if (token_id !== permit.token_id) {
    throw new NoAnswer("bad_answer", "It did not run: another token was consumed than was sent");
  }
  return permit.token;
}

/** Null where it could not be started. */
async function started(
  machine: Machine,
  program: string,
  args: readonly string[],
): Promise<number | null> {
  try {
    return (await machine.run(program, args, { shown: true })).code;
  } catch {
    return null;
  }
}

/** Whether a program of that name can be run, as a shell would look for it. */
async function isThere({ platform, env, cwd }: Machine, program: string): Promise<boolean> {
  // Windows looks for it with endings of its own.
  if (platform === "win32") return true;
  const folders = program.includes("/") ? [cwd] : (env["PATH"] ?? "").split(delimiter);
  for (const folder of folders) {
    try {
      await access(resolve(folder, program), constants.X_OK);
      return true;
    } catch {
      // The next.
    }
  }
  return false;
}

export const guard: Omit<Command, "about"> = {
  takesRest: true,
  args: {
    tool: {
      type: "string",
      description: `The tool that running it is (${DEFAULT_TOOL})`,
      valueHint: "NAME",
    },
    reason: { type: "string", description: "Why it is wanted; people read it", valueHint: "TEXT" },
    wait: WAIT,
    ...FACTS,
  },
  run,
};
