import { Buffer } from "node:buffer";
import { spawn } from "node:child_process";
import { homedir, hostname } from "node:os";
import process from "node:process";
import { createInterface } from "node:readline/promises";

/** What a program was, once it ended. */
export interface Ended {
  /** Its own code; 128 and the number of the signal that ended it. */
  readonly code: number;
  /** What it printed; empty where it had the terminal. */
  readonly out: string;
}

export interface Started {
  /** Given to it, and its input is closed; without it, it has ours. */
  readonly input?: string;
  /** Whether it has our terminal for what it prints; what it says of errors is lost otherwise. */
  readonly shown?: boolean;
}

/** This computer, as commands see it: all that they read and reach stands here, or is a file. */
export interface Machine {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: string;
  readonly home: string;
  /** What the computer is called. */
  readonly hostname: string;
  readonly cwd: string;
  /** Whether somebody sits at it who can answer. */
  readonly interactive: boolean;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** All of the standard input. */
  readonly input: () => Promise<string>;
  /** What somebody types, once they were asked; empty where the input has ended. */
  readonly ask: (question: string) => Promise<string>;
  readonly fetch: typeof globalThis.fetch;
  /** Calls once that much time has passed, unless it is taken back before. */
  readonly after: (milliseconds: number, then: () => void) => () => void;
  /** Runs a program, without a shell. @throws where there is none of that name */
  readonly run: (program: string, args: readonly string[], how: Started) => Promise<Ended>;
}

/** The computer that this runs on. */
export function thisMachine(): Machine {
  const { env, platform, stdin, stdout, stderr } = process;
  return {
    env,
    platform,
    home: homedir(),
    hostname: hostname(),
    cwd: process.cwd(),
    interactive: stdin.isTTY === true && stderr.isTTY === true,
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    input: async () => {
      const parts: Uint8Array[] = [];
      for await (const part of stdin) parts.push(part);
      return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(parts));
    },
    ask: async (question) => {
      const lines = createInterface({ input: stdin, output: stderr });
      const left = new AbortController();
      lines.once("close", () => left.abort());
      try {
        return await lines.question(question, { signal: left.signal }).catch(() => "");
      } finally {
        lines.close();
      }
    },
    fetch: (...args) => globalThis.fetch(...args),
    after: (milliseconds, then) => {
      const timer = setTimeout(then, milliseconds);
      return () => clearTimeout(timer);
    },
    run: ran,
  };
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const NUMBERS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGTERM: 15,
};

/** A program, with the signals passed on that we get meanwhile, and its end. */
function ran(program: string, args: readonly string[], how: Started): Promise<Ended> {
  const ours = how.shown === true ? "inherit" : null;
  const child = spawn(program, [...args], {
    stdio: [how.input === undefined ? "inherit" : "pipe", ours ?? "pipe", ours ?? "ignore"],
  });
  const parts: string[] = [];
  child.stdout?.setEncoding("utf8").on("data", (part: string) => parts.push(part));
  // A program that does not read its input closes it: its code says what came of it.
  child.stdin?.on("error", () => {});
  child.stdin?.end(how.input);
  const passed = SIGNALS.map((signal) => [signal, () => void child.kill(signal)] as const);
  for (const [signal, pass] of passed) process.on(signal, pass);
  return new Promise<Ended>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      resolve({ code: code ?? 128 + (NUMBERS[signal ?? ""] ?? 0), out: parts.join("") });
    });
  }).finally(() => passed.forEach(([signal, pass]) => process.off(signal, pass)));
}
