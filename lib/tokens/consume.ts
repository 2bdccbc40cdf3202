import type { Action } from "../actions/action.ts";
import { tellOfApproval } from "../approvals/topics.ts";
import { actorOf } from "../identity/caller.ts";
import type { MachineOperation } from "../identity/caller_operation.ts";
import type { Client } from "../identity/client.ts";
import { schedule } from "../ledger/due.ts";
import type { Transaction } from "../ledger/transaction.ts";
import type { RecordedRefusal } from "../refusal.ts";
import { runTokenArgumentsKey, runTokenKey } from "../store/keys.ts";
import type { Binding, RunTokenRecord } from "../store/records/token.ts";
import type { Sealer } from "../store/sealing.ts";
import {
  privateClient,
  refuseToken,
  refuseUnreadable,
  type TokenAttempt,
  tokenSubject,
} from "./attempt.ts";
import type { TokenClaims } from "./claims.ts";
import { loadPresentedToken, type PresentedToken } from "./presented.ts";
import { refusalOf } from "./standing.ts";

type MintedToken = Extract<RunTokenRecord, { status: "minted" }>;

export type ConsumedToken = Extract<RunTokenRecord, { status: "consumed" }>;

/** A token that was consumed just now. */
export interface Consumed {
  readonly token: ConsumedToken;
  readonly claims: TokenClaims;
}

/**
 * Consumes a token for the call that is about to run. Of any number of attempts anywhere one
 * succeeds: the record is read by versionstamp, and the commit that marks it consumed checks that
 * stamp. Refusals are recorded and returned.
 *
 * @param ownOnly whether what another caller minted is no token here
 */
export function consumeOperation(
  sealer: Sealer,
  text: string,
  action: Action,
  client: Client,
  { ownOnly = false }: { readonly ownOnly?: boolean } = {},
): MachineOperation<PresentedToken, Consumed | RecordedRefusal> {
  return {
    load: (reader, caller) =>
      loadPresentedToken(reader, caller, sealer, { text, given: action, ownOnly }),
    plan(transaction, caller, presented) {
      const by = { caller, client, attempt: "consume" } as const;
      if (presented.token === null) return refuseUnreadable(transaction, by, presented);
      const { token, claims } = presented;
      const attempt = { event: "consume", given: action } as const;
      const refusal = refusalOf(transaction.snapshot, caller, presented, attempt, transaction);
      if (refusal !== null) return refuseToken(transaction, by, token, refusal);
      if (token.status !== "minted") throw new Error(`A ${token.status} token passed as unspent.`);
      const consumed = spend(transaction, token, by, "checked");
      transaction.set(runTokenKey(claims.org, token.id), consumed);
      schedule(transaction, { kind: "report_due", at: consumed.report_due_at, id: token.id });
      return { token: consumed, claims };
    },
  };
}

/** Records that a token is consumed; the caller stores the record, as it is or moved further. */
export function spend(
  transaction: Transaction,
  token: MintedToken,
  { caller, client }: TokenAttempt,
  binding: Binding,
): ConsumedToken {
  const { at, now, snapshot: { org, orgId } } = transaction;
  if (!org.retain_arguments) transaction.delete(runTokenArgumentsKey(orgId, token.id));
  transaction.append({
    type: "token.consumed",
    actor: actorOf(caller),
    subject: tokenSubject(token),
    data: {
      action_digest: token.action_digest,
      binding,
      decision_id: token.decision_id,
      minted_by: token.minter,
      request_id: client.request_id,
    },
    private: { client: privateClient(client) },
  });
  if (token.approval_id !== null) tellOfApproval(transaction, token.approval_id);
  return {
    ...token,
    status: "consumed",
    consumed_at: at,
    consumed_by: { type: caller.type, id: caller.id },
    consumed_by_request: client.request_id,
    binding,
    report_due_at: now + org.report_within_seconds * 1000,
  };
}
