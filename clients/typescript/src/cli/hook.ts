import { NoAnswer } from "../errors.ts";
import { admit } from "../guard.ts";
import type { Refusal } from "../refusal.ts";
import type { Call, Command } from "./command.ts";
import { EXIT, type Exit, Failed, WrongUse } from "./exit.ts";
import { jsonText, refusalText } from "./shown.ts";
import { noteWaiting, WAIT } from "./waiting.ts";

/**
 * What Claude Code and Codex run before a tool of theirs. They let the tool run for every end but 2
 * (a crash, a wrong option, their own time limit): so this ends with 0 and its answer as the last
 * act, after the token of exactly this call was consumed, and with 2 whatever else happens.
 */

type Json = Readonly<Record<string, unknown>>;

interface Host {
  readonly name: string;
  /** What says that this call may run. */
  readonly answer: (token: string) => Json;
}

const HOSTS: Readonly<Record<string, Host>> = {
  claude: {
    name: "Claude Code",
    answer: (token) => ({
      hookSpecificOutput: {
        hookEventName: "PreToolUse",
        permissionDecision: "allow",
        permissionDecisionReason: `Countersign: ${token}`,
      },
    }),
  },
  // It takes a no only; its own approvals go on.
  codex: { name: "Codex", answer: () => ({}) },
};

/** Seconds. */
export const DEFAULT_WAIT = 240;

/** Below the time after which hosts go on without us: 600 seconds where nothing else is said. */
export const LONGEST_WAIT = 540;

/** What a check, a mint and a consume may take, besides. */
export const AROUND_SECONDS = 35;

/** The call that a host is about to make. @throws {WrongUse} */
function calledBy(input: string): { readonly event: Json; readonly tool: string } {
  let event: Json | null;
  try {
    event = JSON.parse(input);
  } catch {
    event = null;
  }
  const tool = event?.["tool_name"];
  const args = event?.["tool_input"];
  const isCall = event?.["hook_event_name"] === "PreToolUse" && typeof tool === "string" &&
    typeof args === "object" && args !== null && !Array.isArray(args);
  if (event === null || !isCall) {
    throw new WrongUse("What came in is no call of a tool: this is a PreToolUse hook");
  }
  return { event, tool };
}

/** A name that is not taken as it is would stand for another tool. @throws {WrongUse} */
function toolName(prefix: string, tool: string): string {
  if (!/^[A-Za-z0-9_.:-]{1,100}$/.test(tool)) {
    throw new WrongUse(`No tool can be called ${JSON.stringify(tool.slice(0, 100))}`);
  }
  return `${prefix}/${tool}`;
}

async function run(call: Call): Promise<Exit> {
  const word = call.needed("host");
  const host = Object.hasOwn(HOSTS, word) ? HOSTS[word] : undefined;
  if (host === undefined) throw new WrongUse(`${JSON.stringify(word)} is no host: claude or codex`);
  const wait = call.number("wait", DEFAULT_WAIT, LONGEST_WAIT);
  const stop = new AbortController();
  const late = new Promise<never>((_, reject) => {
    stop.signal.addEventListener("abort", () => reject(stop.signal.reason));
  });
  const limit = wait + AROUND_SECONDS;
  const cancel = call.machine.after(
    limit * 1000,
    () => stop.abort(new NoAnswer("timed_out", `No verdict within ${limit} seconds`)),
  );
  try {
    const { refusal, token } = await Promise.race([
      late,
      asked(call, word, host, wait, stop.signal),
    ]);
    if (token === null) throw new Failed("Nobody could be asked");
    if (refusal !== null) {
      call.machine.err(refusalText(refusal));
      return EXIT.wrongUse;
    }
    call.machine.out(`${jsonText(host.answer(token))}\n`);
    return EXIT.allowed;
  } finally {
    cancel();
  }
}

type Verdict =
  | { readonly refusal: Refusal; readonly token: undefined }
  | { readonly refusal: null; readonly token: string | null };

/** Whether the call may run: then its token has been used up. */
async function asked(
  call: Call,
  word: string,
  { name }: Host,
  wait: number,
  signal: AbortSignal,
): Promise<Verdict> {
  const { event, tool } = calledBy(await call.machine.input());
  const args = event["tool_input"] as Json;
  const { description } = args;
  const why = typeof description === "string" && description !== "" ? `: ${description}` : "";
  const session = event["session_id"];
  const admission = await admit(await call.service(), {
    tool_name: toolName(word, tool),
    // No cut through a character: half of one is none.
    reason: `${name} calls ${tool}${why}`.slice(0, 2000).replace(/[\ud800-\udbff]$/, ""),
    wait,
    onPending: (approval) => noteWaiting(call, approval),
  })(args, {
    signal,
    context: { directory: event["cwd"] ?? null },
    ...(typeof session === "string" && session !== "" ? { session_id: session } : {}),
  });
  return admission.admitted
    ? { refusal: null, token: admission.token_id }
    : { refusal: admission.refusal, token: undefined };
}

export const hook: Omit<Command, "about"> = {
  args: {
    host: { type: "positional", description: "claude or codex" },
    wait: { ...WAIT, description: `Seconds to wait for a person (${DEFAULT_WAIT})` },
  },
  run,
};
