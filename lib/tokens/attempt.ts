import { actorOf, type Client, type MachineCaller, privateClient } from "../identity/caller.ts";
import { isWithin } from "../ledger/clock.ts";
import type { Shared } from "../ledger/guarded_rows.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { nextSeq } from "../mandates/mandate.ts";
import { type AnyRefusal, recorded, type RecordedRefusal, Refusal } from "../refusal.ts";
import { runTokenArgumentsKey, runTokenKey, unreadableTokenKey } from "../store/keys.ts";
import type { RunTokenRecord } from "../store/records/token.ts";
import type { UnreadableToken } from "./presented.ts";
import { moved } from "./state.ts";

/**
 * What the log says of a token that was tried in vain, and how one ends with its approval. Every
 * refusal is recorded, and text that is no token once a minute and caller.
 */

const MINUTE_MS = 60_000;

/** Who tried what with a token. */
export interface TokenAttempt {
  readonly caller: MachineCaller;
  readonly client: Client;
  readonly attempt: "consume" | "report";
}

/** The facts that every entry about a token names. */
export function tokenSubject(token: RunTokenRecord) {
  return {
    ...(token.mandate_id === null ? {} : { mandate: token.mandate_id }),
    approval: token.approval_id,
    method: token.method,
    resource: token.resource,
    tenant: token.tenant,
    token: token.id,
    tool: token.tool,
  };
}

/**
 * The number of an entry by which what counts under a mandate may change; nothing where a token is
 * under none. None may be missing from what is told of a mandate.
 */
export function numbered(
  transaction: Transaction,
  count: Shared<"mandate_count"> | null,
): { mandate_seq?: number } {
  return count === null ? {} : { mandate_seq: nextSeq(transaction, count, { isCheck: false }) };
}

/** Records that a token was refused; returns the refusal, which the plan has to return too. */
export function refuseToken(
  transaction: Transaction,
  { caller, client, attempt }: TokenAttempt,
  token: RunTokenRecord,
  refusal: AnyRefusal,
): RecordedRefusal {
  const { code, data } = refusal;
  transaction.append({
    type: "token.refused",
    actor: actorOf(caller),
    subject: tokenSubject(token),
    data: {
      attempt,
      code,
      request_id: client.request_id,
      ...("reason" in data ? { reason: data.reason } : {}),
      ...("why" in data ? { why: data.why } : {}),
    },
    private: {
      client: privateClient(client),
      // Names of arguments can be personal, and fifty of them would not fit the leaf.
      ...("differs" in data && data.differs !== null ? { differs: data.differs } : {}),
    },
  });
  return recorded(refusal);
}

/**
 * Refuses text that is no token. The log takes notice once a minute and caller, so that nobody
 * grows it with garbage.
 */
export function refuseUnreadable(
  transaction: Transaction,
  { caller, client, attempt }: TokenAttempt,
  { noted_at }: UnreadableToken,
): RecordedRefusal {
  const refusal = new Refusal("token_invalid", {});
  const { now } = transaction;
  if (noted_at !== null && isWithin(MINUTE_MS, noted_at, now)) return recorded(refusal);
  transaction.set(unreadableTokenKey(caller.org, caller.id), { at: now }, { expireIn: MINUTE_MS });
  transaction.append({
    type: "token.refused",
    actor: actorOf(caller),
    subject: { token: null },
    data: { attempt, code: refusal.code, request_id: client.request_id },
    private: { client: privateClient(client) },
  });
  return recorded(refusal);
}

/**
 * Makes an unspent token void, as part of the commit that revokes its approval; that commit's
 * entry names the token. The record has to have been read by the same operation. One that is spent,
 * over or void already stays as it is.
 */
export function voidToken(transaction: Transaction, token: RunTokenRecord): void {
  const { at, snapshot: { orgId } } = transaction;
  if (token.status !== "minted" || moved(token, "revoke", transaction) !== "revoked") return;
  const revoked: RunTokenRecord = {
    ...token,
    status: "revoked",
    revoked_at: at,
    revoked_because: "its approval was revoked",
  };
  transaction.setGuarded(runTokenKey(orgId, token.id), revoked);
  transaction.delete(runTokenArgumentsKey(orgId, token.id));
}
