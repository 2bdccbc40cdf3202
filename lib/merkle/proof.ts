import { largestPowerOfTwoBelow, TreeReader } from "../tlog/proof.ts";
import type { TileSource } from "../tlog/tree.ts";

/**
 * Root of the tree of the first `size` leaves, for any size that the tiles reach:
 * MTH(D_size) of RFC 9162 section 2.1.1.
 */
export async function rootAt(source: TileSource, size: number): Promise<Uint8Array> {
  assertCount("size", size);
  return await new TreeReader(source).subtreeHash(0, size);
}

/**
 * Proof that leaf `index` is in the tree of the first `size` leaves: PATH(index, D_size) of
 * RFC 9162 section 2.1.3.1, the hash nearest to the leaf first.
 *
 * Throws a `RangeError` unless 0 <= `index` < `size`.
 */
export async function inclusionProof(
  source: TileSource,
  index: number,
  size: number,
): Promise<Uint8Array[]> {
  assertCount("index", index);
  assertCount("size", size);
  if (index >= size) {
    throw new RangeError(
      `Cannot prove entry ${index} in a log of size ${size}: the last is ${size - 1}`,
    );
  }
  const reader = new TreeReader(source);
  const path: Promise<Uint8Array>[] = [];
  let [from, to] = [0, size];
  while (to - from > 1) {
    const middle = from + largestPowerOfTwoBelow(to - from);
    if (index < middle) {
      path.push(reader.subtreeHash(middle, to));
      to = middle;
    } else {
      path.push(reader.subtreeHash(from, middle));
      from = middle;
    }
  }
  return (await Promise.all(path)).reverse();
}

/**
 * Proof that the tree of the first `from` leaves is the beginning of that of the first `to`:
 * PROOF(from, D_to) of RFC 9162 section 2.1.4.1. Empty if both are equal or `from` is 0, where
 * nothing is left to prove.
 *
 * Throws a `RangeError` unless 0 <= `from` <= `to`.
 */
export async function consistencyProof(
  source: TileSource,
  from: number,
  to: number,
): Promise<Uint8Array[]> {
  assertCount("from", from);
  assertCount("to", to);
  if (from > to) {
    throw new RangeError(
      `Cannot prove that a log of size ${from} is the beginning of one of ${to}`,
    );
  }
  if (from === 0 || from === to) return [];
  const reader = new TreeReader(source);
  const path: Promise<Uint8Array>[] = [];
  let [left, right] = [0, to];
  // Down to the subtree that ends where the old tree ended: SUBPROOF of the RFC.
  while (right !== from) {
    const middle = left + largestPowerOfTwoBelow(right - left);
    if (from <= middle) {
      path.push(reader.subtreeHash(middle, right));
      right = middle;
    } else {
      path.push(reader.subtreeHash(left, middle));
      left = middle;
    }
  }
  // The verifier knows this subtree's hash only when it is the whole old tree.
  if (left !== 0) path.push(reader.subtreeHash(left, right));
  return (await Promise.all(path)).reverse();
}

function assertCount(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`Cannot use ${value} as ${name}: expected a whole number from 0 on`);
  }
}
