import fc from "fast-check";
import assert from "node:assert/strict";
import { fromHex, toHex } from "../../lib/base/bytes.ts";
import {
  EMPTY_ROOT,
  equalHashes,
  leafHash,
  nodeHash,
  prefixedLeafHash,
} from "../../lib/base/sha256.ts";
import {
  consistencyProof,
  inclusionProof,
  MissingTileHashError,
  TreeReader,
} from "../../lib/tlog/proof.ts";
import {
  appended,
  appendToTiles,
  emptyRange,
  extendedTile,
  isFullTile,
  rangeRoot,
  type TileSource,
} from "../../lib/tlog/tree.ts";
import { verifyConsistency, verifyInclusion } from "../../lib/tlog/verify_proof.ts";

/** The root at a size, out of tiles. */
function rootAt(tiles: ConstructorParameters<typeof TreeReader>[0], size: number) {
  return new TreeReader(tiles).subtreeHash(0, size);
}

// The definitions of RFC 9162 section 2.1, word for word and slow, to compare with.

function splitPoint(n: number): number {
  return 2 ** Math.floor(Math.log2(n - 1));
}

function mth(leaves: Uint8Array[]): Uint8Array {
  const [first] = leaves;
  if (first === undefined) return EMPTY_ROOT;
  if (leaves.length === 1) return first;
  const k = splitPoint(leaves.length);
  return nodeHash(mth(leaves.slice(0, k)), mth(leaves.slice(k)));
}

function path(m: number, leaves: Uint8Array[]): Uint8Array[] {
  if (leaves.length === 1) return [];
  const k = splitPoint(leaves.length);
  return m < k
    ? [...path(m, leaves.slice(0, k)), mth(leaves.slice(k))]
    : [...path(m - k, leaves.slice(k)), mth(leaves.slice(0, k))];
}

function subproof(m: number, leaves: Uint8Array[], whole: boolean): Uint8Array[] {
  if (m === leaves.length) return whole ? [] : [mth(leaves)];
  const k = splitPoint(leaves.length);
  return m <= k
    ? [...subproof(m, leaves.slice(0, k), whole), mth(leaves.slice(k))]
    : [...subproof(m - k, leaves.slice(k), false), mth(leaves.slice(0, k))];
}

/** Leaf hashes of the texts "0", "1", … */
function leavesUpTo(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, n) => leafHash(new TextEncoder().encode(String(n))));
}

/** A log's tiles in memory, grown as a store would grow them. */
class MemoryTiles implements TileSource {
  readonly tiles = new Map<string, Uint8Array>();
  readonly reads: string[] = [];
  range = emptyRange();

  append(leaves: Uint8Array[]): void {
    const { range, changes } = appendToTiles(this.range, leaves);
    for (const change of changes) {
      const name = `${change.level}/${change.index}`;
      this.tiles.set(name, extendedTile(this.tiles.get(name) ?? new Uint8Array(0), change));
    }
    this.range = range;
  }

  tile(level: number, index: number): Promise<Uint8Array> {
    this.reads.push(`${level}/${index}`);
    return Promise.resolve(this.tiles.get(`${level}/${index}`) ?? new Uint8Array(0));
  }
}

function tilesOf(leaves: Uint8Array[], batch = 100): MemoryTiles {
  const tiles = new MemoryTiles();
  for (let at = 0; at < leaves.length; at += batch) tiles.append(leaves.slice(at, at + batch));
  return tiles;
}

function hexes(hashes: Uint8Array[]): string[] {
  return hashes.map(toHex);
}

Deno.test("rangeRoot() is the root of the eight leaf reference tree of RFC 6962", () => {
  const inputs = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
  ];
  const roots = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
  ];
  let range = emptyRange();
  inputs.forEach((input, at) => {
    range = appended(range, [leafHash(fromHex(input) ?? assert.fail(`Not hex: ${input}`))]);
    assert.equal(toHex(rangeRoot(range)), roots[at]);
  });
});

Deno.test("rangeRoot() is SHA-256 of nothing when the tree is empty", () => {
  assert.equal(
    toHex(rangeRoot(emptyRange())),
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  );
});

Deno.test("rangeRoot() refuses a range whose peaks do not belong to its size", () => {
  const range = appended(emptyRange(), leavesUpTo(3));
  assert.throws(() => rangeRoot({ ...range, size: 4 }), RangeError);
});

Deno.test("appended() leaves the original as it was", () => {
  const three = appended(emptyRange(), leavesUpTo(3));
  const before = structuredClone(three);
  appended(three, leavesUpTo(5));
  assert.deepEqual(three, before);
});

Deno.test("prefixedLeafHash() equals leafHash() and refuses a missing prefix", () => {
  const bytes = Uint8Array.of(7, 8, 9);
  assert.deepEqual(prefixedLeafHash(Uint8Array.of(0, ...bytes)), leafHash(bytes));
  assert.throws(() => prefixedLeafHash(Uint8Array.of(1, ...bytes)), RangeError);
  assert.throws(() => prefixedLeafHash(new Uint8Array(0)), RangeError);
});

Deno.test("fromHex() reads what toHex() writes and nothing else", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => assert.deepEqual(fromHex(toHex(bytes)), bytes)),
  );
  for (const wrong of ["0", "0G", "AB", "0x00", " 00", "00\n"]) assert.equal(fromHex(wrong), null);
});

Deno.test("proofs equal the RFC's definitions and verify for every pair of sizes up to 70", async () => {
  const leaves = leavesUpTo(70);
  const tiles = tilesOf(leaves, 7);
  const roots = Array.from({ length: 71 }, (_, size) => mth(leaves.slice(0, size)));
  const rootOf = (size: number) => roots[size] ?? assert.fail();
  for (let size = 0; size <= 70; size++) {
    const tree = leaves.slice(0, size);
    assert.deepEqual(await rootAt(tiles, size), rootOf(size));
    assert.deepEqual(rangeRoot(appended(emptyRange(), tree)), rootOf(size));
    for (const [index, leaf] of tree.entries()) {
      const proof = await inclusionProof(tiles, index, size);
      assert.deepEqual(hexes(proof), hexes(path(index, tree)));
      assert.ok(verifyInclusion(leaf, index, size, proof, rootOf(size)));
    }
    for (let from = 0; from <= size; from++) {
      const proof = await consistencyProof(tiles, from, size);
      if (from > 0) assert.deepEqual(hexes(proof), hexes(subproof(from, tree, true)));
      assert.ok(verifyConsistency(from, size, rootOf(from), rootOf(size), proof));
    }
  }
});

Deno.test("proofs equal the RFC's definitions for random sizes up to 3000", async () => {
  const leaves = leavesUpTo(3000);
  const tiles = tilesOf(leaves, 333);
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 3000 }),
      fc.nat(),
      fc.nat(),
      async (size, indexSeed, fromSeed) => {
        const tree = leaves.slice(0, size);
        const index = indexSeed % size;
        const from = 1 + fromSeed % size;
        const inclusion = await inclusionProof(tiles, index, size);
        assert.deepEqual(hexes(inclusion), hexes(path(index, tree)));
        const consistency = await consistencyProof(tiles, from, size);
        assert.deepEqual(hexes(consistency), hexes(subproof(from, tree, true)));
        const root = await rootAt(tiles, size);
        const oldRoot = mth(leaves.slice(0, from));
        assert.ok(verifyInclusion(tree[index] ?? assert.fail(), index, size, inclusion, root));
        assert.ok(verifyConsistency(from, size, oldRoot, root, consistency));
      },
    ),
    { numRuns: 30, seed: 9162 },
  );
});

Deno.test("proofs verify at the borders of tiles", async () => {
  const leaves = leavesUpTo(65_800);
  const tiles = tilesOf(leaves, 1000);
  const sizes = [255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 65_800];
  const roots = new Map<number, Uint8Array>();
  let range = emptyRange();
  for (const size of sizes) {
    range = appended(range, leaves.slice(range.size, size));
    roots.set(size, rangeRoot(range));
  }
  for (const [size, root] of roots) {
    assert.deepEqual(await rootAt(tiles, size), root);
    for (const index of [0, 254, 255, 256, 65_279, 65_280, 65_535, 65_536, size - 1]) {
      if (index >= size) continue;
      const proof = await inclusionProof(tiles, index, size);
      assert.ok(verifyInclusion(leaves[index] ?? assert.fail(), index, size, proof, root));
    }
    for (const [from, oldRoot] of roots) {
      if (from > size) continue;
      const proof = await consistencyProof(tiles, from, size);
      assert.ok(verifyConsistency(from, size, oldRoot, root, proof));
    }
  }
});

Deno.test("inclusionProof() asks for each tile once and for few", async () => {
  const tiles = tilesOf(leavesUpTo(65_800), 5000);
  await inclusionProof(tiles, 40_000, 65_800);
  assert.equal(new Set(tiles.reads).size, tiles.reads.length);
  assert.ok(tiles.reads.length <= 5, `Read ${tiles.reads.length} tiles: ${tiles.reads}`);
});

Deno.test("appendToTiles() adds a hash to level 1 when a tile of level 0 is full", () => {
  const leaves = leavesUpTo(600);
  const first = appendToTiles(emptyRange(), leaves.slice(0, 255));
  assert.deepEqual(
    first.changes.map(({ level, index, from, hashes }) => [level, index, from, hashes.length]),
    [[0, 0, 0, 255]],
  );
  const second = appendToTiles(first.range, leaves.slice(255));
  assert.deepEqual(
    second.changes.map(({ level, index, from, hashes }) => [level, index, from, hashes.length]),
    [[0, 0, 255, 1], [0, 1, 0, 256], [0, 2, 0, 88], [1, 0, 0, 2]],
  );
  const [rest, tile] = second.changes;
  const full = extendedTile(new Uint8Array(255 * 32), rest ?? assert.fail());
  assert.ok(isFullTile(full));
  assert.deepEqual(tile?.hashes, leaves.slice(256, 512));
  assert.deepEqual(second.changes.at(-1)?.hashes, [
    mth(leaves.slice(0, 256)),
    mth(leaves.slice(256, 512)),
  ]);
});

Deno.test("appendToTiles() gives the same tiles however the leaves are batched", () => {
  const leaves = leavesUpTo(1000);
  const whole = tilesOf(leaves, 1000);
  for (const batch of [1, 3, 256, 511]) {
    assert.deepEqual(tilesOf(leaves, batch).tiles, whole.tiles);
  }
});

Deno.test("extendedTile() refuses a tile that does not end where the change begins", () => {
  const change = { level: 0, index: 4, from: 2, hashes: leavesUpTo(1) };
  assert.throws(() => extendedTile(new Uint8Array(32), change), /Tile 0\/4 has 32 bytes/);
});

Deno.test("TreeReader names the tile that is too short", async () => {
  const tiles = tilesOf(leavesUpTo(300));
  await assert.rejects(rootAt(tiles, 301), (error) => {
    assert.ok(error instanceof MissingTileHashError);
    assert.deepEqual([error.level, error.index, error.slot], [0, 1, 44]);
    return true;
  });
});

Deno.test("inclusionProof() and consistencyProof() refuse sizes out of range", async () => {
  const tiles = tilesOf(leavesUpTo(5));
  await assert.rejects(inclusionProof(tiles, 5, 5), RangeError);
  await assert.rejects(inclusionProof(tiles, -1, 5), RangeError);
  await assert.rejects(inclusionProof(tiles, 0.5, 5), RangeError);
  await assert.rejects(consistencyProof(tiles, 5, 4), RangeError);
});

Deno.test("verifyInclusion() refuses every altered proof", async () => {
  const leaves = leavesUpTo(13);
  const tiles = tilesOf(leaves);
  const root = mth(leaves);
  const other = leafHash(Uint8Array.of(1));
  for (const [index, leaf] of leaves.entries()) {
    const proof = await inclusionProof(tiles, index, 13);
    const refused = (
      changed: { leaf?: Uint8Array; index?: number; size?: number; proof?: Uint8Array[] },
    ) =>
      assert.ok(
        !verifyInclusion(
          changed.leaf ?? leaf,
          changed.index ?? index,
          changed.size ?? 13,
          changed.proof ?? proof,
          root,
        ),
      );
    refused({ leaf: other });
    refused({ index: index ^ 1 });
    refused({ index: 13 });
    refused({ index: index + 0.5 });
    refused({ size: index });
    refused({ proof: proof.slice(1) });
    refused({ proof: proof.slice(0, -1) });
    refused({ proof: [...proof, other] });
    refused({ proof: proof.with(0, other) });
    refused({ proof: proof.with(0, (proof[0] ?? other).subarray(1)) });
    if (proof.length > 1) refused({ proof: proof.toReversed() });
  }
});

Deno.test("verifyConsistency() refuses every altered proof", async () => {
  const leaves = leavesUpTo(21);
  const tiles = tilesOf(leaves);
  const other = leafHash(Uint8Array.of(1));
  for (let to = 2; to <= 21; to++) {
    const toRoot = mth(leaves.slice(0, to));
    for (let from = 1; from < to; from++) {
      const fromRoot = mth(leaves.slice(0, from));
      const proof = await consistencyProof(tiles, from, to);
      assert.ok(!verifyConsistency(from, to, other, toRoot, proof));
      assert.ok(!verifyConsistency(from, to, fromRoot, other, proof));
      assert.ok(!verifyConsistency(to, from, toRoot, fromRoot, proof));
      assert.ok(!verifyConsistency(from, to, fromRoot, toRoot, []));
      assert.ok(!verifyConsistency(from, to, fromRoot, toRoot, [...proof, other]));
      assert.ok(!verifyConsistency(from, to, fromRoot, toRoot, proof.slice(0, -1)));
      for (const at of proof.keys()) {
        assert.ok(!verifyConsistency(from, to, fromRoot, toRoot, proof.with(at, other)));
      }
    }
  }
});

Deno.test("verifyConsistency() takes only an empty proof for equal or empty trees", () => {
  const [one, two] = [mth(leavesUpTo(1)), mth(leavesUpTo(2))];
  assert.ok(verifyConsistency(0, 2, EMPTY_ROOT, two, []));
  assert.ok(verifyConsistency(2, 2, two, two, []));
  assert.ok(!verifyConsistency(0, 2, one, two, []));
  assert.ok(!verifyConsistency(0, 2, EMPTY_ROOT, two, [one]));
  assert.ok(!verifyConsistency(0, 0, one, one, []));
  assert.ok(!verifyConsistency(2, 2, two, one, []));
  assert.ok(!verifyConsistency(2, 2, two, two, [one]));
});

Deno.test("verifyInclusion() and verifyConsistency() work beyond 32 bits", () => {
  // Trees of equal leaves: a subtree's hash depends on its height alone, so none need be stored.
  const leaf = leafHash(new Uint8Array(0));
  const heights = [leaf];
  for (let at = 0; at < 40; at++) {
    const hash = heights[at] ?? leaf;
    heights.push(nodeHash(hash, hash));
  }
  const size = 2 ** 40;
  const root = heights[40] ?? assert.fail();
  const proof = heights.slice(0, 40);
  assert.ok(verifyInclusion(leaf, 2 ** 39 + 12_345, size, proof, root));
  assert.ok(
    verifyConsistency(2 ** 39, size, heights[39] ?? leaf, root, heights.slice(39, 40)),
  );
  assert.ok(!verifyInclusion(leaf, size, size, proof, root));
  assert.ok(equalHashes(leaf, heights[0] ?? root));
});
