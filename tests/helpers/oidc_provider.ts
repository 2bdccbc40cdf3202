import { createServer } from "node:http";
import Provider from "oidc-provider";

/** A token request that the provider granted, or did not. */
export interface Granted {
  readonly grant_type: string;
  readonly refresh_token: string | null;
  readonly ok: boolean;
}

/**
 * `oidc-provider` as the authorization server of somebody else: it rotates refresh tokens and takes
 * all of them back when one comes twice, registers clients, demands PKCE, and binds tokens to a
 * resource. People sign in there as whoever they say they are.
 */
export class OidcProvider implements AsyncDisposable {
  readonly granted: Granted[] = [];
  /** The resources that tokens were asked for. */
  readonly resources: string[] = [];
  /** The access tokens that were issued, the newest last. */
  readonly access: string[] = [];
  /** Waited for before a refresh is looked at, and told once the answer to one has left. */
  onRefresh: { readonly arrived?: () => Promise<void>; readonly answered?: () => void } = {};

  private constructor(
    readonly issuer: string,
    readonly close: () => Promise<void>,
  ) {}

  /** @param documents gives the metadata documents of clients, where it takes those */
  static async start(
    documents: ((url: string) => Promise<Response>) | null = null,
  ): Promise<OidcProvider> {
    const server = createServer();
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", () => listening()));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("No port.");
    const issuer = `http://127.0.0.1:${address.port}`;
    const self = new OidcProvider(issuer, async () => {
      server.closeAllConnections();
      await new Promise<void>((closed) => server.close(() => closed()));
    });
    const provider = new Provider(issuer, {
      features: {
        registration: { enabled: true },
        devInteractions: { enabled: true },
        ...(documents === null
          ? {}
          : { clientIdMetadataDocument: { enabled: true, ack: "draft-02" } }),
        resourceIndicators: {
          enabled: true,
          defaultResource: () => "urn:none",
          useGrantedResource: () => true,
          getResourceServerInfo: (_context: unknown, resource: string) => {
            self.resources.push(resource);
            return { scope: "notes:run", audience: resource, accessTokenTTL: 3600 };
          },
        },
      },
      scopes: ["openid", "offline_access", "email"],
      claims: { openid: ["sub"], email: ["email"] },
      conformIdTokenClaims: false,
      findAccount: (_context: unknown, id: string) => ({
        accountId: id,
        claims: () => ({ sub: id, email: `${id}@accounts.example` }),
      }),
      ...(documents === null ? {} : { fetch: documents }),
      rotateRefreshToken: true,
      issueRefreshToken: () => true,
      pkce: { required: () => true },
      ttl: { AccessToken: 3600, RefreshToken: 86_400 },
      cookies: { keys: ["of a test"] },
    });
    type Context = {
      oidc: { params?: Record<string, string> };
      body?: { access_token?: string };
    };
    const note = (ok: boolean) => (context: Context) => {
      const { grant_type = "", refresh_token = null } = context.oidc.params ?? {};
      self.granted.push({ grant_type, refresh_token, ok });
      const token = context.body?.access_token;
      if (ok && token !== undefined) self.access.push(token);
    };
    provider.on("grant.success", note(true));
    provider.on("grant.error", note(false));
    const answer = provider.callback();
    server.on("request", (request, response) => {
      // Of codes nobody is told: they are no refreshes.
      const { arrived, answered } = request.url === "/token" ? self.onRefresh : {};
      if (answered !== undefined) response.once("finish", answered);
      if (arrived === undefined) void answer(request, response);
      else void arrived().then(() => answer(request, response));
    });
    return self;
  }

  /** Registers a client whose people come back to an address. */
  async registered(redirect_uri: string): Promise<string> {
    const answer = await fetch(`${this.issuer}/reg`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        application_type: "native",
        redirect_uris: [redirect_uri],
        grant_types: ["authorization_code", "refresh_token"],
        token_endpoint_auth_method: "none",
      }),
    });
    return (await answer.json()).client_id;
  }

  /** The first refresh token of somebody who signs in and consents for a registered client. */
  async refreshTokenFor(client_id: string, redirect_uri: string): Promise<string> {
    const verifier = crypto.randomUUID() + crypto.randomUUID();
    const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
    const code_challenge = new Uint8Array(hash)
      .toBase64({ alphabet: "base64url", omitPadding: true });
    const query = new URLSearchParams({
      client_id,
      redirect_uri,
      response_type: "code",
      scope: "openid offline_access",
      prompt: "consent",
      code_challenge,
      code_challenge_method: "S256",
    });
    const back = await consentAt(`${this.issuer}/auth?${query}`, "ann", redirect_uri);
    const answer = await fetch(`${this.issuer}/token`, {
      method: "POST",
      body: new URLSearchParams({
        grant_type: "authorization_code",
        code: back.searchParams.get("code") ?? "",
        client_id,
        redirect_uri,
        code_verifier: verifier,
      }),
    });
    return (await answer.json()).refresh_token;
  }

  get host(): string {
    return new URL(this.issuer).host;
  }

  get refreshes(): Granted[] {
    return this.granted.filter(({ grant_type }) => grant_type === "refresh_token");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * What a person does at the provider, from the address that they were sent to: signs in, consents, and
 * comes back. The address that they come back to.
 */
export async function consentAt(address: string, login: string, back: string): Promise<URL> {
  const jar = new Map<string, string>();
  let url = new URL(address);
  let form: URLSearchParams | null = null;
  for (let steps = 0; steps < 20; steps++) {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer: Response = await fetch(url, {
      method: form === null ? "GET" : "POST",
      redirect: "manual",
      headers: { cookie, ...(form === null ? {} : { "content-type": FORM }) },
      ...(form === null ? {} : { body: form.toString() }),
    });
    for (const line of answer.headers.getSetCookie()) {
      const [name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line)?.slice(1) ?? [];
      if (value === "") jar.delete(name);
      else jar.set(name, value);
    }
    const text = await answer.text();
    const to: string | null = answer.headers.get("location");
    if (to !== null) {
      url = new URL(to, url);
      form = null;
      if (url.href.startsWith(back)) return url;
      continue;
    }
    const action = /<form[^>]*action="([^"]+)"/.exec(text)?.[1];
    const prompt = /name="prompt" value="([a-z]+)"/.exec(text)?.[1];
    if (action === undefined || prompt === undefined) throw new Error(`No form: ${text}`);
    url = new URL(action.replaceAll("&amp;", "&"), url);
    form = new URLSearchParams({ prompt, ...(prompt === "login" ? { login, password: "x" } : {}) });
  }
  throw new Error("The provider sends in circles.");
}

const FORM = "application/x-www-form-urlencoded";
