import assert from "node:assert/strict";
import { canonicalJson } from "../../lib/base/canonical.ts";
import type { JsonObject, JsonValue } from "../../lib/base/json.ts";
import { logOrigin } from "../../lib/tlog/log_key.ts";
import { MAX_LINE_BYTES } from "../../lib/verify/export_lines.ts";
import type { FindingCode } from "../../lib/verify/finding.ts";
import { logReportText } from "../../lib/verify/verdict_text.ts";
import { verifyLog } from "../../lib/verify/verify_log.ts";
import {
  assertFinding,
  at,
  type Case,
  parsed,
  rehashed,
  renumbered,
  signer,
  stranger,
  tampered,
  verdictOf,
  withEntry,
} from "../helpers/log_verdicts.ts";
import {
  checkpointOf,
  exportOf,
  type Line,
  lineOf,
  logOf,
  ORG,
  ORIGIN,
  privatePart,
  privateText,
  signerOf,
} from "../helpers/signed_log.ts";

Deno.test("verifyLog() finds nothing when the log is intact, and says what it proved", async () => {
  const lines = logOf(20);
  const verdict = await verdictOf({
    exported: exportOf(lines),
    checkpoint: await checkpointOf(lines, signer, 17),
    previous: await checkpointOf(lines, signer, 9),
  });
  assert.ok(verdict.ok);
  const { root, ...report } = verdict.report;
  assert.equal(root.length, 64);
  assert.deepEqual(report, {
    spending: { checked: 0, unchecked: 0 },
    mandate: null,
    origin: ORIGIN,
    size: 17,
    uncovered: 3,
    key: signer.key,
    handovers: [],
    span: { first: "2026-01-31T12:00:00.000Z", last: "2026-01-31T12:00:16.000Z" },
    untold: { missing: 20, untimed: 0, unplaced: 0, unclear: 0 },
    privateParts: 4,
    decisions: { checked: 0, unchecked: 0, byKey: 0 },
    previousSize: 9,
    receipts: [],
  });
  const text = logReportText(verdict.report);
  for (
    const part of [ORIGIN, root, signer.key.kid, "17, index 0 to 16", "4 checked", "3 entries"]
  ) {
    assert.ok(text.includes(part), `${part} is not in:\n${text}`);
  }
});

Deno.test("verifyLog() finds nothing in an empty log, and in one of one entry", async () => {
  for (const count of [0, 1]) {
    const lines = logOf(count);
    const checkpoint = await checkpointOf(lines, signer);
    const verdict = await verdictOf({
      exported: exportOf(lines),
      checkpoint,
      previous: checkpoint,
    });
    assert.ok(verdict.ok);
    assert.equal(verdict.report.size, count);
  }
});

Deno.test("verifyLog() takes an erased private part for what it is", async () => {
  const given = await tampered((lines) => lines.map((line) => ({ ...line, private: null })));
  const verdict = await verdictOf(given);
  assert.ok(verdict.ok);
  assert.equal(verdict.report.privateParts, 0);
});

/** A log of one entry, with the data and the private parts given. */
async function logOfOne(data: JsonObject, parts: JsonObject): Promise<Case> {
  const lines = [lineOf(0, { data }, parts)];
  return { exported: exportOf(lines), checkpoint: await checkpointOf(lines, signer) };
}

Deno.test("verifyLog() tells a private value from the text of its canonical form", async () => {
  const values: JsonValue[] = [{ a: 1, b: [true] }, [1], "text", 7, true, null, ""];
  for (const value of values) {
    const { part, digest } = privatePart(value);
    const data = { digest_version: 2, arguments_digest: digest };
    const verdict = await verdictOf(await logOfOne(data, { arguments: part }));
    assert.ok(verdict.ok, JSON.stringify(verdict));
    // Under the digest of before, these two were one.
    const text = { ...part, value: canonicalJson(value) };
    const swapped = await logOfOne(data, { arguments: text });
    await assertFinding(swapped, "private_digest_mismatch", 0);
    const back = privatePart(canonicalJson(value));
    const other = await logOfOne({ digest_version: 2, arguments_digest: back.digest }, {
      arguments: part,
    });
    await assertFinding(other, "private_digest_mismatch", 0);
  }
});

Deno.test("verifyLog() takes digests of before, which have no version, as they were made", async () => {
  const { part, digest } = privateText('{"a":1,"b":[true]}');
  const salt = part.salt ?? null;
  const cases: JsonObject[] = [part, { salt, value: { b: [true], a: 1 } }];
  for (const data of [{}, { digest_version: 1 }]) {
    for (const value of cases) {
      const given = await logOfOne({ ...data, arguments_digest: digest }, { arguments: value });
      assert.ok((await verdictOf(given)).ok);
    }
  }
  const given = await logOfOne({ digest_version: 2, arguments_digest: digest }, {
    arguments: part,
  });
  await assertFinding(given, "private_digest_mismatch", 0);
});

Deno.test("verifyLog() says so when digests are of a version that it does not know", async () => {
  const { part, digest } = privatePart("text");
  for (const version of [0, 3, "2", null]) {
    const given = await logOfOne({ digest_version: version, reason_digest: digest }, {
      reason: part,
    });
    assert.match(await assertFinding(given, "entry_malformed", 0), /expected 1 or 2/);
  }
});

Deno.test("verifyLog() finds a changed entry", async () => {
  const change = (line: Line) => withEntry(line, { data: { permission: "disabled" } });
  const given = await tampered((lines) => lines.with(7, change(at(lines, 7))));
  await assertFinding(given, "leaf_hash_mismatch", 7);
});

Deno.test("verifyLog() finds a changed entry whose leaf hash was changed to match", async () => {
  const change = (line: Line) => rehashed(withEntry(line, { data: { permission: "disabled" } }));
  const given = await tampered((lines) => lines.with(7, change(at(lines, 7))));
  await assertFinding(given, "root_mismatch", null);
});

Deno.test("verifyLog() finds a changed leaf hash", async () => {
  const given = await tampered((lines) =>
    lines.with(7, { ...at(lines, 7), leaf_hash: at(lines, 8).leaf_hash })
  );
  await assertFinding(given, "leaf_hash_mismatch", 7);
});

Deno.test("verifyLog() finds dropped entries", async () => {
  const one = await assertFinding(await tampered((lines) => lines.toSpliced(7, 1)), "index_gap", 7);
  assert.match(one, /Entry 7 is missing/);
  const some = await tampered((lines) => lines.toSpliced(7, 3));
  assert.match(await assertFinding(some, "index_gap", 7), /Entries 7 to 9 are missing/);
  const first = await tampered((lines) => lines.slice(2));
  assert.match(await assertFinding(first, "index_gap", 0), /Entries 0 to 1 are missing/);
});

Deno.test("verifyLog() finds a dropped entry when the rest was numbered anew", async () => {
  const given = await tampered((lines) => renumbered(lines.toSpliced(7, 1)));
  await assertFinding(given, "too_few_entries", 19);
});

Deno.test("verifyLog() finds a duplicate", async () => {
  const given = await tampered((lines) => lines.toSpliced(8, 0, at(lines, 7)));
  assert.match(await assertFinding(given, "index_duplicate", 8), /Entry 7 is there twice/);
});

Deno.test("verifyLog() finds swapped entries, near and far", async () => {
  for (const [one, other] of [[7, 8], [3, 19]] as const) {
    const given = await tampered((lines) =>
      lines.with(one, at(lines, other)).with(other, at(lines, one))
    );
    const what = await assertFinding(given, "index_swap", one);
    assert.match(what, new RegExp(`Entry ${other} stands where entry ${one} was expected`));
  }
});

Deno.test("verifyLog() finds swapped entries when their lines were numbered anew", async () => {
  const given = await tampered((lines) =>
    lines.with(7, { ...at(lines, 8), index: 7 }).with(8, { ...at(lines, 7), index: 8 })
  );
  await assertFinding(given, "entry_index_mismatch", 7);
});

Deno.test("verifyLog() finds swapped entries numbered anew throughout by their times", async () => {
  const given = await tampered((lines) =>
    renumbered(lines.with(7, at(lines, 8)).with(8, at(lines, 7)))
  );
  await assertFinding(given, "time_backwards", 8);
});

Deno.test("verifyLog() finds an entry of another organization", async () => {
  const given = await tampered((lines) =>
    lines.with(7, rehashed(withEntry(at(lines, 7), { org: "org_other" })))
  );
  await assertFinding(given, "org_mismatch", 7);
});

Deno.test("verifyLog() finds a cut tail", async () => {
  const given = await tampered((lines) => lines.slice(0, 15));
  assert.match(
    await assertFinding(given, "too_few_entries", 15),
    /ends after 15 entries, but the checkpoint covers 20/,
  );
  await assertFinding({ ...given, exported: "" }, "too_few_entries", 0);
});

Deno.test("verifyLog() finds a line that is not JSON, or says a thing twice", async () => {
  const lines = logOf(3);
  const checkpoint = await checkpointOf(lines, signer);
  const whole = exportOf(lines);
  const changed: [FindingCode, number, string][] = [
    ["line_not_json", 2, whole.slice(0, -10)],
    ["line_not_json", 1, whole.replace("\n", "\n\n")],
    ["line_not_json", 0, "\ufeff" + whole],
    ["line_not_json", 0, whole.replace("dec_0", "dec_\\ud800")],
    ["duplicate_member", 1, whole.replace('"id":"dec_1"', '"id":"dec_1","\\u0069d":"dec_1"')],
    ["line_malformed", 0, "[]\n" + whole],
    ["line_malformed", 0, whole.replace('{"entry"', '{"note":1,"entry"')],
    ["line_malformed", 1, whole.replace('"index":1,"leaf', '"index":"1","leaf')],
    ["line_malformed", 1, whole.replace('"index":1,"leaf', '"index":1.5,"leaf')],
    ["line_malformed", 0, whole.replace('"leaf_hash":"', '"leaf_hash":"AA')],
    ["line_malformed", 0, whole.replace('"private":{', '"private":[],"x":{')],
    ["line_malformed", 0, " ".repeat(MAX_LINE_BYTES + 1)],
  ];
  for (const [code, index, exported] of changed) {
    await assertFinding({ exported, checkpoint }, code, index);
  }
  const bytes = new TextEncoder().encode(whole);
  bytes[5] = 0xff;
  const verdict = await verifyLog({
    chunks: new Blob([bytes]).stream(),
    checkpoint: parsed(checkpoint),
    previous: null,
    pinnedKeys: [signer.key],
  });
  assert.equal(verdict.ok ? "ok" : verdict.finding.code, "line_not_json");
});

Deno.test("verifyLog() finds an entry that the log would not write", async () => {
  const wrong: JsonObject[] = [
    { v: 2 },
    { at: "2026-01-31T12:00:07Z" },
    { at: "2026-13-31T12:00:07.000Z" },
    { extra: 1 },
    { actor: null },
    { subject: [] },
    { data: "none" },
    { id: 7 },
    { type: null },
  ];
  for (const members of wrong) {
    const given = await tampered((lines) =>
      lines.with(7, rehashed(withEntry(at(lines, 7), members)))
    );
    await assertFinding(given, "entry_malformed", 7);
  }
});

Deno.test("verifyLog() finds private parts that were changed, added or damaged", async () => {
  const { part } = privatePart("Another reason");
  const cases: [FindingCode, JsonObject][] = [
    ["private_digest_mismatch", { reason: part }],
    ["private_digest_mismatch", {
      reason: { ...privatePart("Because of 5").part, salt: "0".repeat(32) },
    }],
    ["private_digest_missing", { note: part }],
    [
      "private_digest_missing",
      JSON.parse(`{"__proto__": {"salt": "${"0".repeat(32)}", "value": ""}}`),
    ],
    ["private_malformed", { reason: "Because of 5" }],
    ["private_malformed", { reason: { value: "Because of 5" } }],
    ["private_malformed", { reason: { salt: "", value: "Because of 5" } }],
    ["private_malformed", { reason: { salt: "0".repeat(32) } }],
    ["private_malformed", { reason: { salt: "00", value: "Because of 5" } }],
  ];
  for (const [code, parts] of cases) {
    const given = await tampered((lines) => lines.with(5, { ...at(lines, 5), private: parts }));
    await assertFinding(given, code, 5);
  }
});

Deno.test("verifyLog() finds a checkpoint that a stranger signed", async () => {
  const lines = renumbered(logOf(20).toSpliced(7, 1));
  const checkpoint = await checkpointOf(lines, stranger);
  await assertFinding({ exported: exportOf(lines), checkpoint }, "unpinned_key", null);
});

Deno.test("verifyLog() finds a changed checkpoint", async () => {
  const lines = logOf(20);
  const signed = await checkpointOf(lines, signer);
  const cut = await checkpointOf(lines, signer, 19);
  // The text of the one under the signature of the other.
  const checkpoint = cut.slice(0, cut.indexOf("\n\n")) + signed.slice(signed.indexOf("\n\n"));
  await assertFinding({ exported: exportOf(lines), checkpoint }, "bad_signature", null);
});

Deno.test("verifyLog() finds files of different logs", async () => {
  const lines = logOf(20);
  const exported = exportOf(lines);
  const checkpoint = await checkpointOf(lines, signer);
  const elsewhere = await signerOf(1, logOrigin("elsewhere.example", ORG));
  const foreign = await checkpointOf(lines, elsewhere);
  const nameless = await checkpointOf(lines, await signerOf(1, "elsewhere.example"));
  await assertFinding({ exported, checkpoint: foreign }, "origin_mismatch", null);
  await assertFinding({ exported, checkpoint: nameless }, "origin_mismatch", null);
  await assertFinding({ exported, checkpoint, previous: foreign }, "origin_mismatch", null);
});

Deno.test("verifyLog() finds a log set back to before the previous checkpoint", async () => {
  const lines = logOf(20);
  await assertFinding(
    {
      exported: exportOf(lines.slice(0, 15)),
      checkpoint: await checkpointOf(lines, signer, 15),
      previous: await checkpointOf(lines, signer, 20),
    },
    "rollback",
    null,
  );
});

Deno.test("verifyLog() finds a rewritten past that the log's own key signed", async () => {
  const lines = logOf(20);
  const rewritten = lines.with(7, rehashed(withEntry(at(lines, 7), { id: "dec_other" })));
  const given = {
    exported: exportOf(rewritten),
    checkpoint: await checkpointOf(rewritten, signer),
  };
  assert.ok((await verdictOf(given)).ok);
  for (const size of [12, 20]) {
    const previous = await checkpointOf(lines, signer, size);
    await assertFinding({ ...given, previous }, "fork", null);
  }
  const earlier = await checkpointOf(lines, signer, 7);
  assert.ok((await verdictOf({ ...given, previous: earlier })).ok);
});

Deno.test("verifyLog() takes no previous checkpoint that a stranger signed", async () => {
  const lines = logOf(20);
  const given = { exported: exportOf(lines), checkpoint: await checkpointOf(lines, signer) };
  const previous = await checkpointOf(lines, stranger, 12);
  const what = await assertFinding({ ...given, previous }, "unpinned_key", null);
  assert.match(what, /^In the previous checkpoint: /);
});
