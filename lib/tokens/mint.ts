import { definitionOf } from "../catalog/tool_record.ts";
import type { Decision } from "../decisions/decide.ts";
import { actorOf, type Client, type MachineCaller, partyOf } from "../identity/caller.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { applyReservation, giveToToken, reservedIn } from "../mandates/spending.ts";
import { runTokenKey } from "../store/keys.ts";
import type { RunTokenRecord } from "../store/records/token.ts";
import { numbered, tokenSubject } from "./attempt.ts";
import { keepArguments } from "./presented.ts";
import { heldUntil } from "./state.ts";
import { type LoadedTokenKey, signingSecret } from "./token_key.ts";
import { claimsOf, writeToken } from "./token_text.ts";

/**
 * A run token that is made, in the commit of the decision that allows it. Its text is in the answer
 * and nowhere else.
 */

/** How long a token is good for, seconds. */
export const TOKEN_TTL = { min: 10, default: 300, max: 3600 } as const;

interface MintTerms {
  /** From `loadSigningKey` of the same operation. */
  readonly key: LoadedTokenKey;
  readonly ttl_seconds: number;
  /** The approval that this token uses up, and the id under which it names the token. */
  readonly approval: { readonly id: string; readonly token_id: string } | null;
  readonly client: Client;
}

/** A new token. Its text is nowhere else. */
export interface MintedToken {
  readonly text: string;
  readonly record: Extract<RunTokenRecord, { status: "minted" }>;
}

/**
 * Mints the token for what was decided in the same commit, with its entry. That it may be minted
 * is for the caller to have seen: the action is allowed, or its approval is consumed here as well.
 * At most once an operation, because a new signing key may be made along.
 */
export function mintToken(
  transaction: Transaction,
  caller: MachineCaller,
  decision: Decision,
  { key, ttl_seconds, approval, client }: MintTerms,
): MintedToken {
  const { at, now, snapshot } = transaction;
  const { orgId } = snapshot;
  const { tool, tenant, resource, method, arguments: args } = decision.action;
  const { record: mandate = null, reservation = null } = decision.mandate ?? {};
  const expires_at = Math.min(now + ttl_seconds * 1000, mandate?.expires_at ?? Infinity);
  // Counters go by the time of the log: where that is ahead, the token would outlive what it holds.
  const isAhead = at > now && reservation !== null && reservation.amounts.length > 0;
  const held_until = isAhead ? at + (expires_at - now) : null;
  const isCounted = decision.resolution.permission === "allowed";
  if (reservation !== null && !isCounted) applyReservation(transaction, reservation);
  // What a check before allowed by itself stays spent, whatever becomes of the token.
  const holds = reservation?.stays !== true;
  const reserved = reservation === null
    ? []
    : giveToToken(transaction, reservation, holds ? heldUntil({ held_until, expires_at }) : null);
  const record: MintedToken["record"] = {
    id: approval?.token_id ?? transaction.id("rtk"),
    status: "minted",
    tool,
    tenant,
    resource,
    method,
    action_digest: decision.action_digest,
    decision_id: decision.id,
    approval_id: approval?.id ?? null,
    policy_version: decision.policy_version,
    mandate_id: mandate?.id ?? null,
    reserved,
    holds,
    definition_digest: definitionOf(snapshot, tool),
    key_id: key.kid,
    minter: partyOf(caller),
    minted_at: at,
    expires_at,
    held_until,
  };
  const counted = isCounted ? null : reservedIn(mandate, reserved);
  const claims = claimsOf(orgId, record);
  const text = writeToken(claims, signingSecret(transaction, key));
  transaction.setGuarded(runTokenKey(orgId, record.id), record);
  keepArguments(transaction, record, args);
  transaction.append({
    type: "token.minted",
    actor: actorOf(caller),
    subject: tokenSubject(record),
    data: {
      action_digest: record.action_digest,
      decision_id: record.decision_id,
      expires_at: claims.expires_at,
      key_id: record.key_id,
      ...numbered(transaction, decision.mandate?.count ?? null),
      ...(record.held_until === null
        ? {}
        : { held_until: new Date(record.held_until).toISOString() }),
      // What the entry of its decision did not count, for an approval was needed.
      ...(counted === null ? {} : { reserved: counted }),
      policy_version: record.policy_version,
      request_id: client.request_id,
    },
  });
  return { text, record };
}
