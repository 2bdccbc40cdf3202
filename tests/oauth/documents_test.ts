import assert from "node:assert/strict";
import { clientOf } from "../../lib/oauth/client.ts";
import {
  DocumentLimits,
  documentUrlProblem,
  FAILURE_MS,
  FetchedDocuments,
  FETCHES_A_HOST,
  freshFor,
  isJsonType,
  KEPT_MS,
  NEW_HOSTS,
  readClientDocument,
} from "../../lib/oauth/documents.ts";
import type { FoundClient } from "../../lib/services.ts";
import { oauthDocumentKey } from "../../lib/store/keys.ts";
import { StoreUnavailable } from "../../lib/store/kv.ts";
import { systemRandom, systemTimer } from "../../lib/store/system.ts";
import { Countersign, TestClock } from "../helpers/countersign.ts";
import { StrangerSites } from "../helpers/stranger_sites.ts";

const URL_OF = "https://claude.ai/oauth/mcp-oauth-client-metadata";
const REDIRECT = "https://claude.ai/api/mcp/auth_callback";
const DOCUMENT = { client_id: URL_OF, client_name: "Claude", redirect_uris: [REDIRECT] };
const CLIENT: FoundClient = {
  client: {
    id: URL_OF,
    kind: "metadata_document",
    name: "Claude",
    redirect_uris: [REDIRECT],
    host: "claude.ai",
  },
};
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** Documents over an internet, a store and a clock of a test's own. */
class World implements Disposable {
  readonly clock = new TestClock();
  readonly sites = new StrangerSites();
  readonly warnings: unknown[] = [];
  readonly documents: FetchedDocuments;

  private constructor(readonly kv: Deno.Kv) {
    this.documents = this.node();
  }

  static async make(): Promise<World> {
    return new World(await Deno.openKv(":memory:"));
  }

  /** One more process over the same store. */
  node(): FetchedDocuments {
    return new FetchedDocuments({
      random: systemRandom,
      kv: this.kv,
      now: () => this.clock.now,
      timer: systemTimer,
      strangers: this.sites.fetch,
      log: (...line) => void this.warnings.push(line),
    });
  }

  get(url = URL_OF): Promise<FoundClient> {
    return this.documents.get(url);
  }

  async refusal(url = URL_OF): Promise<string> {
    const found = await this.get(url);
    assert.ok("refused" in found, JSON.stringify(found));
    assert.match(found.why, /^[A-Z].*\.$/);
    return found.refused;
  }

  get asked(): number {
    return this.sites.asked.length;
  }

  [Symbol.dispose](): void {
    this.kv.close();
  }
}

function read(document: unknown) {
  const text = typeof document === "string" ? document : JSON.stringify(document);
  return readClientDocument(URL_OF, new TextEncoder().encode(text));
}

Deno.test("documentUrlProblem() takes an https URL with a path, written in one way", () => {
  for (
    const url of [
      URL_OF,
      "https://chatgpt.com/oauth/codex/abc/client.json",
      "https://client.example/a?b=c",
      "https://client.example/a/",
      "https://xn--bcher-kva.example/client.json",
    ]
  ) assert.equal(documentUrlProblem(url), null, url);
  for (
    const url of [
      "https://client.example",
      "https://client.example/",
      "https://client.example/?x",
      "https://client.example/a#b",
      "https://client.example/a#",
      "https://user@client.example/a",
      "https://client.example/a/../b",
      "https://client.example/./a",
      "https://client.example/a/.",
      "https://client.example/a/%2e%2e/b",
      "https://client.example/%2E/a",
      "https://client.example\\a",
      "https:client.example/a",
      "https:///client.example/a",
      "https://CLIENT.example/a",
      "HTTPS://client.example/a",
      "https://client.example:443/a",
      "https://client.example:8443/a",
      "https://client%2eexample/a",
      "https://bücher.example/a",
      "https://client.example/ä",
      "https://client.example./a",
      "https://127.0.0.1/a",
      "https://localhost/a",
      "http://client.example/a",
      " https://client.example/a",
      "https://client.example/a\n",
    ]
  ) assert.notEqual(documentUrlProblem(url), null, url);
});

Deno.test("readClientDocument() takes a public client, and ignores what it does not know", () => {
  const taken = { name: "Claude", redirect_uris: [REDIRECT] };
  assert.deepEqual(read(DOCUMENT), taken);
  assert.deepEqual(read({ ...DOCUMENT, token_endpoint_auth_method: "none" }), taken);
  assert.deepEqual(
    read({ ...DOCUMENT, logo_uri: "javascript:x", scope: 1, grant_types: ["x"], jwks: null }),
    taken,
  );
  const uris = [
    "javascript:alert(1)",
    "http://127.0.0.1/callback",
    "http://evil.example/",
    REDIRECT,
  ];
  assert.deepEqual(read({ ...DOCUMENT, redirect_uris: uris }), {
    name: "Claude",
    redirect_uris: ["http://127.0.0.1/callback", REDIRECT],
  });
});

Deno.test("readClientDocument() says what is wrong with a document that it does not take", () => {
  for (
    const [document, problem] of [
      ["", /not JSON/],
      ["<!doctype html>", /not JSON/],
      [`${JSON.stringify(DOCUMENT)}x`, /not JSON/],
      [`{"client_id":"${URL_OF}",${JSON.stringify(DOCUMENT).slice(1)}`, /not JSON/],
      [`\ufeff${JSON.stringify(DOCUMENT)}`, /not UTF-8/],
      ["[".repeat(100) + "]".repeat(100), /not JSON/],
      [[DOCUMENT], /not a JSON object/],
      ["null", /not a JSON object/],
      [{ ...DOCUMENT, client_id: undefined }, /another client_id/],
      [{ ...DOCUMENT, client_id: `${URL_OF}/` }, /another client_id/],
      [{ ...DOCUMENT, client_id: [URL_OF] }, /another client_id/],
      [{ ...DOCUMENT, client_name: undefined }, /no client_name/],
      [{ ...DOCUMENT, client_name: " " }, /no client_name/],
      [{ ...DOCUMENT, client_name: 1 }, /no client_name/],
      [{ ...DOCUMENT, redirect_uris: undefined }, /1 to 50 redirect_uris/],
      [{ ...DOCUMENT, redirect_uris: [] }, /1 to 50 redirect_uris/],
      [{ ...DOCUMENT, redirect_uris: REDIRECT }, /1 to 50 redirect_uris/],
      [{ ...DOCUMENT, redirect_uris: [REDIRECT, 1] }, /1 to 50 redirect_uris/],
      [{ ...DOCUMENT, redirect_uris: Array(51).fill(REDIRECT) }, /1 to 50 redirect_uris/],
      [{ ...DOCUMENT, redirect_uris: ["javascript:x"] }, /no redirect address/],
      [{ ...DOCUMENT, client_secret: "s" }, /client_secret/],
      [{ ...DOCUMENT, token_endpoint_auth_method: "private_key_jwt" }, /private_key_jwt/],
      [{ ...DOCUMENT, token_endpoint_auth_method: "client_secret_basic" }, /public client/],
      [{ ...DOCUMENT, token_endpoint_auth_method: null }, /public client/],
    ] as const
  ) {
    const got = read(document);
    assert.ok("problem" in got, JSON.stringify(document));
    assert.match(got.problem, problem, JSON.stringify(document).slice(0, 200));
  }
  const latin1 = Uint8Array.from(
    JSON.stringify({ ...DOCUMENT, client_name: "Grüße" }),
    (letter) => letter.charCodeAt(0),
  );
  assert.deepEqual(readClientDocument(URL_OF, latin1), { problem: "is not UTF-8" });
});

Deno.test("isJsonType() knows JSON's content types", () => {
  for (
    const type of [
      "application/json",
      "Application/JSON; charset=utf-8",
      "application/json ;x",
      "application/client-metadata+json",
    ]
  ) assert.ok(isJsonType(type), type);
  for (
    const type of [
      null,
      "",
      "text/html",
      "text/json",
      "application/jsonp",
      "application/json, text/html",
      "text/plain; application/json",
    ]
  ) assert.ok(!isJsonType(type), String(type));
});

Deno.test("freshFor() is what the answer says, between 5 minutes and a day", () => {
  const fresh = (cacheControl: string | null, age?: string) => {
    const headers = new Headers();
    if (cacheControl !== null) headers.set("cache-control", cacheControl);
    if (age !== undefined) headers.set("age", age);
    return freshFor(headers) / MINUTE;
  };
  assert.equal(fresh(null), 60);
  assert.equal(fresh("public"), 60);
  assert.equal(fresh("public, max-age=7200, s-maxage=1"), 120);
  assert.equal(fresh('Max-Age="7200"'), 120);
  assert.equal(fresh("max-age=7200", "1200"), 100);
  assert.equal(fresh("max-age=7200, max-age=3600"), 60);
  assert.equal(fresh("max-age=0"), 5);
  assert.equal(fresh("max-age=600", "9999999"), 5);
  assert.equal(fresh("no-store"), 5);
  assert.equal(fresh("max-age=7200, no-cache"), 5);
  assert.equal(fresh("max-age=9999999999"), 24 * 60);
  assert.equal(fresh("max-age=-1"), 60);
  assert.equal(fresh("max-age=7200", "-5"), 120);
});

Deno.test("a document is fetched once, kept for as long as it says, and fetched again", async () => {
  using world = await World.make();
  const { sites, clock } = world;
  assert.equal(await world.refusal(), "document_unreachable");
  clock.advance(FAILURE_MS);
  sites.answer(URL_OF, { body: DOCUMENT, headers: { "cache-control": "max-age=3600" } });
  assert.deepEqual(await world.get(), CLIENT);
  const [, request] = sites.asked;
  assert.deepEqual(
    [request?.method, request?.limit_ms, request?.max_body, request?.headers],
    ["GET", 5000, 10_240, { accept: "application/json" }],
  );
  clock.advance(HOUR - 1);
  assert.deepEqual(await world.get(), CLIENT);
  assert.deepEqual(await world.node().get(URL_OF), CLIENT);
  assert.equal(world.asked, 2);
  clock.advance(1);
  sites.answer(URL_OF, { body: { ...DOCUMENT, client_name: "Claude 2" } });
  const found = await world.get();
  assert.equal("client" in found && found.client.name, "Claude 2");
  assert.equal(world.asked, 3);
});

Deno.test("while a document cannot be fetched its copy serves, for seven days", async () => {
  for (
    const outage of [
      "unreachable",
      "redirected",
      "answer_malformed",
      "address_refused",
      { status: 403, headers: { "content-type": "text/html" } },
      { status: 404 },
      { status: 500 },
      { status: 200, headers: { "content-type": "text/html" }, body: "<!doctype html>" },
    ] as const
  ) {
    using world = await World.make();
    const { sites, clock } = world;
    sites.answer(URL_OF, { body: DOCUMENT });
    await world.get();
    sites.answer(URL_OF, outage);
    clock.advance(HOUR);
    assert.deepEqual(await world.get(), CLIENT, JSON.stringify(outage));
    assert.deepEqual(world.warnings, [[
      "warn",
      "A client's document cannot be fetched; the copy of it serves",
      { host: "claude.ai", fetched_at: "2026-01-01T00:00:00.000Z" },
    ]]);
    // Not fetched again for half a minute, whoever asks.
    assert.deepEqual(await world.get(), CLIENT);
    assert.equal(world.asked, 2);
    clock.advance(KEPT_MS - HOUR - 1);
    assert.deepEqual(await world.get(), CLIENT);
    clock.advance(FAILURE_MS);
    assert.equal(await world.refusal(), "document_unreachable");
  }
});

Deno.test("a copy does not serve against what the document says now, not in an outage after it either", async () => {
  for (
    const bad of [
      { body: { ...DOCUMENT, client_id: "https://claude.ai/other" } },
      { body: { ...DOCUMENT, redirect_uris: ["http://evil.example/"] } },
      { body: "{" },
      { status: 410 },
      "answer_too_large",
    ] as const
  ) {
    using world = await World.make();
    const { sites, clock } = world;
    sites.answer(URL_OF, { body: DOCUMENT });
    await world.get();
    clock.advance(HOUR);
    sites.answer(URL_OF, bad);
    assert.equal(await world.refusal(), "document_not_accepted");
    assert.equal((await world.kv.get(oauthDocumentKey(URL_OF))).value, null);
    sites.answer(URL_OF, "unreachable");
    clock.advance(FAILURE_MS);
    assert.equal(await world.refusal(), "document_unreachable");
  }
});

Deno.test("a failure stands for half a minute, then the document is asked for again", async () => {
  using world = await World.make();
  const { sites, clock } = world;
  sites.answer(URL_OF, { body: "{" });
  assert.equal(await world.refusal(), "document_not_accepted");
  sites.answer(URL_OF, { body: DOCUMENT });
  clock.advance(FAILURE_MS - 1);
  assert.equal(await world.refusal(), "document_not_accepted");
  assert.equal(world.asked, 1);
  clock.advance(1);
  assert.deepEqual(await world.get(), CLIENT);
});

Deno.test("a clock that is set back makes neither a copy nor a failure last longer", async () => {
  using world = await World.make();
  const { sites, clock } = world;
  sites.answer(URL_OF, { body: DOCUMENT });
  await world.get();
  clock.advance(-HOUR);
  await world.get();
  assert.equal(world.asked, 2);
  sites.answer(URL_OF, { body: "{" });
  clock.advance(HOUR);
  assert.equal(await world.refusal(), "document_not_accepted");
  sites.answer(URL_OF, { body: DOCUMENT });
  clock.advance(-HOUR);
  assert.deepEqual(await world.get(), CLIENT);
});

Deno.test("those who ask at the same time wait for one fetch", async () => {
  using world = await World.make();
  world.sites.answer(URL_OF, { body: DOCUMENT });
  const found = await Promise.all(Array.from({ length: 20 }, () => world.get()));
  assert.deepEqual(found, Array(20).fill(CLIENT));
  assert.equal(world.asked, 1);
});

Deno.test("an id that is no document's address is refused before anybody is asked", async () => {
  using world = await World.make();
  for (const url of ["https://client.example/", "https://10.0.0.1/a", "https://a.example/../b"]) {
    assert.equal(await world.refusal(url), "document_not_accepted");
  }
  assert.equal(world.asked, 0);
});

Deno.test("fetch cannon: neither one host nor many are asked often, and known clients stay", async () => {
  using world = await World.make();
  const { sites, clock } = world;
  sites.answer(URL_OF, { body: DOCUMENT });
  await world.get();
  for (let at = 0; at < 30; at++) await world.refusal(`https://victim.example/${at}`);
  assert.equal(world.asked, 1 + FETCHES_A_HOST);
  for (let at = 0; at < 100; at++) await world.refusal(`https://a${at}.example/x`);
  assert.equal(world.asked, FETCHES_A_HOST + NEW_HOSTS - 1);
  const refused = await world.get("https://late.example/x");
  assert.ok("refused" in refused && /Try again later/.test(refused.why));
  clock.advance(HOUR - 1);
  assert.deepEqual(await world.get(), CLIENT);
  clock.advance(1);
  assert.deepEqual(await world.get(), CLIENT);
  assert.equal(world.asked, FETCHES_A_HOST + NEW_HOSTS);
  sites.answer("https://late.example/x", {
    body: { ...DOCUMENT, client_id: "https://late.example/x" },
  });
  assert.ok("client" in await world.get("https://late.example/x"));
});

Deno.test("a host that is asked too often leaves its client with the copy", async () => {
  using world = await World.make();
  world.sites.answer(URL_OF, { body: DOCUMENT });
  await world.get();
  world.clock.advance(HOUR);
  for (let at = 0; at < FETCHES_A_HOST; at++) await world.refusal(`https://claude.ai/${at}`);
  assert.deepEqual(await world.get(), CLIENT);
  assert.equal(world.asked, 1 + FETCHES_A_HOST);
});

Deno.test("DocumentLimits forgets what is over, and what a clock that was set back left behind", () => {
  const limits = new DocumentLimits();
  const take = (now: number, host = "a.example") => limits.take(host, { known: false, now });
  for (let at = 0; at < FETCHES_A_HOST; at++) assert.ok(take(HOUR + at));
  assert.ok(!take(HOUR + MINUTE - 1));
  assert.ok(take(HOUR + MINUTE));
  assert.ok(!take(HOUR + MINUTE));
  assert.ok(take(0));
});

Deno.test("a store that does not answer is an outage, not another client", async () => {
  const world = await World.make();
  world.kv.close();
  await assert.rejects(world.get(), StoreUnavailable);
});

Deno.test("clientOf() finds the client of a document", async () => {
  await using countersign = await Countersign.start();
  countersign.sites.answer(URL_OF, { body: DOCUMENT });
  assert.deepEqual(await clientOf(countersign.services, URL_OF), CLIENT);
});
