import type { Load, Measured } from "./measure.ts";
import type { SeededStore } from "./seeded_store.ts";

/** Resident memory of a process in MB, now and at its peak. */
export interface Resident {
  readonly now: number;
  readonly peak: number;
}

/** A process of the bench: a server, the load generator, or something that measures itself. */
export class Child implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output: AsyncIterator<string>;
  readonly #drained: Promise<void>;
  #port = 0;
  #inspector: string | null = null;

  private constructor(args: readonly string[], env: Record<string, string>, readyLine: string) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", ...args],
      env,
      stdin: "piped",
      stdout: "piped",
      stderr: readyLine === "" ? "inherit" : "piped",
    }).spawn();
    this.#input = this.#process.stdin.getWriter();
    const [lines, drained] = readyLine === ""
      ? [this.#process.stdout, Promise.resolve()]
      : [this.#process.stderr, this.#process.stdout.pipeTo(new WritableStream())];
    this.#output = linesOf(lines);
    this.#drained = drained;
  }

  /** A script of this folder that says when it is ready, and then answers each line with one. */
  static async script(name: string, ...args: string[]): Promise<Child> {
    const path = new URL(name, import.meta.url).pathname;
    // The token is read by the runtime, for a store over KV Connect.
    const rights = ["--allow-net", "--allow-read", "--allow-write=data"];
    const token = "--allow-env=DENO_KV_ACCESS_TOKEN";
    const child = new Child(["--quiet", ...rights, token, path, ...args], {}, "");
    const ready = await child.#line();
    child.#port = (JSON.parse(ready) as { port?: number }).port ?? 0;
    return child;
  }

  /** The service itself, as `deno task start` runs it, over a store. */
  static service(store: Pick<SeededStore, "path" | "sealingSecret">): Promise<Child> {
    const path = new URL("../main.ts", import.meta.url).pathname;
    const folders = ["--allow-read=data,static,dist", "--allow-write=data"];
    const args = ["--quiet", "--allow-net", "--allow-env", ...folders, path];
    return Child.#listening(args, store, {});
  }

  /** The service of any checkout, over a store that it makes with the keys in the variables. */
  static version(
    checkout: string,
    store: Pick<SeededStore, "path" | "sealingSecret">,
    env: Readonly<Record<string, string>>,
  ): Promise<Child> {
    const permissions = ["--allow-net", "--allow-env", "--allow-read", "--allow-write=data"];
    return Child.#listening(
      ["--quiet", ...permissions, "--config", `${checkout}/deno.json`, `${checkout}/main.ts`],
      store,
      env,
    );
  }

  /** The service of a checkout over a store that is there, with its inspector open. */
  static inspected(
    checkout: string,
    store: Pick<SeededStore, "path" | "sealingSecret">,
  ): Promise<Child> {
    const permissions = ["--allow-net", "--allow-env", "--allow-read", "--allow-write=data"];
    return Child.#listening(
      [
        // Not quiet, or it would not say where.
        ...["--inspect=127.0.0.1:0", ...permissions],
        ...["--config", `${checkout}/deno.json`, `${checkout}/main.ts`],
      ],
      store,
      {},
    );
  }

  static async #listening(
    args: readonly string[],
    store: Pick<SeededStore, "path" | "sealingSecret">,
    env: Readonly<Record<string, string>>,
  ): Promise<Child> {
    const child = new Child(args, {
      PORT: "0",
      COUNTERSIGN_KV: store.path,
      COUNTERSIGN_URL: "http://localhost",
      COUNTERSIGN_SECRET: store.sealingSecret,
      COUNTERSIGN_SECRET_PREVIOUS: "",
      COUNTERSIGN_TRUSTED_PROXY: "",
      COUNTERSIGN_LOG: "failures",
      ...env,
    }, "listens");
    for (;;) {
      const line = await child.#line();
      const port = /"message":"Countersign listens","port":(\d+)/.exec(line)?.[1];
      if (port === undefined) {
        child.#inspector ??= /^Debugger listening on (ws:\S+)/.exec(line)?.[1] ?? null;
        console.error(line);
        continue;
      }
      child.#port = Number(port);
      void child.#passOn();
      return child;
    }
  }

  get port(): number {
    return this.#port;
  }

  /** Where the inspector of `inspected` is reached. */
  get inspector(): string {
    if (this.#inspector === null) throw new Error("The runtime did not say where to inspect it");
    return this.#inspector;
  }

  /** Sends a line of JSON and returns the line that answers it. */
  async ask(question: unknown): Promise<Measured> {
    await this.#input.write(new TextEncoder().encode(JSON.stringify(question) + "\n"));
    return JSON.parse(await this.#line()) as Measured;
  }

  /** Runs a load; for the load generator only. */
  load(load: Load): Promise<Measured> {
    return this.ask(load);
  }

  /** Null where the system does not tell as Linux does. */
  async resident(): Promise<Resident | null> {
    const status = await this.#told("status");
    if (status === null) return null;
    const megabytes = (field: string) =>
      Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) / 1024;
    return { now: megabytes("VmRSS"), peak: megabytes("VmHWM") };
  }

  /** Microseconds of a processor that the thread of the scripts had; null as with `resident`. */
  async threadTime(): Promise<number | null> {
    const told = await this.#told(`task/${this.#process.pid}/schedstat`);
    return told === null ? null : Number(told.split(" ")[0]) / 1000;
  }

  async #told(file: string): Promise<string | null> {
    // Deno itself opens files below /proc only for a process that may do everything.
    const cat = new Deno.Command("cat", {
      args: [`/proc/${this.#process.pid}/${file}`],
      stderr: "null",
    });
    const { success, stdout } = await cat.output();
    return success ? new TextDecoder().decode(stdout) : null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGTERM");
    } catch {
      // It has ended already.
    }
    await this.#process.status;
    await this.#input.abort().catch(() => {});
    await this.#drained.catch(() => {});
  }

  async #line(): Promise<string> {
    const { value, done } = await this.#output.next();
    if (done) throw new Error("A process of the bench ended early; see what it said above");
    return value;
  }

  /** What the service says once it listens: failures, which whoever runs the bench should see. */
  async #passOn(): Promise<void> {
    for (;;) {
      const { value, done } = await this.#output.next();
      if (done) return;
      if (!value.includes('"level":"info"')) console.error(value);
    }
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}
