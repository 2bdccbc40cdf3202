import type { Environment } from "./environment.ts";

/** A driver as a process: an agent with one tool in a framework, whose model only pretends. */

/** What came of one run of the agent. */
export interface Line {
  /** What the model got as the tool's result. */
  readonly told: string | null;
  /** The request by which the framework stopped in its own way. */
  readonly waiting: string | null;
  /** What left the framework. */
  readonly raised: string | null;
}

/** Nothing but this computer is reached through these: there is no such proxy. */
const NO_NETWORK = {
  HTTP_PROXY: "http://127.0.0.1:9",
  HTTPS_PROXY: "http://127.0.0.1:9",
  NO_PROXY: "127.0.0.1,localhost",
};

/** Frameworks send nothing of what their tests do to anybody. */
const UNOBSERVED = {
  DO_NOT_TRACK: "1",
  OTEL_SDK_DISABLED: "true",
  OPENAI_AGENTS_DISABLE_TRACING: "1",
  OPENAI_API_KEY: "none",
  LANGSMITH_TRACING: "false",
  CREWAI_DISABLE_TELEMETRY: "true",
  CREWAI_TRACING_ENABLED: "false",
};

const LONGEST_RUN_MS = 180_000;

export class Driver {
  readonly #process: Deno.ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #errors: Promise<string>;
  readonly #timer: ReturnType<typeof setTimeout>;

  constructor(
    { folder, launcher: [command = "", ...args], driver, variables }: Environment,
    env: Readonly<Record<string, string>>,
    program = driver,
  ) {
    const { PATH = "", HOME = "" } = Deno.env.toObject();
    this.#process = new Deno.Command(command, {
      args: [...args, program],
      cwd: folder,
      clearEnv: true,
      env: { PATH, HOME, ...NO_NETWORK, ...UNOBSERVED, ...variables, ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#lines = lines(this.#process.stdout);
    this.#stdin = this.#process.stdin.getWriter();
    this.#errors = new Response(this.#process.stderr).text();
    this.#timer = setTimeout(() => this.#process.kill("SIGKILL"), LONGEST_RUN_MS);
  }

  /** What came of the next run; other lines are a framework's own. */
  async line(): Promise<Line> {
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error(`The driver said nothing: ${(await this.#errors).slice(-6000)}`);
      const said = parsed(value);
      if (said !== null) return said;
    }
  }

  /** Has a run that waits go on. */
  async resume(): Promise<Line> {
    await this.#stdin.write(new TextEncoder().encode("resume\n"));
    return await this.line();
  }

  /** Lets it end; its code. */
  async end(): Promise<number> {
    await this.#stdin.close().catch(() => {});
    for (;;) if ((await this.#lines.next()).done) break;
    const { code } = await this.#process.status;
    clearTimeout(this.#timer);
    const errors = await this.#errors;
    if (code !== 0) console.error(errors.slice(-6000));
    return code;
  }
}

async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const part of stream) {
    const all = (rest + decoder.decode(part, { stream: true })).split("\n");
    rest = all.pop() ?? "";
    yield* all;
  }
  if (rest !== "") yield rest;
}

function parsed(text: string): Line | null {
  let value: Partial<Line> | null;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null || !("told" in value)) return null;
  const { told = null, waiting = null, raised = null } = value;
  return { told, waiting, raised };
}
