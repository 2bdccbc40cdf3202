/** What stands between a guard and Countersign, and does what networks, proxies and thieves do. */

/** `stolen` uses the token up first; `replayed` gives the answers of the first run once more. */
export type Fault = "none" | "slow" | "error" | "malformed" | "stolen" | "replayed";

/** Which of the guard's two questions it strikes: for a token, or right before the body. */
export type Stage = "authorize" | "consume";

const ASKING = /^\/v1\/(permissions\/check|tokens\/mint)$/;
const CONSUMING = "/v1/tokens/consume";

export class FaultyWay implements AsyncDisposable {
  readonly #kept = new Map<string, Response>();
  readonly #stop = new AbortController();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(readonly origin: string, readonly fault: Fault, readonly stage: Stage) {
    this.#server = Deno.serve(
      {
        port: 0,
        hostname: "127.0.0.1",
        onListen: () => {},
        // Whoever asked has gone.
        onError: () => new Response(null, { status: 500 }),
        signal: this.#stop.signal,
      },
      (request) => this.#answer(request),
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const struck = this.stage === "consume" ? pathname === CONSUMING : ASKING.test(pathname);
    const body = await request.text();
    if (!struck) return await this.#passed(request, body);
    switch (this.fault) {
      case "none":
        return await this.#passed(request, body);
      case "slow":
        return await new Promise<Response>((resolve) => {
          this.#stop.signal.addEventListener("abort", () => resolve(new Response()));
        });
      case "error":
        return new Response("Internal Server Error", { status: 500 });
      case "malformed":
        // What a hasty reader takes for a yes.
        return Response.json({ allowed: true, permission: "allowed", token: "cs_run_x", ok: true });
      case "stolen": {
        const stolen = await this.#passed(request, body, true);
        if (!stolen.ok) throw new Error(`The thief got ${stolen.status}: ${await stolen.text()}`);
        await stolen.body?.cancel();
        return await this.#passed(request, body);
      }
      case "replayed": {
        // A guard may ask twice: what is in the way, and then for the token.
        const asked = `${pathname} ${JSON.parse(body).mint}`;
        const kept = this.#kept.get(asked) ?? await this.#passed(request, body);
        this.#kept.set(asked, kept.clone());
        return kept;
      }
    }
  }

  /** The same request to the service; as somebody else's, it is no repetition of the guard's. */
  async #passed(request: Request, body: string, asAnother = false): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const headers = new Headers(request.headers);
    for (const name of ["host", "content-length"]) headers.delete(name);
    if (asAnother) headers.delete("idempotency-key");
    const answer = await fetch(`${this.origin}${pathname}${search}`, {
      method: request.method,
      headers,
      ...(body === "" ? {} : { body }),
    });
    return new Response(await answer.text(), { status: answer.status, headers: answer.headers });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#server.finished;
  }
}
