import assert from "node:assert/strict";
import { parseCheckpoint, type ParsedCheckpoint } from "../lib/checkpoint/checkpoint.ts";
import { type LogKey, publishedLogKey } from "../lib/checkpoint/log_key.ts";
import { logOrigin } from "../lib/checkpoint/origin.ts";
import { signRotation } from "../lib/checkpoint/rotation.ts";
import type { JsonObject, JsonValue } from "../lib/json/json_value.ts";
import { leafHash } from "../lib/merkle/hash.ts";
import { fromHex, toHex } from "../lib/merkle/hex.ts";
import { inclusionProof } from "../lib/merkle/proof.ts";
import { byteLines, MAX_LINE_BYTES } from "../lib/verify/byte_lines.ts";
import type { FindingCode } from "../lib/verify/finding.ts";
import { findingText, logReportText } from "../lib/verify/verdict_text.ts";
import { type LogVerdict, verifyLog } from "../lib/verify/verify_log.ts";
import { parseReceipt, verifyReceipt } from "../lib/verify/verify_receipt.ts";
import {
  checkpointOf,
  exportOf,
  hashOf,
  type Line,
  lineOf,
  logOf,
  ORG,
  ORIGIN,
  privateText,
  signerOf,
} from "./log_fixture.ts";

const signer = await signerOf(1);
const stranger = await signerOf(9);

async function* chunked(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += size) {
    yield await Promise.resolve(bytes.slice(at, at + size));
  }
}

function parsed(note: string): ParsedCheckpoint {
  const result = parseCheckpoint(note);
  assert.ok(result.ok, result.ok ? "" : result.message);
  return result.checkpoint;
}

interface Case {
  exported: string;
  checkpoint: string;
  previous?: string;
  keys?: LogKey[];
}

async function verdictOf(given: Case): Promise<LogVerdict> {
  return await verifyLog({
    chunks: chunked(given.exported, 1000),
    checkpoint: parsed(given.checkpoint),
    previous: given.previous === undefined ? null : parsed(given.previous),
    pinnedKeys: given.keys ?? [signer.key],
  });
}

/** Asserts that exactly this is found; gives what was said about it. */
async function assertFinding(
  given: Case,
  code: FindingCode,
  index: number | null,
): Promise<string> {
  const verdict = await verdictOf(given);
  assert.ok(!verdict.ok, `Expected ${code}, but nothing was found`);
  assert.deepEqual([verdict.finding.code, verdict.finding.index], [code, index]);
  return verdict.finding.what;
}

/** A log of 20, its export changed by `tamper`, and the checkpoint of the log as it was. */
async function tampered(tamper: (lines: Line[]) => Line[]): Promise<Case> {
  const lines = logOf(20);
  const checkpoint = await checkpointOf(lines, signer);
  return { exported: exportOf(tamper(structuredClone(lines))), checkpoint };
}

/** The lines numbered anew from 0, with leaf hashes to match: what a forger would export. */
function renumbered(lines: Line[]): Line[] {
  return lines.map((line, index) => rehashed({ ...line, index, entry: { ...line.entry, index } }));
}

function rehashed(line: Line): Line {
  return { ...line, leaf_hash: hashOf(line.entry) };
}

function withEntry(line: Line, members: JsonObject): Line {
  return { ...line, entry: { ...line.entry, ...members } };
}

function at(lines: Line[], index: number): Line {
  return lines[index] ?? assert.fail(`No line ${index}`);
}

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
    origin: ORIGIN,
    size: 17,
    uncovered: 3,
    key: signer.key,
    handovers: [],
    keyReplacedAt: null,
    span: { first: "2026-01-31T12:00:00.000Z", last: "2026-01-31T12:00:16.000Z" },
    privateParts: 4,
    previousSize: 9,
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

Deno.test("verifyLog() takes private values that are not text by their canonical form", async () => {
  const { digest } = privateText('{"a":1,"b":[true]}');
  const salt = privateText("").part.salt ?? null;
  const lines = [lineOf(0, { data: { arguments_digest: digest } }, {
    arguments: { salt, value: { b: [true], a: 1 } },
  })];
  const verdict = await verdictOf({
    exported: exportOf(lines),
    checkpoint: await checkpointOf(lines, signer),
  });
  assert.ok(verdict.ok);
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
  const { part } = privateText("Another reason");
  const cases: [FindingCode, JsonObject][] = [
    ["private_digest_mismatch", { reason: part }],
    ["private_digest_mismatch", {
      reason: { ...privateText("Because of 5").part, salt: "0".repeat(32) },
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

Deno.test("findingText() names code, entry and meaning, and lets nothing steer the terminal", () => {
  const text = findingText({
    code: "org_mismatch",
    index: 7,
    what: "Entry 7 is of \u001b[2J\u202e",
  });
  assert.match(text, /^WRONG at entry 7 \(org_mismatch\)\n/);
  assert.match(text, /another organization/);
  assert.ok(!/(?!\n)[\p{Cc}\p{Cf}]/u.test(text));
});

Deno.test("byteLines() cuts the same lines however the bytes come", async () => {
  const text = "one\n\nthree é\nlast";
  for (let size = 1; size <= 20; size++) {
    const lines: string[] = [];
    for await (const batch of byteLines(chunked(text, size))) {
      lines.push(...batch.map((bytes) => new TextDecoder().decode(bytes)));
    }
    assert.deepEqual(lines, text.split("\n"));
  }
});

/** The receipt of one entry, as the API gives it. */
async function receiptOf(lines: Line[], index: number, by = signer): Promise<JsonObject> {
  const hashes = lines.map(({ leaf_hash }) => fromHex(leaf_hash) ?? assert.fail());
  const tile = Uint8Array.from(hashes.flatMap((hash) => [...hash]));
  const source = { tile: () => Promise.resolve(tile) };
  const { entry, leaf_hash } = at(lines, index);
  return {
    entry,
    leaf_hash,
    index,
    size: lines.length,
    inclusion: (await inclusionProof(source, index, lines.length)).map(toHex),
    checkpoint: await checkpointOf(lines, by),
    key: { ...by.key.publicKey, kid: by.key.kid },
  };
}

async function receiptCode(receipt: JsonValue, keys = [signer.key]): Promise<string> {
  const result = parseReceipt(receipt);
  if (!result.ok) return result.code;
  const verdict = await verifyReceipt(result.receipt, keys);
  return verdict.ok ? "ok" : verdict.finding.code;
}

Deno.test("verifyReceipt() proves an entry by a pinned key", async () => {
  const lines = logOf(20);
  for (const index of [0, 7, 19]) {
    assert.equal(await receiptCode(await receiptOf(lines, index)), "ok");
  }
});

Deno.test("verifyReceipt() never trusts the key that a receipt brings", async () => {
  const result = parseReceipt(await receiptOf(logOf(20), 7, stranger));
  assert.ok(result.ok);
  const verdict = await verifyReceipt(result.receipt, [signer.key]);
  assert.ok(!verdict.ok);
  assert.equal(verdict.finding.code, "unpinned_key");
  assert.match(verdict.finding.what, /not trusted for being in the receipt/);
});

Deno.test("verifyReceipt() finds every altered part", async () => {
  const lines = logOf(20);
  const receipt = await receiptOf(lines, 7);
  const other = await receiptOf(lines, 8);
  const shorter = await receiptOf(lines.slice(0, 19), 7);
  const changed = withEntry(at(lines, 7), { data: { permission: "disabled" } }).entry;
  const inclusion = Array.isArray(receipt.inclusion) ? receipt.inclusion : [];
  const elsewhere = await signerOf(1, logOrigin("countersign.example", "org_other"));
  const foreign = await receiptOf(lines, 7, elsewhere);
  const cases: [string, JsonObject][] = [
    ["leaf_hash_mismatch", { entry: changed }],
    ["receipt_not_included", { entry: changed, leaf_hash: hashOf(changed) }],
    ["entry_index_mismatch", { index: 8 }],
    ["leaf_hash_mismatch", { leaf_hash: other.leaf_hash ?? null }],
    ["receipt_size_mismatch", { size: 19 }],
    ["receipt_size_mismatch", { checkpoint: shorter.checkpoint ?? null }],
    ["receipt_not_included", { inclusion: other.inclusion ?? null }],
    ["receipt_not_included", { inclusion: inclusion.slice(1) }],
    ["receipt_not_included", { inclusion: [...inclusion, toHex(leafHash(new Uint8Array(0)))] }],
    ["org_mismatch", { checkpoint: foreign.checkpoint ?? null }],
    ["receipt_key_mismatch", { key: { ...stranger.key.publicKey } }],
    ["bad_signature", {
      checkpoint: String(receipt.checkpoint).replace("\n\n", "\nextension\n\n"),
    }],
    ["malformed_receipt", { checkpoint: "none" }],
    ["malformed_receipt", { inclusion: ["00"] }],
    ["malformed_receipt", { inclusion: "none" }],
    ["malformed_receipt", { leaf_hash: "00" }],
    ["malformed_receipt", { index: -1 }],
    ["malformed_receipt", { entry: null }],
    ["malformed_receipt", { key: null }],
  ];
  for (const [code, members] of cases) {
    assert.equal(await receiptCode({ ...receipt, ...members }), code, JSON.stringify(members));
  }
  assert.equal(await receiptCode(null), "malformed_receipt");
  const away = await signerOf(1, logOrigin("elsewhere.example", ORG));
  assert.equal(await receiptCode(receipt, [away.key]), "origin_mismatch");
});

Deno.test("verify.ts exits 0, 1 or 2 when a log is fine, wrong or unreadable", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const lines = logOf(20);
    const receipt = await receiptOf(lines, 7);
    const files: Record<string, string> = {
      "good.ndjson": exportOf(lines),
      "changed.ndjson": exportOf(lines).replace('"id":"dec_7"', '"id":"dec_x"'),
      "checkpoint": await checkpointOf(lines, signer, 18),
      "previous": await checkpointOf(lines, signer, 5),
      "stranger": await checkpointOf(lines, stranger),
      "keys.json": JSON.stringify({ keys: [publishedLogKey(signer.key)] }),
      "receipt.json": JSON.stringify(receipt),
      "altered.json": JSON.stringify({ ...receipt, index: 8 }),
    };
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    const runs: [string, number, RegExp][] = [
      [
        "good.ndjson --checkpoint checkpoint --previous previous --keys keys.json",
        0,
        /^OK: the log/,
      ],
      [
        "changed.ndjson --checkpoint checkpoint --keys keys.json",
        1,
        /WRONG at entry 7 \(leaf_hash/,
      ],
      ["good.ndjson --checkpoint stranger --keys keys.json", 1, /WRONG \(unpinned_key\)/],
      ["--receipt receipt.json --keys keys.json", 0, /^OK: the entry is in the log/],
      ["--receipt altered.json --keys keys.json", 1, /entry_index_mismatch/],
      ["absent.ndjson --checkpoint checkpoint --keys keys.json", 2, /Cannot read absent.ndjson/],
      ["good.ndjson --keys keys.json", 2, /Usage/],
    ];
    const verifier = new URL("../verify.ts", import.meta.url).pathname;
    const config = new URL("../deno.json", import.meta.url).pathname;
    await Promise.all(runs.map(async ([args, code, said]) => {
      const output = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--config", config, "--allow-read", verifier, ...args.split(" ")],
        cwd: folder,
        env: { NO_COLOR: "1" },
      }).output();
      const text = new TextDecoder().decode(
        Uint8Array.from([...output.stdout, ...output.stderr]),
      );
      assert.equal(output.code, code, `${args}\n${text}`);
      assert.match(text, said);
    }));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
