import assert from "node:assert/strict";
import { agentKey, apiKeyKey, credentialKey, toolKey } from "../lib/store/keys.ts";
import type { ApiKeyRecord } from "../lib/store/records/identity.ts";
import { Countersign, type TestOrg } from "./countersign_fixture.ts";
import {
  assertRefused,
  changeOrg,
  consume,
  entriesOf,
  minted,
  orgWithTransfer,
  TRANSFER,
  verify,
} from "./tokens_fixture.ts";

/** Revokes a key without the API. */
function revokeKey(org: TestOrg, name: string): Promise<void> {
  return org.transact((transaction) => {
    for (const key of transaction.snapshot.apiKeys.values()) {
      if (key.name !== name) continue;
      transaction.deletePolicy(apiKeyKey(org.id, key.id));
      transaction.delete(credentialKey(key.secret_hash));
    }
  });
}

function changeKey(org: TestOrg, name: string, fields: Partial<ApiKeyRecord>): Promise<void> {
  return org.transact((transaction) => {
    for (const key of transaction.snapshot.apiKeys.values()) {
      if (key.name !== name) continue;
      transaction.setPolicy(apiKeyKey(org.id, key.id), { ...key, ...fields });
    }
  });
}

Deno.test("a policy that disables the action now revokes its tokens", async (t) => {
  const changes: [string, RegExp, (org: TestOrg) => Promise<unknown>][] = [
    [
      "the default became disabled",
      /tool_default/,
      (org) => org.tool("transfer", { default_permission: "disabled" }),
    ],
    [
      "the org's kill switch",
      /organization's kill switch/,
      (org) => changeOrg(org, { kill_switch: { active: true, reason: null } }),
    ],
    [
      "the tool's kill switch",
      /tool's kill switch/,
      (org) => org.tool("transfer", { kill_switch: { active: true, reason: null } }),
    ],
    ["the tool was disabled", /disabled/, (org) => org.tool("transfer", { status: "disabled" })],
    ["the tool was archived", /archived/, (org) => org.tool("transfer", { status: "archived" })],
    [
      "the tool was removed",
      /no longer in the catalog/,
      (org) => org.transact((transaction) => transaction.deletePolicy(toolKey(org.id, "transfer"))),
    ],
    [
      "the tool asks for a higher tier than the minter's",
      /gate_tier/,
      (org) => org.tool("transfer", { required_tier: 3 }),
    ],
    ["the minter was revoked", /was revoked/, (org) => revokeKey(org, "minter")],
    [
      "the minter expired",
      /has expired/,
      (org) => changeKey(org, "minter", { expires_at: org.countersign.clock.now }),
    ],
    [
      "the minter was walled off",
      /may no longer act for its tenant/,
      (org) => changeKey(org, "minter", { tenant_ids: ["other"] }),
    ],
  ];
  for (const [name, why, change] of changes) {
    await t.step(name, async () => {
      await using countersign = await Countersign.start();
      const org = await orgWithTransfer(countersign);
      const minter = await org.key("standard", { name: "minter" });
      const { token } = await minted(org, TRANSFER, minter);
      await change(org);
      const got = await consume(org, token);
      assertRefused(got, 403, "token_revoked");
      assert.match(got.body.detail, why);
      assert.deepEqual((await verify(org, token)).body, { valid: false, code: "token_revoked" });
      const [entry] = await entriesOf(org, "token.refused");
      assert.equal(entry?.data.code, "token_revoked");
      assert.match(String(entry?.data.why), why);
    });
  }
});

Deno.test("a token of an agent whose kill switch went on is revoked", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const { token } = await minted(org, TRANSFER, await org.agent());
  await org.transact((transaction) => {
    const [agent] = transaction.snapshot.agents.values();
    assert.ok(agent);
    const stopped = { ...agent, kill_switch: { active: true, reason: null } };
    transaction.setPolicy(agentKey(org.id, agent.id), stopped);
  });
  const got = await consume(org, token);
  assertRefused(got, 403, "token_revoked");
  assert.match(got.body.detail, /kill switch of the agent/);
});

Deno.test("a token that was allowed stays good when the policy asks for an approval now", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const { token } = await minted(org);
  await org.tool("transfer", { default_permission: "requires_approval" });
  assert.equal((await consume(org, token)).status, 200);
});
