import assert from "node:assert/strict";
import type { CallerTier } from "../../lib/identity/caller.ts";
import { makeSecret } from "../../lib/identity/credentials.ts";
import type { Kv } from "../../lib/store/kv.ts";
import { systemRandom } from "../../lib/store/system.ts";
import type { GuardedRoute } from "../../routes/http/route.ts";
import { ROUTES } from "../../routes/manifest.ts";
import { Countersign, type Got, TestClock } from "../helpers/countersign.ts";
import { FailingStore } from "../helpers/failing_store.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

const CHECK = "/v1/permissions/check";
const BODY = { tool_name: "restart" };

function assertRefused(got: Got, status: number, code: string): void {
  assert.equal(got.status, status, got.text);
  assert.equal(got.body.code, code);
  assert.match(got.headers.get("content-type") ?? "", /^application\/problem\+json/);
  if (status === 401) assert.match(got.headers.get("www-authenticate") ?? "", /^Bearer /);
}

Deno.test("A key is accepted in X-API-Key and as a bearer, whose scheme is of any case", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart");
  const accepted: Record<string, string>[] = [
    { "x-api-key": org.standard },
    { authorization: `Bearer ${org.standard}` },
    { authorization: `bearer  ${org.standard}` },
    // X-API-Key counts where both are there.
    { "x-api-key": org.standard, authorization: "Basic cm9vdDpyb290" },
  ];
  for (const headers of accepted) {
    const got = await countersign.request("POST", CHECK, { body: BODY, headers });
    assert.equal(got.status, 200, JSON.stringify(Object.keys(headers)));
  }
});

Deno.test("Missing and malformed credentials are told from wrong ones", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart");
  const { standard } = org;
  const refused: [Record<string, string>, string][] = [
    [{}, "missing_credentials"],
    [{ authorization: "Bearer" }, "missing_credentials"],
    [{ authorization: standard }, "missing_credentials"],
    [{ authorization: `Basic ${btoa(`key:${standard}`)}` }, "missing_credentials"],
    [{ authorization: `Bearer ${standard} ${standard}` }, "invalid_credentials"],
    [{ "x-api-key": "" }, "invalid_credentials"],
    [{ "x-api-key": standard.toUpperCase() }, "invalid_credentials"],
    [{ "x-api-key": standard.slice(0, -1) }, "invalid_credentials"],
    [{ "x-api-key": makeSecret("standard", systemRandom) }, "invalid_credentials"],
    [{ "x-api-key": "cs_live_" + "x".repeat(8000) }, "invalid_credentials"],
    [{ "x-api-key": "cs_live_" + "\u00e9".repeat(40) }, "invalid_credentials"],
    [{ authorization: `Bearer cs_at_${"0".repeat(39)}` }, "invalid_credentials"],
    [{ authorization: `Bearer cs_run_${"0".repeat(39)}` }, "invalid_credentials"],
  ];
  for (const [headers, code] of refused) {
    const got = await countersign.request("POST", CHECK, { body: BODY, headers });
    assertRefused(got, 401, code);
    for (const secret of Object.values(headers)) {
      assert.ok(secret === "" || !got.text.includes(secret));
    }
  }
});

Deno.test("A key is accepted until the moment it expires", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart");
  const expires_at = new Date(countersign.clock.now + 60_000).toISOString();
  const made = await org.manage("POST", "/v1/api-keys", {
    name: "x",
    tier: "standard",
    expires_at,
  });
  countersign.clock.advance(59_999);
  assert.equal((await org.post(CHECK, BODY, made.body.key)).status, 200);
  countersign.clock.advance(1);
  assertRefused(await org.post(CHECK, BODY, made.body.key), 401, "invalid_credentials");
});

Deno.test("Another organization's keys and agents are not found, and stay as they are", async () => {
  await using countersign = await Countersign.start();
  const [org, other] = [await countersign.org(), await countersign.org()];
  const key = await other.manage("POST", "/v1/api-keys", { name: "theirs", tier: "standard" });
  const agent = await other.manage("POST", "/v1/agents", { name: "theirs" });
  const path = `/v1/agents/${agent.body.id}`;
  const attempts: Promise<Got>[] = [
    org.manage("DELETE", `/v1/api-keys/${key.body.id}`),
    org.manage("GET", path),
    org.manage("PATCH", path, { name: "mine" }),
    org.manage("POST", `${path}/rotate`),
    org.manage("DELETE", path),
  ];
  for (const got of await Promise.all(attempts)) assertRefused(got, 404, "not_found");
  const listed = await org.manage("GET", "/v1/agents");
  assert.deepEqual(listed.body.data, []);
  assert.equal((await other.get(path)).body.name, "theirs");
  assert.equal((await other.get("/v1/agents", key.body.key)).status, 200);
});

const TIERS = [
  "standard",
  "management",
  "approver",
  "agent",
  "sub_token",
] as const satisfies CallerTier[];

Deno.test("Every guarded route refuses every tier that is not its own, and strangers", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const secrets: Record<CallerTier, string> = {
    standard: org.standard,
    management: org.management,
    approver: org.approver,
    agent: await org.agent(),
    sub_token: (await org.post("/v1/sub-tokens", { name: "a part", ttl_seconds: 60 })).body.token,
  };
  const routes = ROUTES.filter((route): route is GuardedRoute => route.callers !== "open");
  assert.ok(routes.length > 0);
  for (const { method, path, callers, keyless } of routes) {
    const at = path.replace(/:\w+(\{[^}]*\})?/g, "x");
    const request = (key?: string) =>
      countersign.request(method.toUpperCase(), at, key === undefined ? {} : { key });
    // What one without a key has to have instead, `tests/attacks/user_revocation_test.ts` asks.
    if (keyless === undefined) assertRefused(await request(), 401, "missing_credentials");
    for (const tier of TIERS) {
      if (callers.includes(tier)) continue;
      const got = await request(secrets[tier]);
      assert.equal(got.status, 403, `${method} ${path} as ${tier}: ${got.text}`);
      assertRefused(got, 403, "wrong_tier");
      assert.deepEqual(got.body.allowed, callers);
    }
  }
});

Deno.test("A wrong checksum costs no read of the store, an unknown key one, and neither a write", async () => {
  const kv = await Deno.openKv(":memory:");
  const store = new FailingStore(kv);
  const calls = { read: 0, commit: 0 };
  store.fault = ({ kind }) => {
    calls[kind]++;
    return null;
  };
  {
    await using countersign = await Countersign.start({ kv: store });
    const made = makeSecret("standard", systemRandom);
    const mistyped = made.slice(0, -1) + (made.endsWith("0") ? "1" : "0");
    for (const [key, reads] of [[mistyped, 0], ["nonsense", 0], [made, 1], [made, 1]] as const) {
      calls.read = calls.commit = 0;
      const got = await countersign.request("POST", CHECK, { key, body: BODY });
      assertRefused(got, 401, "invalid_credentials");
      assert.deepEqual(calls, { read: reads, commit: 0 });
    }
  }
  kv.close();
});

/** A store whose next commit waits until the test lets it go. */
class HeldStore extends FailingStore {
  #hold: { reached: () => void; released: Promise<void> } | null = null;

  override atomic: Kv["atomic"] = () => {
    const operation = this.inner.atomic();
    const commit = operation.commit.bind(operation);
    operation.commit = async () => {
      const hold = this.#hold;
      this.#hold = null;
      hold?.reached();
      await hold?.released;
      return await commit();
    };
    return operation;
  };

  hold(): { reached: Promise<void>; release: () => void } {
    const reached = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    this.#hold = { reached: reached.resolve, released: released.promise };
    return { reached: reached.promise, release: released.resolve };
  }
}

Deno.test("A key revoked while its own request is being decided gets no decision", async () => {
  const kv = await Deno.openKv(":memory:");
  const store = new HeldStore(kv);
  const shared = { secret: systemRandom(48), clock: new TestClock() };
  {
    await using one = await Countersign.start({ kv: store, ...shared });
    await using two = await Countersign.start({ kv, ...shared });
    const org = await one.org();
    await org.tool("restart");
    const made = await org.manage("POST", "/v1/api-keys", { name: "x", tier: "standard" });
    const { reached, release } = store.hold();
    const asked = org.post(CHECK, BODY, made.body.key);
    await reached;
    const path = `/v1/api-keys/${made.body.id}`;
    const revoked = await two.request("DELETE", path, { key: org.management });
    assert.equal(revoked.status, 200);
    release();
    assertRefused(await asked, 401, "invalid_credentials");
    const log = await verifiedLog(two.services.deps, org.id);
    assert.ok(log.every(({ entry }) => entry.type !== "permission.checked"));
  }
  kv.close();
});
