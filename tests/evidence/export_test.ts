import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { actionDigest } from "../../lib/decisions/decide.ts";
import { listLogKeys } from "../../lib/ledger/checkpoints.ts";
import { erasePrivate } from "../../lib/ledger/erase_private.ts";
import { logKeyKey } from "../../lib/store/keys.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import {
  checkpointNote,
  exportLines,
  exportText,
  grow,
  plainDraft,
  publishedKeys,
  verdictOn,
} from "../helpers/evidence.ts";
import { PROJECT } from "../helpers/project_files.ts";

const ACTION = { tool_name: "restart_service", arguments: { force: true } };
const WHY = { ...ACTION, reason: "stuck worker queue" };

async function logOf(countersign: Countersign, entries = 600): Promise<TestOrg> {
  const org = await countersign.org();
  await org.tool("restart_service");
  await grow(org, Array.from({ length: entries }, (_, i) => plainDraft(i)));
  const checked = await org.post("/v1/permissions/check", WHY);
  assert.equal(checked.status, 200, checked.text);
  return org;
}

async function verifyOnTheCommandLine(args: string[]): Promise<{ code: number; text: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-read", "--no-prompt", "verify.ts", ...args],
    cwd: PROJECT,
  }).output();
  const decoder = new TextDecoder();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

Deno.test("an export passes the offline verifier, with a checkpoint from before too", async () => {
  await using countersign = await Countersign.start();
  const org = await logOf(countersign);
  const { keys } = await publishedKeys(org);
  const previous = await checkpointNote(org);
  await grow(org, Array.from({ length: 77 }, (_, i) => plainDraft(i)));
  const note = await checkpointNote(org);
  const verdict = await verdictOn(await exportText(org), note, keys, { previous });
  assert.ok(verdict.ok, JSON.stringify(verdict));
  assert.equal(verdict.report.size, verdict.report.previousSize! + 77);
  assert.equal(verdict.report.uncovered, 0);
});

Deno.test("an export from the API passes and fails `deno task verify` as it should", async () => {
  await using countersign = await Countersign.start();
  const org = await logOf(countersign, 300);
  const folder = await Deno.makeTempDir();
  try {
    const file = (name: string, text: string) => Deno.writeTextFile(`${folder}/${name}`, text);
    await file("keys.json", (await publishedKeys(org)).text);
    await file("checkpoint", await checkpointNote(org));
    const text = await exportText(org);
    await file("log.ndjson", text);
    await file("forged.ndjson", text.replace('"number":123}', '"number":124}'));
    const given = ["--checkpoint", `${folder}/checkpoint`, "--keys", `${folder}/keys.json`];
    const [good, forged] = await Promise.all([
      verifyOnTheCommandLine([`${folder}/log.ndjson`, ...given]),
      verifyOnTheCommandLine([`${folder}/forged.ndjson`, ...given]),
    ]);
    assert.equal(good.code, 0, good.text);
    assert.equal(forged.code, 1, forged.text);
    assert.match(forged.text, /leaf_hash_mismatch/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a tampered export is found: changed, dropped, cut, another org's", async () => {
  await using countersign = await Countersign.start();
  const org = await logOf(countersign, 100);
  const { keys } = await publishedKeys(org);
  const note = await checkpointNote(org);
  const text = await exportText(org);
  const lines = text.split("\n").slice(0, -1);
  const joined = (kept: string[]) => kept.map((line) => line + "\n").join("");
  const codeOf = async (exported: string, checkpoint = note) => {
    const verdict = await verdictOn(exported, checkpoint, keys);
    return verdict.ok ? "ok" : verdict.finding.code;
  };
  assert.equal(await codeOf(text), "ok");
  assert.equal(await codeOf(text.replace('"number":7}', '"number":8}')), "leaf_hash_mismatch");
  assert.equal(await codeOf(joined(lines.toSpliced(50, 1))), "index_gap");
  assert.equal(await codeOf(joined(lines.slice(0, -1))), "too_few_entries");
  const other = await logOf(countersign, 100);
  assert.equal(await codeOf(await exportText(other)), "org_mismatch");
  assert.equal(
    await codeOf(await exportText(other), await checkpointNote(other)),
    "origin_mismatch",
  );
});

Deno.test("GET /v1/audit/export answers the span asked for, since included, until not", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const start = countersign.clock.now;
  for (let i = 0; i < 6; i++) {
    countersign.clock.advance(10);
    await grow(org, Array.from({ length: 100 }, () => plainDraft(i)));
  }
  const text = (offset: number) => new Date(start + offset).toISOString();
  const numbers = async (query: string) => {
    const lines = await exportLines(org, org.standard, query);
    return [...new Set(lines.map(({ entry }) => entry.data.number ?? null))];
  };
  assert.deepEqual(await numbers(`?since=${text(20)}&until=${text(50)}`), [1, 2, 3]);
  assert.deepEqual(await numbers(`?since=${text(21)}`), [2, 3, 4, 5]);
  assert.deepEqual(await numbers(`?until=${text(20)}`), [null, 0]);
  assert.deepEqual(await numbers(`?since=${text(61)}`), []);
  assert.deepEqual(await numbers(`?since=${text(50)}&until=${text(20)}`), []);
});

Deno.test("GET /v1/audit/entries pages through what the export holds", async () => {
  await using countersign = await Countersign.start();
  const org = await logOf(countersign, 300);
  const rows = [];
  let cursor: string | null = null;
  do {
    const at: string = cursor === null ? "" : `&cursor=${cursor}`;
    const got = await org.get(`/v1/audit/entries?start=17&limit=90${at}`);
    rows.push(...got.body.data);
    cursor = got.body.next_cursor;
  } while (cursor !== null);
  assert.deepEqual(rows, (await exportLines(org)).slice(17));
  const beyond = await org.get("/v1/audit/entries?start=100000");
  assert.deepEqual(beyond.body, { data: [], next_cursor: null });
});

Deno.test("private parts go to a key with audit_private only, and each reading is an entry", async () => {
  await using countersign = await Countersign.start();
  const org = await logOf(countersign, 10);
  const privy = await org.key("standard", { audit_private: true });
  const plain = await exportLines(org);
  assert.ok(plain.every((line) => line.private === null));
  assert.equal((await exportLines(org)).length, plain.length, "reading without private adds none");

  const text = await exportText(org, privy);
  const lines = text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
  const parts = lines.at(-1).private;
  assert.equal(parts.reason.value, WHY.reason);
  assert.deepEqual(parts.arguments.value, WHY.arguments);
  assert.equal(lines.length, plain.length);

  const after = await exportLines(org);
  assert.equal(after.length, plain.length + 1);
  const read = after.at(-1)?.entry;
  assert.equal(read?.type, "audit.private_read");
  const { from, to, since, until } = read?.data ?? {};
  assert.deepEqual({ from, to, since, until }, { from: 0, to: 12, since: null, until: null });

  // The digests in the leaves are recomputed from the parts by the verifier.
  const { keys } = await publishedKeys(org);
  const note = await checkpointNote(org);
  const all = [...await exportLines(org, privy)].map((line) => JSON.stringify(line) + "\n").join(
    "",
  );
  const checked = await verdictOn(all, note, keys);
  assert.ok(checked.ok, JSON.stringify(checked));
  assert.ok(checked.report.privateParts >= 3);
  const forged = await verdictOn(all.replace(WHY.reason, "another reason"), note, keys);
  assert.equal(forged.ok ? "ok" : forged.finding.code, "private_digest_mismatch");

  const rows = await org.get("/v1/audit/entries?start=11&limit=1", privy);
  assert.equal(rows.body.data[0].private.reason.value, WHY.reason);
  const last = (await exportLines(org)).at(-1)?.entry;
  assert.deepEqual([last?.type, last?.data.from, last?.data.to], ["audit.private_read", 11, 12]);
});

Deno.test("erasePrivate() takes a private part away and the log still verifies", async () => {
  await using countersign = await Countersign.start();
  const org = await logOf(countersign, 300);
  const privy = await org.key("standard", { audit_private: true });
  // Two entries of one commit share a row, of which one must stay.
  await org.transact((transaction) => {
    for (const secret of ["first", "second"]) {
      transaction.append({ ...plainDraft(0), private: { secret, other: { of: secret } } });
    }
  });
  const { ledgers } = countersign.services;
  const size = (await exportLines(org)).length;
  const [first, second] = [size - 2, size - 1];
  const actor = { type: "system", id: "retention" } as const;
  const erase = (index: number, names?: string[]) =>
    erasePrivate(ledgers, org.id, { index, actor, ...(names === undefined ? {} : { names }) });
  const partsOf = async (index: number) => {
    const parts = (await exportLines(org, privy))[index]?.private;
    return parts == null ? null : Object.keys(parts).sort();
  };

  assert.deepEqual(await erase(first, ["secret", "absent"]), ["secret"]);
  assert.deepEqual(await partsOf(first), ["other"]);
  assert.deepEqual(await erase(first), ["other"]);
  assert.deepEqual(await erase(first), [], "erased twice");
  assert.equal(await partsOf(first), null);
  assert.deepEqual(await partsOf(second), ["other", "secret"]);
  assert.deepEqual(await erase(second), ["secret", "other"]);
  assert.equal(await partsOf(second), null);
  assert.deepEqual(await erase(5), [], "an entry without private parts");

  const erased = (await exportLines(org)).filter(({ entry }) => entry.type === "private.erased");
  assert.deepEqual(erased.map(({ entry }) => entry.data), [
    { index: first, names: ["secret"] },
    { index: first, names: ["other"] },
    { index: second, names: ["secret", "other"] },
  ]);
  const { keys } = await publishedKeys(org);
  const note = await checkpointNote(org);
  const verdict = await verdictOn(await exportText(org, privy), note, keys);
  assert.ok(verdict.ok, JSON.stringify(verdict));
});

Deno.test("a rotated log verifies with the key that was pinned before, and only with such", async () => {
  await using countersign = await Countersign.start();
  const org = await logOf(countersign, 20);
  const pinned = (await publishedKeys(org)).keys;
  const previous = await checkpointNote(org);
  const rotated = await org.manage("POST", "/v1/audit/rotate-key");
  assert.equal(rotated.status, 201, rotated.text);
  assert.equal(rotated.body.retired_kid, pinned[0]?.kid);
  await org.manage("POST", "/v1/audit/rotate-key");
  await grow(org, [plainDraft(1)]);

  const { keys } = await publishedKeys(org);
  assert.deepEqual(keys.map(({ status }) => status).sort(), ["active", "retired", "retired"]);
  const note = await checkpointNote(org);
  const text = await exportText(org);
  const verdict = await verdictOn(text, note, pinned, { previous });
  assert.ok(verdict.ok, JSON.stringify(verdict));
  assert.equal(verdict.report.handovers.length, 2);
  const other = await countersign.org();
  const strange = await verdictOn(text, note, (await publishedKeys(other)).keys);
  assert.equal(strange.ok, false);
});

Deno.test("retired keys are published with their end, also those of a store that did not keep it", async () => {
  await using countersign = await Countersign.start();
  const org = await logOf(countersign, 5);
  const rotations: { readonly index: number; readonly kid: string }[] = [];
  for (let i = 0; i < 2; i++) {
    const { body } = await org.manage("POST", "/v1/audit/rotate-key");
    rotations.push({ index: body.audit.index, kid: body.key.kid });
    await grow(org, Array.from({ length: 300 }, (_, at) => plainDraft(at)));
  }
  const { text, keys } = await publishedKeys(org);
  const lines = await exportLines(org);
  const ends = rotations.map(({ index, kid }) => ({
    size: index,
    at: lines[index]?.entry.at,
    successor: kid,
  }));
  assert.deepEqual(keys.map(({ retirement }) => retirement), [...ends, null]);

  // Rows of before: what the log tells is filled in, and stays.
  const { deps } = countersign.services;
  const rows = await listLogKeys(deps, org.id);
  for (const { retirement: _, ...row } of rows) {
    await deps.kv.set(logKeyKey(org.id, row.kid), row);
  }
  const again = (await publishedKeys(org)).keys;
  assert.deepEqual(
    new Set(again.map((key) => JSON.stringify(key))),
    new Set(keys.map((key) => JSON.stringify(key))),
  );
  assert.equal((await publishedKeys(org)).text, text);
  const filled = await listLogKeys(deps, org.id);
  assert.deepEqual(filled.slice(0, 2), rows.slice(0, 2));

  // Of what the log does not tell nothing is made up, and nobody looks twice.
  const lost = { ...rows[0] ?? assert.fail(), kid: "x".repeat(43) };
  await deps.kv.set(logKeyKey(org.id, lost.kid), { ...lost, retirement: undefined });
  const found = await org.countersign.request("GET", `/.well-known/countersign/keys/${org.id}`);
  const told = found.body.keys.filter((key: JsonObject) => key.retired_size === null);
  assert.equal(told.filter((key: JsonObject) => key.status === "retired").length, 1);
  const stored = (await listLogKeys(deps, org.id)).find(({ kid }) => kid === lost.kid);
  assert.equal(stored?.retirement, null);
});

Deno.test("parallel rotations make one chain of keys, each handed over once", async () => {
  await using countersign = await Countersign.start();
  const org = await logOf(countersign, 5);
  const pinned = (await publishedKeys(org)).keys;
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => org.manage("POST", "/v1/audit/rotate-key")),
  );
  assert.ok(answers.every(({ status }) => status === 201));
  const note = await checkpointNote(org);
  const verdict = await verdictOn(await exportText(org), note, pinned);
  assert.ok(verdict.ok, JSON.stringify(verdict));
  assert.equal(verdict.report.handovers.length, 8);
});

Deno.test("a checkpoint taken while keys rotate is always signed by the key of its head", async () => {
  await using countersign = await Countersign.start();
  const org = await logOf(countersign, 5);
  const pinned = (await publishedKeys(org)).keys;
  const notes: string[] = [];
  const rotations = (async () => {
    for (let i = 0; i < 10; i++) await org.manage("POST", "/v1/audit/rotate-key");
  })();
  for (let i = 0; i < 30; i++) notes.push(await checkpointNote(org));
  await rotations;
  const lines = await exportLines(org);
  for (const note of new Set(notes)) {
    const size = Number(note.split("\n")[1]);
    const text = lines.slice(0, size).map((line) => JSON.stringify(line) + "\n").join("");
    const verdict = await verdictOn(text, note, pinned);
    assert.ok(verdict.ok, JSON.stringify(verdict));
  }
});

Deno.test("the published keys are public, cacheable, and those of known organizations only", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const got = await countersign.request("GET", `/.well-known/countersign/keys/${org.id}`);
  assert.equal(got.headers.get("cache-control"), "public, max-age=300");
  assert.ok(!got.text.includes('"d"'));
  for (const unknown of ["org_" + "1".repeat(26), "nothing", "org_%00"]) {
    const missing = await countersign.request("GET", `/.well-known/countersign/keys/${unknown}`);
    assert.deepEqual([missing.status, missing.body.code], [404, "not_found"], unknown);
  }
});

Deno.test("action digests in the log are those that anyone computes from the action", async () => {
  await using countersign = await Countersign.start();
  const org = await logOf(countersign, 1);
  const action = { tool: "restart_service", tenant: null, resource: null, method: null };
  const digest = actionDigest(org.id, { ...action, arguments: ACTION.arguments });
  assert.equal((await exportLines(org)).at(-1)?.entry.data.action_digest, digest);
});
