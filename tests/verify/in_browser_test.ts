import assert from "node:assert/strict";
import { fromHex, toHex } from "../../lib/base/bytes.ts";
import type { JsonObject, JsonValue } from "../../lib/base/json.ts";
import { parseCheckpoint } from "../../lib/tlog/checkpoint.ts";
import { publishedLogKey } from "../../lib/tlog/log_key.ts";
import { consistencyProof } from "../../lib/tlog/proof.ts";
import {
  type CheckName,
  checkReceipt,
  type Known,
  NOTHING_KNOWN,
  type Pasted,
  readPasted,
  type ReceiptCheck,
} from "../../lib/verify/receipt_check.ts";
import { parseReceipt } from "../../lib/verify/verify_receipt.ts";
import { at, receiptOf, signer, stranger, withEntry } from "../helpers/log_verdicts.ts";
import { checkpointOf, hashOf, type Line, logOf, rootOf } from "../helpers/signed_log.ts";

async function check(receipt: JsonValue, known: Partial<Known> = {}): Promise<ReceiptCheck> {
  const parsed = parseReceipt(receipt);
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.message);
  return await checkReceipt(parsed.receipt, { ...NOTHING_KNOWN, ...known });
}

function outcomes({ checks }: ReceiptCheck): Partial<Record<CheckName, string>> {
  return Object.fromEntries(checks.map(({ name, outcome }) => [name, outcome]));
}

function kept(note: string) {
  const parsed = parseCheckpoint(note);
  assert.ok(parsed.ok);
  return parsed.checkpoint;
}

async function consistencyOf(lines: Line[], from: number, to: number) {
  const hashes = lines.map(({ leaf_hash }) => fromHex(leaf_hash) ?? assert.fail());
  const tile = Uint8Array.from(hashes.flatMap((hash) => [...hash]));
  const source = { tile: () => Promise.resolve(tile) };
  return { from, to, hashes: await consistencyProof(source, from, to) };
}

const ALL_PASSED = { entry: "passed", inclusion: "passed", signature: "passed", key: "passed" };

Deno.test("checkReceipt() proves an entry by keys or by a fingerprint known from elsewhere", async () => {
  const receipt = await receiptOf(logOf(20), 7);
  for (const key of [[signer.key], signer.key.kid]) {
    const result = await check(receipt, { key });
    assert.equal(result.verdict, "proven");
    assert.deepEqual(outcomes(result), ALL_PASSED);
  }
});

Deno.test("checkReceipt() shows every fold from the leaf to the root", async () => {
  const lines = logOf(20);
  for (const index of [0, 7, 16, 19]) {
    const receipt = await receiptOf(lines, index);
    const { folds, checks } = await check(receipt);
    assert.deepEqual(folds.map(({ sibling }) => sibling), receipt.inclusion);
    assert.equal(folds.at(-1)?.hash, toHex(rootOf(lines)));
    const [entry] = checks;
    assert.deepEqual(entry?.values.map(({ value }) => value), [
      receipt.leaf_hash,
      receipt.leaf_hash,
    ]);
  }
  const alone = await check(await receiptOf(logOf(1), 0));
  assert.deepEqual([alone.verdict, alone.folds], ["consistent", []]);
});

Deno.test("checkReceipt() without a key from elsewhere proves nothing, whoever signed", async () => {
  for (const by of [signer, stranger]) {
    const result = await check(await receiptOf(logOf(20), 7, by));
    assert.equal(result.verdict, "consistent");
    assert.deepEqual(outcomes(result), { ...ALL_PASSED, key: "open" });
    const key = result.checks.find(({ name }) => name === "key");
    assert.deepEqual(key?.values, [{ term: "Key fingerprint", value: by.key.kid }]);
  }
});

Deno.test("checkReceipt() refuses a receipt that another key signed than the one known", async () => {
  const receipt = await receiptOf(logOf(20), 7, stranger);
  const byFingerprint = await check(receipt, { key: signer.key.kid });
  assert.equal(byFingerprint.verdict, "wrong");
  assert.deepEqual(outcomes(byFingerprint), { ...ALL_PASSED, key: "failed" });
  const byKeys = await check(receipt, { key: [signer.key] });
  assert.equal(byKeys.verdict, "wrong");
  assert.deepEqual(outcomes(byKeys), { ...ALL_PASSED, signature: "skipped", key: "failed" });
});

Deno.test("checkReceipt() names the check that an altered receipt fails", async () => {
  const lines = logOf(20);
  const receipt = await receiptOf(lines, 7);
  const other = await receiptOf(lines, 8);
  const changed = withEntry(at(lines, 7), { data: { permission: "disabled" } }).entry;
  const inclusion = receipt.inclusion as string[];
  const cases: readonly [CheckName, JsonObject][] = [
    ["entry", { entry: changed }],
    ["entry", { index: 8 }],
    ["entry", { leaf_hash: other.leaf_hash ?? null }],
    ["inclusion", { entry: changed, leaf_hash: hashOf(changed) }],
    ["inclusion", { inclusion: other.inclusion ?? null }],
    ["inclusion", { inclusion: inclusion.slice(1) }],
    ["inclusion", { inclusion: inclusion.toReversed() }],
    ["inclusion", { size: 19 }],
    ["signature", { checkpoint: String(receipt.checkpoint).replace("\n\n", "\nmore\n\n") }],
  ];
  for (const [name, change] of cases) {
    const result = await check({ ...receipt, ...change }, { key: [signer.key] });
    assert.equal(result.verdict, "wrong", JSON.stringify(change));
    const failed = result.checks.filter(({ outcome }) => outcome === "failed");
    assert.deepEqual(failed.map((one) => one.name), [name], JSON.stringify(change));
    assert.ok(!result.checks.some(({ name, outcome }) => name === "key" && outcome === "passed"));
  }
});

Deno.test("checkReceipt() ties a receipt to an earlier checkpoint by a consistency proof", async () => {
  const lines = logOf(20);
  const receipt = await receiptOf(lines, 7);
  const earlier = kept(await checkpointOf(lines.slice(0, 12), signer));
  const key = [signer.key];
  const without = await check(receipt, { key, earlier });
  assert.deepEqual([without.verdict, outcomes(without).earlier], ["proven", "open"]);
  assert.match(without.checks.at(-1)?.says ?? "", /consistency proof from 12 to 20/);

  const consistency = await consistencyOf(lines, 12, 20);
  const tied = await check(receipt, { key, earlier, consistency });
  assert.deepEqual([tied.verdict, outcomes(tied).earlier], ["proven", "passed"]);

  const newer = await check(await receiptOf(lines.slice(0, 12), 7), {
    key,
    earlier: kept(await checkpointOf(lines, signer)),
    consistency,
  });
  assert.equal(outcomes(newer).earlier, "passed");
  const same = await check(receipt, { key, earlier: kept(await checkpointOf(lines, signer)) });
  assert.equal(outcomes(same).earlier, "passed");
});

Deno.test("checkReceipt() finds a fork, a proof of other sizes and a stranger's checkpoint", async () => {
  const lines = logOf(20);
  const receipt = await receiptOf(lines, 7);
  const rewritten = lines.map((line, index) =>
    index === 3 ? { ...line, leaf_hash: hashOf({ ...line.entry, id: "other" }) } : line
  );
  const before = kept(await checkpointOf(lines.slice(0, 12), signer));
  const cases: readonly [string, Partial<Known>, RegExp][] = [
    ["fork", {
      earlier: kept(await checkpointOf(rewritten.slice(0, 12), signer)),
      consistency: await consistencyOf(lines, 12, 20),
    }, /not of one log that only grew/],
    ["fork of the same size", {
      earlier: kept(await checkpointOf(rewritten, signer)),
    }, /not of one log that only grew/],
    ["other sizes", {
      earlier: before,
      consistency: await consistencyOf(lines, 11, 20),
    }, /from 11 to 20; one from 12 to 20/],
    ["a stranger's", {
      earlier: kept(await checkpointOf(lines.slice(0, 12), stranger)),
    }, /The checkpoint that you kept/],
  ];
  for (const [name, known, says] of cases) {
    const result = await check(receipt, { key: [signer.key], ...known });
    assert.deepEqual([result.verdict, outcomes(result).earlier], ["wrong", "failed"], name);
    assert.match(result.checks.at(-1)?.says ?? "", says);
  }
});

const PASTED: Pasted = { receipt: "", key: "", earlier: "", consistency: "" };

Deno.test("readPasted() takes keys as a set, as one key and as a fingerprint", async () => {
  const receipt = JSON.stringify(await receiptOf(logOf(20), 7));
  const published = publishedLogKey(signer.key);
  const texts = [JSON.stringify({ keys: [published] }), JSON.stringify(published), signer.key.kid];
  for (const key of texts) {
    const read = readPasted({ ...PASTED, receipt: `\n ${receipt}\n`, key: ` ${key}\n` });
    assert.ok(read.ok);
    assert.equal((await checkReceipt(read.receipt, read.known)).verdict, "proven");
  }
});

Deno.test("readPasted() takes a checkpoint whose line ends were changed on the way", async () => {
  const receipt = JSON.stringify(await receiptOf(logOf(20), 7));
  const note = await checkpointOf(logOf(20), signer);
  for (const earlier of [note, note.trimEnd(), note.replaceAll("\n", "\r\n"), `\n${note}\n\n`]) {
    const read = readPasted({ ...PASTED, receipt, earlier });
    assert.ok(read.ok);
    assert.equal(outcomes(await checkReceipt(read.receipt, read.known)).earlier, "passed");
  }
});

Deno.test("readPasted() says at each field what keeps it from being read", () => {
  const wrong: readonly [Partial<Pasted>, RegExp][] = [
    [{}, /Paste a receipt/],
    [{ receipt: "hello" }, /not JSON/],
    [{ receipt: '{"entry": {}, "entry": {}}' }, /not JSON/],
    [{ receipt: "[]" }, /Receipt is not a JSON object/],
    [{ key: "abc" }, /neither a keys file nor a fingerprint/],
    [{ key: "{}" }, /Key 0 is not an Ed25519 JWK/],
    [{ earlier: "no note" }, /blank line/],
    [{ consistency: '{"from": 1}' }, /no consistency proof/],
    [{ consistency: '{"from": 1, "to": 2, "hashes": ["xyz"]}' }, /no consistency proof/],
  ];
  for (const [pasted, message] of wrong) {
    const read = readPasted({ ...PASTED, ...pasted });
    assert.ok(!read.ok);
    const [field = "receipt"] = Object.keys(pasted) as (keyof Pasted)[];
    assert.match(read.errors[field] ?? "", message);
  }
});

Deno.test("checkReceipt() tells by the published keys that a retired key signed too late", async () => {
  const receipt = await receiptOf(logOf(20), 7);
  const retirement = { size: 19, at: null, successor: stranger.key.kid };
  const keys = { keys: [{ ...publishedLogKey({ ...signer.key, status: "retired", retirement }) }] };
  const read = readPasted({
    receipt: JSON.stringify(receipt),
    key: JSON.stringify(keys),
    ...{ earlier: "", consistency: "" },
  });
  assert.ok(read.ok);
  const result = await checkReceipt(read.receipt, read.known);
  assert.equal(result.verdict, "wrong");
  assert.equal(outcomes(result).key, "failed");
  const said = result.checks.find(({ name }) => name === "key")?.says ?? "";
  assert.match(said, /was retired at size 19/);
  assert.match(said, /speaks for nothing afterwards/);
});

Deno.test("readPasted() says of a newer receipt that this page is older", async () => {
  const receipt = JSON.stringify({ ...await receiptOf(logOf(20), 7), v: 2 });
  const read = readPasted({ receipt, key: "", earlier: "", consistency: "" });
  assert.ok(!read.ok);
  assert.match(read.errors.receipt ?? "", /the verifier is older than the receipt/);
});
