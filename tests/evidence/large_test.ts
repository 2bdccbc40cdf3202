import assert from "node:assert/strict";
import { fromHex } from "../../lib/base/bytes.ts";
import { exportChunks } from "../../lib/ledger/export.ts";
import { apiKeyKey } from "../../lib/store/keys.ts";
import type { Kv } from "../../lib/store/kv.ts";
import { appendLeaf, emptyRange, rangeRoot } from "../../lib/tlog/tree.ts";
import { verifyConsistency, verifyInclusion } from "../../lib/tlog/verify_proof.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { checkpointNote, exportText, grow, parsedNote, plainDraft } from "../helpers/evidence.ts";

/** Beyond 65,536 entries the tree has a third level of tiles. */
const ENTRIES = 70_000;
const BORDERS = [1, 256, 257, 65_535, 65_536, 65_537, 65_792, 65_793, ENTRIES];

function bytes(hex: string): Uint8Array {
  const found = fromHex(hex);
  assert.ok(found !== null, hex);
  return found;
}

async function assertBordersProven(org: TestOrg, text: string): Promise<void> {
  const leaves: Uint8Array[] = [];
  const roots = new Map<number, Uint8Array>();
  const range = emptyRange();
  for (const [, hex = ""] of text.matchAll(/"leaf_hash":"([0-9a-f]{64})"/g)) {
    leaves.push(bytes(hex));
    appendLeaf(range, bytes(hex));
    if (BORDERS.includes(range.size)) roots.set(range.size, rangeRoot(range));
  }
  assert.equal(leaves.length, ENTRIES);
  for (const size of BORDERS) {
    const root = roots.get(size)!;
    for (const index of [0, 255, 256, 65_535, 65_536, 65_791, size - 1]) {
      if (index >= size) continue;
      const got = await org.get(`/v1/audit/proof/inclusion?index=${index}&size=${size}`);
      const hashes = got.body.hashes.map(bytes);
      const where = `entry ${index} of ${size}`;
      assert.ok(verifyInclusion(leaves[index]!, index, size, hashes, root), where);
    }
    for (const from of BORDERS.filter((border) => border <= size)) {
      const got = await org.get(`/v1/audit/proof/consistency?from=${from}&to=${size}`);
      const hashes = got.body.hashes.map(bytes);
      const where = `${from} to ${size}`;
      assert.ok(verifyConsistency(from, size, roots.get(from)!, root, hashes), where);
    }
  }
  assert.deepEqual(parsedNote(await checkpointNote(org)).rootHash, roots.get(ENTRIES));
}

Deno.test("a log of 70,000 entries", async (t) => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await grow(org, Array.from({ length: ENTRIES - 1 }, (_, i) => plainDraft(i)), 500);

  await t.step("is proven at the borders of its tiles", async () => {
    await assertBordersProven(org, await exportText(org));
  });

  await t.step("ends its export with an error when the key is revoked meanwhile", async () => {
    const secret = await org.key("standard", { id: "key_leaver" });
    const response = await fetch(
      `http://127.0.0.1:${countersign.server.addr.port}/v1/audit/export`,
      { headers: { "x-api-key": secret } },
    );
    const reader = response.body!.getReader();
    assert.equal((await reader.read()).done, false);
    await org.transact((transaction) => {
      transaction.deletePolicy(apiKeyKey(org.id, "key_leaver"));
    });
    await assert.rejects(async () => {
      while (!(await reader.read()).done);
    });
  });

  await t.step("is exported no faster than it is read", async () => {
    const { deps } = countersign.services;
    let rows = 0;
    const kv: Kv = Object.create(deps.kv, {
      list: {
        value: async function* (...args: Parameters<Kv["list"]>) {
          for await (const row of deps.kv.list(...args)) {
            rows++;
            yield row;
          }
        },
      },
    });
    const range = { from: 0, to: ENTRIES, withPrivate: false };
    const chunks = exportChunks({ ...deps, kv }, org.id, range);
    const { value } = await chunks.next();
    assert.ok(value !== undefined && value.length < 300_000);
    assert.ok(rows < 20, `${rows} rows were read for the first chunk`);
    await chunks.return();
  });
});
