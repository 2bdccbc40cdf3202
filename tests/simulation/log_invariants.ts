import { verifyConsistency } from "../../lib/tlog/verify_proof.ts";
import { type Invariant, overSuccesses } from "./evidence.ts";

/** The log only grows: what an auditor was shown, against what they were shown before. */
export const onlyGrows: Invariant = () => {
  const invariant = "the log only grows";
  const roots = new Map<number, string>();
  let before = 0;
  return overSuccesses(function* ({ deed, path, answer }) {
    if (deed === "checkpoint") {
      const { size, root_hash } = answer as { size: number; root_hash: string };
      if (size < before) {
        yield { invariant, where: `a checkpoint of ${size} after one of ${before}` };
      }
      before = Math.max(before, size);
      const root = roots.getOrInsert(size, root_hash);
      if (root !== root_hash) yield { invariant, where: `two roots of ${size} entries` };
    }
    if (deed === "proof") {
      const range = new URLSearchParams(path.slice(path.indexOf("?")));
      const [from, to] = ["from", "to"].map((name) => Number(range.get(name)));
      const isProven = verifyConsistency(
        from!,
        to!,
        Uint8Array.fromHex(roots.get(from!) ?? ""),
        Uint8Array.fromHex(roots.get(to!) ?? ""),
        (answer.hashes as string[]).map((hash) => Uint8Array.fromHex(hash)),
      );
      if (!isProven) yield { invariant, where: `no proof from ${from} to ${to}` };
    }
  });
};
