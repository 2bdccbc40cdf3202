import { definitionOf } from "../catalog/tool_record.ts";
import type { Decision } from "../decisions/decide.ts";
import { actorOf, type Client, type MachineCaller } from "../identity/caller.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { runTokenKey } from "../store/keys.ts";
import type { RunTokenRecord } from "../store/records/token.ts";
import { tokenSubject } from "./attempt.ts";
import { keepArguments } from "./presented.ts";
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
    definition_digest: definitionOf(snapshot, tool),
    key_id: key.kid,
    minter: { type: caller.type, id: caller.id },
    minted_at: at,
    expires_at: now + ttl_seconds * 1000,
  };
  const claims = claimsOf(orgId, record);
  const text = writeToken(claims, signingSecret(transaction, key));
  transaction.set(runTokenKey(orgId, record.id), record);
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
      policy_version: record.policy_version,
      request_id: client.request_id,
    },
  });
  return { text, record };
}
