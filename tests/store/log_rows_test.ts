import assert from "node:assert/strict";
import {
  logHeadKey,
  logPrivateKey,
  logPrivatePrefix,
  logSegmentPrefix,
} from "../../lib/store/keys.ts";
import { listRecords } from "../../lib/store/kv.ts";
import { logHead, logPrivateRecord, logSegment } from "../../lib/store/records/log.ts";
import { segmentRow } from "../../lib/ledger/commit.ts";
import { erasePrivate } from "../../lib/ledger/erase_private.ts";
import { reseal } from "../../lib/store/sealed_rows.ts";
import { Sealer } from "../../lib/store/sealing.ts";
import { systemRandom } from "../../lib/store/system.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

/**
 * The rows of a log, from release to release: what an earlier one wrote by members is read, grown on,
 * erased and sealed anew as what is written in bytes now.
 */

const ACTOR = { type: "system", id: "test" } as const;

async function check(node: Countersign, { standard: key }: TestOrg, n: number): Promise<void> {
  const body = { tool_name: "deploy", arguments: { n }, reason: `the ${n}th — “für alle”` };
  const got = await node.request("POST", "/v1/permissions/check", { key, body });
  assert.equal(got.status, 200, got.text);
}

/** Has the rows of a log written as releases up to 0.2 did. Gives how many rows those are. */
async function writeEarlier(kv: Deno.Kv, org: string): Promise<number> {
  let rows = 0;
  for await (
    const { key, value } of listRecords(kv, { prefix: logSegmentPrefix(org) }, logSegment)
  ) {
    const count = value.data.filter((byte) => byte === 0).length;
    await kv.set([...key], { ...value, data: value.data.slice(), count });
    rows++;
  }
  const prefix = [...logPrivatePrefix(org)];
  for await (const { key, value } of listRecords(kv, { prefix }, logPrivateRecord)) {
    await kv.set([...key], value);
    rows++;
  }
  const { value } = await kv.get([...logHeadKey(org)]);
  await kv.set([...logHeadKey(org)], logHead.parse(value));
  return rows + 1;
}

/** Whether each row of a log is of bytes alone. */
async function inBytes(kv: Deno.Kv, org: string): Promise<boolean[]> {
  const rows = [];
  for (const prefix of [logSegmentPrefix(org), logPrivatePrefix(org)]) {
    rows.push(...await Array.fromAsync(kv.list({ prefix: [...prefix] })));
  }
  rows.push(await kv.get([...logHeadKey(org)]));
  return rows.map(({ value }) => value instanceof Uint8Array);
}

Deno.test("a log that an earlier release wrote is read, grown on, erased and sealed anew", async () => {
  using kv = await Deno.openKv(":memory:");
  await using before = await Countersign.start({ kv });
  const { clock, secret } = before;
  const org = await before.org();
  await org.tool("deploy");
  for (let n = 0; n < 40; n++) await check(before, org, n);
  const entries = await verifiedLog(before.services.deps, org.id);
  assert.ok((await inBytes(kv, org.id)).every((one) => one));
  const rows = await writeEarlier(kv, org.id);
  assert.ok(rows > 60 && (await inBytes(kv, org.id)).every((one) => !one));

  await using after = await Countersign.start({ kv, clock, secret });
  const { deps, ledgers } = after.services;
  assert.deepEqual(await verifiedLog(deps, org.id), entries);
  // Over a page's end, so that its tile is made of entries of both.
  await Promise.all(Array.from({ length: 250 }, (_, n) => check(after, org, 40 + n)));
  const all = await verifiedLog(deps, org.id);
  assert.deepEqual(all.slice(0, entries.length), entries);
  assert.equal(all.length, entries.length + 250);
  const [first, last] = [entries.at(-1), all.at(-1)];
  for (const { index } of [first ?? assert.fail(), last ?? assert.fail()]) {
    assert.deepEqual(
      await erasePrivate(ledgers, org.id, { index, names: ["reason"], actor: ACTOR }),
      ["reason"],
    );
  }
  await verifiedLog(deps, org.id);
  const forms = new Set(await inBytes(kv, org.id));
  assert.deepEqual(forms, new Set([true, false]));
});

Deno.test("a private row of either form is sealed anew in bytes", () => {
  const [old, current] = [systemRandom(48), systemRandom(48)];
  const key = logPrivateKey("org_1", 7);
  const sealed = new Sealer(old, null, systemRandom).sealJson(key, [[7, {}]]);
  const sealer = new Sealer(current, old, systemRandom);
  for (const value of [sealed, { sealed }]) {
    const { anew, unreadable } = reseal(sealer, "log_private", { key, value }, 0);
    assert.equal(unreadable, false);
    assert.ok(anew?.value instanceof Uint8Array);
    assert.deepEqual(new Sealer(current, null, systemRandom).openJson(key, anew.value), [[7, {}]]);
  }
});

Deno.test("a segment says its name and time whatever the time is", () => {
  for (const at of [0, 1, 2 ** 32 - 1, 2 ** 32, Date.UTC(2026, 10, 30), 2 ** 48 - 1]) {
    const batch = "00ff".repeat(6);
    const row = segmentRow({ batch, at }, "\0{“}", 6);
    const read = logSegment.parse(row);
    assert.deepEqual([read.batch, read.at], [batch, at]);
    assert.equal(new TextDecoder().decode(read.data), "\0{“}");
    assert.throws(() => segmentRow({ batch, at }, "\0{“}", 5), /do not have 5 bytes/);
  }
});
