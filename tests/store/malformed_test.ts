import assert from "node:assert/strict";
import { joinBytes } from "../../lib/base/bytes.ts";
import * as keys from "../../lib/store/keys.ts";
import { logHead, SEGMENT_HEAD_BYTES } from "../../lib/store/records/log.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";

const CHECK = "/v1/permissions/check";
const SELECTOR = {
  tenant_id: null,
  resource_id: null,
  tool_name: "deploy",
  method: null,
  tag: null,
};

/** An org with a tool that a rule disables and with an open page in its log; then a damage. */
async function damaged(
  damage: (kv: Deno.Kv, org: TestOrg) => Promise<unknown>,
  look: (fresh: Countersign, running: Countersign, org: TestOrg) => Promise<void>,
): Promise<void> {
  const kv = await Deno.openKv(":memory:");
  {
    await using running = await Countersign.start({ kv });
    const { clock, secret } = running;
    const org = await running.org();
    await org.tool("deploy");
    await org.transact((transaction) => {
      const times = { created_at: transaction.at, updated_at: transaction.at };
      const rule = {
        id: "rul_1",
        selector: SELECTOR,
        permission: "disabled",
        note: null,
        ...times,
      };
      transaction.setPolicy(keys.ruleKey(org.id, SELECTOR), rule);
    });
    for (let i = 0; i < 5; i++) await org.post(CHECK, { tool_name: "deploy" });
    await damage(kv, org);
    await using fresh = await Countersign.start({ kv, clock, secret });
    await look(fresh, running, org);
  }
  kv.close();
}

/** Writes other entries into a segment, behind what stands before them in its row. */
async function rewritten(
  kv: Deno.Kv,
  key: ReturnType<typeof keys.logSegmentKey>,
  change: (text: string) => string,
): Promise<unknown> {
  const { value } = await kv.get<Uint8Array>([...key]);
  const row = value ?? assert.fail("no segment");
  const entries = change(new TextDecoder().decode(row.subarray(SEGMENT_HEAD_BYTES)));
  const head = row.subarray(0, SEGMENT_HEAD_BYTES);
  return await kv.set([...key], joinBytes([head, encoder.encode(entries)]));
}

const encoder = new TextEncoder();

async function assertUnavailable(node: Countersign, org: TestOrg, tool_name = "deploy") {
  const got = await node.request("POST", CHECK, { key: org.standard, body: { tool_name } });
  assert.deepEqual([got.status, got.body.code], [503, "store_unavailable"]);
  assert.equal(got.headers.get("content-type"), "application/problem+json");
  assert.ok(!got.text.includes("allowed"));
}

async function changed(kv: Deno.Kv, key: keys.StoreKey, fields: object): Promise<void> {
  const { value } = await kv.get<object>(key as Deno.KvKey);
  assert.ok(value, "there is something to damage");
  await kv.set(key as Deno.KvKey, { ...value, ...fields });
}

const POLICY_DAMAGE: Record<string, (kv: Deno.Kv, org: TestOrg) => Promise<unknown>> = {
  "a tool with an unknown status": (kv, { id }) =>
    changed(kv, keys.toolKey(id, "deploy"), { status: "fine" }),
  "a tool that is null": (kv, { id }) => kv.set([...keys.toolKey(id, "deploy")], null),
  "a tool without its tier": (kv, { id }) =>
    changed(kv, keys.toolKey(id, "deploy"), { required_tier: undefined }),
  "a rule with an unknown permission": (kv, { id }) =>
    changed(kv, keys.ruleKey(id, SELECTOR), { permission: "yes" }),
  "a rule that is null": (kv, { id }) => kv.set(keys.ruleKey(id, SELECTOR) as Deno.KvKey, null),
  "a rule that stands under another's key": (kv, { id }) =>
    changed(kv, keys.ruleKey(id, SELECTOR), {
      selector: { ...SELECTOR, tool_name: "elsewhere" },
    }),
  "a tool that stands under another's key": (kv, { id }) =>
    changed(kv, keys.toolKey(id, "deploy"), { name: "elsewhere" }),
  "an org without a kill switch": (kv, { id }) =>
    changed(kv, keys.orgKey(id), { kill_switch: undefined }),
  "an org that is null": (kv, { id }) => kv.set([...keys.orgKey(id)], null),
  "a policy version that is text": (kv, { id }) =>
    kv.set([...keys.policyVersionKey(id)], { version: "7" }),
  "a policy version that is gone": (kv, { id }) => kv.delete([...keys.policyVersionKey(id)]),
};

async function headChanged(
  kv: Deno.Kv,
  org: string,
  change: (row: Uint8Array) => unknown,
): Promise<void> {
  const key = [...keys.logHeadKey(org)];
  const { value } = await kv.get<Uint8Array>(key);
  assert.ok(value, "there is something to damage");
  await kv.set(key, change(value));
}

const LOG_DAMAGE: Record<string, (kv: Deno.Kv, org: TestOrg) => Promise<unknown>> = {
  "a head of an earlier release with a text for its size": (kv, { id }) =>
    kv.set([...keys.logHeadKey(id)], { size: "5", peaks: [], at: 0 }),
  "a head that is one short": (kv, { id }) =>
    headChanged(kv, id, (row) => {
      const head = logHead.parse(row);
      return { ...head, size: head.size - 1 };
    }),
  "a head that is gone": (kv, { id }) => kv.delete([...keys.logHeadKey(id)]),
  "a segment that is null": (kv, { id }) => kv.set([...keys.logSegmentKey(id, 0)], null),
  "a segment that is gone": (kv, { id }) => kv.delete([...keys.logSegmentKey(id, 0)]),
  "a segment with bytes that are no entry": (kv, { id }) =>
    rewritten(kv, keys.logSegmentKey(id, 0), () => "\0{]"),
  "a segment with one byte changed": (kv, { id }) =>
    rewritten(kv, keys.logSegmentKey(id, 0), (text) => text.replace('"test"', '"Test"')),
  "a segment that is cut off in its head": (kv, { id }) =>
    kv.set([...keys.logSegmentKey(id, 0)], new Uint8Array(7)),
  "a head that is cut off": (kv, { id }) => kv.set([...keys.logHeadKey(id)], new Uint8Array(7)),
  "a head with half a hash": (kv, { id }) => headChanged(kv, id, (row) => row.slice(0, -16)),
  "a head with something behind its hashes": (kv, { id }) =>
    headChanged(kv, id, (row) => joinBytes([row, new Uint8Array(3)])),
  "a head of an earlier release with half a hash": (kv, { id }) =>
    headChanged(kv, id, (row) => ({ ...logHead.parse(row), peaks: new Uint8Array(48) })),
};

for (const [what, damage] of Object.entries({ ...POLICY_DAMAGE, ...LOG_DAMAGE })) {
  Deno.test(`fails closed: a node that starts on ${what} answers 503`, async () => {
    await damaged(damage, async (fresh, _running, org) => {
      await assertUnavailable(fresh, org);
      await assertUnavailable(fresh, org, "unknown");
      const read = await fresh.request("GET", "/v1/activity", { key: org.standard });
      assert.equal(read.status, 503);
    });
  });
}

for (const [what, damage] of Object.entries(POLICY_DAMAGE)) {
  Deno.test(`fails closed: a running node that follows a change to ${what} answers 503`, async () => {
    await damaged(damage, async (_fresh, running, org) => {
      const { kv } = running.services.deps;
      const key = keys.policyVersionKey(org.id);
      const { value } = await kv.get<{ version: unknown }>(key);
      if (typeof value?.version === "number") {
        const version = value.version + 1;
        const changedKeys = [
          keys.toolKey(org.id, "deploy"),
          keys.ruleKey(org.id, SELECTOR),
          keys.orgKey(org.id),
        ];
        await kv.atomic().set(key, { version })
          .set(keys.policyChangeKey(org.id, version), { keys: changedKeys }).commit();
      }
      await assertUnavailable(running, org);
    });
  });
}

Deno.test("fails closed: a damaged idempotency record answers 503 and nothing else", async () => {
  await damaged(
    async (kv, org) => {
      await org.post(CHECK, { tool_name: "deploy" }, org.standard, { "idempotency-key": "k" });
      for await (const { key } of kv.list({ prefix: keys.idempotencyPrefix() })) {
        await kv.set(key, null);
      }
    },
    async (fresh, _running, org) => {
      const got = await fresh.request("POST", CHECK, {
        key: org.standard,
        body: { tool_name: "deploy" },
        headers: { "idempotency-key": "k" },
      });
      assert.deepEqual([got.status, got.body.code], [503, "store_unavailable"]);
      const other = await fresh.request("POST", CHECK, {
        key: org.standard,
        body: { tool_name: "deploy" },
      });
      assert.equal(other.status, 200, "its neighbours are served");
    },
  );
});
