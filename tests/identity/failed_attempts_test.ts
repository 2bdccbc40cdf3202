import assert from "node:assert/strict";
import { bootstrap } from "../../lib/catalog/create_org.ts";
import { makeSecret } from "../../lib/identity/credentials.ts";
import { MAX_SOURCES } from "../../lib/identity/noted.ts";
import { DEPLOYMENT_ORG } from "../../lib/store/keys.ts";
import { systemRandom } from "../../lib/store/system.ts";
import { Countersign } from "../helpers/countersign.ts";
import { FailingStore } from "../helpers/failing_store.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

const CHECK = "/v1/permissions/check";

/** The `auth.failed` entries of a deployment, with their counts. */
async function failures(countersign: Countersign) {
  const log = await verifiedLog(countersign.services.deps, DEPLOYMENT_ORG);
  return log.map(({ entry }) => entry).filter(({ type }) => type === "auth.failed");
}

Deno.test("Failed attempts of one address make one entry a minute, its address private", async () => {
  await using countersign = await Countersign.start({
    variables: { COUNTERSIGN_TRUSTED_PROXY: "1" },
  });
  await bootstrap(countersign.services);
  const org = await countersign.org();
  await org.tool("restart");
  const attempt = (address: string, key: string) =>
    countersign.request("POST", CHECK, {
      key,
      headers: { "x-forwarded-for": address },
      body: { tool_name: "restart" },
    });
  const secret = makeSecret("standard", systemRandom);
  for (let i = 0; i < 3; i++) await attempt("192.0.2.1", secret);
  await attempt("192.0.2.1", "nonsense");
  await attempt("192.0.2.2", secret);
  assert.equal((await attempt("192.0.2.3", org.standard)).status, 200);
  assert.deepEqual(await failures(countersign), []);

  await countersign.services.failedAttempts.flush();
  const entries = await failures(countersign);
  assert.deepEqual(entries.map(({ data }) => data.count), [4, 1]);
  assert.equal(entries[0]?.data.since, "2026-01-01T00:00:00.000Z");
  assert.match(String(entries[0]?.data.source_digest), /^sha256:/);
  const text = JSON.stringify(entries);
  assert.ok(!text.includes("192.0.2") && !text.includes(secret));

  await countersign.services.failedAttempts.flush();
  assert.equal((await failures(countersign)).length, 2);
});

Deno.test("Attempts from more addresses than are told apart are counted together", async () => {
  await using countersign = await Countersign.start();
  await bootstrap(countersign.services);
  const { failedAttempts } = countersign.services;
  for (let i = 0; i < MAX_SOURCES + 500; i++) {
    failedAttempts.note(`192.0.2.${i}`, countersign.clock.now);
  }
  failedAttempts.note("192.0.2.0", countersign.clock.now);
  failedAttempts.note(null, countersign.clock.now);
  await failedAttempts.flush();
  const counts = (await failures(countersign)).map(({ data }) => Number(data.count));
  assert.equal(counts.length, MAX_SOURCES + 1);
  assert.equal(counts[0], 2);
  assert.equal(counts.at(-1), 501);
});

Deno.test("Attempts that the store did not take are counted on, whatever failed", async () => {
  const kv = await Deno.openKv(":memory:");
  const store = new FailingStore(kv);
  {
    await using countersign = await Countersign.start({
      kv: store,
      deps: { timer: store.timer },
    });
    await bootstrap(countersign.services);
    const { failedAttempts } = countersign.services;
    failedAttempts.note("192.0.2.1", countersign.clock.now);
    store.fault = () => "fails";
    await failedAttempts.flush();
    countersign.clock.advance(60_000);
    failedAttempts.note("192.0.2.1", countersign.clock.now);
    await store.heal();
    await failedAttempts.flush();
    const [entry, ...more] = await failures(countersign);
    assert.deepEqual(more, []);
    assert.equal(entry?.data.count, 2);
    assert.equal(entry?.data.since, "2026-01-01T00:00:00.000Z");
  }
  kv.close();
});
