/**
 * Stripe's own mock server, and the document that it publishes its API by: of the Go module
 * `github.com/stripe/stripe-mock`, fetched by the ordinary client and held to its checksum.
 */

const MODULE = "github.com/stripe/stripe-mock@v0.203.0";

async function go(args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const command = new Deno.Command("go", {
    args: [...args],
    env,
    stdout: "piped",
    stderr: "piped",
  });
  const { success, stdout, stderr } = await command.output();
  if (!success) throw new Error(`go ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** The text of Stripe's document: OpenAPI 3.0, 8 MB. */
export async function stripeDocument(): Promise<string> {
  const { Dir } = JSON.parse(await go(["mod", "download", "-json", MODULE]));
  return await Deno.readTextFile(`${Dir}/embedded/openapi/spec3.json`);
}

/** A mock of Stripe's API, built and started, on a port of its own. */
export class StripeMock implements AsyncDisposable {
  private constructor(readonly process: Deno.ChildProcess, readonly host: string) {}

  static async start(): Promise<StripeMock> {
    const folder = await Deno.makeTempDir();
    await go(["install", MODULE], { GOBIN: folder });
    const { port } = unused();
    const child = new Deno.Command(`${folder}/stripe-mock`, {
      args: ["-http-addr", `127.0.0.1:${port}`],
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const mock = new StripeMock(child, `127.0.0.1:${port}`);
    await listening(child);
    return mock;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill("SIGKILL");
    await this.process.status;
  }
}

function unused(): { readonly port: number } {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return { port: listener.addr.port };
}

/** Resolves when it says that it listens; what it says besides is read and left. */
async function listening(child: Deno.ChildProcess): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  void (async () => {
    let said = "";
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      said += text;
      if (/Listening/i.test(said)) resolve();
    }
    reject(new Error(`It ended: ${said}`));
  })().catch(reject);
  await promise;
}
