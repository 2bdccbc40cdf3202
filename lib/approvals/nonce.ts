import { createHmac } from "node:crypto";
import { isId } from "../base/id.ts";
import { secretHash } from "../identity/credentials.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { confirmationKey } from "../store/mandate_keys.ts";
import type { ApprovalRecord } from "../store/records/approval.ts";
import type { UserSeat } from "../store/records/user.ts";
import {
  type LoadedTokenKey,
  loadSigningKey,
  loadTokenKey,
  openTokenKey,
  signingSecret,
} from "../tokens/token_key.ts";

/**
 * The nonce of an end user's seat: whoever has it may see the question, say no, and hand in the user's
 * yes. It is made from a key and the request, so that asking again hands out the same one; the store has
 * its hash alone.
 */

/** What the question to an end user is called, by its request. */
export function confirmationId(approval: string): string {
  return `cnf_${approval.slice("apr_".length)}`;
}

/** The request whose user is asked by that id; null for text that is none. */
export function requestOf(confirmation: string): string | null {
  return isId(confirmation, "cnf") ? `apr_${confirmation.slice("cnf_".length)}` : null;
}

/** How long an end user's seat is open, milliseconds. */
export const CONFIRM_MS = 300 * 1000;

/** The key of a seat's nonce, or the one that a new seat's is made with. */
export function loadNonceKey(
  reader: Reader,
  seat: Pick<UserSeat, "kid"> | null,
): Promise<LoadedTokenKey> | LoadedTokenKey {
  return seat === null ? loadSigningKey(reader) : loadTokenKey(reader, seat.kid);
}

/** A new nonce for a request, and what the store has of it. @throws {CannotOpen} */
export function newNonce(
  transaction: Transaction,
  key: LoadedTokenKey,
  approval: string,
): Pick<UserSeat, "nonce_hash" | "kid"> & { readonly nonce: string } {
  const nonce = nonceOf(signingSecret(transaction, key), approval);
  return { nonce, nonce_hash: secretHash(nonce), kid: key.kid };
}

/** The nonce of a request whose user's seat is open; null where its key is gone. @throws {CannotOpen} */
export function nonceAgain(
  { deps: { sealer }, snapshot }: Transaction,
  key: LoadedTokenKey,
  { id, user_seat, progress }: Pick<ApprovalRecord, "id" | "user_seat" | "progress">,
): string | null {
  const { record } = key;
  const isOpen = progress.state === "pending" && progress.level === 0;
  if (user_seat === null || record === null || !isOpen || key.kid !== user_seat.kid) return null;
  return nonceOf(openTokenKey(sealer, snapshot.orgId, { kid: key.kid, record }), id);
}

function nonceOf(secret: Uint8Array, approval: string): string {
  return createHmac("sha256", secret).update(`countersign.confirmation\0${approval}\0user`)
    .digest("base64url");
}

/** Has the nonce of a new seat lead to its request, for as long as it can be answered. */
export function storeNonce(
  transaction: Transaction,
  approval: string,
  { nonce_hash, expires_at }: Pick<UserSeat, "nonce_hash" | "expires_at">,
): void {
  const expireIn = Math.max(1, expires_at - transaction.now);
  const pointer = { org: transaction.snapshot.orgId, approval };
  transaction.set(confirmationKey(nonce_hash), pointer, { expireIn });
}
