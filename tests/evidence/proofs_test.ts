import fc from "fast-check";
import assert from "node:assert/strict";
import { fromHex } from "../../lib/base/bytes.ts";
import { parseCheckpoint, verifySignature } from "../../lib/tlog/checkpoint.ts";
import { appended, emptyRange, rangeRoot } from "../../lib/tlog/tree.ts";
import { verifyConsistency, verifyInclusion } from "../../lib/tlog/verify_proof.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import {
  checkpointNote,
  exportLines,
  grow,
  parsedNote,
  plainDraft,
  publishedKeys,
} from "../helpers/evidence.ts";

function bytes(hex: string): Uint8Array {
  const found = fromHex(hex);
  assert.ok(found !== null, hex);
  return found;
}

/** Asks for proofs over HTTP and checks them against the leaf hashes of the export. */
async function prover(org: TestOrg) {
  const leaves = (await exportLines(org)).map(({ leaf_hash }) => bytes(leaf_hash));
  const roots = new Map<number, Uint8Array>();
  const rootOf = (size: number) => {
    const root = roots.get(size) ?? rangeRoot(appended(emptyRange(), leaves.slice(0, size)));
    roots.set(size, root);
    return root;
  };
  return {
    size: leaves.length,
    async inclusion(index: number, size: number): Promise<void> {
      const got = await org.get(`/v1/audit/proof/inclusion?index=${index}&size=${size}`);
      assert.equal(got.status, 200, got.text);
      const { hashes, ...place } = got.body;
      assert.deepEqual(place, { index, size });
      assert.ok(verifyInclusion(leaves[index]!, index, size, hashes.map(bytes), rootOf(size)));
    },
    async consistency(from: number, to: number): Promise<void> {
      const got = await org.get(`/v1/audit/proof/consistency?from=${from}&to=${to}`);
      assert.equal(got.status, 200, got.text);
      const { hashes, ...place } = got.body;
      assert.deepEqual(place, { from, to });
      assert.ok(verifyConsistency(from, to, rootOf(from), rootOf(to), hashes.map(bytes)));
    },
  };
}

Deno.test("proofs over HTTP verify for any index and size", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await grow(org, Array.from({ length: 900 }, (_, i) => plainDraft(i)), 37);
  const prove = await prover(org);
  const sizes = fc.oneof(
    fc.integer({ min: 1, max: prove.size }),
    fc.constantFrom(1, 255, 256, 257, 512, 768, prove.size),
  );
  await fc.assert(
    fc.asyncProperty(sizes, sizes, async (one, other) => {
      const [from, to] = [Math.min(one, other), Math.max(one, other)];
      await prove.inclusion(from - 1, to);
      await prove.consistency(from, to);
    }),
    { numRuns: 60, seed: 9162 },
  );
});

Deno.test("proofs for the head verify against checkpoints while the log grows", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await grow(org, Array.from({ length: 200 }, (_, i) => plainDraft(i)));
  const growing = grow(org, Array.from({ length: 400 }, (_, i) => plainDraft(i)), 3);
  const notes = [];
  for (let i = 0; i < 10; i++) notes.push(parsedNote(await checkpointNote(org)));
  const proofs = await Promise.all(
    Array.from({ length: 10 }, () => org.get("/v1/audit/proof/inclusion?index=100")),
  );
  await growing;
  const prove = await prover(org);
  for (const { body } of proofs) {
    const again = await org.get(`/v1/audit/proof/inclusion?index=100&size=${body.size}`);
    assert.deepEqual(again.body, body, "the same proof once the log is longer");
    await prove.inclusion(100, body.size);
  }
  for (const [i, note] of notes.entries()) {
    const next = notes[i + 1];
    if (next === undefined) continue;
    const got = await org.get(`/v1/audit/proof/consistency?from=${note.size}&to=${next.size}`);
    const hashes = got.body.hashes.map(bytes);
    assert.ok(verifyConsistency(note.size, next.size, note.rootHash, next.rootHash, hashes));
  }
});

Deno.test("proof requests that no log can answer are refused by name", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await grow(org, Array.from({ length: 9 }, (_, i) => plainDraft(i)));
  const refused: [string, string][] = [
    ["inclusion", "/index"],
    ["inclusion?index=10", "/index"],
    ["inclusion?index=5&size=5", "/index"],
    ["inclusion?index=0&size=0", "/index"],
    ["inclusion?index=0&size=11", "/size"],
    ["inclusion?index=-1", "/index"],
    ["inclusion?index=01", "/index"],
    ["inclusion?index=1.5", "/index"],
    ["inclusion?index=9999999999999999", "/index"],
    ["consistency", "/from"],
    ["consistency?from=6&to=5", "/from"],
    ["consistency?from=11", "/from"],
    ["consistency?from=1&to=11", "/to"],
  ];
  for (const [path, at] of refused) {
    const got = await org.get(`/v1/audit/proof/${path}`);
    assert.deepEqual([got.status, got.body.code], [422, "invalid_request"], path);
    assert.equal(got.body.errors[0].path, at, path);
  }
  const empty = await org.get("/v1/audit/proof/consistency?from=0");
  assert.deepEqual(empty.body, { from: 0, to: 10, hashes: [] });
});

Deno.test("GET /v1/audit/checkpoint signs the current head, as a note or as JSON", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await grow(org, [plainDraft(1)]);
  const { keys } = await publishedKeys(org);
  const note = await checkpointNote(org);
  assert.equal(await checkpointNote(org), note, "the same head gives the same note");
  const got = await org.get("/v1/audit/checkpoint", org.management, { accept: "application/json" });
  const parsed = parseCheckpoint(note);
  assert.ok(parsed.ok, JSON.stringify(parsed));
  const verified = await verifySignature(parsed.checkpoint, keys);
  assert.ok(verified.ok, JSON.stringify(verified));
  const { origin, size, rootHash } = parsed.checkpoint;
  assert.deepEqual(got.body, { origin, size, root_hash: rootHash.toHex(), note });
  assert.equal(size, 2);
  assert.equal(origin, `${countersign.services.settings.url.host}/log/${org.id}`);
  const text = await org.get("/v1/audit/checkpoint");
  assert.match(text.headers.get("content-type") ?? "", /^text\/plain/);
});
