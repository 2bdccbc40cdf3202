import { joinBytes } from "../base/bytes.ts";
import type { Transaction } from "../ledger/transaction.ts";
import type { Services } from "../services.ts";
import { callResultKey } from "../store/gateway_keys.ts";
import { readRecords } from "../store/kv.ts";
import { type KeptResult, resultPiece } from "../store/records/call.ts";

/**
 * The result of a call, sealed and kept for a few minutes for a caller who was gone when it came, or
 * who asks again under the key of the call.
 */

/** How long a result is kept, milliseconds. */
const KEPT_RESULT_MS = 10 * 60_000;

/** Bytes of a result in one value of the store, with room for the seal. */
const PIECE_BYTES = 60_000;

/** How many pieces go into one commit. */
const PIECES_A_COMMIT = 8;

/**
 * Stores a result before the commit that names it: without that nobody finds its pieces, and the store
 * drops them.
 */
export async function keepResult(
  { deps, ledgers }: Services,
  org: string,
  id: string,
  result: Uint8Array,
): Promise<KeptResult> {
  const expires_at = deps.now() + KEPT_RESULT_MS;
  const pieces = Math.max(1, Math.ceil(result.length / PIECE_BYTES));
  for (let from = 0; from < pieces; from += PIECES_A_COMMIT) {
    const to = Math.min(pieces, from + PIECES_A_COMMIT);
    await ledgers.transact(org, {
      plan(transaction: Transaction) {
        for (let at = from; at < to; at++) {
          const key = callResultKey(org, id, at);
          const part = result.subarray(at * PIECE_BYTES, (at + 1) * PIECE_BYTES);
          const sealed = deps.sealer.seal(key, part);
          transaction.set(key, { sealed, expires_at }, { expireIn: KEPT_RESULT_MS });
        }
      },
    });
  }
  return { pieces, expires_at };
}

/** A kept result; null once it is gone. @throws {CannotOpen}, {MalformedRecord} */
export async function readKeptResult(
  { deps }: Pick<Services, "deps">,
  org: string,
  id: string,
  { pieces, expires_at }: KeptResult,
): Promise<Uint8Array<ArrayBuffer> | null> {
  if (expires_at <= deps.now()) return null;
  const keys = Array.from({ length: pieces }, (_, at) => callResultKey(org, id, at));
  const parts: Uint8Array[] = [];
  for await (const row of readRecords(deps.kv, keys, resultPiece)) {
    if (row === null) return null;
    const key = callResultKey(org, id, parts.length);
    parts.push(deps.sealer.open(key, row.sealed));
  }
  return joinBytes(parts);
}
