import assert from "node:assert/strict";
import { secretHash } from "../../lib/identity/credentials.ts";
import { credentialKey, credentialUsedKey } from "../../lib/store/keys.ts";
import { Countersign } from "../helpers/countersign.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

const CHECK = "/v1/permissions/check";

Deno.test("An API key is made, used, listed and revoked, and each change is in the log", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart");

  const made = await org.manage("POST", "/v1/api-keys", {
    name: "worker",
    tier: "standard",
    trust_tier: 2,
    tenant_ids: ["acme"],
    expires_at: "2026-02-01T00:00:00+01:00",
  });
  assert.equal(made.status, 201);
  const { id, key, policy_version, ...rest } = made.body;
  assert.match(id, /^key_/);
  assert.match(key, /^cs_live_[0-9a-z]{39}$/);
  assert.deepEqual(rest, {
    name: "worker",
    tier: "standard",
    trust_tier: 2,
    tenant_ids: ["acme"],
    expires_at: "2026-01-31T23:00:00.000Z",
    rate_limit_per_minute: 6000,
    audit_private: false,
    bootstrap: false,
    mandate_ids: null,
    may_grant: false,
    user_passkeys: false,
    members_behind: [],
    created_at: "2026-01-01T00:00:00.000Z",
  });

  const listed = async (reader: string) => {
    const got = await org.get("/v1/api-keys", reader);
    assert.equal(got.status, 200);
    assert.equal(got.body.next_cursor, null);
    assert.ok(!got.text.includes(key) && !got.text.includes(secretHash(key)));
    return got.body.data.find((item: { id: string }) => item.id === id);
  };
  assert.deepEqual(await listed(org.standard), { id, ...rest, last_used_at: null });

  const before = await org.post(CHECK, { tool_name: "restart" }, key);
  assert.equal(before.status, 200);
  assert.equal(before.body.policy_version, policy_version);
  assert.equal((await listed(org.management)).last_used_at, "2026-01-01T00:00:00.000Z");

  const revoked = await org.manage("DELETE", `/v1/api-keys/${id}`);
  assert.equal(revoked.status, 200);
  assert.deepEqual(revoked.body, {
    id,
    ...rest,
    revoked: true,
    warning: null,
    policy_version: policy_version + 1,
  });
  const after = await org.post(CHECK, { tool_name: "restart" }, key);
  assert.equal(after.status, 401);
  assert.equal(after.body.code, "invalid_credentials");
  assert.equal(await listed(org.management), undefined);
  assert.equal((await org.manage("DELETE", `/v1/api-keys/${id}`)).status, 404);
  const { kv } = countersign.services.deps;
  assert.equal((await kv.get(credentialKey(secretHash(key)))).versionstamp, null);

  const log = await verifiedLog(countersign.services.deps, org.id);
  const entries = log.map(({ entry }) => entry).filter(({ subject }) => subject.api_key === id);
  assert.deepEqual(entries.map(({ type }) => type), ["api_key.created", "api_key.revoked"]);
  const { request_id, name_digest, tenant_ids_digest, ...data } = entries[0]?.data ?? {};
  assert.equal(request_id, made.headers.get("x-request-id"));
  assert.ok(name_digest && tenant_ids_digest);
  assert.deepEqual(data, {
    digest_version: 2,
    tier: "standard",
    trust_tier: 2,
    tenants: 1,
    expires_at: "2026-01-31T23:00:00.000Z",
    rate_limit_per_minute: 6000,
  });
  const text = JSON.stringify(log);
  assert.ok(!text.includes(key) && !text.includes(secretHash(key)) && !text.includes("worker"));
});

Deno.test("POST /v1/api-keys refuses what does not fit, naming the member", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const wrong: [Record<string, unknown>, string][] = [
    [{ name: "" }, "/name"],
    [{ name: "x".repeat(101) }, "/name"],
    [{ name: "a\u202eb" }, "/name"],
    [{ name: undefined }, "/name"],
    [{ tier: "agent" }, "/tier"],
    [{ trust_tier: 4 }, "/trust_tier"],
    [{ trust_tier: 0.5 }, "/trust_tier"],
    [{ tenant_ids: [] }, "/tenant_ids"],
    [{ tenant_ids: ["a", "a"] }, "/tenant_ids"],
    [{ tenant_ids: ["a", ""] }, "/tenant_ids/1"],
    [{ tenant_ids: ["jo@example.com"] }, "/tenant_ids/0"],
    [{ tenant_ids: ["acme"], tier: "management" }, "/tenant_ids"],
    [{ expires_at: "2026-01-01T00:00:00Z" }, "/expires_at"],
    [{ expires_at: "tomorrow" }, "/expires_at"],
    [{ expires_at: 1893456000000 }, "/expires_at"],
    [{ rate_limit_per_minute: 0 }, "/rate_limit_per_minute"],
    [{ rate_limit_per_minute: 1.5 }, "/rate_limit_per_minute"],
    [{ secret_hash: "x" }, "/secret_hash"],
  ];
  for (const [fields, path] of wrong) {
    const body = { name: "worker", tier: "standard", ...fields };
    const got = await org.manage("POST", "/v1/api-keys", body);
    assert.equal(got.status, 422, JSON.stringify(fields));
    assert.equal(got.body.code, "invalid_request");
    assert.equal(got.body.errors[0].path, path);
  }
  assert.equal((await org.get("/v1/api-keys")).body.data.length, 3);
});

Deno.test("A management key makes neither approver keys nor keys that read private data", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  for (const fields of [{ tier: "approver" }, { tier: "standard", audit_private: true }]) {
    const got = await org.manage("POST", "/v1/api-keys", { name: "x", ...fields });
    assert.equal(got.status, 403);
    assert.equal(got.body.code, "owner_required");
  }
  assert.equal((await org.get("/v1/api-keys")).body.data.length, 3);
});

Deno.test("A key answers for the member behind the key that made it", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const { id } = await org.member("jo@example.com", { role: "admin" });
  const management = await org.key("management", { members_behind: [id] });
  const body = { name: "worker", tier: "standard", rate_limit_per_minute: null };
  const made = await org.post("/v1/api-keys", body, management);
  assert.deepEqual(made.body.members_behind, [id]);
  assert.equal(made.body.rate_limit_per_minute, null);
});

Deno.test("A key may revoke itself; revoking the last way in answers with a warning", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const expired = { expires_at: countersign.clock.now - 1 };
  await org.key("management", expired);
  const second = await org.manage("POST", "/v1/api-keys", { name: "second", tier: "management" });
  const own = await org.post("/v1/api-keys", { name: "x", tier: "standard" }, second.body.key);
  assert.equal(own.status, 201);

  const path = `/v1/api-keys/${second.body.id}`;
  const first = await countersign.request("DELETE", path, { key: second.body.key });
  assert.equal(first.status, 200);
  assert.equal(first.body.warning, null);
  const again = await countersign.request("DELETE", path, { key: second.body.key });
  assert.equal(again.status, 401);
  await countersign.services.lastUsed.flush();
  const row = credentialUsedKey(org.id, second.body.id);
  assert.equal((await countersign.services.deps.kv.get(row)).versionstamp, null);

  const listed = await org.get("/v1/api-keys");
  const last = listed.body.data.find((key: { tier: string; expires_at: string | null }) =>
    key.tier === "management" && key.expires_at === null
  );
  const revoked = await org.manage("DELETE", `/v1/api-keys/${last.id}`);
  assert.equal(revoked.status, 200);
  assert.equal(revoked.body.warning, "last_management_key");
});

Deno.test("No warning when an owner with a passkey can still configure", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.member("jo@example.com", { role: "owner", has_passkey: true });
  const [management] = (await org.get("/v1/api-keys")).body.data;
  assert.equal(management.tier, "management");
  assert.equal((await org.manage("DELETE", `/v1/api-keys/${management.id}`)).body.warning, null);
});

Deno.test("GET /v1/api-keys answers in pages that miss and repeat nothing", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  for (let i = 0; i < 4; i++) {
    countersign.clock.advance(1);
    await org.manage("POST", "/v1/api-keys", { name: `key ${i}`, tier: "standard" });
  }
  const names: string[] = [];
  let cursor: string | null = null;
  do {
    const at: string = cursor === null ? "" : `&cursor=${cursor}`;
    const { body } = await org.get(`/v1/api-keys?limit=3${at}`);
    names.push(...body.data.map((key: { name: string }) => key.name));
    cursor = body.next_cursor;
  } while (cursor !== null);
  assert.equal(names.length, 7);
  assert.deepEqual(names.slice(3), ["key 0", "key 1", "key 2", "key 3"]);
  assert.equal((await org.get("/v1/api-keys?cursor=nonsense")).status, 422);
});

Deno.test("A repeated POST /v1/api-keys answers the same key and makes one", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const body = { name: "worker", tier: "standard" };
  const headers = { "idempotency-key": "one" };
  const first = await org.manage("POST", "/v1/api-keys", body, headers);
  const second = await org.manage("POST", "/v1/api-keys", body, headers);
  assert.equal(second.headers.get("idempotent-replayed"), "true");
  assert.deepEqual(second.body, first.body);
  assert.equal((await org.get("/v1/api-keys")).body.data.length, 4);
  for await (const { value } of countersign.services.deps.kv.list({ prefix: [] })) {
    const text = Deno.inspect(value, { depth: 20, strAbbreviateSize: Infinity });
    assert.ok(!text.includes(first.body.key), "the store holds a secret in the clear");
  }
});

Deno.test("A revoked key is refused on the next call, with 32 checks in flight, on two nodes", async () => {
  await using one = await Countersign.start();
  await using two = await one.another();
  const org = await one.org();
  await org.tool("restart");
  const { body } = await org.manage("POST", "/v1/api-keys", { name: "w", tier: "standard" });
  const check = (node: Countersign) =>
    node.request("POST", CHECK, { key: body.key, body: { tool_name: "restart" } });
  assert.equal((await check(one)).status, 200);
  assert.equal((await check(two)).status, 200);

  const inFlight = Array.from({ length: 32 }, (_, i) => check(i % 2 === 0 ? one : two));
  const revoked = await two.request("DELETE", `/v1/api-keys/${body.id}`, { key: org.management });
  assert.equal(revoked.status, 200);
  const later = Array.from({ length: 32 }, (_, i) => check(i % 2 === 0 ? one : two));
  for (const got of await Promise.all(later)) {
    assert.equal(got.status, 401);
    assert.equal(got.body.code, "invalid_credentials");
  }
  for (const got of await Promise.all(inFlight)) assert.ok([200, 401].includes(got.status));

  const log = await verifiedLog(one.services.deps, org.id);
  const end = log.findIndex(({ entry }) => entry.type === "api_key.revoked");
  const last = log.findLastIndex(({ entry }) => entry.actor.id === body.id);
  assert.ok(last < end, `entry ${last} of the key stands after its revocation at ${end}`);
});
