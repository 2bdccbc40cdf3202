import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { CallOrg, OFFERED } from "../helpers/call_org.ts";
import { Countersign } from "../helpers/countersign.ts";
import { beginConnect, type ConnectingMember, finishConnect } from "../../lib/vault/connect.ts";
import { accessOf } from "../../lib/vault/refresh.ts";
import { consentAt, OidcProvider } from "../helpers/oidc_provider.ts";
import { assertProblem } from "../helpers/refused.ts";
import { UpstreamServer } from "../helpers/upstream_server.ts";
import { Visitor } from "../helpers/visitor.ts";

/** A member connects a credential at `oidc-provider`, and calls carry what it issues. */

const NAMES = ["one", "two", "three"];

class World implements AsyncDisposable {
  private constructor(
    readonly provider: OidcProvider,
    readonly server: UpstreamServer,
    readonly it: CallOrg,
    readonly id: string,
  ) {}

  static async start(): Promise<World> {
    const provider = await OidcProvider.start();
    const server = new UpstreamServer({
      era: "modern",
      tools: OFFERED,
      // Nothing but the newest token is taken, as where a refresh ends the one before.
      answer: ({ headers }) =>
        headers.get("authorization") === `Bearer ${provider.access.at(-1)}`
          ? null
          : new Response(null, { status: 401 }),
    });
    const it = await CallOrg.started({
      variables: { COUNTERSIGN_PRIVATE_HOSTS: `${provider.host},${server.host}` },
    });
    const { body, text } = await it.org.manage("POST", "/v1/credentials", {
      name: "Notes",
      kind: "oauth2",
      origins: [new URL(server.url).origin],
      oauth: {
        issuer: provider.issuer,
        scope: "openid email offline_access notes:run",
        resource: server.url,
      },
    });
    assert.equal(body.state, "needs_reconnect", text);
    return new World(provider, server, it, body.id);
  }

  /** A member goes to the provider and comes back. */
  async connect(who: Visitor, login = "ann") {
    const { authorize_url } =
      (await this.it.org.manage("POST", `/v1/credentials/${this.id}/connect`)).body;
    const { pathname, search, origin } = new URL(authorize_url);
    assert.equal(origin, this.it.it.countersign.origin);
    const begun = await who.get(pathname + search);
    assert.equal(begun.status, 303, begun.text);
    const callback = `${origin}/connections/upstream/callback`;
    const back = await consentAt(begun.to ?? "", login, callback);
    return back.pathname + back.search;
  }

  /** Three upstreams that carry it, their tools approved. */
  async upstreams(): Promise<void> {
    for (const name of NAMES) {
      const put = await this.it.org.manage("PUT", `/v1/upstreams/${name}`, {
        kind: "mcp",
        url: this.server.url,
        credential: { credential_id: this.id },
      });
      assert.ok(put.status < 300, put.text);
      const { data } = (await this.it.org.get(`/v1/upstreams/${name}/tools`)).body;
      const tools = data.map(({ name, definition_digest }: JsonObject) => ({
        name,
        definition_digest,
        default_permission: "allowed",
      }));
      const got = await this.it.org.manage("POST", `/v1/upstreams/${name}/approve`, { tools });
      assert.equal(got.status, 200, got.text);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.it[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
    await this.provider[Symbol.asyncDispose]();
  }
}

Deno.test("a member connects a credential at a provider, once, in their own session, under a fresh passkey", async () => {
  await using world = await World.start();
  const { it: { org }, provider, id } = world;
  const admin = await Visitor.of(org, "admin");
  const stale = await Visitor.of(org, "admin", { fresh: false });
  const viewer = await Visitor.of(org, "viewer");
  const address = `/connections/upstream/connect?credential=${id}`;
  assert.match((await stale.get(address)).text, /Confirm it is you/);
  assert.equal((await viewer.get(address)).status, 403);

  const back = await world.connect(admin);
  const query = new URLSearchParams(back.split("?")[1]);
  assert.equal(query.get("iss"), provider.issuer);
  const other = await Visitor.of(org, "admin");
  const changed = (name: string, value: string) => {
    const next = new URLSearchParams(query);
    next.set(name, value);
    return `/connections/upstream/callback?${next}`;
  };
  // Another member's session, and a made-up state, connect nothing.
  for (const [who, to] of [[other, back], [admin, changed("state", "made-up")]] as const) {
    const got = await who.get(to);
    assert.equal(got.status, 409, got.text);
    assert.match(got.text, /Provider not connected/);
  }
  assert.deepEqual(provider.granted, []);
  const done = await admin.get(back);
  assert.equal(done.status, 303, done.text);
  assert.match(done.notice ?? "", /Notes is connected/);
  assert.equal((await admin.get(back)).status, 409);
  assert.deepEqual(provider.granted.map(({ ok }) => ok), [true]);
  assert.ok(provider.resources.every((resource) => resource === world.server.url));

  const { body, text } = await org.manage("GET", `/v1/credentials/${id}`);
  assert.equal(body.state, "ready");
  assert.equal(body.oauth.account, "ann@accounts.example");
  assert.notEqual(body.oauth.connected_by, null);
  assert.ok(!text.includes(provider.access.at(-1) ?? "none"));
  const page = await admin.get("/credentials");
  assert.match(page.text, /ann@accounts\.example/);
  const types = (await world.it.log()).map(({ entry }) => entry.type);
  assert.equal(types.filter((type) => type === "credential.connected").length, 1);
});

Deno.test("attack: an answer of another provider, or one that says no, connects nothing", async () => {
  for (
    const [name, value] of [["iss", "https://evil.example.com"], [
      "error",
      "access_denied",
    ]] as const
  ) {
    await using world = await World.start();
    const admin = await Visitor.of(world.it.org, "admin");
    const back = await world.connect(admin);
    const query = new URLSearchParams(back.split("?")[1]);
    query.set(name, value);
    const got = await admin.get(`/connections/upstream/callback?${query}`);
    assert.equal(got.status, 409, got.text);
    assert.deepEqual(world.provider.granted, [], "the code was sent nowhere");
    // What was begun is over with it.
    assert.equal((await admin.get(back)).status, 409);
  }
});

Deno.test("before it is connected, an agent is told whom to ask, and nothing is sent", async () => {
  await using world = await World.start();
  const { it, it: { org }, server, id } = world;
  const put = await org.manage("PUT", "/v1/upstreams/one", {
    kind: "mcp",
    url: server.url,
    credential: { credential_id: id },
  });
  assert.equal(put.status, 201, put.text);
  assert.equal(put.body.last_error.why, "needs_reconnect");
  assert.match(put.body.credential.connect_url, /\/credentials\/crd_/);
  assertProblem(
    await org.manage("POST", "/v1/upstreams/one/refresh"),
    409,
    "credential_needs_reconnect",
  );
  const seen = await org.manage("GET", "/v1/upstreams/one");
  assert.equal(seen.body.credential.state, "needs_reconnect");
  const admin = await Visitor.of(org, "admin");
  await admin.get(await world.connect(admin));
  await world.upstreams();
  const got = await it.call("one/read");
  assert.equal(got.status, 200, got.text);
  assert.equal(
    (await org.manage("GET", "/v1/upstreams/one")).body.credential.state,
    "ready",
  );
  await org.transact((transaction) => {
    const key = ["vault_grant", org.id, id] as const;
    transaction.delete(key);
  });
  server.asked.length = 0;
  const refused = await it.call("one/read");
  assertProblem(refused, 409, "credential_needs_reconnect");
  const { origin } = it.it.countersign;
  assert.equal(
    refused.body.connect_url,
    `${origin}/connections/upstream/connect?credential=${id}`,
  );
  assert.deepEqual(server.named("tools/call"), []);
});

Deno.test("G10: twenty calls at once after the end of a token, of five agents at three upstreams: one refresh", async () => {
  await using world = await World.start();
  const { it, it: { org }, provider } = world;
  const admin = await Visitor.of(org, "admin");
  await admin.get(await world.connect(admin));
  await world.upstreams();
  const agents = await Promise.all(Array.from({ length: 5 }, () => org.agent()));
  assert.equal(provider.refreshes.length, 0);
  for (let round = 1; round <= 3; round++) {
    it.it.countersign.clock.advance(3_600_000);
    const all = await Promise.all(
      Array.from(
        { length: 20 },
        (_, i) => it.call(`${NAMES[i % 3]}/read`, { arguments: { id: `n${i}` } }, agents[i % 5]),
      ),
    );
    assert.deepEqual(
      all.map(({ status, text }) => status === 200 ? 200 : text),
      Array(20).fill(200),
    );
    assert.equal(provider.refreshes.length, round);
  }
  const sent = provider.refreshes.map(({ refresh_token }) => refresh_token);
  assert.equal(new Set(sent).size, 3);
  assert.ok(provider.granted.every(({ ok }) => ok));
  await it.log();
});

Deno.test("a token that its server takes no more is replaced once, and the call runs", async () => {
  await using world = await World.start();
  const { it, it: { org }, provider } = world;
  const admin = await Visitor.of(org, "admin");
  await admin.get(await world.connect(admin));
  await world.upstreams();
  it.it.countersign.clock.advance(120_000);
  provider.access.push("the server was told another");
  const got = await it.call("one/read");
  assert.equal(got.status, 200, got.text);
  assert.equal(provider.refreshes.length, 1);
  // A new one that is not taken either is not replaced for ever.
  provider.access.push("and another");
  assertProblem(await it.call("one/read"), 409, "credential_needs_reconnect");
  assert.equal(provider.refreshes.length, 1);
});

Deno.test("a provider that takes metadata documents is shown ours, and registers nobody", async () => {
  let serve = (_url: string): Promise<Response> => Promise.reject(new Error("Nobody is there."));
  const asked: string[] = [];
  await using provider = await OidcProvider.start((url) => {
    asked.push(String(url));
    return serve(String(url));
  });
  const variables = { COUNTERSIGN_PRIVATE_HOSTS: provider.host };
  await using countersign = await Countersign.start({ variables });
  const org = await countersign.org();
  const { origin } = countersign;
  // As its users and providers know it; the proxy before it hands on what it is asked.
  const url = new URL("https://countersign.example.com");
  const services = {
    ...countersign.services,
    settings: { ...countersign.services.settings, url },
  };
  serve = async (address) => {
    const { pathname } = new URL(address);
    const answer = await fetch(origin + pathname);
    return new Response(
      (await answer.text()).replaceAll(origin, url.origin)
        .replace(new URL(origin).host, url.host).replace(`"native"`, `"web"`),
      {
        status: answer.status,
        headers: answer.headers,
      },
    );
  };
  const made = await org.manage("POST", "/v1/credentials", {
    name: "Notes",
    kind: "oauth2",
    origins: ["https://notes.example.com"],
    oauth: { issuer: provider.issuer, scope: "openid email offline_access notes:run" },
  });
  const { id } = made.body;
  const admin = await Visitor.of(org, "admin");
  const { hash } = admin.session;
  const who = { org: org.id, session: { hash }, request_id: "req_test" } as ConnectingMember;
  const to = await beginConnect(services, who, id);
  const client_id = `${url.origin}/oauth/client/${id}`;
  assert.equal(new URL(to).searchParams.get("client_id"), client_id);
  const back = await consentAt(to, "ann", `${url.origin}/connections/upstream/callback`);
  await finishConnect(services, who, back.searchParams);
  assert.deepEqual(asked, [client_id]);
  assert.equal((await org.manage("GET", `/v1/credentials/${id}`)).body.state, "ready");
  countersign.clock.advance(3_600_000);
  assert.ok("token" in await accessOf(services, org.id, id));
  assert.deepEqual(provider.granted.map(({ ok }) => ok), [true, true]);

  const document = await countersign.request("GET", `/oauth/client/${id}`);
  assert.deepEqual(document.body, {
    client_id: `${origin}/oauth/client/${id}`,
    client_uri: origin,
    client_name: `Countersign at ${new URL(origin).host}`,
    application_type: "native",
    redirect_uris: [`${origin}/connections/upstream/callback`],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  });
  // Which credentials there are, it tells nobody.
  const other = "crd_01kdvdna00e000000000000000";
  assert.equal((await countersign.request("GET", `/oauth/client/${other}`)).status, 200);
  assert.equal((await countersign.request("GET", "/oauth/client/anything")).status, 404);
});
