import { verifyConsistency } from "../../lib/tlog/verify_proof.ts";
import type { KeptCheckpoint, KeptProof } from "./auditor.ts";
import type { Broken } from "./evidence.ts";

/** The log only grows: what an auditor kept, against itself. */
export function* onlyGrows(
  checkpoints: readonly KeptCheckpoint[],
  proofs: readonly KeptProof[],
): Iterable<Broken> {
  const invariant = "the log only grows";
  const roots = new Map<number, string>();
  let before = 0;
  for (const { size, root_hash } of checkpoints) {
    if (size < before) yield { invariant, where: `a checkpoint of ${size} after one of ${before}` };
    before = Math.max(before, size);
    const root = roots.get(size) ?? root_hash;
    if (root !== root_hash) yield { invariant, where: `two roots of ${size} entries` };
    roots.set(size, root);
  }
  for (const { from, to, hashes } of proofs) {
    const proven = verifyConsistency(
      from.size,
      to.size,
      Uint8Array.fromHex(from.root_hash),
      Uint8Array.fromHex(to.root_hash),
      hashes.map((hash) => Uint8Array.fromHex(hash)),
    );
    if (!proven) yield { invariant, where: `no proof from ${from.size} to ${to.size}` };
  }
}
