import { definitionOf } from "../catalog/tool_definition.ts";
import { scopesOf } from "../identity/grant_caller.ts";
import { type RequesterNow, requesterNow } from "../identity/requester_now.ts";
import { isRotatedAway } from "../identity/rotated_away.ts";
import { type ApprovalFault, approvalFault } from "../identity/standing.ts";
import { resolve } from "../policy/chain.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import type { ApprovalRecord } from "../store/records/approval.ts";
import type { RunTokenRecord } from "../store/records/token.ts";
import { isOutsideWall } from "./tenant_wall.ts";

/** Why a token that was good no longer is, for programs. */
export const REVOCATION_REASONS = [
  "kill_switch",
  "credential",
  "rotated",
  "tool_changed",
  "approval_revoked",
  "policy",
  "levels",
] as const;

export type RevocationReason = (typeof REVOCATION_REASONS)[number];

/** Why, for programs and for people. */
export interface Revocation {
  readonly reason: RevocationReason;
  readonly why: string;
}

/** What of a token tells whether it would be minted again. */
export type Unspent = Pick<
  RunTokenRecord,
  | "id"
  | "minter"
  | "tool"
  | "tenant"
  | "resource"
  | "method"
  | "approval_id"
  | "policy_version"
  | "definition_digest"
>;

/**
 * Why an unspent token would not be minted at this moment, or null if it would: what was minted
 * before the policy tightened does not outlive it. Of several reasons the first of
 * `REVOCATION_REASONS`. It widens nothing: a token becomes good again only where what stopped it is
 * taken back. `now` in milliseconds.
 *
 * @param approval the one that became this token, as it stands; null where there is none
 */
export function revocation(
  snapshot: Snapshot,
  token: Unspent,
  approval: ApprovalRecord | null,
  now: number,
): Revocation | null {
  const minter = minterOf(snapshot, token.minter);
  return stopped(snapshot, token, minter) ??
    endedCredential(snapshot, token, minter, now) ??
    changedTool(snapshot, token) ??
    revokedApproval(token, approval) ??
    narrowedPolicy(snapshot, token, { minter, approval }, now);
}

function stopped(
  snapshot: Snapshot,
  { tool }: Unspent,
  minter: RequesterNow | null,
): Revocation | null {
  const by = snapshot.org.kill_switch.active
    ? "the organization's kill switch is on"
    : minter?.kill_switch?.active
    ? "the kill switch of the agent that minted it is on"
    : snapshot.tool(tool)?.kill_switch.active
    ? "its tool's kill switch is on"
    : null;
  return by === null ? null : { reason: "kill_switch", why: by };
}

function endedCredential(
  snapshot: Snapshot,
  token: Unspent,
  minter: RequesterNow | null,
  now: number,
): Revocation | null {
  const reason = "credential";
  if (minter === null) return { reason, why: "the credential that minted it was revoked" };
  if (minter.expires_at !== null && minter.expires_at <= now) {
    return { reason, why: "the credential that minted it has expired" };
  }
  if (isOutsideWall(minter.tenant_ids, token.tenant)) {
    return { reason, why: "the credential that minted it may no longer act for its tenant" };
  }
  return isRotatedAway(snapshot, token.minter, token.policy_version)
    ? { reason: "rotated", why: "the agent that minted it was given a new token since" }
    : null;
}

function changedTool(snapshot: Snapshot, token: Unspent): Revocation | null {
  const reason = "tool_changed";
  const tool = snapshot.tool(token.tool);
  if (tool === undefined) return { reason, why: "its tool is no longer in the catalog" };
  if (tool.status === "disabled" || tool.status === "archived") {
    return { reason, why: `its tool is ${tool.status}` };
  }
  // One from before definitions were kept: whether it changed is not known, unless nothing did.
  const same = token.definition_digest === null
    ? token.policy_version === snapshot.version
    : token.definition_digest === definitionOf(snapshot, token.tool);
  return same ? null : { reason, why: "its tool's definition was changed since" };
}

function revokedApproval(token: Unspent, approval: ApprovalRecord | null): Revocation | null {
  if (token.approval_id === null) return null;
  const { progress } = approval ?? {};
  return progress?.state === "used" && progress.token_id === token.id
    ? null
    : { reason: "approval_revoked", why: "its approval was revoked" };
}

function narrowedPolicy(
  snapshot: Snapshot,
  token: Unspent,
  { minter, approval }: {
    readonly minter: RequesterNow | null;
    readonly approval: ApprovalRecord | null;
  },
  now: number,
): Revocation | null {
  const { trust_tier = 0, kill_switch = null } = minter ?? {};
  const caller = { trust_tier, kill_switch };
  const { permission, resolved_from } = resolve(snapshot, token, caller, { via: "rest" });
  if (permission === "allowed") return null;
  if (permission === "requires_approval" && approval !== null) {
    const fault = approvalFault(approval, snapshot, now);
    return fault === null ? null : UNCOVERED[fault];
  }
  const says = permission === "disabled" ? "disables" : "requires an approval for";
  return { reason: "policy", why: `the policy ${says} its action now (${resolved_from})` };
}

/** Why the approval that became a token would not be enough for it now. */
const UNCOVERED: Readonly<Record<ApprovalFault, Revocation>> = {
  levels: { reason: "levels", why: "two people have to approve its action now, and one did" },
  decider: { reason: "levels", why: "somebody who approved its action may not do so any more" },
  facts: {
    reason: "policy",
    why: "its tool requires a fact now that whoever approved was not shown to be missing",
  },
};

/** The minter as the policy has them; null when they may not mint any more. */
function minterOf(snapshot: Snapshot, minter: Unspent["minter"]): RequesterNow | null {
  const grant = minter.type === "oauth_grant" ? snapshot.grants.get(minter.id) : undefined;
  if (grant !== undefined && !scopesOf(snapshot, grant).includes("mcp:write")) return null;
  return requesterNow(snapshot, minter);
}
