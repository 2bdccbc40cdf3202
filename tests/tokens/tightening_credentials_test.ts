import assert from "node:assert/strict";
import { revokeInOrg } from "../../lib/identity/grant_entries.ts";
import { approvalKey, memberKey, runTokenKey } from "../../lib/store/keys.ts";
import type { ApprovalRecord } from "../../lib/store/records/approval.ts";
import { CLIENT } from "../helpers/decision_org.ts";
import { grantIn, McpClient, type TestGrant } from "../helpers/mcp_client.ts";
import { consume, verify } from "../helpers/minted_tokens.ts";
import { assertProblem } from "../helpers/refused.ts";
import { setAsAnotherNode } from "../helpers/stored_log.ts";
import { assertGood, assertRevoked, TighteningWorld } from "./tightened_world.ts";

const MINUTE_MS = 60_000;
const PAYMENT = { tool_name: "transfer", arguments: { amount: 10 } };

/** A standard key made over HTTP. */
async function newKey(world: TighteningWorld, fields: object = {}) {
  const body = { name: "minter", tier: "standard", ...fields };
  const got = await world.manage("POST", "/v1/api-keys", body);
  return { id: got.body.id as string, key: got.body.key as string };
}

Deno.test("a key that is revoked ends its tokens; another one that is does not", async () => {
  for (const own of [true, false]) {
    await using world = await TighteningWorld.start();
    const [minter, other] = [await newKey(world), await newKey(world)];
    const tokens = await world.tokens({ held: false, key: minter.key });
    await world.manage("DELETE", `/v1/api-keys/${(own ? minter : other).id}`);
    const report = (token: string) => world.report(token);
    if (own) await assertRevoked(world, tokens, "credential", report);
    else await assertGood(world, tokens, report);
  }
});

Deno.test("a key that expires ends its tokens at that moment", async () => {
  for (const early of [0, 1]) {
    await using world = await TighteningWorld.start();
    const { clock } = world.countersign;
    const expires_at = new Date(clock.now + MINUTE_MS).toISOString();
    const { key } = await newKey(world, { expires_at });
    const tokens = await world.tokens({ held: false, key });
    clock.advance(MINUTE_MS - early);
    const report = (token: string) => world.report(token);
    if (early === 0) await assertRevoked(world, tokens, "credential", report);
    else await assertGood(world, tokens, report);
  }
});

Deno.test("a look that is repeated says nothing of before its key expired", async () => {
  await using world = await TighteningWorld.start();
  const { clock } = world.countersign;
  const expires_at = new Date(clock.now + MINUTE_MS).toISOString();
  const { key } = await newKey(world, { expires_at });
  const { first } = await world.tokens({ held: false, key });
  const look = () =>
    world.org.post("/v1/tokens/verify", { token: first }, world.org.standard, {
      "idempotency-key": "look",
    });
  assert.equal((await look()).body.valid, true);
  assert.equal((await look()).headers.get("idempotent-replayed"), "true");
  clock.advance(MINUTE_MS);
  assertProblem(await look(), 409, "idempotency_stale");
});

/** What ends, or leaves, what an MCP client was given. */
const GRANT_CHANGES: readonly [
  what: string,
  ends: boolean,
  change: (world: TighteningWorld, grant: TestGrant) => Promise<unknown>,
][] = [
  ["the grant is revoked", true, (world, { id }) => revoked(world, id)],
  ["the membership ends", true, (world, grant) => becomes(world, grant, null)],
  [
    "the role is lowered to one that only reads",
    true,
    (world, grant) => becomes(world, grant, "viewer"),
  ],
  [
    "the role is lowered to one that still asks",
    false,
    (world, grant) => becomes(world, grant, "approver"),
  ],
  ["another grant is revoked", false, async (world) => {
    const other = await grantIn([[world.org, "admin"]]);
    await revoked(world, other.id);
  }],
];

async function revoked(world: TighteningWorld, id: string): Promise<void> {
  const owner = await world.org.signedIn("owner");
  await world.org.as(owner, "manage_members", revokeInOrg(id, CLIENT));
}

async function becomes(
  { org }: TighteningWorld,
  { members }: TestGrant,
  role: "viewer" | "approver" | null,
): Promise<void> {
  const member = members.get(org.id) ?? assert.fail("the grant has no member");
  await org.transact((transaction) => {
    const key = memberKey(org.id, member.email);
    if (role === null) transaction.deletePolicy(key);
    else transaction.setPolicy(key, { ...member, role });
  });
}

Deno.test("what an MCP client was given ends with what its grant reaches", async (t) => {
  for (const [what, ends, change] of GRANT_CHANGES) {
    await t.step(what, async () => {
      await using world = await TighteningWorld.start();
      const grant = await grantIn([[world.org, "admin"]]);
      await using client = await McpClient.connect(world.countersign.origin, grant.token);
      const { data } = await client.call("mint_run_token", PAYMENT);
      await change(world, grant);
      const looked = await verify(world.org, data.token);
      const got = await consume(world.org, data.token, PAYMENT);
      if (ends) {
        const said = { valid: false, code: "token_revoked", reason: "credential" };
        assert.deepEqual(looked.body, said);
        assertProblem(got, 403, "token_revoked");
        assert.equal(got.body.reason, "credential");
      } else {
        assert.equal(looked.body.valid, true);
        assert.equal(got.status, 200, got.text);
      }
    });
  }
});

Deno.test("over MCP a report under a token from before is refused with the reason", async () => {
  await using world = await TighteningWorld.start();
  const grant = await grantIn([[world.org, "admin"]]);
  await using client = await McpClient.connect(world.countersign.origin, grant.token);
  const { data } = await client.call("mint_run_token", PAYMENT);
  await world.tool({ default_permission: "requires_approval" });
  const report = { tool_name: "transfer", token: data.token, execution_result: "success" };
  const said = await client.call("log_execution", report);
  assert.equal(said.isError, true);
  assert.deepEqual([said.data.code, said.data.reason], ["token_revoked", "policy"]);
});

Deno.test("a token from before definitions were kept is good until the policy changes", async () => {
  for (const change of [false, true]) {
    await using world = await TighteningWorld.start();
    const { org } = world;
    const { first } = await world.tokens({ held: false });
    await forgetDefinition(world, first);
    // Whatever it was: the record does not tell.
    if (change) await world.manage("PATCH", "/v1/tools/other", { description: "Another" });
    const got = await consume(org, first);
    if (!change) assert.equal(got.status, 200, got.text);
    else {
      assertProblem(got, 403, "token_revoked");
      assert.equal(got.body.reason, "tool_changed");
    }
  }
});

/** Makes the record of a token what an earlier version wrote. */
async function forgetDefinition({ org, countersign }: TighteningWorld, token: string) {
  const { kv } = countersign.services.deps;
  const { token_id } = (await verify(org, token)).body.claims;
  const key = runTokenKey(org.id, token_id);
  const { value } = await kv.get<Record<string, unknown>>(key);
  assert.ok(value !== null);
  const { definition_digest: _none, ...before } = value;
  await setAsAnotherNode(kv, org.id, key, before);
}

Deno.test("a revoked approval ends its token, and no other's", async () => {
  await using world = await TighteningWorld.start();
  await world.tool({ default_permission: "requires_approval" });
  const { first, checked } = await world.tokens({ held: true });
  // The newest approval, which the check used.
  await world.org.post(`/v1/approvals/${world.approval}/revoke`, undefined, world.agent.token);
  const said = { valid: false, code: "token_revoked", reason: "approval_revoked" };
  assert.deepEqual((await verify(world.org, checked)).body, said);
  const got = await consume(world.org, checked);
  assertProblem(got, 403, "token_revoked");
  assert.equal(got.body.reason, "approval_revoked");
  assert.equal((await consume(world.org, first)).status, 200);
});

Deno.test("a token whose approval is not in the store is good for nothing", async () => {
  await using world = await TighteningWorld.start();
  await world.tool({ default_permission: "requires_approval" });
  const { checked } = await world.tokens({ held: true });
  const key = approvalKey(world.org.id, world.approval);
  await world.org.transact((transaction) => transaction.delete(key));
  const got = await consume(world.org, checked);
  assertProblem(got, 403, "token_revoked");
  assert.equal(got.body.reason, "approval_revoked");
});

Deno.test("a token whose approval became another token is good for nothing", async () => {
  await using world = await TighteningWorld.start();
  await world.tool({ default_permission: "requires_approval" });
  const { checked } = await world.tokens({ held: true });
  const key = approvalKey(world.org.id, world.approval);
  const { value } = await world.countersign.services.deps.kv.get<ApprovalRecord>([...key]);
  assert.ok(value?.progress.state === "used");
  const progress = { ...value.progress, token_id: "rtk_another" };
  await world.org.transact((transaction) => transaction.set(key, { ...value, progress }));
  const got = await consume(world.org, checked);
  assertProblem(got, 403, "token_revoked");
  assert.equal(got.body.reason, "approval_revoked");
});

Deno.test("what does not tighten for a token that is out already", async () => {
  await using world = await TighteningWorld.start();
  const { org } = world;
  const tokens = await world.tokens({ held: false });
  await world.manage("PATCH", "/v1/org", { discovery: "off" });
  await world.change(world.agent, { rate_limit_per_minute: 1 });
  await world.manage("PATCH", "/v1/org", { approval_use_seconds: 60, report_within_seconds: 60 });
  // An allowed action asks nobody, at however many levels.
  await world.tool({ requires_second_approval: true });
  // It names all of these.
  await world.tool({ required_facts: ["tenant", "resource", "method"] });
  await assertGood(world, tokens, (token) => world.report(token));
  const { body } = await org.get("/v1/activity?type=token.refused");
  assert.deepEqual(body.data, []);
});

Deno.test("a fact that is required now ends a token without it", async () => {
  await using world = await TighteningWorld.start();
  const bare = { tool_name: "transfer", tenant_id: "acme" };
  const mint = () => world.org.post("/v1/tokens/mint", bare, world.agent.token);
  const { token } = (await mint()).body;
  await world.tool({ required_facts: ["resource"] });
  const got = await consume(world.org, token, bare);
  assertProblem(got, 403, "token_revoked");
  assert.equal(got.body.reason, "policy");
  assert.match(got.body.detail, /requires an approval for its action now \(gate_incomplete\)/);
});
