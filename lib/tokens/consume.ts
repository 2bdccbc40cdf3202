import type { Action } from "../base/action.ts";
import type { JsonObject } from "../base/json.ts";
import type { MachineOperation } from "../identity/acting.ts";
import { actorOf, type Client, partyOf, privateClient } from "../identity/caller.ts";
import { schedule, tellOfApproval } from "../ledger/commit.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { consumeReserved } from "../mandates/spending.ts";
import type { RecordedRefusal } from "../refusal.ts";
import { runTokenArgumentsKey, runTokenKey } from "../store/keys.ts";
import type { Binding, RunTokenRecord } from "../store/records/token.ts";
import type { RevocationReason } from "../store/records/vocabulary.ts";
import type { Sealer } from "../store/sealing.ts";
import {
  numbered,
  refuseToken,
  refuseUnreadable,
  type TokenAttempt,
  tokenSubject,
} from "./attempt.ts";
import {
  type GivenAction,
  loadPresentedToken,
  type PresentedToken,
  type TokenCounters,
} from "./presented.ts";
import { refusalOf } from "./standing.ts";
import { heldUntil } from "./state.ts";
import type { TokenClaims } from "./token_text.ts";

/**
 * The one use of a token, and a look whether it would succeed. The look (`verifyOperation`) changes
 * nothing and promises nothing.
 */

type UnspentToken = Extract<RunTokenRecord, { status: "minted" }>;

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
      const consumed = spend(transaction, token, by, { ...presented, binding: "checked" });
      transaction.setGuarded(runTokenKey(claims.org, token.id), consumed);
      schedule(transaction, { kind: "report_due", at: consumed.report_due_at, id: token.id });
      return { token: consumed, claims };
    },
  };
}

/** The call that a token is made and consumed for in one commit. */
interface OwnCall {
  readonly id: string;
  readonly upstream: string;
  /** What it carries there; null for nothing. */
  readonly credential: string | null;
  readonly report_within_seconds: number;
  /** What the entry of its decision did not count, for an approval was needed; null for nothing. */
  readonly reserved: JsonObject[] | null;
}

/**
 * Records that a token is consumed; the caller stores the record, as it is or moved further.
 * @param own the call that it runs, where that runs through here
 */
export function spend(
  transaction: Transaction,
  token: UnspentToken,
  { caller, client }: TokenAttempt,
  { binding, counters, count, own = null }: TokenCounters & {
    readonly binding: Binding;
    readonly own?: OwnCall | null;
  },
): ConsumedToken {
  const { at, now, snapshot: { org, orgId } } = transaction;
  if (token.holds) consumeReserved(transaction, counters, token.reserved, heldUntil(token));
  if (!org.retain_arguments) transaction.delete(runTokenArgumentsKey(orgId, token.id));
  transaction.append({
    type: "token.consumed",
    actor: actorOf(caller),
    subject: {
      ...tokenSubject(token),
      ...(own === null ? {} : { call: own.id, upstream: own.upstream }),
    },
    data: {
      action_digest: token.action_digest,
      binding,
      decision_id: token.decision_id,
      ...numbered(transaction, count),
      ...(own === null || own.credential === null ? {} : { credential: own.credential }),
      ...(own === null || own.reserved === null ? {} : { reserved: own.reserved }),
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
    consumed_by: partyOf(caller),
    consumed_by_request: client.request_id,
    binding,
    report_due_at: now + (own?.report_within_seconds ?? org.report_within_seconds) * 1000,
    call_id: own?.id ?? null,
  };
}

/** Why consuming a token now would be refused. */
export const INVALID_TOKEN_CODES = [
  "token_expired",
  "token_used",
  "token_invalid",
  "token_revoked",
  "action_mismatch",
] as const;

type InvalidTokenCode = (typeof INVALID_TOKEN_CODES)[number];

type Verified =
  | { readonly valid: true; readonly claims: TokenClaims }
  | {
    readonly valid: false;
    readonly code: InvalidTokenCode;
    /** Of `token_revoked`. */
    readonly reason?: RevocationReason;
  };

/**
 * Looks whether consuming a token with the named fields would succeed now, and changes nothing.
 * @throws {Refusal} tenant_not_permitted
 */
export function verifyOperation(
  sealer: Sealer,
  text: string,
  given: GivenAction,
): MachineOperation<PresentedToken, Verified> {
  return {
    load: (reader, caller) => loadPresentedToken(reader.fromStore, caller, sealer, { text, given }),
    plan(transaction, caller, presented) {
      if (presented.token === null) return { valid: false, code: "token_invalid" };
      const attempt = { event: "consume", given } as const;
      const refusal = refusalOf(transaction.snapshot, caller, presented, attempt, transaction);
      if (refusal === null) return { valid: true, claims: presented.claims };
      const code = INVALID_TOKEN_CODES.find((known) => known === refusal.code);
      if (code === undefined) throw refusal;
      const { data } = refusal;
      return { valid: false, code, ...("reason" in data ? { reason: data.reason } : {}) };
    },
  };
}
