import assert from "node:assert/strict";
import { signRotation } from "../lib/checkpoint/rotation.ts";
import type { JsonObject } from "../lib/json/json_value.ts";
import { logReportText } from "../lib/verify/verdict_text.ts";
import { checkpointOf, exportOf, type Line, lineOf, logOf, signerOf } from "./log_fixture.ts";
import { assertFinding, signer, stranger, verdictOf } from "./verify_fixture.ts";

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

Deno.test("verifyLog() says so when a replaced key signed the checkpoint", async () => {
  const lines = rotating({ 4: { ...await signRotation(signer, await signerOf(2)) } });
  const verdict = await verdictOf({
    exported: exportOf(lines),
    checkpoint: await checkpointOf(lines, signer),
  });
  assert.ok(verdict.ok);
  assert.equal(verdict.report.keyReplacedAt, 4);
  assert.match(logReportText(verdict.report), /entry 4 replaced this key/);
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
