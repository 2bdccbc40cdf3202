/**
 * Connects to the MCP endpoint of a Countersign as a host does, knowing nothing but its address, and
 * tells every step:
 *
 *     deno run --allow-net examples/oauth_walk.ts http://localhost:8000/mcp
 *
 * Needs nothing but Deno. Open the address that it prints, allow what it asks for, and see the tools;
 * then everything that was granted is taken back.
 */
const REVISION = "2026-07-28";
const CALLBACK = "/callback";
const PATIENCE_MS = 15_000;

/** Something was not as a client has to find it; the message says what. */
export class WalkEnded extends Error {}

export interface Company {
  /** Told to whoever watches, line by line. Codes and tokens are not. */
  readonly say: (line: string) => void;
  /** Sends a person to the page that asks them. */
  readonly open: (consent: URL) => void;
}

/** The whole way, from the first refusal to the last. Gives the names of the tools. */
export async function walk(endpoint: string, { say, open }: Company): Promise<readonly string[]> {
  const { metadata, scope } = await asksWithoutToken(endpoint);
  say(`1. ${endpoint} refuses whoever has no token, and says where to look: ${metadata}`);

  const issuer = await authorizationServer(metadata, endpoint);
  say(`2. Tokens for it come from ${issuer}`);

  const server = await serverMetadata(issuer);
  say(`3. People are asked at ${server.authorize}`);

  await using listener = listen();
  const redirect_uri = listener.origin + CALLBACK;
  const client_id = await register(server.register, redirect_uri);
  say(`4. This program is registered as ${client_id}, and listens at ${redirect_uri}`);

  // PKCE (RFC 7636): whoever catches the code cannot use it without the verifier, which stays here.
  const code_verifier = random();
  const state = random();
  const consent = new URL(server.authorize);
  const asked = {
    response_type: "code",
    client_id,
    redirect_uri,
    scope,
    state,
    code_challenge: base64url(await sha256(code_verifier)),
    code_challenge_method: "S256",
    resource: endpoint,
  };
  for (const [name, value] of Object.entries(asked)) consent.searchParams.set(name, value);
  say("5. A person has to allow or deny it in their browser");
  const answer = listener.answer(state);
  open(consent);

  const code = codeOf(await answer, issuer);
  const granted = await post(server.token, {
    grant_type: "authorization_code",
    client_id,
    code,
    code_verifier,
    redirect_uri,
    resource: endpoint,
  });
  const access = text(granted, "access_token", server.token);
  const refresh = text(granted, "refresh_token", server.token);
  say(`6. The code is exchanged for a token, good for: ${text(granted, "scope", server.token)}`);

  let tools: readonly string[];
  try {
    tools = await listTools(endpoint, access);
    say(`7. With it, these tools are there: ${tools.join(", ")}`);
  } finally {
    // RFC 7009: with the refresh token all that was granted ends.
    await post(server.revoke, { client_id, token: refresh });
  }
  const { status } = await callMcp(endpoint, "tools/list", access);
  if (status !== 401) throw new WalkEnded(`A revoked token was answered with ${status}, not 401`);
  say("8. Everything that was granted is revoked: the same token is refused now");
  return tools;
}

/** RFC 9728 section 5.1: the refusal names the metadata, and the scopes to ask for. */
async function asksWithoutToken(endpoint: string) {
  const response = await callMcp(endpoint, "tools/list", null);
  const challenge = response.headers.get("www-authenticate") ?? "";
  const metadata = /resource_metadata="([^"]+)"/.exec(challenge)?.[1];
  if (response.status !== 401 || metadata === undefined) {
    throw new WalkEnded(
      `${endpoint} answered ${response.status} without naming its metadata: is it an MCP endpoint?`,
    );
  }
  return { metadata, scope: /scope="([^"]+)"/.exec(challenge)?.[1] ?? "" };
}

/** RFC 9728 section 3.3: metadata of another resource would have tokens for that one sent here. */
async function authorizationServer(metadata: string, endpoint: string): Promise<string> {
  const found = await getJson(metadata);
  if (found.resource !== endpoint) {
    throw new WalkEnded(`${metadata} is about ${found.resource}, not about ${endpoint}`);
  }
  const [issuer] = Array.isArray(found.authorization_servers) ? found.authorization_servers : [];
  if (typeof issuer !== "string") throw new WalkEnded(`${metadata} names no authorization server`);
  return issuer;
}

/** RFC 8414 section 3: the well-known name stands before the path of the issuer. */
async function serverMetadata(issuer: string) {
  const { origin, pathname } = new URL(issuer);
  const path = pathname === "/" ? "" : pathname;
  const url = `${origin}/.well-known/oauth-authorization-server${path}`;
  const found = await getJson(url);
  // Section 3.3: or anybody could speak for another server.
  if (found.issuer !== issuer) throw new WalkEnded(`${url} speaks for ${found.issuer}`);
  const methods = found.code_challenge_methods_supported;
  if (!Array.isArray(methods) || !methods.includes("S256")) {
    throw new WalkEnded(`${issuer} does not support PKCE with S256`);
  }
  return {
    authorize: text(found, "authorization_endpoint", url),
    token: text(found, "token_endpoint", url),
    register: text(found, "registration_endpoint", url),
    revoke: text(found, "revocation_endpoint", url),
  };
}

/** RFC 7591. A host that has a metadata document of its own uses its address as client_id instead. */
async function register(url: string, redirect_uri: string): Promise<string> {
  const response = await send(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      client_name: "OAuth walk-through",
      application_type: "native",
      redirect_uris: [redirect_uri],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
    }),
  });
  return text(await jsonOf(response, url), "client_id", url);
}

/** RFC 8252 section 7.3: on this computer alone, at a port that was free. */
function listen() {
  const { promise, resolve } = Promise.withResolvers<URLSearchParams>();
  let expected: string | null = null;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const { pathname, searchParams } = new URL(request.url);
    // Any page can send a browser here: only the answer to our own question counts.
    if (pathname !== CALLBACK || expected === null || searchParams.get("state") !== expected) {
      return new Response("This is no answer to what was asked.\n", { status: 404 });
    }
    resolve(searchParams);
    return new Response("Done: go back to the terminal. You can close this window.\n");
  });
  return {
    origin: `http://127.0.0.1:${server.addr.port}`,
    answer(state: string): Promise<URLSearchParams> {
      expected = state;
      return promise;
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** RFC 9207 section 2.4: a code of another server must not be sent to this one. */
function codeOf(answer: URLSearchParams, issuer: string): string {
  if (answer.get("iss") !== issuer) {
    throw new WalkEnded(`The answer comes from ${answer.get("iss")}, not from ${issuer}`);
  }
  const code = answer.get("code");
  if (code === null) {
    const why = [answer.get("error"), answer.get("error_description")].filter(Boolean).join(": ");
    throw new WalkEnded(`No code was given: ${why}`);
  }
  return code;
}

async function listTools(endpoint: string, token: string): Promise<readonly string[]> {
  const response = await callMcp(endpoint, "tools/list", token);
  if (response.status !== 200) throw new WalkEnded(`The token was answered ${response.status}`);
  // One message, alone or as the last event of a stream.
  const said = /^data: (.*)$/m.exec(response.said)?.[1] ?? response.said;
  const { result } = JSON.parse(said) as { result: { tools: { name: string }[] } };
  return result.tools.map(({ name }) => name);
}

/** One request in the revision of MCP that needs no handshake. */
async function callMcp(endpoint: string, method: string, token: string | null) {
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": REVISION,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": { name: "oauth_walk", version: "1.0.0" },
  };
  const response = await send(endpoint, {
    method: "POST",
    headers: {
      accept: "application/json, text/event-stream",
      "content-type": "application/json",
      "mcp-protocol-version": REVISION,
      "mcp-method": method,
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: { _meta } }),
  });
  return { status: response.status, headers: response.headers, said: await response.text() };
}

type Json = Readonly<Record<string, unknown>>;

async function getJson(url: string): Promise<Json> {
  return await jsonOf(await send(url), url);
}

async function post(url: string, form: Record<string, string>): Promise<Json> {
  return await jsonOf(await send(url, { method: "POST", body: new URLSearchParams(form) }), url);
}

/** Codes and tokens go to this address and nowhere it might lead to. */
async function send(url: string, init: RequestInit = {}): Promise<Response> {
  const { protocol, hostname } = new URL(url);
  if (protocol !== "https:" && !["localhost", "127.0.0.1", "[::1]"].includes(hostname)) {
    throw new WalkEnded(`${url} is neither https nor on this computer`);
  }
  return await fetch(url, { ...init, redirect: "error", signal: AbortSignal.timeout(PATIENCE_MS) });
}

async function jsonOf(response: Response, url: string): Promise<Json> {
  const said = await response.text();
  if (!response.ok) throw new WalkEnded(`${url} answered ${response.status}: ${said}`);
  return said === "" ? {} : JSON.parse(said);
}

function text(from: Json, name: string, url: string): string {
  const value = from[name];
  if (typeof value === "string") return value;
  throw new WalkEnded(`The answer of ${url} has no ${name}`);
}

function random(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

async function sha256(words: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(words)));
}

function base64url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

if (import.meta.main) {
  // A host would open the browser itself.
  const open = (consent: URL) => console.log(`\n   Open this: ${consent}\n`);
  try {
    await walk(Deno.args[0] ?? "http://localhost:8000/mcp", { say: console.log, open });
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
