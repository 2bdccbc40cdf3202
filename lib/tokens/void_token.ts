import type { Transaction } from "../ledger/transaction.ts";
import { runTokenArgumentsKey, runTokenKey } from "../store/keys.ts";
import type { RunTokenRecord } from "../store/records/token.ts";
import { moved } from "./state.ts";

/**
 * Makes an unspent token void, as part of the commit that revokes its approval; that commit's
 * entry names the token. The record has to have been read by the same operation.
 * @returns false when there was nothing to void: it is spent, over or void already
 */
export function voidToken(transaction: Transaction, token: RunTokenRecord): boolean {
  const { at, snapshot: { orgId } } = transaction;
  if (token.status !== "minted" || moved(token, "revoke", transaction) !== "revoked") return false;
  const revoked: RunTokenRecord = {
    ...token,
    status: "revoked",
    revoked_at: at,
    revoked_because: "its approval was revoked",
  };
  transaction.set(runTokenKey(orgId, token.id), revoked);
  transaction.delete(runTokenArgumentsKey(orgId, token.id));
  return true;
}
