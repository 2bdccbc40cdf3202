import { fileURLToPath } from "node:url";
import { RUNS_PROGRAMS } from "../../lib/upstreams/host_file.ts";
import { NotAsTold } from "./story.ts";

const MAIN = new URL("../../main.ts", import.meta.url);
/** What pages are made of. */
const PAGES = ["static", "dist"].map((name) => fileURLToPath(new URL(name, MAIN)));
const READY_WITHIN_MS = 30_000;
const POLL_MS = 20;

/** What the first start is given, so that somebody can ask and somebody can decide. */
export interface Bootstrap {
  readonly management_key: string;
  /** Left out where the owner is set up by the link that the first start prints. */
  readonly approver_key?: string;
  readonly owner?: string;
}

/** What runs behind its gateway. */
export interface Behind {
  /** Programs of this host, as `config/upstreams.json` has them; all of them the same command. */
  readonly programs: Readonly<Record<string, { readonly command: string }>>;
  /** What of the environment they are given by name. */
  readonly variables: Readonly<Record<string, string>>;
  /** Hosts of this computer that may be upstreams. */
  readonly hosts: readonly string[];
}

/** A Countersign of its own process, with an empty store in a folder that is its own too. */
export class CountersignProcess implements AsyncDisposable {
  #said = "";
  readonly #drained: Promise<unknown>;

  private constructor(readonly url: string, readonly child: Deno.ChildProcess) {
    this.#drained = Promise.all([child.stdout, child.stderr].map((one) => this.#listen(one)));
  }

  /** Resolves when it answers. @throws {NotAsTold} when it ends, or stays silent for 30 seconds */
  static async start(
    folder: string,
    bootstrap: Bootstrap,
    behind: Behind | null = null,
  ): Promise<CountersignProcess> {
    const port = freePort();
    if (behind !== null) {
      await Deno.mkdir(`${folder}/config`);
      const file = JSON.stringify({ upstreams: behind.programs });
      await Deno.writeTextFile(`${folder}/config/upstreams.json`, file);
    }
    const commands = new Set(Object.values(behind?.programs ?? {}).map(({ command }) => command));
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-prompt",
        "--quiet",
        "--allow-net",
        "--allow-env",
        `--allow-read=${[folder, ...PAGES].join()}`,
        `--allow-write=${folder}`,
        ...(commands.size === 0 ? [] : [`--allow-run=${[...commands].join()}`]),
        MAIN.href,
        ...(commands.size === 0 ? [] : [RUNS_PROGRAMS]),
      ],
      cwd: folder,
      env: {
        ...behind?.variables,
        PORT: String(port),
        COUNTERSIGN_KV: `${folder}/countersign.kv`,
        COUNTERSIGN_URL: `http://localhost:${port}`,
        COUNTERSIGN_SECRET: randomText(48),
        COUNTERSIGN_SECRET_PREVIOUS: "",
        COUNTERSIGN_TRUSTED_PROXY: "",
        COUNTERSIGN_LOG: "failures",
        COUNTERSIGN_BOOTSTRAP_KEY: bootstrap.management_key,
        COUNTERSIGN_BOOTSTRAP_APPROVER_KEY: bootstrap.approver_key ?? "",
        COUNTERSIGN_BOOTSTRAP_OWNER: bootstrap.owner ?? "",
        COUNTERSIGN_PRIVATE_HOSTS: behind?.hosts.join() ?? "",
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const started = new CountersignProcess(`http://localhost:${port}`, child);
    try {
      await started.#ready();
    } catch (error) {
      await started[Symbol.asyncDispose]();
      throw error;
    }
    return started;
  }

  async #ready(): Promise<void> {
    let ended = false;
    this.child.status.then(() => ended = true);
    for (const deadline = Date.now() + READY_WITHIN_MS; Date.now() < deadline;) {
      if (ended) {
        await this.#drained;
        throw new NotAsTold(`Countersign ended at its start: ${this.#said}`);
      }
      const answer = await fetch(`${this.url}/healthz`).catch(() => null);
      await answer?.body?.cancel();
      if (answer?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    throw new NotAsTold(`Countersign did not answer within ${READY_WITHIN_MS / 1000} seconds`);
  }

  /** What a pattern finds in what it prints. @throws {NotAsTold} where that is not there in 30 seconds */
  async printed(pattern: RegExp): Promise<string> {
    for (const deadline = Date.now() + READY_WITHIN_MS; Date.now() < deadline;) {
      const [, found] = pattern.exec(this.#said) ?? [];
      if (found !== undefined) return found;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    throw new NotAsTold(`Countersign did not print ${pattern}`);
  }

  async #listen(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      this.#said += decoder.decode(chunk, { stream: true });
    }
  }

  /** Asks it to finish, and waits until it has. Gives its exit status. */
  async stop(): Promise<number> {
    try {
      this.child.kill("SIGTERM");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // It has ended already.
    }
    await this.#drained;
    return (await this.child.status).code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Base64url of random bytes: a key of the demo's own, good for one run. */
export function randomText(bytes: number): string {
  return crypto.getRandomValues(new Uint8Array(bytes)).toBase64({ alphabet: "base64url" });
}

function freePort(): number {
  using listener = Deno.listen({ port: 0 });
  return listener.addr.port;
}
