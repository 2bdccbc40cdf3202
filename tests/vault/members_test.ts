import assert from "node:assert/strict";
import fc from "fast-check";
import type { JsonObject } from "../../lib/base/json.ts";
import { removeMember } from "../../lib/people/members.ts";
import { vaultKey, vaultSecretKey } from "../../lib/store/gateway_keys.ts";
import { readRecord } from "../../lib/store/kv.ts";
import { vaultRecord, vaultSecretRecord } from "../../lib/store/records/vault.ts";
import { CallOrg, OFFERED, READ, WIPE } from "../helpers/call_org.ts";
import { grantIn, rawCall, resultOf } from "../helpers/mcp_client.ts";
import { hearEverything } from "../helpers/outbox.ts";
import { runs } from "../helpers/property_runs.ts";
import { assertProblem } from "../helpers/refused.ts";
import { UpstreamServer } from "../helpers/upstream_server.ts";
import { Visitor } from "../helpers/visitor.ts";

/** Members' own credentials: for whom they act, for whom they do not, and how they end. */

const OWN = "/connections/credentials/new?kind=bearer";

/** Of whom a token is that the server was shown. */
const TOKENS: Readonly<Record<string, string>> = {
  ann: "tok_ann_4eC39HqLyjWDarjtT1zdp7dc",
  bob: "tok_bob_9fJ20PwMzkXEbskuU2aeq8ed",
  org: "tok_org_1aB77CdEfGhIjKlMnOpQrStU",
};

interface Machine {
  readonly id: string;
  readonly token: string;
}

/** An org whose upstream is called by each member's own account, and members Ann and Bob. */
class World implements AsyncDisposable {
  private constructor(
    readonly server: UpstreamServer,
    readonly it: CallOrg,
    readonly ann: Visitor,
    readonly bob: Visitor,
    readonly boss: Visitor,
  ) {}

  static async start(): Promise<World> {
    const server = new UpstreamServer({
      era: "modern",
      tools: OFFERED,
      answer: ({ headers }) => whose(headers) === null ? new Response(null, { status: 401 }) : null,
    });
    const it = await CallOrg.started({
      variables: { COUNTERSIGN_PRIVATE_HOSTS: server.host },
    });
    const boss = await Visitor.of(it.org, "owner");
    await hearEverything(it.org);
    const ann = await Visitor.of(it.org, "approver");
    const bob = await Visitor.of(it.org, "approver");
    return new World(server, it, ann, bob, boss);
  }

  async agent(name: string): Promise<Machine> {
    const { body, text, status } = await this.it.org.manage("POST", "/v1/agents", { name });
    assert.equal(status, 201, text);
    return { id: body.id, token: body.token };
  }

  /** A member puts theirs in. @returns its id */
  async keeps(who: Visitor, token: string, used_by: readonly string[] = []): Promise<string> {
    const got = await who.send(OWN, "create", this.form(token, used_by));
    assert.equal(got.status, 303, got.text);
    return (got.to ?? "").replace("/credentials/", "");
  }

  form(token: string, used_by: readonly string[] = []) {
    const origins = new URL(this.server.url).origin;
    return { kind: "bearer", name: "Notes", origins, secret: token, used_by };
  }

  async upstream(credential: JsonObject = { mode: "member" }) {
    const body = { kind: "mcp", url: this.server.url, credential };
    return await this.it.org.manage("PUT", "/v1/upstreams/notes", body);
  }

  /** Whose tokens calls were sent with, in order. */
  get acted(): (string | null)[] {
    return this.server.named("tools/call").map(({ headers }) => whose(headers));
  }

  async kept(id: string) {
    const { kv } = this.it.it.countersign.services.deps;
    const [record, secret] = await Promise.all([
      readRecord(kv, vaultKey(this.it.org.id, id), vaultRecord),
      readRecord(kv, vaultSecretKey(this.it.org.id, id), vaultSecretRecord),
    ]);
    return { record, secret };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.it[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}

function whose(headers: Headers): string | null {
  const shown = headers.get("authorization");
  return Object.keys(TOKENS).find((who) => shown === `Bearer ${TOKENS[who]}`) ?? null;
}

Deno.test("a member's own acts for whom they named, and everybody else is told whom to ask and where", async () => {
  await using world = await World.start();
  const { it, it: { org }, ann, server } = world;
  const { origin } = it.it.countersign;
  const [named, other] = [await world.agent("named"), await world.agent("other")];
  // Before anybody has one: it is kept, and said to want people.
  const put = await world.upstream();
  assert.equal(put.status, 201, put.text);
  const connect_url = `${origin}/connections/credentials`;
  assert.deepEqual(put.body.credential, { mode: "member", state: "missing", connect_url });
  assertProblem(
    await org.manage("POST", "/v1/upstreams/notes/refresh"),
    409,
    "credential_missing",
  );
  await world.keeps(ann, TOKENS.ann ?? "", [named.id]);
  const refreshed = await org.manage("POST", "/v1/upstreams/notes/refresh");
  assert.deepEqual(refreshed.body.added, [READ, WIPE]);
  await it.approve();
  assert.equal((await it.call(READ, {}, named.token)).status, 200);
  assert.deepEqual(world.acted, ["ann"]);
  const { credential } = (await org.manage("GET", "/v1/upstreams/notes")).body;
  assert.deepEqual(credential, { mode: "member", state: "ready" });
  server.asked.length = 0;
  for (const key of [other.token, org.standard]) {
    const refused = await it.call(READ, {}, key);
    assertProblem(refused, 409, "credential_missing");
    assert.equal(refused.body.connect_url, connect_url);
    assert.match(refused.body.detail, /a member names it on one of their own/);
  }
  assert.deepEqual(world.acted, []);
  const page = await ann.get("/connections/credentials");
  assert.match(page.text, /Notes Ready Bearer token .* notes/);
  const consumed = (await it.log()).find(({ entry }) => entry.type === "token.consumed");
  assert.match(String((consumed?.entry.data as JsonObject).credential), /^crd_/);
});

Deno.test("a member's program acts by that member's own, and by nobody else's", async () => {
  await using world = await World.start();
  const { it, it: { org }, ann } = world;
  await world.keeps(ann, TOKENS.ann ?? "");
  await world.upstream();
  await it.approve();
  const path = "/mcp/gateway";
  const grant = await grantIn([[org, "approver"]], ["mcp:run"], path);
  const calling = async () => {
    const params = { name: "notes__read", arguments: {} };
    return resultOf(
      await rawCall(it.it.countersign, "tools/call", params, { token: grant.token, path }),
    );
  };
  const refused = await calling();
  assert.equal(refused.isError, true);
  assert.match(JSON.stringify(refused), /connections\/credentials/);
  // The same account, with a credential of its own.
  const account = grant.members.get(org.id)?.account ?? assert.fail();
  await org.transact((transaction) => {
    const { snapshot } = transaction;
    const mine = snapshot.memberOf(account) ?? assert.fail();
    const [theirs] = snapshot.vault.values();
    if (theirs === undefined) assert.fail();
    transaction.setPolicy(vaultKey(org.id, theirs.id), { ...theirs, owner: mine.id });
  });
  assert.equal((await calling()).isError ?? false, false);
  assert.deepEqual(world.acted, ["ann"]);
});

Deno.test("attack: a member's own over REST, by other members, and by who looks after the team", async () => {
  await using world = await World.start();
  const { it: { org }, it, ann, bob, boss } = world;
  const agent = await world.agent("agent");
  const id = await world.keeps(ann, TOKENS.ann ?? "", [agent.id]);
  const path = `/v1/credentials/${id}`;
  const owner = ann.session.member.id;
  const asked: readonly (readonly [string, string, JsonObject?])[] = [
    ["POST", "/v1/credentials", {
      name: "Notes",
      kind: "bearer",
      origins: [new URL(world.server.url).origin],
      secret: "x".repeat(20),
      owner,
    }],
    ["GET", path],
    ["DELETE", path],
    ["POST", `${path}/rotate`, { secret: "another-secret-of-theirs" }],
    ["POST", `${path}/connect`],
  ];
  for (const [method, at, body] of asked) {
    assertProblem(await org.manage(method, at, body), 403, "owner_required");
  }
  assert.deepEqual((await org.manage("GET", "/v1/credentials")).body.data, []);
  const named = await world.upstream({ credential_id: id });
  assertProblem(named, 422, "invalid_request");
  // Neither a colleague nor the owner of the organization lends or rotates it.
  const page = `/credentials/${id}`;
  assert.equal((await bob.get(page)).status, 404);
  const seen = await boss.get(page);
  assert.equal(seen.status, 200);
  assert.doesNotMatch(seen.text, /Rotate|Save/);
  const forms: readonly (readonly [string, JsonObject])[] = [
    ["use", { used_by: [agent.id] }],
    ["rotate", { secret: "another-secret-of-theirs", overlap_seconds: "0" }],
  ];
  for (const who of [bob, boss]) {
    for (const [name, fields] of forms) {
      const got = await who.send(page, name, fields as Record<string, string>);
      assert.equal(got.status, 404, `${name}: ${got.text}`);
    }
  }
  assert.equal((await bob.send(page, "remove")).status, 404);
  assert.equal((await bob.get(`/connections/upstream/connect?credential=${id}`)).status, 404);
  // Their own passkey has to be fresh, for each of it.
  const unfresh = await Visitor.of(org, "approver", { fresh: false });
  const stale = await unfresh.send(OWN, "create", world.form(TOKENS.bob ?? ""));
  assert.match(stale.text, /Confirm it is you/);
  const viewer = await Visitor.of(org, "viewer");
  assert.equal((await viewer.send(OWN, "create", world.form(TOKENS.bob ?? ""))).status, 403);
  // Another credential for the same agent at the same place would leave open whose acts.
  const twice = await bob.send(OWN, "create", world.form(TOKENS.bob ?? "", [agent.id]));
  assert.match(twice.text, /another member's credential acts there/);
  const again = await ann.send(OWN, "create", world.form(TOKENS.ann ?? ""));
  assert.match(again.text, /another of your credentials goes/);
  assert.ok(!again.html.includes(TOKENS.ann ?? "none"), "a secret is not shown again");
  // Ended by who looks after the team, it acts for nobody.
  const ended = await boss.send(page, "remove");
  assert.equal(ended.status, 303, ended.text);
  assert.deepEqual(await world.kept(id), { record: null, secret: null });
  await it.log();
});

Deno.test("attack: whoever is given an agent's token by a rotation does not act by the member who named it", async () => {
  await using world = await World.start();
  const { it, ann, boss } = world;
  const agent = await world.agent("agent");
  const id = await world.keeps(ann, TOKENS.ann ?? "", [agent.id]);
  await world.upstream();
  await it.approve();
  const rotated = await boss.send(`/agents/${agent.id}`, "rotate", {});
  assert.equal(rotated.status, 200, rotated.text);
  const token = /cs_agent_[A-Za-z0-9_-]+/.exec(rotated.html)?.[0] ?? assert.fail(rotated.text);
  assertProblem(await it.call(READ, {}, token), 409, "credential_missing");
  const page = `/credentials/${id}`;
  assert.match((await ann.get(page)).text, /Not any more/);
  const named = await ann.send(page, "use", { used_by: [agent.id] });
  assert.equal(named.status, 303, named.text);
  assert.equal((await it.call(READ, {}, token)).status, 200);
});

Deno.test("attack: what was approved for one member's account runs by no other's", async () => {
  await using world = await World.start();
  const { it, it: { org }, ann, bob } = world;
  const agent = await world.agent("agent");
  const id = await world.keeps(ann, TOKENS.ann ?? "", [agent.id]);
  await world.upstream();
  await it.approve();
  const asking = await it.call(WIPE, {}, agent.token);
  assert.equal(asking.status, 202, asking.text);
  const request = `/approvals/${asking.body.approval.id}`;
  const seen = await bob.get(request);
  assert.match(seen.text, /Acts as Notes The own account of approver-/);
  assert.match((await bob.get("/approvals")).text, /As approver-/);
  await it.yes(asking);
  // Ann takes hers back, and Bob lends his to the same agent.
  await ann.send(`/credentials/${id}`, "use", {});
  await world.keeps(bob, TOKENS.bob ?? "", [agent.id]);
  const again = await it.call(WIPE, {}, agent.token);
  assert.equal(again.status, 202, again.text);
  assert.notEqual(again.body.approval.id, asking.body.approval.id);
  const { body } = await org.get(`/v1/approvals/${asking.body.approval.id}`, agent.token);
  assert.deepEqual([body.status, body.cancelled_because ?? "tool_changed"], [
    "cancelled",
    "tool_changed",
  ]);
  assert.deepEqual(world.acted, []);
  await it.yes(again);
  const ran = await it.call(WIPE, {}, agent.token);
  assert.equal(ran.status, 200, ran.text);
  assert.deepEqual(world.acted, ["bob"]);
  const page = await bob.get(`/calls/${ran.body.call_id}`);
  assert.match(page.text, /Acts by Notes , the own of approver-/);
  await it.log();
});

Deno.test("a member who leaves takes their own along, in that very commit", async () => {
  await using world = await World.start();
  const { it, it: { org }, ann, boss, server } = world;
  const agent = await world.agent("agent");
  const id = await world.keeps(ann, TOKENS.ann ?? "", [agent.id]);
  await world.upstream();
  await it.approve();
  assert.equal((await it.call(READ, {}, agent.token)).status, 200);
  await org.as(boss.session, "manage_members", removeMember(ann.session.member.email, "req_test"));
  assert.deepEqual(await world.kept(id), { record: null, secret: null });
  server.asked.length = 0;
  assertProblem(await it.call(READ, {}, agent.token), 409, "credential_missing");
  assert.deepEqual(server.asked, []);
  const types = (await it.log()).map(({ entry }) => entry.type);
  assert.equal(types.filter((type) => type === "credential.deleted").length, 1);
});

Deno.test("where members act, an upstream is asked for its tools with what the organization names", async () => {
  await using world = await World.start();
  const { it: { org }, it, ann, server } = world;
  const origins = [new URL(server.url).origin];
  const lists = await org.manage("POST", "/v1/credentials", {
    name: "Lists",
    kind: "bearer",
    origins,
    secret: TOKENS.org,
  });
  const put = await world.upstream({ mode: "member", credential_id: lists.body.id });
  assert.equal(put.status, 201, put.text);
  assert.equal(put.body.tools.listed, 2);
  const before = (await org.get("/v1/upstreams/notes/tools")).body.data;
  await it.approve();
  // It acts for nobody.
  assertProblem(await it.call(READ), 409, "credential_missing");
  const agent = await world.agent("agent");
  await world.keeps(ann, TOKENS.ann ?? "", [agent.id]);
  assert.equal((await it.call(READ, {}, agent.token)).status, 200);
  assert.deepEqual(world.acted, ["ann"]);
  // With whose the tools are asked for is no part of what they are.
  await world.upstream();
  const after = (await org.get("/v1/upstreams/notes/tools")).body.data;
  assert.deepEqual(
    after.map(({ definition_digest, status }: JsonObject) => [definition_digest, status]),
    before.map(({ definition_digest }: JsonObject) => [definition_digest, "approved"]),
  );
  const org_mode = await world.upstream({ mode: "org" });
  assertProblem(org_mode, 422, "invalid_request");
});

Deno.test("property: whoever names whom, a call carries its own member's credential or is refused", async () => {
  await using world = await World.start();
  const { it, ann, bob, server } = world;
  const agents = [await world.agent("one"), await world.agent("two"), await world.agent("three")];
  const ids = {
    ann: await world.keeps(ann, TOKENS.ann ?? "", [agents[0]?.id ?? ""]),
    bob: await world.keeps(bob, TOKENS.bob ?? "", [agents[1]?.id ?? ""]),
  };
  await world.upstream();
  await it.approve();
  const named: Record<"ann" | "bob", Set<number>> = { ann: new Set([0]), bob: new Set([1]) };
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("ann" as const, "bob" as const),
      fc.uniqueArray(fc.integer({ min: 0, max: 2 })),
      async (who, chosen) => {
        const used_by = chosen.map((n) => agents[n]?.id ?? "");
        const visitor = who === "ann" ? ann : bob;
        const got = await visitor.send(`/credentials/${ids[who]}`, "use", { used_by });
        const other = named[who === "ann" ? "bob" : "ann"];
        const isTaken = chosen.some((n) => other.has(n));
        assert.equal(got.status, isTaken ? 422 : 303, got.text);
        if (!isTaken) named[who] = new Set(chosen);
        for (const [n, { token }] of agents.entries()) {
          server.asked.length = 0;
          const whoseOwn = (["ann", "bob"] as const).find((one) => named[one].has(n)) ?? null;
          const called = await it.call(READ, {}, token);
          assert.equal(called.status, whoseOwn === null ? 409 : 200, called.text);
          assert.deepEqual(world.acted, whoseOwn === null ? [] : [whoseOwn]);
        }
      },
    ),
    runs(8),
  );
});
