import { commitMarkKey, type StoreKey } from "./keys.ts";
import type { Kv, StoreDeps } from "./kv.ts";

/**
 * Over KV Connect the runtime sends a commit again when no answer comes, and reports the answer to the
 * second: that it was refused, because the first had landed. A refusal is therefore believed only where
 * the row is not there that the commit itself would have written. Nothing else in the code commits.
 */

/** The row by which a commit is known again: its value has the commit's name as `batch`. */
export interface CommitMark {
  readonly key: StoreKey;
  readonly name: string;
}

/** How long a row that only marks a commit is kept, milliseconds: far longer than any lies on its way. */
const MARK_KEPT_MS = 60 * 60 * 1000;

/** Hands a commit that writes its mark to the store. Throws what the store does: it may have landed. */
export async function commitMarked(
  kv: Kv,
  operation: Deno.AtomicOperation,
  mark: CommitMark,
): Promise<Deno.KvCommitResult | Deno.KvCommitError> {
  const result = await operation.commit();
  if (result.ok) return result;
  return await landed(kv, mark) ?? result;
}

/**
 * Hands a commit to the store that no entry of a log tells of. It lands at most once, and is told to
 * have landed if it has, whatever becomes of the answer.
 * @throws what the store throws; then it had not landed when that was looked for
 */
export async function commitOnce(
  { kv, random }: Pick<StoreDeps, "kv" | "random">,
  operation: Deno.AtomicOperation,
): Promise<Deno.KvCommitResult | Deno.KvCommitError> {
  const name = random(12).toHex();
  const mark = { key: commitMarkKey(name), name };
  writeMark(operation, mark);
  try {
    return await commitMarked(kv, operation, mark);
  } catch (error) {
    const result = await landed(kv, mark);
    if (result === null) throw error;
    return result;
  }
}

/** Has a commit write its mark, where no other row of it has its name; it lands only while nothing else did under it. */
export function writeMark(operation: Deno.AtomicOperation, { key, name }: CommitMark): void {
  operation.check({ key: [...key], versionstamp: null });
  operation.set([...key], { batch: name }, { expireIn: MARK_KEPT_MS });
}

/** What the store would have answered to a commit that landed; null when it has not. */
export async function landed(
  kv: Kv,
  { key, name }: CommitMark,
): Promise<Deno.KvCommitResult | null> {
  const { value, versionstamp } = await kv.get([...key]);
  if (versionstamp === null || !isNamed(value, name)) return null;
  return { ok: true, versionstamp };
}

function isNamed(value: unknown, name: string): boolean {
  return typeof value === "object" && value !== null && "batch" in value && value.batch === name;
}

/** Whether the store says that a commit is beyond its limits, and so was never made. */
export function isUnfit(error: unknown): boolean {
  return error instanceof TypeError && /too (large|many)/i.test(error.message);
}
