import assert from "node:assert/strict";
import { walk } from "../../examples/oauth_walk.ts";
import { MCP_TOOLS } from "../../routes/mcp/tools.ts";
import { OAuthWorld } from "../helpers/oauth_world.ts";

/** What the person's browser does at the page that it is sent to. */
type Browser = (consent: URL, world: OAuthWorld) => Promise<void>;

/** Walks to a world in which a person answers; what was told, and how it ended. */
async function walked(
  world: OAuthWorld,
  browser: Browser,
): Promise<{ readonly told: string[]; readonly ended: readonly string[] | string }> {
  const told: string[] = [];
  const answered: Promise<void>[] = [];
  const ended = await walk(world.resource, {
    say: (line) => told.push(line),
    open: (consent) => answered.push(browser(consent, world)),
  }).catch((error: Error) => error.message);
  await Promise.all(answered);
  return { told, ended };
}

/** Goes where a page of the server leads. */
async function follow(url: string | URL): Promise<number> {
  const response = await fetch(url);
  await response.body?.cancel();
  return response.status;
}

/** Where the server sends the browser of a person who allows what is asked. */
async function allowed({ search }: URL, world: OAuthWorld): Promise<URL> {
  const got = await world.tick(search.slice(1));
  assert.equal(got.status, 200, got.text);
  return new URL(got.body.redirect);
}

Deno.test("the walk goes from a 401 to the tools, and takes everything back", async () => {
  await using world = await OAuthWorld.start();
  const { told, ended } = await walked(world, async (consent, world) => {
    assert.equal(await follow(await allowed(consent, world)), 200);
  });
  assert.deepEqual(ended, MCP_TOOLS.map(({ name }) => name));
  assert.deepEqual(told.map((line) => line[0]), ["1", "2", "3", "4", "5", "6", "7", "8"]);
  assert.doesNotMatch(told.join("\n"), /cs_(at|rt)_|code=/, "codes and tokens are not told");
});

Deno.test("an answer with another state is none, and the right one still counts", async () => {
  await using world = await OAuthWorld.start();
  const { ended } = await walked(world, async (consent, world) => {
    const answer = await allowed(consent, world);
    const forged = new URL(answer);
    forged.searchParams.set("state", "another");
    assert.equal(await follow(forged), 404);
    assert.equal(await follow(new URL("/elsewhere" + answer.search, answer)), 404);
    assert.equal(await follow(answer), 200);
  });
  assert.equal(ended.length, MCP_TOOLS.length);
});

Deno.test("a code of another issuer is not sent to this one", async () => {
  await using world = await OAuthWorld.start();
  const { told, ended } = await walked(world, async (consent, world) => {
    const mixed = await allowed(consent, world);
    mixed.searchParams.set("iss", "https://attacker.example");
    await follow(mixed);
  });
  assert.equal(ended, `The answer comes from https://attacker.example, not from ${world.origin}`);
  assert.equal(told.length, 5);
});

Deno.test("a denial ends the walk in words", async () => {
  await using world = await OAuthWorld.start();
  const { ended } = await walked(world, async (consent, world) => {
    const html = await (await world.authorize(consent.search.slice(1))).text();
    const deny = /href="(http:\/\/127\.0\.0\.1[^"]*access_denied[^"]*)"/.exec(html)?.[1];
    await follow((deny ?? assert.fail(html)).replaceAll("&amp;", "&"));
  });
  assert.match(String(ended), /^No code was given: access_denied/);
});

/** A server of somebody else, which answers each path with JSON. */
function stranger(answers: (origin: string) => Record<string, Response>) {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const { origin, pathname } = new URL(request.url);
    return answers(origin)[pathname] ?? new Response(null, { status: 404 });
  });
  const origin = `http://127.0.0.1:${server.addr.port}`;
  return { origin, [Symbol.asyncDispose]: () => server.shutdown() };
}

/** A 401 that leads to metadata about `resource`, of an authorization server that says it is `issuer`. */
function strangers(claims: { readonly resource?: string; readonly issuer?: string }) {
  return stranger((origin) => ({
    "/mcp": new Response(null, {
      status: 401,
      headers: { "www-authenticate": `Bearer resource_metadata="${origin}/resource"` },
    }),
    "/resource": Response.json({
      resource: claims.resource ?? `${origin}/mcp`,
      authorization_servers: [origin],
    }),
    "/.well-known/oauth-authorization-server": Response.json({
      issuer: claims.issuer ?? origin,
    }),
  }));
}

/** How a walk to a stranger's endpoint ends. */
async function endOf(endpoint: string): Promise<string> {
  const company = { say: () => {}, open: () => assert.fail("nobody is to be asked") };
  const ended = await walk(endpoint, company).catch((error: Error) => error.message);
  return String(ended);
}

Deno.test("metadata that speaks for another resource or server ends the walk before anybody is asked", async () => {
  const good = "https://countersign.example.com";
  await using resource = strangers({ resource: `${good}/mcp` });
  assert.match(await endOf(`${resource.origin}/mcp`), /is about https:\/\/countersign\.example/);
  await using issuer = strangers({ issuer: good });
  assert.match(await endOf(`${issuer.origin}/mcp`), /speaks for https:\/\/countersign\.example/);
  await using weak = strangers({});
  assert.match(await endOf(`${weak.origin}/mcp`), /does not support PKCE with S256/);
  assert.match(await endOf(`${weak.origin}/elsewhere`), /answered 404 without naming/);
  assert.match(await endOf("http://example.com/mcp"), /neither https nor on this computer/);
});
