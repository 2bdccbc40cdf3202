import { type Clocks, isOver } from "../ledger/clock.ts";
import type { Shared } from "../ledger/guarded_rows.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { Refusal } from "../refusal.ts";
import { subTokenKey, subTokenUseKey } from "../store/gateway_keys.ts";
import type { SubTokenRecord, SubTokenUse } from "../store/records/sub_token.ts";
import { type ActingSubToken, callerOf, type MachineCaller, type Presented } from "./caller.ts";

/**
 * Who asks with a sub-token: its maker, as the policy of this moment has them, and of their rights what
 * the sub-token reaches. Nothing of the maker is copied into it, so whatever ends, stops or tightens
 * them is in force for it with the next question.
 */

/** A sub-token as it was read, and the row that counts its uses. */
export interface LoadedSubToken {
  /** Null where there is none, or not any more. */
  readonly record: SubTokenRecord | null;
  readonly use: Shared<"sub_token_use">;
}

/** Reads a sub-token, for the commit to prove current. */
export async function loadSubToken(reader: Reader, id: string): Promise<LoadedSubToken> {
  const { orgId } = reader.snapshot;
  const [record, use] = await Promise.all([
    reader.guarded(subTokenKey(orgId, id)),
    reader.shared(subTokenUseKey(orgId, id)),
  ]);
  return { record, use };
}

/** Why a sub-token is good for nothing by itself, whatever became of its maker; null while it is. */
export function subTokenEnd(
  { revoked_at, expires_at, created_at }: Pick<
    SubTokenRecord,
    "revoked_at" | "expires_at" | "created_at"
  >,
  clocks: Clocks,
): "revoked" | "expired" | null {
  if (revoked_at !== null) return "revoked";
  return isOver(expires_at, created_at, clocks) ? "expired" : null;
}

/**
 * The caller that a sub-token stands for at this moment.
 * @throws {Refusal} invalid_credentials when it has ended, or its maker is out of force
 */
export function subTokenCaller(
  snapshot: Snapshot,
  { secret_hash }: Pick<Presented, "secret_hash">,
  { record, use }: LoadedSubToken,
  clocks: Clocks,
): MachineCaller {
  const isGood = record !== null && record.secret_hash === secret_hash &&
    subTokenEnd(record, clocks) === null;
  if (!isGood) throw new Refusal("invalid_credentials", {});
  const { id, name, max_uses, scope } = record;
  const maker = makerOf(snapshot, record, clocks.now);
  return {
    ...maker,
    name: `${maker.name} › ${name}`,
    tier: "sub_token",
    trust_tier: Math.min(maker.trust_tier, record.trust_tier),
    audit_private: false,
    may_grant: false,
    user_passkeys: false,
    scope,
    sub_token: { id, name, max_uses, use },
  };
}

/** @throws {Refusal} invalid_credentials */
function makerOf(
  snapshot: Snapshot,
  { maker: { type, id }, policy_version }: SubTokenRecord,
  now: number,
): MachineCaller {
  const agent = type === "agent" ? snapshot.agents.get(id) : undefined;
  const machine = agent ?? (type === "api_key" ? snapshot.apiKeys.get(id) : undefined);
  // Made before a rotation that keeps nothing, it may have been made by whoever had the old token.
  const isVoid = machine === undefined ||
    (agent !== undefined && policy_version < agent.void_before);
  if (isVoid) throw new Refusal("invalid_credentials", {});
  const maker = callerOf(snapshot, machine, now);
  if (maker.tier !== "agent" && maker.tier !== "standard") {
    throw new Refusal("invalid_credentials", {});
  }
  return maker;
}

/** What a sub-token is by now. */
export const SUB_TOKEN_STATES = ["active", "used_up", "expired", "revoked"] as const;

export type SubTokenState = (typeof SUB_TOKEN_STATES)[number];

/** What it is by now; revoked also where its maker is out of force, whose rights it has. */
export function subTokenState(
  snapshot: Snapshot,
  { record, use }: { readonly record: SubTokenRecord; readonly use: SubTokenUse | null },
  clocks: Clocks,
): SubTokenState {
  const end = subTokenEnd(record, clocks);
  if (end !== null) return end;
  if (!isMakerInForce(snapshot, record, clocks.now)) return "revoked";
  const { max_uses } = record;
  return max_uses !== null && (use?.count ?? 0) >= max_uses ? "used_up" : "active";
}

function isMakerInForce(snapshot: Snapshot, record: SubTokenRecord, now: number): boolean {
  try {
    makerOf(snapshot, record, now);
    return true;
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
}

/**
 * Counts a decision as a use of the sub-token that it is made with, in the commit of the decision.
 * @param goesOn whether it is made for what an earlier decision with it began, which counted that
 * @returns the number of the use; null for one that goes on
 * @throws {Refusal} invalid_credentials when it is used up
 */
export function countUse(
  transaction: Transaction,
  { use, max_uses }: Pick<ActingSubToken, "use" | "max_uses">,
  goesOn: boolean,
): number | null {
  const used = transaction.latest(use)?.count ?? 0;
  if (!goesOn && max_uses !== null && used >= max_uses) {
    throw new Refusal("invalid_credentials", {});
  }
  const count = goesOn ? used : used + 1;
  const expireIn = KEPT_MS;
  transaction.setGuarded(use.key, { count, last_used_at: transaction.now }, { expireIn });
  return goesOn ? null : count;
}

/** How long a sub-token is known after it was last used, or made, milliseconds: long after its end. */
export const KEPT_MS = 31 * 24 * 60 * 60 * 1000;
