import type { MachineCaller } from "../identity/caller.ts";
import type { Clocks } from "../ledger/clock.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { type AnyRefusal, Refusal } from "../refusal.ts";
import type { RunTokenRecord } from "../store/records/token.ts";
import { differingAction, type GivenAction } from "./differing_action.ts";
import type { KnownToken } from "./presented.ts";
import { revocation } from "./revocation.ts";
import { moved, type TokenEvent, type TokenStateRefusal } from "./state.ts";
import { isOutsideWall, walledTenant } from "./tenant_wall.ts";

/** What somebody wants of a token. */
export interface Attempt {
  readonly event: Extract<TokenEvent, "consume" | "report" | "report_unknown">;
  readonly given: GivenAction;
}

/**
 * Why an attempt on a token is refused now, or null: the caller's tenant wall,
 * what became of the token, the action, and where the token is still to be spent, today's policy.
 */
export function refusalOf(
  snapshot: Snapshot,
  caller: MachineCaller,
  { token, approval, known_arguments }: KnownToken,
  { event, given }: Attempt,
  clocks: Clocks,
): AnyRefusal | null {
  if (isOutsideWall(caller.tenant_ids, token.tenant)) {
    const permitted = caller.tenant_ids ?? [];
    return new Refusal("tenant_not_permitted", { tenant_id: token.tenant, permitted });
  }
  const next = moved(token, event, clocks);
  const stopped = stateRefusal(token, next);
  if (stopped !== null) return stopped;

  const tenant = given.tenant === undefined ? token.tenant : walledTenant(caller, given.tenant);
  if (tenant instanceof Refusal) return tenant;
  const named = { ...given, tenant };
  const differs = differingAction(snapshot.orgId, token, named, known_arguments);
  if (differs.length > 0) return new Refusal("action_mismatch", { differs });

  const revoked = token.status === "minted"
    ? revocation(snapshot, token, approval, clocks.now)
    : null;
  return revoked === null ? null : new Refusal("token_revoked", { ...revoked });
}

function stateRefusal(
  token: RunTokenRecord,
  next: RunTokenRecord["status"] | TokenStateRefusal,
): AnyRefusal | null {
  switch (next) {
    case "token_used":
      if (!("consumed_at" in token)) throw impossible(token, next);
      return new Refusal("token_used", {
        consumed_at: new Date(token.consumed_at).toISOString(),
        consumed_by_request: token.consumed_by_request,
      });
    case "token_expired":
      return new Refusal("token_expired", { expired_at: new Date(token.expires_at).toISOString() });
    case "token_revoked":
      if (token.status !== "revoked") throw impossible(token, next);
      // Nothing else is written into a token's record: the rest is asked of the policy.
      return new Refusal("token_revoked", {
        reason: "approval_revoked",
        why: token.revoked_because,
      });
    case "already_logged":
      if (!("execution_id" in token)) throw impossible(token, next);
      return new Refusal("already_logged", {
        execution_id: "late_execution_id" in token ? token.late_execution_id : token.execution_id,
      });
    case "nothing_due":
      throw impossible(token, next);
    default:
      return null;
  }
}

function impossible(token: RunTokenRecord, refusal: TokenStateRefusal): Error {
  return new Error(
    `A ${token.status} token was refused as ${refusal}; the table of moves is wrong.`,
  );
}
