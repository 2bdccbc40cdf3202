import assert from "node:assert/strict";
import { inflateRawSync } from "node:zlib";
import * as keys from "../../lib/store/keys.ts";
import { idempotencyRecord } from "../../lib/store/records/identity.ts";
import { decrypt, subkey } from "../../lib/store/sealing.ts";
import { Countersign, type Got, type TestOrg } from "../helpers/countersign.ts";
import { type StoredEntry, verifiedLog } from "../helpers/stored_log.ts";

const CHECK = "/v1/permissions/check";
const BODY = { tool_name: "deploy", resource_id: "prod", arguments: { version: 7 } };

function ask(org: TestOrg, key: string, body: unknown = BODY, secret = org.standard): Promise<Got> {
  return org.post(CHECK, body, secret, { "idempotency-key": key });
}

async function checksOf(org: TestOrg): Promise<StoredEntry[]> {
  const log = await verifiedLog(org.countersign.services.deps, org.id);
  return log.filter(({ entry }) => entry.type === "permission.checked");
}

/** The tool `deploy` with another default, which raises the policy version. */
async function setDefault(org: TestOrg, default_permission: string): Promise<void> {
  await org.transact((transaction) => {
    const tool = transaction.snapshot.tool("deploy");
    transaction.setPolicy(keys.toolKey(org.id, "deploy"), { ...tool, default_permission });
  });
}

Deno.test("the same key and body give the first answer again, and no second entry", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("deploy");
  const first = await ask(org, "k-1");
  assert.equal(first.status, 200);
  assert.equal(first.headers.get("idempotent-replayed"), null);
  const again = await ask(org, "k-1");
  assert.equal(again.status, 200);
  assert.equal(again.headers.get("idempotent-replayed"), "true");
  assert.deepEqual(again.body, first.body);
  assert.equal((await checksOf(org)).length, 1);
});

Deno.test("the same key with another body is refused, and changes nothing", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("deploy");
  await ask(org, "k-1");
  for (const body of [{ ...BODY, resource_id: "other" }, JSON.stringify(BODY) + " "]) {
    const got = await ask(org, "k-1", body);
    assert.equal(got.status, 422);
    assert.equal(got.body.code, "idempotency_mismatch");
  }
  assert.equal((await ask(org, "k-1")).headers.get("idempotent-replayed"), "true");
  assert.equal((await checksOf(org)).length, 1);
});

Deno.test("an allowed is not repeated after a rule change, a verdict that grants nothing is", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("deploy");
  assert.equal((await ask(org, "k-allowed")).body.permission, "allowed");
  await setDefault(org, "disabled");
  const stale = await ask(org, "k-allowed");
  assert.equal(stale.status, 409);
  assert.equal(stale.body.code, "idempotency_stale");
  const disabled = await ask(org, "k-disabled");
  assert.equal(disabled.body.permission, "disabled");
  await setDefault(org, "allowed");
  const repeated = await ask(org, "k-disabled");
  assert.equal(repeated.headers.get("idempotent-replayed"), "true");
  assert.deepEqual(repeated.body, disabled.body);
  assert.equal((await ask(org, "k-allowed")).status, 409, "not even when it is allowed again");
});

Deno.test("100 parallel identical requests make one entry and one answer, on one node and on two", async () => {
  await using one = await Countersign.start();
  await using two = await one.another();
  const org = await one.org();
  await org.tool("deploy");
  for (const [round, nodes] of [[one, one], [one, two]].entries()) {
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, i) =>
        (nodes[i % 2] ?? one).request("POST", CHECK, {
          key: org.standard,
          body: BODY,
          headers: { "idempotency-key": `k-${round}` },
        })),
    );
    const replayed = answers.filter(({ headers }) => headers.get("idempotent-replayed"));
    assert.equal(replayed.length, 99);
    for (const { status, body } of answers) {
      assert.equal(status, 200);
      assert.deepEqual(body, answers[0]?.body);
    }
    assert.equal((await checksOf(org)).length, round + 1);
  }
});

Deno.test("100 parallel requests with one key and two bodies: one body wins, the other is refused", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("deploy");
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, i) => ask(org, "k", { ...BODY, method: `M${i % 2}` })),
  );
  assert.equal(answers.filter(({ status }) => status === 200).length, 50);
  const refused = answers.filter(({ body }) => body.code === "idempotency_mismatch");
  assert.equal(refused.length, 50);
  assert.equal((await checksOf(org)).length, 1);
});

Deno.test("an answer is kept for 24 hours and no longer", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("deploy");
  const day = 24 * 60 * 60 * 1000;
  await ask(org, "k");
  countersign.clock.advance(day - 1);
  assert.equal((await ask(org, "k")).headers.get("idempotent-replayed"), "true");
  countersign.clock.advance(1);
  const anew = await ask(org, "k", { ...BODY, resource_id: "other" });
  assert.deepEqual([anew.status, anew.headers.get("idempotent-replayed")], [200, null]);
  assert.equal((await checksOf(org)).length, 2);
});

Deno.test("a key is 1 to 255 visible ASCII characters", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("deploy");
  for (const key of ["", "two words", "x".repeat(256), "caf\u00e9"]) {
    const got = await ask(org, key);
    assert.deepEqual([got.status, got.body.code], [422, "invalid_request"], JSON.stringify(key));
  }
  for (const key of ["x", "x".repeat(255), "!~{}\"'"]) {
    assert.equal((await ask(org, key)).status, 200);
  }
});

Deno.test("the same key of another credential, of another org and on another path is another key", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const stranger = await countersign.org();
  await org.tool("deploy");
  await stranger.tool("deploy");
  const first = await ask(org, "k");
  const other = await ask(org, "k", BODY, await org.key("standard"));
  const agent = await ask(org, "k", BODY, await org.agent());
  const foreign = await ask(stranger, "k");
  const batch = await org.post("/v1/permissions/check-batch", { checks: [BODY] }, org.standard, {
    "idempotency-key": "k",
  });
  for (const { status, headers, body } of [other, agent, foreign, batch]) {
    assert.deepEqual([status, headers.get("idempotent-replayed")], [200, null]);
    assert.notEqual(body.decision_id, first.body.decision_id);
  }
});

Deno.test("a revoked credential gets no kept answer", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("deploy");
  const secret = await org.agent();
  assert.equal((await ask(org, "k", BODY, secret)).status, 200);
  await org.transact((transaction) => {
    for (const id of transaction.snapshot.agents.keys()) {
      transaction.deletePolicy(keys.agentKey(org.id, id));
    }
  });
  assert.equal((await ask(org, "k", BODY, secret)).body.code, "invalid_credentials");
});

Deno.test("what is refused before the decision is not kept, what the decision refuses by input is", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("deploy");
  const walled = await org.agent({ tenant_ids: ["acme"] });
  const outside = { ...BODY, tenant_id: "globex" };
  const refused = await ask(org, "k", outside, walled);
  assert.equal(refused.body.code, "tenant_not_permitted");
  const agents = countersign.services.ledgers.of(org.id).knownSnapshot?.agents.values() ?? [];
  await org.transact((transaction) => {
    for (const agent of agents) {
      transaction.setPolicy(keys.agentKey(org.id, agent.id), { ...agent, tenant_ids: null });
    }
  });
  const now = await ask(org, "k", outside, walled);
  assert.deepEqual([now.status, now.headers.get("idempotent-replayed")], [200, null]);
});

Deno.test("a stolen store, even with the deployment's secret, opens no kept answer", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("deploy");
  const { body } = await ask(org, "k");
  const { kv, sealer } = countersign.services.deps;
  const rows = await Array.fromAsync(kv.list({ prefix: keys.idempotencyPrefix() }));
  const [row] = rows;
  assert.equal(rows.length, 1);
  const { sealed } = idempotencyRecord.parse(row?.value);
  const key = (row?.key ?? []) as string[];
  assert.ok(sealed);
  assert.throws(() => sealer.open(key, sealed));
  const associated = new TextEncoder().encode(JSON.stringify(key));
  const opened = (secret: Uint8Array) =>
    decrypt(subkey(secret, "kept answers"), sealed, associated);
  assert.equal(opened(countersign.secret), null);
  const text = new TextEncoder().encode(org.standard);
  const plain = opened(text) ?? assert.fail("the credential itself opens it");
  assert.deepEqual(JSON.parse(inflateRawSync(plain).toString()).body, body);
  assert.equal(decrypt(subkey(text, "kept answers"), sealed, new Uint8Array(0)), null);
  for await (const { key, value } of kv.list({ prefix: [] })) {
    assert.ok(!Deno.inspect([key, value]).includes(org.standard), "no row holds the credential");
  }
});

Deno.test("a kept answer that was moved to another key or altered in the store is not given", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("deploy");
  await ask(org, "k-1");
  const { kv } = countersign.services.deps;
  const [first] = await Array.fromAsync(kv.list({ prefix: keys.idempotencyPrefix() }));
  await ask(org, "k-2", { ...BODY, resource_id: "other" });
  for await (const { key } of kv.list({ prefix: keys.idempotencyPrefix() })) {
    await kv.set(key, first?.value);
  }
  assert.equal((await ask(org, "k-1")).status, 200);
  assert.deepEqual((await ask(org, "k-2")).body.code, "idempotency_stale");
  if (first) await kv.set(first.key, { body_digest: 7 });
  assert.deepEqual((await ask(org, "k-1")).body.code, "store_unavailable");
});
