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
 * Stores a result, which is in parts, before the commit that names it: without that nobody finds its pieces, and the store
 * drops them.
 */
export async function keepResult(
  { deps, ledgers }: Services,
  org: string,
  id: string,
  result: readonly Uint8Array[],
): Promise<KeptResult> {
  const expires_at = deps.now() + KEPT_RESULT_MS;
  const length = result.reduce((sum, part) => sum + part.length, 0);
  const pieces = Math.max(1, Math.ceil(length / PIECE_BYTES));
  for (let from = 0; from < pieces; from += PIECES_A_COMMIT) {
    const to = Math.min(pieces, from + PIECES_A_COMMIT);
    await ledgers.transact(org, {
      plan(transaction: Transaction) {
        for (let at = from; at < to; at++) {
          const key = callResultKey(org, id, at);
          const part = pieceOf(result, at * PIECE_BYTES);
          const sealed = deps.sealer.seal(key, part);
          transaction.set(key, { sealed, expires_at }, { expireIn: KEPT_RESULT_MS });
        }
      },
    });
  }
  return { pieces, expires_at };
}

/** The piece that begins at a position of what several parts are together: no more than it is copied. */
function pieceOf(parts: readonly Uint8Array[], from: number): Uint8Array {
  const within: Uint8Array[] = [];
  let at = 0;
  for (const part of parts) {
    const [start, end] = [Math.max(0, from - at), Math.min(part.length, from + PIECE_BYTES - at)];
    if (start < end) within.push(part.subarray(start, end));
    at += part.length;
  }
  return joinBytes(within);
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
  // All but the last are of one size, so there is room for them, and no list of them besides.
  const bytes = new Uint8Array(pieces * PIECE_BYTES);
  let [filled, at] = [0, 0];
  for await (const row of readRecords(deps.kv, keys, resultPiece)) {
    if (row === null) return null;
    const piece = deps.sealer.open(callResultKey(org, id, at++), row.sealed);
    bytes.set(piece, filled);
    filled += piece.length;
  }
  return bytes.subarray(0, filled);
}
