/** What a provider does with a refresh token instead of rotating it. */
export type Instead = (refresh: string) => Response | Promise<Response> | null;

/**
 * An authorization server over real HTTP that rotates refresh tokens, and takes all of them back when
 * one comes a second time, as real ones do.
 */
export class RotatingProvider implements AsyncDisposable {
  /** Each refresh token that arrived, in order. */
  readonly received: string[] = [];
  /** The forms of all token requests. */
  readonly forms: URLSearchParams[] = [];
  expires_in: number | null = 3600;
  instead: Instead = () => null;
  /** Whether a refresh gives a new refresh token. */
  rotates = true;
  #issued = 0;
  #current: string | null;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(first = "refresh-token-0") {
    this.#current = first;
    this.#server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen: () => {}, onError: () => new Response(null) },
      (request) => this.#serve(request),
    );
  }

  get issuer(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  get host(): string {
    return new URL(this.issuer).host;
  }

  /** The access token that is good now. */
  get access(): string {
    return `access-token-${this.#issued}`;
  }

  /** Takes all tokens back. */
  revoke(): void {
    this.#current = null;
  }

  async #serve(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/.well-known/oauth-authorization-server") {
      return Response.json({ issuer: this.issuer, token_endpoint: `${this.issuer}/token` });
    }
    if (pathname !== "/token") return new Response(null, { status: 404 });
    const form = new URLSearchParams(await request.text());
    this.forms.push(form);
    const refresh = form.get("refresh_token") ?? "";
    this.received.push(refresh);
    const instead = await this.instead(refresh);
    if (instead !== null) return instead;
    if (refresh !== this.#current) {
      this.#current = null;
      return Response.json({ error: "invalid_grant" }, { status: 400 });
    }
    return this.issue();
  }

  /** New tokens, which take the place of those before. */
  issue(): Response {
    this.#issued++;
    if (this.rotates) this.#current = `refresh-token-${this.#issued}`;
    return Response.json({
      token_type: "Bearer",
      access_token: this.access,
      ...(this.rotates ? { refresh_token: this.#current } : {}),
      ...(this.expires_in === null ? {} : { expires_in: this.expires_in }),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}
