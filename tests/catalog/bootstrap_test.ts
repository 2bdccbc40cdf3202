import assert from "node:assert/strict";
import { bootstrap, idleBootstrapKeys } from "../../lib/catalog/create_org.ts";
import { makeSecret, secretHash, type SecretKind } from "../../lib/identity/credentials.ts";
import { SettingRefused } from "../../lib/server/rights.ts";
import { readSettings } from "../../lib/server/settings.ts";
import * as keys from "../../lib/store/keys.ts";
import { readRecord } from "../../lib/store/kv.ts";
import { apiKeyRecord, credentialIndex, memberRecord } from "../../lib/store/records/identity.ts";
import { systemRandom } from "../../lib/store/system.ts";
import { Countersign, TestClock } from "../helpers/countersign.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

const CHOSEN = "cs_mgmt_" + "a-key-of-the-operators-own-choosing-1234";
const APPROVER = "cs_appr_" + "another-key-of-the-operators-choosing-56";
const ALL = {
  COUNTERSIGN_BOOTSTRAP_KEY: CHOSEN,
  COUNTERSIGN_BOOTSTRAP_APPROVER_KEY: APPROVER,
  COUNTERSIGN_BOOTSTRAP_OWNER: "Jo@Example.com",
};

/** The orgs in a store, the deployment's own not among them. */
async function orgsIn({ services }: Countersign): Promise<string[]> {
  const rows = await Array.fromAsync(services.deps.kv.list({ prefix: keys.orgPrefix() }));
  return rows.map(({ key }) => String(key[1])).filter((org) => org !== keys.DEPLOYMENT_ORG);
}

/** A read with a key: whether it is in force, and for what it is not. */
async function status(countersign: Countersign, key: string): Promise<number> {
  return (await countersign.request("GET", "/v1/api-keys", { key })).status;
}

Deno.test("readSettings() takes a made key as well as a chosen one", () => {
  for (const key of [CHOSEN, makeSecret("management", systemRandom)]) {
    const settings = readSettings((name) => name === "COUNTERSIGN_BOOTSTRAP_KEY" ? key : undefined);
    assert.equal(settings.bootstrap.key, key);
  }
});

Deno.test("readSettings() stops with a clear message that names the variable, not the key", () => {
  const made = (kind: SecretKind) => makeSecret(kind, systemRandom);
  const mistyped = CHOSEN.slice(0, 8) + "0123456789".repeat(4).slice(1);
  const wrong: [keyof typeof ALL, string, RegExp][] = [
    ["COUNTERSIGN_BOOTSTRAP_KEY", "hunter2", /begin with cs_mgmt_/],
    ["COUNTERSIGN_BOOTSTRAP_KEY", "cs_mgmt_short", /at least 32 random characters/],
    ["COUNTERSIGN_BOOTSTRAP_KEY", made("standard"), /begin with cs_mgmt_/],
    ["COUNTERSIGN_BOOTSTRAP_KEY", CHOSEN + " x", /visible ASCII/],
    ["COUNTERSIGN_BOOTSTRAP_KEY", CHOSEN + "x".repeat(256), /256/],
    ["COUNTERSIGN_BOOTSTRAP_KEY", mistyped, /checksum/],
    ["COUNTERSIGN_BOOTSTRAP_KEY", `cs_mgmt_${"0101".repeat(10)}`, /has 2 distinct characters/],
    ["COUNTERSIGN_BOOTSTRAP_APPROVER_KEY", `cs_appr_${"k".repeat(40)}`, /10 are the least/],
    ["COUNTERSIGN_BOOTSTRAP_APPROVER_KEY", CHOSEN, /begin with cs_appr_/],
    ["COUNTERSIGN_BOOTSTRAP_OWNER", "jo", /e-mail address/],
  ];
  for (const [variable, value, message] of wrong) {
    assert.throws(
      () => readSettings((name) => ({ ...ALL, [variable]: value } as Record<string, string>)[name]),
      (error) => {
        assert.ok(error instanceof SettingRefused);
        assert.equal(error.variable, variable);
        assert.match(error.message, new RegExp(`^${variable} `));
        assert.match(error.message, message);
        if (variable !== "COUNTERSIGN_BOOTSTRAP_OWNER") assert.ok(!error.message.includes(value));
        return true;
      },
    );
  }
});

Deno.test("bootstrap() makes nothing but the deployment's own log without a key", async () => {
  await using countersign = await Countersign.start();
  assert.deepEqual(await bootstrap(countersign.services), { outcome: "nothing" });
  assert.deepEqual(await orgsIn(countersign), []);
  assert.deepEqual(await bootstrap(countersign.services), { outcome: "nothing" });
  const log = await verifiedLog(countersign.services.deps, keys.DEPLOYMENT_ORG);
  assert.deepEqual(log.map(({ entry }) => entry.type), ["org.created"]);
});

Deno.test("bootstrap() makes the org, its keys and its owner once", async () => {
  await using countersign = await Countersign.start({ variables: ALL });
  const made = await bootstrap(countersign.services);
  assert.equal(made.outcome, "made");
  assert.deepEqual(await bootstrap(countersign.services), { outcome: "found" });
  const [org = "", ...more] = await orgsIn(countersign);
  assert.deepEqual(more, []);
  assert.deepEqual(made, { outcome: "made", org });

  const { deps } = countersign.services;
  const email = "jo@example.com";
  const owner = await readRecord(deps.kv, keys.memberKey(org, email), memberRecord);
  assert.equal(owner?.value.role, "owner");
  assert.equal(owner?.value.has_passkey, false);
  const { body } = await countersign.request("GET", "/v1/api-keys", { key: CHOSEN });
  const about = body.data.map((key: Record<string, unknown>) => [
    key.tier,
    key.bootstrap,
    key.members_behind,
  ]);
  assert.deepEqual(about, [
    ["management", true, [owner?.value.id]],
    ["approver", true, [owner?.value.id]],
  ]);
  assert.equal(await status(countersign, APPROVER), 403);

  const log = await verifiedLog(deps, org);
  assert.deepEqual(log.map(({ entry }) => entry.type), [
    "org.created",
    "member.set",
    "api_key.created",
    "api_key.created",
  ]);
  const text = JSON.stringify(log);
  for (const hidden of [CHOSEN, APPROVER, email]) assert.ok(!text.includes(hidden));
});

Deno.test("A second start with other settings changes nothing", async () => {
  const kv = await Deno.openKv(":memory:");
  const shared = { kv, secret: systemRandom(48), clock: new TestClock() };
  const other = CHOSEN.replace("1234", "5678");
  {
    await using first = await Countersign.start({ ...shared, variables: ALL });
    await bootstrap(first.services);
    assert.deepEqual(await idleBootstrapKeys(first.services), []);
  }
  {
    const variables = {
      COUNTERSIGN_BOOTSTRAP_KEY: other,
      COUNTERSIGN_BOOTSTRAP_OWNER: "eve@example.com",
    };
    await using second = await Countersign.start({ ...shared, variables });
    assert.deepEqual(await bootstrap(second.services), { outcome: "found" });
    assert.equal((await orgsIn(second)).length, 1);
    assert.equal(await status(second, CHOSEN), 200);
    assert.equal(await status(second, other), 401);
    assert.deepEqual(await idleBootstrapKeys(second.services), ["COUNTERSIGN_BOOTSTRAP_KEY"]);
    const [org = ""] = await orgsIn(second);
    const members = await Array.fromAsync(kv.list({ prefix: keys.memberPrefix(org) }));
    assert.equal(members.length, 1);
  }
  kv.close();
});

Deno.test("An approver key alone makes nothing, which is said", async () => {
  const variables = { COUNTERSIGN_BOOTSTRAP_APPROVER_KEY: APPROVER };
  await using countersign = await Countersign.start({ variables });
  assert.deepEqual(await bootstrap(countersign.services), { outcome: "nothing" });
  const idle = await idleBootstrapKeys(countersign.services);
  assert.deepEqual(idle, ["COUNTERSIGN_BOOTSTRAP_APPROVER_KEY"]);
});

Deno.test("Two nodes that start at once make one org", async () => {
  await using one = await Countersign.start({ variables: ALL });
  await using two = await one.another(ALL);
  const outcomes = await Promise.all([bootstrap(one.services), bootstrap(two.services)]);
  assert.deepEqual(outcomes.map(({ outcome }) => outcome).sort(), ["found", "made"]);
  assert.equal((await orgsIn(one)).length, 1);
  assert.equal(await status(one, CHOSEN), 200);
  assert.equal(await status(two, CHOSEN), 200);
  const log = await verifiedLog(one.services.deps, keys.DEPLOYMENT_ORG);
  assert.equal(log.length, 1);
});

Deno.test("The approver key of the environment ends with an owner's passkey, unless kept", async () => {
  await using countersign = await Countersign.start({ variables: ALL });
  await bootstrap(countersign.services);
  const { deps, ledgers } = countersign.services;
  const index = await readRecord(
    deps.kv,
    keys.credentialKey(secretHash(APPROVER)),
    credentialIndex,
  );
  const { org, id } = index?.value ?? assert.fail("no approver key");
  const enrol = (email: string, role: "owner" | "admin") =>
    ledgers.transact(org, {
      plan(transaction) {
        const known = transaction.snapshot.members.get(email);
        const added = { id: transaction.id("usr"), email, groups: [], created_at: transaction.at };
        const member = { ...added, ...known, role, has_passkey: true };
        transaction.setPolicy(keys.memberKey(org, email), memberRecord.parse(member));
      },
    });

  // In force: known, and only of another tier than the route asks for.
  assert.equal(await status(countersign, APPROVER), 403);
  await enrol("al@example.com", "admin");
  assert.equal(await status(countersign, APPROVER), 403);
  await enrol("jo@example.com", "owner");
  assert.equal(await status(countersign, APPROVER), 401);
  assert.equal(await status(countersign, CHOSEN), 200);

  await ledgers.transact(org, {
    plan(transaction) {
      const record = transaction.snapshot.apiKeys.get(id);
      transaction.setPolicy(
        keys.apiKeyKey(org, id),
        apiKeyRecord.parse({ ...record, kept: true }),
      );
    },
  });
  assert.equal(await status(countersign, APPROVER), 403);
});
