import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import type { LogKey, Retirement } from "../../lib/tlog/log_key.ts";
import { signRotation } from "../../lib/tlog/rotation.ts";
import { logReportText } from "../../lib/verify/verdict_text.ts";
import { parseReceipt, verifyReceipt } from "../../lib/verify/verify_receipt.ts";
import { assertFinding, receiptOf, signer, stranger, verdictOf } from "../helpers/log_verdicts.ts";
import {
  checkpointOf,
  exportOf,
  type Line,
  lineOf,
  logOf,
  signerOf,
} from "../helpers/signed_log.ts";

/** A log whose entry at each of `changes` hands it over by this data. */
function rotating(changes: Record<number, JsonObject>): Line[] {
  return logOf(20).map((line) => {
    const data = changes[line.index];
    return data === undefined ? line : lineOf(line.index, { type: "log_key.rotated", data });
  });
}

Deno.test("verifyLog() follows the log from a pinned key to the keys after it", async () => {
  const [second, third] = [await signerOf(2), await signerOf(3)];
  const lines = rotating({
    4: { ...await signRotation(signer, second) },
    11: { ...await signRotation(second, third) },
  });
  const given = { exported: exportOf(lines), checkpoint: await checkpointOf(lines, third) };
  const verdict = await verdictOf({ ...given, previous: await checkpointOf(lines, signer, 3) });
  assert.ok(verdict.ok);
  assert.equal(verdict.report.key.kid, third.key.kid);
  assert.deepEqual(verdict.report.handovers, [
    { index: 4, fromKid: signer.key.kid, toKid: second.key.kid },
    { index: 11, fromKid: second.key.kid, toKid: third.key.kid },
  ]);
  assert.match(logReportText(verdict.report), /entry 11 hands the log over/);
  // Whoever pinned the last key needs no chain, and cannot judge it.
  const latest = await verdictOf({ ...given, keys: [third.key] });
  assert.ok(latest.ok && latest.report.handovers.length === 0);
});

Deno.test("verifyLog() takes no checkpoint by a key that the log replaced before", async () => {
  const lines = rotating({ 4: { ...await signRotation(signer, await signerOf(2)) } });
  const exported = exportOf(lines);
  await assertFinding(
    { exported, checkpoint: await checkpointOf(lines, signer, 5) },
    "key_retired",
    null,
  );
  // Up to the hand-over it speaks for the log, the entry that says it not included.
  const before = await verdictOf({ exported, checkpoint: await checkpointOf(lines, signer, 4) });
  assert.ok(before.ok);
  const checkpoint = await checkpointOf(lines, await signerOf(2));
  const kept = await checkpointOf(lines, signer, 5);
  await assertFinding({ exported, checkpoint, previous: kept }, "key_retired", null);
});

Deno.test("verifyLog() follows no hand-over that the checkpoint does not cover", async () => {
  const second = await signerOf(2);
  const lines = rotating({ 15: { ...await signRotation(signer, second) } });
  const checkpoint = await checkpointOf(lines, second, 15);
  await assertFinding({ exported: exportOf(lines), checkpoint }, "unpinned_key", null);
});

Deno.test("verifyLog() finds a hand-over that the old key did not make", async () => {
  const second = await signerOf(2);
  const honest = await signRotation(signer, second);
  const forged = await signRotation(stranger, second);
  const lines = rotating({ 4: { ...forged, old_kid: signer.key.kid } });
  const given = { exported: exportOf(lines), checkpoint: await checkpointOf(lines, second) };
  await assertFinding(given, "key_rotation_invalid", 4);
  // Said to come from an unknown key, it leads nowhere.
  const adrift = rotating({ 4: { ...forged } });
  await assertFinding(
    { exported: exportOf(adrift), checkpoint: await checkpointOf(adrift, second) },
    "unpinned_key",
    null,
  );
  const twice = rotating({
    4: { ...honest },
    9: { ...await signRotation(signer, await signerOf(3)) },
  });
  await assertFinding(
    { exported: exportOf(twice), checkpoint: await checkpointOf(twice, second) },
    "key_rotation_invalid",
    9,
  );
});

/** The signer's key as it is published after it handed over to the second at entry 4. */
async function retiredKey(end: Partial<Retirement> = {}): Promise<LogKey> {
  const { kid } = (await signerOf(2)).key;
  const retirement = { size: 4, at: "2026-01-31T12:00:04.000Z", successor: kid, ...end };
  return { ...signer.key, status: "retired", retirement };
}

Deno.test("verifyLog() follows a retired key to its successor, at its size, and nowhere else", async () => {
  const [second, third] = [await signerOf(2), await signerOf(3)];
  const lines = rotating({
    4: { ...await signRotation(signer, second) },
    11: { ...await signRotation(second, third) },
  });
  const given = { exported: exportOf(lines), checkpoint: await checkpointOf(lines, third) };
  const keys = [await retiredKey()];
  const verdict = await verdictOf({ ...given, keys });
  assert.ok(verdict.ok, JSON.stringify(verdict));
  assert.equal(verdict.report.handovers.length, 2);
  const active = { ...third.key };
  const whole = [...keys, { ...second.key, ...retired(11, third.key.kid) }, active];
  assert.ok((await verdictOf({ ...given, keys: whole })).ok);

  // Somebody came by the retired key, and hands the log over to a key of their own.
  const stolen = await signRotation(signer, stranger);
  for (const [index, known] of [[4, keys], [4, whole], [9, keys], [9, whole]] as const) {
    const forged = rotating({ [index]: { ...stolen } });
    const checkpoint = await checkpointOf(forged, stranger);
    const what = await assertFinding(
      { exported: exportOf(forged), checkpoint, keys: known },
      "key_retired",
      index,
    );
    assert.match(what, new RegExp(`handed over to ${second.key.kid}`));
  }
  // To the right key, but at another place.
  const late = rotating({ 9: { ...await signRotation(signer, second) } });
  const moved = { exported: exportOf(late), checkpoint: await checkpointOf(late, second), keys };
  await assertFinding(moved, "key_retired", 9);
});

Deno.test("verifyLog() takes nothing that a retired key signed beyond its hand-over", async () => {
  const second = await signerOf(2);
  const lines = rotating({ 4: { ...await signRotation(signer, second) } });
  const fork = logOf(20);
  const keys = [await retiredKey(), second.key];
  for (const known of [keys, keys.slice(0, 1)]) {
    const given = { exported: exportOf(fork), keys: known };
    await assertFinding(
      { ...given, checkpoint: await checkpointOf(fork, signer, 20) },
      "key_retired",
      null,
    );
  }
  const exported = exportOf(lines);
  const checkpoint = await checkpointOf(lines, second);
  const previous = await checkpointOf(lines, signer, 4);
  const verdict = await verdictOf({ exported, checkpoint, previous, keys });
  assert.ok(verdict.ok, JSON.stringify(verdict));
  const beyond = { exported, checkpoint, previous: await checkpointOf(lines, signer, 7), keys };
  await assertFinding(beyond, "key_retired", null);
});

Deno.test("verifyLog() has a log end in the key that is pinned as active", async () => {
  const second = await signerOf(2);
  const lines = rotating({ 4: { ...await signRotation(signer, second) } });
  const keys = [await retiredKey(), second.key];
  // An old head, or a fork as short as that: the retired key may have signed it, then or now.
  const old = { exported: exportOf(lines), checkpoint: await checkpointOf(lines, signer, 3) };
  await assertFinding({ ...old, keys }, "key_not_active", null);
  assert.ok((await verdictOf({ ...old, keys: keys.slice(0, 1) })).ok);
  // Nor may the hand-over that the keys tell of be missing.
  const without = logOf(20);
  const given = { exported: exportOf(without), checkpoint: await checkpointOf(without, second) };
  await assertFinding({ ...given, keys }, "key_rotation_invalid", 4);
});

Deno.test("verifyLog() takes nothing by a retired key of which nobody says where it ended", async () => {
  const second = await signerOf(2);
  const lines = rotating({ 4: { ...await signRotation(signer, second) } });
  const exported = exportOf(lines);
  const unbounded: LogKey = { ...signer.key, status: "retired", retirement: null };
  const early = { exported, checkpoint: await checkpointOf(lines, signer, 3) };
  const what = await assertFinding({ ...early, keys: [unbounded] }, "key_retired", null);
  assert.match(what, /fetch the published keys anew/);
  const forged = rotating({ 4: { ...await signRotation(signer, stranger) } });
  const checkpoint = await checkpointOf(forged, stranger);
  await assertFinding(
    { exported: exportOf(forged), checkpoint, keys: [unbounded] },
    "unpinned_key",
    null,
  );
  // Where the active key signs for the log, the log itself says where the retired one ended.
  const keys = [unbounded, second.key];
  const current = { exported, checkpoint: await checkpointOf(lines, second), keys };
  const verdict = await verdictOf({ ...current, previous: await checkpointOf(lines, signer, 4) });
  assert.ok(verdict.ok, JSON.stringify(verdict));
  const beyond = await checkpointOf(lines, signer, 5);
  await assertFinding({ ...current, previous: beyond }, "key_retired", null);
});

Deno.test("verifyReceipt() takes nothing that a retired key signed beyond its hand-over", async () => {
  const keys = [await retiredKey(), (await signerOf(2)).key];
  const lines = logOf(20);
  assert.equal(await receiptCode(lines.slice(0, 4), 2, keys), "ok");
  assert.equal(await receiptCode(lines.slice(0, 5), 2, keys), "key_retired");
  const unbounded: LogKey = { ...signer.key, status: "retired", retirement: null };
  assert.equal(await receiptCode(lines.slice(0, 4), 2, [unbounded]), "key_retired");
  // However short the log that a thief of the key makes up: its entry is of after the hand-over.
  const late = [...logOf(2), lineOf(2, { at: "2030-01-01T00:00:00.000Z" })];
  assert.equal(await receiptCode(late, 2, keys), "key_retired");
  assert.equal(
    await receiptCode(late, 2, [await retiredKey({ at: null }), ...keys.slice(1)]),
    "ok",
  );
});

async function receiptCode(lines: Line[], index: number, keys: LogKey[]): Promise<string> {
  const parsed = parseReceipt(await receiptOf(lines, index));
  assert.ok(parsed.ok);
  const verdict = await verifyReceipt(parsed.receipt, keys);
  return verdict.ok ? "ok" : verdict.finding.code;
}

function retired(size: number, successor: string): Pick<LogKey, "status" | "retirement"> {
  return { status: "retired", retirement: { size, at: null, successor } };
}
