import { NotAsTold } from "./story.ts";

const MAIN = new URL("../../main.ts", import.meta.url);
const READY_WITHIN_MS = 30_000;
const POLL_MS = 20;

/** What the first start is given, so that somebody can ask and somebody can decide. */
export interface Bootstrap {
  readonly management_key: string;
  readonly approver_key: string;
  readonly owner: string;
}

/** A Countersign of its own process, with an empty store in a folder that is its own too. */
export class CountersignProcess implements AsyncDisposable {
  private constructor(
    readonly url: string,
    readonly child: Deno.ChildProcess,
    /** What it wrote to standard error, once it has ended. */
    readonly errors: Promise<string>,
  ) {}

  /** Resolves when it answers. @throws {NotAsTold} when it ends, or stays silent for 30 seconds */
  static async start(folder: string, bootstrap: Bootstrap): Promise<CountersignProcess> {
    const port = freePort();
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-prompt",
        "--quiet",
        "--allow-net",
        "--allow-env",
        `--allow-read=${folder}`,
        `--allow-write=${folder}`,
        MAIN.href,
      ],
      cwd: folder,
      env: {
        PORT: String(port),
        COUNTERSIGN_KV: `${folder}/countersign.kv`,
        COUNTERSIGN_URL: `http://localhost:${port}`,
        COUNTERSIGN_SECRET: randomText(48),
        COUNTERSIGN_SECRET_PREVIOUS: "",
        COUNTERSIGN_TRUSTED_PROXY: "",
        COUNTERSIGN_LOG: "failures",
        COUNTERSIGN_BOOTSTRAP_KEY: bootstrap.management_key,
        COUNTERSIGN_BOOTSTRAP_APPROVER_KEY: bootstrap.approver_key,
        COUNTERSIGN_BOOTSTRAP_OWNER: bootstrap.owner,
      },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const errors = new Response(child.stderr).text();
    const started = new CountersignProcess(`http://localhost:${port}`, child, errors);
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
      if (ended) throw new NotAsTold(`Countersign ended at its start: ${await this.errors}`);
      const answer = await fetch(`${this.url}/healthz`).catch(() => null);
      await answer?.body?.cancel();
      if (answer?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    throw new NotAsTold(`Countersign did not answer within ${READY_WITHIN_MS / 1000} seconds`);
  }

  /** Asks it to finish, and waits until it has. Gives its exit status. */
  async stop(): Promise<number> {
    try {
      this.child.kill("SIGTERM");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // It has ended already.
    }
    await this.errors;
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
