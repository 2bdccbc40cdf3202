import type { JsonObject } from "../base/json.ts";
import { definitionOf } from "../catalog/tool_record.ts";
import {
  hasExpired,
  isWithinWall,
  type MachineCaller,
  walledTenant,
  wallRefusal,
} from "../identity/caller.ts";
import { type RequesterNow, requesterNow } from "../identity/deciders.ts";
import { scopesOf } from "../identity/grant_caller.ts";
import { subTokenEnd } from "../identity/sub_token.ts";
import { type ApprovalFault, approvalFault, isRotatedAway } from "../identity/standing.ts";
import type { Clocks } from "../ledger/clock.ts";
import type { StandingTerms } from "../mandates/mandate.ts";
import { mandateEnd, type MandateTerms, scopesNow } from "../mandates/narrow.ts";
import { coversSeats, seatsOf } from "../mandates/seats.ts";
import { resolve } from "../policy/chain.ts";
import { withReadFacts } from "../policy/facts.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { type AnyRefusal, Refusal } from "../refusal.ts";
import type { ApprovalRecord } from "../store/records/approval.ts";
import type { SubTokenRecord, SubTokenScope } from "../store/records/sub_token.ts";
import type { RunTokenRecord } from "../store/records/token.ts";
import type { RevocationReason } from "../store/records/vocabulary.ts";
import {
  differingAction,
  type GivenAction,
  type KnownToken,
  type TokenGrounds,
} from "./presented.ts";
import { moved, type TokenEvent, type TokenStateRefusal } from "./state.ts";

/**
 * Whether a token would be good now. What was minted before the policy tightened does not outlive
 * it: asked when somebody tries it, when its answer is repeated, and when a page shows it.
 */

/** What somebody wants of a token. */
interface Attempt {
  readonly event: Extract<TokenEvent, "consume" | "report" | "report_unknown">;
  readonly given: GivenAction;
}

/**
 * Why an attempt on a token is refused now, or null: the caller's tenant wall,
 * what became of the token, the action, and where the token is still to be spent, today's policy.
 *
 * @param presented as it was read for the same fields
 */
export function refusalOf(
  snapshot: Snapshot,
  caller: MachineCaller,
  presented: KnownToken,
  { event, given: stated }: Attempt,
  clocks: Clocks,
): AnyRefusal | null {
  const { token, ...grounds } = presented;
  const given = withRead(snapshot, token, stated);
  const walledOff = wallRefusal(caller, token.tenant);
  if (walledOff !== null) return walledOff;
  const next = moved(token, event, clocks);
  const stopped = stateRefusal(token, next);
  if (stopped !== null) return stopped;

  const tenant = given.tenant === undefined ? token.tenant : walledTenant(caller, given.tenant);
  if (tenant instanceof Refusal) return tenant;
  const differs = differingAction(presented, { ...given, tenant });
  if (differs.length > 0) return new Refusal("action_mismatch", { differs });

  const revoked = token.status === "minted"
    ? revocation(snapshot, token, grounds, clocks, given.arguments)
    : null;
  return revoked === null ? null : new Refusal("token_revoked", { ...revoked });
}

/** What was given with the facts that its tool reads from the arguments, where these were given. */
function withRead(
  { tools }: Pick<Snapshot, "tools">,
  { tool }: Pick<RunTokenRecord, "tool">,
  given: GivenAction,
): GivenAction {
  const of = tools.get(tool);
  const { arguments: args } = given;
  if (of?.upstream === undefined || args === undefined) return given;
  const { tenant = null, resource = null, method = null } = given;
  const read = withReadFacts(of, { tool, tenant, resource, method, arguments: args });
  return {
    ...given,
    ...(read.tenant === tenant ? {} : { tenant: read.tenant }),
    ...(read.resource === resource ? {} : { resource: read.resource }),
    ...(read.method === method ? {} : { method: read.method }),
  };
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

/** Why, for programs and for people. */
interface Revocation {
  readonly reason: RevocationReason;
  readonly why: string;
}

/** What of a token tells whether it would be minted again. */
type Unspent = Pick<
  RunTokenRecord,
  | "id"
  | "minter"
  | "tool"
  | "tenant"
  | "resource"
  | "method"
  | "approval_id"
  | "mandate_id"
  | "policy_version"
  | "definition_digest"
>;

/**
 * Why an unspent token would not be minted at this moment, or null if it would: what was minted
 * before the policy tightened does not outlive it. Of several reasons the first of
 * `REVOCATION_REASONS`. It widens nothing: a token becomes good again only where what stopped it is
 * taken back.
 *
 * @param grounds what it rests on, as that stands
 * @param args its arguments, where they are known: guards look at them as they did at the minting
 */
export function revocation(
  snapshot: Snapshot,
  token: Unspent,
  { approval, mandate, buried, user_key_gone, sub_token = null }: TokenGrounds,
  clocks: Clocks,
  args?: JsonObject,
): Revocation | null {
  const { now } = clocks;
  const minter = minterOf(snapshot, token.minter, sub_token);
  return stopped(snapshot, token, minter) ??
    endedCredential(snapshot, token, minter, now) ??
    endedSubToken(token, sub_token, clocks) ??
    changedTool(snapshot, token) ??
    revokedApproval(token, approval) ??
    endedMandate(token, mandate, clocks) ??
    (buried ? BURIED : null) ??
    narrowedMandate(snapshot, token, { mandate, approval, args }) ??
    narrowedPolicy(snapshot, token, { minter, approval, user_key_gone, args }, now);
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
  if (hasExpired(minter, now)) {
    return { reason, why: "the credential that minted it has expired" };
  }
  if (!isWithinWall(minter, token.tenant)) {
    return { reason, why: "the credential that minted it may no longer act for its tenant" };
  }
  return isRotatedAway(snapshot, token.minter, token.policy_version)
    ? { reason: "rotated", why: "the agent that minted it was given a new token since" }
    : null;
}

function endedSubToken(
  { minter }: Unspent,
  sub_token: SubTokenRecord | null,
  clocks: Clocks,
): Revocation | null {
  if (minter.sub_token === undefined) return null;
  const end = sub_token === null ? "expired" : subTokenEnd(sub_token, clocks);
  if (end === null) return null;
  const why = `the sub-token that it was minted with ${
    end === "revoked" ? "was revoked" : "has expired"
  }`;
  return { reason: "credential", why };
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

function endedMandate(
  { mandate_id }: Unspent,
  mandate: StandingTerms | null,
  clocks: Clocks,
): Revocation | null {
  if (mandate_id === null) return null;
  const over = mandate === null ? "gone" : mandateEnd(mandate.record, clocks);
  return over === null ? null : { reason: "mandate", why: ENDED_MANDATES[over] };
}

const BURIED: Revocation = {
  reason: "mandate",
  why: "nothing under a mandate may touch its resource any more",
};

const ENDED_MANDATES = {
  gone: "there is no such mandate as it was minted under",
  revoked: "the mandate that it was minted under was revoked",
  superseded: "the mandate that it was minted under was replaced by another",
  expired: "the mandate that it was minted under has expired",
} as const;

/** What a mandate says never changes, but which of it speaks of a tool does, with the tool's tags. */
function narrowedMandate(
  snapshot: Snapshot,
  { tool: name, resource }: Unspent,
  { mandate, approval, args }: {
    readonly mandate: StandingTerms | null;
    readonly approval: ApprovalRecord | null;
    readonly args: JsonObject | undefined;
  },
): Revocation | null {
  if (mandate === null) return null;
  // Where the arguments are not named, what is said of them is not asked.
  const line = args === undefined ? mandate.line.map(unconditional) : mandate.line;
  const tool = snapshot.tool(name) ?? null;
  const action = { tool: name, resource, arguments: args ?? {} };
  const said = scopesNow(tool, line, action);
  if (said === null) return null;
  const scopes = line.flatMap((terms) => terms.scopes);
  const seats = seatsOf({ permission: "allowed", tool }, scopes, action, false);
  const isAsked = said.permission === "requires_approval" && approval !== null &&
    coversSeats(approval, seats);
  if (isAsked) return null;
  const says = said.permission === "disabled" ? "denies" : "has somebody else asked about";
  const why = `the mandate that it was minted under ${says} its action now (${said.resolved_from})`;
  return { reason: "mandate", why };
}

function unconditional({ record, scopes }: MandateTerms): MandateTerms {
  return { record, scopes: scopes.map((scope) => ({ ...scope, conditions: [] })) };
}

function narrowedPolicy(
  snapshot: Snapshot,
  token: Unspent,
  { minter, approval, user_key_gone, args }: {
    readonly minter: Minter | null;
    readonly approval: ApprovalRecord | null;
    readonly user_key_gone: boolean;
    readonly args: JsonObject | undefined;
  },
  now: number,
): Revocation | null {
  const { trust_tier = 0, kill_switch = null, scope = null } = minter ?? {};
  const caller = { trust_tier, kill_switch, scope };
  const { tool, tenant, resource, method } = token;
  const action = {
    tool,
    tenant,
    resource,
    method,
    ...(args === undefined ? {} : { arguments: args }),
  };
  const { permission, resolved_from } = resolve(snapshot, action, caller, {
    via: "rest",
    mandated: token.mandate_id !== null,
  });
  // What the policy allows by itself may still rest on a yes: that which its mandate asked for.
  if (permission === "allowed" && (approval === null || approval.mandate === null)) return null;
  if (permission !== "disabled" && approval !== null) {
    // What a user approved is not what the organization asks of its members by now.
    if (approval.levels === 0 && permission === "requires_approval") {
      const why = `the policy requires its members' approval for its action now (${resolved_from})`;
      return { reason: "policy", why };
    }
    const fault = approvalFault(approval, snapshot, now, user_key_gone);
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

/** The minter with what its sub-token reaches; null where it was with none. */
interface Minter extends RequesterNow {
  readonly scope: SubTokenScope | null;
}

/** The minter as the policy has them; null when they may not mint any more. */
function minterOf(
  snapshot: Snapshot,
  minter: Unspent["minter"],
  sub_token: SubTokenRecord | null,
): Minter | null {
  const grant = minter.type === "oauth_grant" ? snapshot.grants.get(minter.id) : undefined;
  if (grant !== undefined && !scopesOf(snapshot, grant).includes("mcp:write")) return null;
  const requester = requesterNow(snapshot, minter);
  if (requester === null || sub_token === null) return requester && { ...requester, scope: null };
  const trust_tier = Math.min(requester.trust_tier, sub_token.trust_tier);
  return { ...requester, trust_tier, scope: sub_token.scope };
}
