import { lookAtApproval } from "../approvals/end.ts";
import type { SeenApproval } from "../approvals/seen_approval.ts";
import { type IssuedReceipt, receiptOf } from "../evidence/receipts.ts";
import type { MemberCaller } from "../identity/caller.ts";
import type { Transact } from "../onboarding/sample.ts";
import { Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import { runTokenKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import { type RunTokenRecord, runTokenRecord } from "../store/records/token.ts";
import { claimsOf, type TokenClaims } from "../tokens/claims.ts";

/** The token of a sample that was run, which counts no more. */
export interface SampleRun {
  readonly status: RunTokenRecord["status"];
  readonly claims: TokenClaims;
}

/** How far a member's newest sample has come. */
export interface SampleState {
  readonly approval: SeenApproval;
  /** Null until a token was minted. */
  readonly run: SampleRun | null;
  /** Proof of the decision; null while there is none. */
  readonly receipt: IssuedReceipt | null;
}

/**
 * The state of a sample request as its member sees it; null when it is not there.
 * @param origin the name of the org's log
 */
export async function sampleState(
  { deps }: Pick<Services, "deps">,
  transact: Transact,
  { caller, origin, id }: {
    readonly caller: MemberCaller;
    readonly origin: string;
    readonly id: string;
  },
): Promise<SampleState | null> {
  const approval = await orNull(transact(lookAtApproval(id)));
  if (approval === null) return null;
  const { progress, decisions } = approval.record;
  const token_id = "token_id" in progress ? progress.token_id : null;
  const token = token_id === null
    ? null
    : await readRecord(deps.kv, runTokenKey(caller.org, token_id), runTokenRecord);
  return {
    approval,
    run: token === null
      ? null
      : { status: token.value.status, claims: claimsOf(caller.org, token.value) },
    receipt: decisions.length === 0
      ? null
      : await orNull(receiptOf(deps, caller, origin, approval.record.id)),
  };
}

async function orNull<T>(found: Promise<T>): Promise<T | null> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof Refusal && error.code === "not_found") return null;
    throw error;
  }
}
