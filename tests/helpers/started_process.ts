import { fileURLToPath } from "node:url";
import { type Program, rights } from "../../lib/server/rights.ts";
import { realPath } from "../../lib/store/system.ts";
import { PROJECT } from "./project_files.ts";

const FOLDER = fileURLToPath(PROJECT);

/** What `deno run` gets in a test that runs with the rights of a task and no others. */
export function taskArguments(
  program: Program,
  deployment: string,
  variables: Readonly<Record<string, string>>,
): string[] {
  const flags = rights(program, (variable) => variables[variable], {
    deployment,
    code: FOLDER,
    real: realPath,
  });
  return ["run", "--config", `${FOLDER}deno.json`, ...flags];
}

/** What is left of a process that has ended. */
export interface Ended {
  readonly code: number;
  readonly output: string;
}

/** The server as the task `start` runs it, in a folder of its own and without the launcher. */
export class StartedProcess implements AsyncDisposable {
  #output = "";
  #waiting: { text: string; found: () => void }[] = [];
  readonly #drained: Promise<unknown>;

  private constructor(
    readonly child: Deno.ChildProcess,
    /** Whether it leads a group of processes, which end together. */
    readonly isGroup = false,
  ) {
    this.#drained = Promise.all([this.#collect(child.stdout), this.#collect(child.stderr)]);
  }

  /** @param entry what is run in place of `main.ts`, and its arguments */
  static start(
    folder: string,
    variables: Record<string, string>,
    entry = "main.ts",
    ...own: readonly string[]
  ): StartedProcess {
    const args = [...taskArguments("start", folder, variables), FOLDER + entry, ...own];
    return StartedProcess.#spawn(folder, args, variables);
  }

  static #spawn(
    folder: string,
    args: readonly string[],
    variables: Record<string, string>,
  ): StartedProcess {
    const command = new Deno.Command(Deno.execPath(), {
      args: [...args],
      cwd: folder,
      env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", PORT: "0", ...variables },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
    return new StartedProcess(command.spawn());
  }

  /** The task itself, launcher and all, as `deno task` runs it in a deployment's folder. */
  static async launched(
    folder: string,
    variables: Record<string, string>,
    task: Program | "start:stdio" = "start",
  ): Promise<StartedProcess> {
    const { tasks } = JSON.parse(await Deno.readTextFile(`${FOLDER}deno.json`));
    const [, ...args] = String(tasks[task]).replace("launch.ts", `${FOLDER}launch.ts`).split(" ");
    return StartedProcess.#spawn(folder, args, variables);
  }

  /** Commands in a terminal, whatever they start; all of it ends with this. */
  static inTerminal(
    folder: string,
    commands: string,
    variables: Readonly<Record<string, string>>,
  ): StartedProcess {
    const command = new Deno.Command("setsid", {
      args: ["bash", "-c", commands],
      cwd: folder,
      env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...variables },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
    return new StartedProcess(command.spawn(), true);
  }

  /** Starts it, and waits until it listens. */
  static async listening(
    folder: string,
    variables: Record<string, string>,
    ...entry: readonly string[]
  ) {
    const process = StartedProcess.start(folder, variables, ...entry);
    const { port } = await process.line("Countersign listens");
    return { process, port: Number(port) };
  }

  /** The fields of the first log line with this message; waits for it. */
  async line(message: string): Promise<Record<string, unknown>> {
    await this.seen(`"message":"${message}`);
    const line = this.#output.split("\n").find((one) => one.includes(`"message":"${message}`));
    return JSON.parse(line ?? "{}");
  }

  /** Resolves when a text stands in the output. @throws when the process ends without it */
  async seen(text: string): Promise<void> {
    if (this.#has(text)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ text, found: resolve });
    await Promise.race([
      promise,
      this.#drained.then(() => {
        if (!this.#has(text)) throw new Error(`"${text}" was not printed:\n${this.#output}`);
      }),
    ]);
  }

  /** What a pattern finds in the output; waits for a line that holds `text` before it looks. */
  async found(text: string, pattern: RegExp): Promise<string> {
    await this.seen(text);
    const [, found] = pattern.exec(this.#output) ?? [];
    if (found === undefined) throw new Error(`${pattern} was not printed:\n${this.#output}`);
    return found;
  }

  signal(name: Deno.Signal): void {
    this.child.kill(name);
  }

  async ended(): Promise<Ended> {
    const { code } = await this.child.status;
    await this.#drained;
    return { code, output: this.#output };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (this.isGroup) Deno.kill(-this.child.pid, "SIGKILL");
      else this.child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.ended();
  }

  /** Whole lines only, so that what was seen can be parsed. */
  #has(text: string): boolean {
    const found = this.#output.indexOf(text);
    return found !== -1 && this.#output.indexOf("\n", found) !== -1;
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      this.#output += decoder.decode(chunk, { stream: true });
      this.#waiting = this.#waiting.filter(({ text, found }) => {
        if (!this.#has(text)) return true;
        found();
        return false;
      });
    }
  }
}

const SCRIPTS = {
  "recover": "recover.ts",
  "accept-clock": "accept_clock.ts",
  "compact": "compact.ts",
} as const;

/** What a command printed, and its exit status. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a task of the operator, which is one script, in a folder, with its own permissions. */
export async function runTask(
  cwd: string,
  task: keyof typeof SCRIPTS,
  args: readonly string[],
  variables: Record<string, string>,
): Promise<Ran> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...taskArguments(task, cwd, variables), `${FOLDER}${SCRIPTS[task]}`, ...args],
    cwd,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...variables },
  }).output();
  return { code, out: decoded(stdout), err: decoded(stderr) };
}

/** Runs the text of a program with the rights of the task `start`, and no more. */
export async function runAsService(program: string): Promise<Ran> {
  const command = new Deno.Command(Deno.execPath(), {
    args: [...taskArguments("start", FOLDER, {}), "--ext=ts", "-"],
    cwd: FOLDER,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
  await using child = command.spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(program));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  return { code, out: decoded(stdout), err: decoded(stderr) };
}

function decoded(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** A port that nothing listens on. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
