import assert from "node:assert/strict";
import { changeAgent, createAgent, pauseAgent } from "../../lib/catalog/agents.ts";
import { createApiKey, keepBootstrapKey } from "../../lib/catalog/api_keys.ts";
import { Refusal } from "../../lib/refusal.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";

const R = "req_test";
const FIELDS = {
  name: "m",
  trust_tier: 0,
  tenant_ids: null,
  expires_at: null,
  rate_limit_per_minute: null,
};
const OFF = { active: false, reason: null };

async function check(org: TestOrg, key: string): Promise<string> {
  const { body } = await org.post("/v1/permissions/check", { tool_name: "t" }, key);
  return `${body.permission} by ${body.resolved_from}`;
}

Deno.test("An approver pauses an agent in the next call's time, and only an owner lets it go on", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("t");
  const [owner, admin] = [await org.signedIn("owner"), await org.signedIn("admin")];
  const approver = await org.signedIn("approver", { fresh: false, held: true });
  const made = await org.as(admin, "configure", createAgent({ ...FIELDS, kill_switch: OFF }, R));
  const { id } = made.record;
  assert.equal(await check(org, made.secret), "allowed by tool_default");
  await org.as(approver, "kill_switch_on", pauseAgent(id, "it loops", R));
  assert.equal(await check(org, made.secret), "disabled by kill_switch");
  const again = await org.as(approver, "kill_switch_on", pauseAgent(id, "other", R));
  assert.deepEqual(again.record.kill_switch, { active: true, reason: "it loops" });
  const release = changeAgent(id, { kill_switch: OFF }, R);
  await assert.rejects(
    org.as(admin, "configure", release),
    (error: unknown) => error instanceof Refusal && error.code === "role_required",
  );
  await org.as(owner, "configure", release);
  assert.equal(await check(org, made.secret), "allowed by tool_default");
  const { body } = await org.manage("GET", `/v1/activity?type=agent.set&order=asc`);
  assert.deepEqual(
    body.data.map(({ actor, data }: { actor: { id: string }; data: { kill_switch: boolean } }) => [
      actor.id,
      data.kill_switch,
    ]),
    [[approver.member.id, true], [owner.member.id, false]],
  );
});

Deno.test("An approver key that an owner made decides, and one for private data reads it", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await org.signedIn("owner");
  const make = (tier: "approver" | "standard", audit_private: boolean) =>
    org.as(owner, "make_approver_keys", createApiKey({ ...FIELDS, tier, audit_private }, R));
  const approver = await make("approver", false);
  assert.equal((await org.get("/v1/approvals", approver.secret)).status, 200);
  assert.deepEqual(approver.record.members_behind, [owner.member.id]);
  const reader = await make("standard", true);
  const rows = await org.get("/v1/audit/entries?start=0&limit=200", reader.secret);
  const created = rows.body.data.filter(
    ({ entry }: { entry: { type: string } }) => entry.type === "api_key.created",
  );
  assert.equal(created.at(-1).private.name.value, "m");
  assert.equal(created.at(-1).entry.data.audit_private, true);
});

Deno.test("An operator's approver key is in force again once an owner keeps it", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const secret = await org.key("approver", { bootstrap: true, name: "operator" });
  assert.equal((await org.get("/v1/approvals", secret)).status, 200);
  const owner = await org.signedIn("owner");
  assert.equal((await org.get("/v1/approvals", secret)).status, 401);
  const idOf = (name: string) =>
    org.transact(({ snapshot }) =>
      snapshot.apiKeys.values().find((key) => key.name === name)?.id ?? ""
    );
  const id = await idOf("operator");
  await org.as(owner, "make_approver_keys", keepBootstrapKey(id, R));
  await org.as(owner, "make_approver_keys", keepBootstrapKey(id, R));
  assert.equal((await org.get("/v1/approvals", secret)).status, 200);
  const { body } = await org.manage("GET", "/v1/activity?type=api_key.kept");
  assert.equal(body.data.length, 1);
  assert.deepEqual(body.data[0].actor, { type: "member", id: owner.member.id });
  const other = keepBootstrapKey(await idOf("standard"), R);
  await assert.rejects(
    org.as(owner, "make_approver_keys", other),
    (error: unknown) => error instanceof Refusal && error.code === "not_found",
  );
});
