import assert from "node:assert/strict";
import { secretHash } from "../../lib/identity/credentials.ts";
import { credentialKey } from "../../lib/store/keys.ts";
import { Countersign } from "../helpers/countersign.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

const CHECK = "/v1/permissions/check";

Deno.test("An agent is made, read, changed, rotated and removed, and each change is in the log", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart");
  const check = (token: string) => org.post(CHECK, { tool_name: "restart" }, token);

  const made = await org.manage("POST", "/v1/agents", { name: "night shift" });
  assert.equal(made.status, 201);
  const { id, token, policy_version, ...fields } = made.body;
  assert.match(id, /^agt_/);
  assert.match(token, /^cs_agent_[0-9a-z]{39}$/);
  assert.deepEqual(fields, {
    name: "night shift",
    trust_tier: 0,
    tenant_ids: null,
    expires_at: null,
    rate_limit_per_minute: 6000,
    kill_switch: { active: false, reason: null },
    mandate_ids: null,
    members_behind: [],
    created_at: "2026-01-01T00:00:00.000Z",
  });
  assert.equal((await check(token)).body.permission, "allowed");

  const path = `/v1/agents/${id}`;
  const read = await org.get(path);
  assert.equal(read.status, 200);
  assert.deepEqual(read.body, { id, ...fields, last_used_at: fields.created_at });
  const listed = await org.get("/v1/agents");
  assert.deepEqual(listed.body, { data: [read.body], next_cursor: null });

  const change = {
    name: "day shift",
    trust_tier: 3,
    tenant_ids: ["acme"],
    expires_at: "2027-01-01T00:00:00Z",
    rate_limit_per_minute: null,
  };
  const changed = await org.manage("PATCH", path, change);
  assert.equal(changed.status, 200);
  assert.deepEqual(changed.body, {
    id,
    ...fields,
    ...change,
    expires_at: "2027-01-01T00:00:00.000Z",
    policy_version: policy_version + 1,
  });
  const renamed = await org.manage("PATCH", path, { name: "evening shift" });
  assert.deepEqual(renamed.body, {
    ...changed.body,
    name: "evening shift",
    policy_version: policy_version + 2,
  });

  const rotated = await org.manage("POST", `${path}/rotate`);
  assert.equal(rotated.status, 200);
  assert.match(rotated.body.token, /^cs_agent_/);
  assert.notEqual(rotated.body.token, token);
  assert.equal((await check(token)).status, 401);
  assert.equal((await check(rotated.body.token)).status, 200);

  const removed = await org.manage("DELETE", path);
  assert.equal(removed.status, 200);
  assert.equal(removed.body.removed, true);
  assert.equal(removed.body.id, id);
  assert.equal((await check(rotated.body.token)).status, 401);
  for (const [method, at] of [["GET", path], ["DELETE", path], ["POST", `${path}/rotate`]]) {
    assert.equal((await org.manage(method ?? "", at ?? "")).status, 404);
  }
  assert.equal((await org.manage("PATCH", path, { name: "x" })).status, 404);
  const { deps } = countersign.services;
  for (const secret of [token, rotated.body.token]) {
    assert.equal((await deps.kv.get(credentialKey(secretHash(secret)))).versionstamp, null);
  }

  const log = await verifiedLog(deps, org.id);
  const entries = log.map(({ entry }) => entry).filter(({ subject }) => subject.agent === id);
  assert.deepEqual(entries.map(({ type }) => type), [
    "agent.created",
    "agent.set",
    "agent.set",
    "agent.rotated",
    "agent.removed",
  ]);
  assert.deepEqual(Object.keys(entries[2]?.data ?? {}).sort(), [
    "digest_version",
    "name_digest",
    "request_id",
  ]);
  const text = JSON.stringify(log);
  for (const secret of [token, rotated.body.token, "shift"]) assert.ok(!text.includes(secret));
});

Deno.test("POST and PATCH /v1/agents refuse what does not fit, and change nothing", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const made = await org.manage("POST", "/v1/agents", { name: "agent" });
  const path = `/v1/agents/${made.body.id}`;
  const wrong: [Record<string, unknown>, string][] = [
    [{ name: "a\u200bb" }, "/name"],
    [{ trust_tier: -1 }, "/trust_tier"],
    [{ tenant_ids: [] }, "/tenant_ids"],
    [{ tenant_ids: ["jo@example.com"] }, "/tenant_ids/0"],
    [{ expires_at: "2025-01-01T00:00:00Z" }, "/expires_at"],
    [{ kill_switch: true }, "/kill_switch"],
    [{ kill_switch: { active: "yes" } }, "/kill_switch/active"],
    [{ tier: "management" }, "/tier"],
  ];
  for (const [fields, at] of wrong) {
    for (const [method, route] of [["POST", "/v1/agents"], ["PATCH", path]] as const) {
      const body = method === "POST" ? { name: "agent", ...fields } : fields;
      const got = await org.manage(method, route, body);
      assert.equal(got.status, 422, `${method} ${JSON.stringify(fields)}`);
      assert.equal(got.body.errors[0].path, at);
    }
  }
  const { data } = (await org.get("/v1/agents")).body;
  assert.equal(data.length, 1);
  assert.equal(data[0].name, "agent");
});

Deno.test("A repeated rotation gives the same token while nothing changed, else none", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const made = await org.manage("POST", "/v1/agents", { name: "agent" });
  const path = `/v1/agents/${made.body.id}`;
  const rotate = () =>
    org.manage("POST", `${path}/rotate`, undefined, { "idempotency-key": "one" });

  const first = await rotate();
  const second = await rotate();
  assert.equal(second.headers.get("idempotent-replayed"), "true");
  assert.equal(second.body.token, first.body.token);
  await org.manage("PATCH", path, { name: "other" });
  const third = await rotate();
  assert.equal(third.status, 409);
  assert.equal(third.body.code, "idempotency_stale");
});

Deno.test("The kill switch of an agent stops it at once on every node, and no other", async () => {
  await using one = await Countersign.start();
  await using two = await one.another();
  const org = await one.org();
  await org.tool("restart");
  const stopped = await org.manage("POST", "/v1/agents", { name: "stopped" });
  const other = await org.agent();
  const body = { tool_name: "restart" };
  const check = async (key: string) => {
    const [a, b] = await Promise.all(
      [one, two].map((node) => node.request("POST", CHECK, { key, body })),
    );
    assert.equal(a?.body.permission, b?.body.permission);
    return a?.body;
  };
  assert.equal((await check(stopped.body.token)).permission, "allowed");

  const path = `/v1/agents/${stopped.body.id}`;
  const kill_switch = { active: true, reason: "runs wild" };
  const answer = await org.manage("PATCH", path, { kill_switch });
  assert.deepEqual(answer.body.kill_switch, kill_switch);
  const refused = await check(stopped.body.token);
  assert.equal(refused.permission, "disabled");
  assert.equal(refused.resolved_from, "kill_switch");
  assert.equal((await check(other)).permission, "allowed");

  await org.manage("PATCH", path, { kill_switch: { active: false } });
  assert.equal((await check(stopped.body.token)).permission, "allowed");
});

Deno.test("Once an owner has a passkey, a key stops an agent but does not let it go on", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.member("jo@example.com", { role: "owner", has_passkey: true });
  const made = await org.manage("POST", "/v1/agents", { name: "agent" });
  const path = `/v1/agents/${made.body.id}`;
  assert.equal((await org.manage("PATCH", path, { kill_switch: { active: true } })).status, 200);
  const released = await org.manage("PATCH", path, { kill_switch: { active: false } });
  assert.equal(released.status, 403);
  assert.equal(released.body.code, "owner_required");
  assert.equal((await org.get(path)).body.kill_switch.active, true);
});

Deno.test("The trust tier of a caller must reach what the tool requires", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart", { required_tier: 2 });
  const resolved = async (key: string) => {
    const { body } = await org.post(CHECK, { tool_name: "restart" }, key);
    return [body.permission, body.resolved_from];
  };
  const made = await org.manage("POST", "/v1/agents", { name: "agent", trust_tier: 1 });
  assert.deepEqual(await resolved(made.body.token), ["disabled", "gate_tier"]);
  assert.deepEqual(await resolved(org.standard), ["disabled", "gate_tier"]);
  await org.manage("PATCH", `/v1/agents/${made.body.id}`, { trust_tier: 2 });
  assert.deepEqual(await resolved(made.body.token), ["allowed", "tool_default"]);
  const key = { name: "trusted", tier: "standard", trust_tier: 3 };
  const trusted = await org.manage("POST", "/v1/api-keys", key);
  assert.deepEqual(await resolved(trusted.body.key), ["allowed", "tool_default"]);
});
