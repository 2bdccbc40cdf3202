import type { Action } from "../base/action.ts";
import type { JsonValue } from "../base/json.ts";
import type { Actor } from "../ledger/entry.ts";
import type { Shared } from "../ledger/guarded_rows.ts";
import type { Via } from "../policy/chain.ts";
import { isProblems, readFacts } from "../policy/facts.ts";
import type { Role } from "../policy/rights.ts";
import type { Credential, Snapshot } from "../policy/snapshot.ts";
import { type AnyRefusal, Refusal } from "../refusal.ts";
import type { ApprovalLevel } from "../store/records/approval.ts";
import type {
  ApiKeyRecord,
  KEY_TIERS,
  MandateIds,
  Party,
  RequesterType,
} from "../store/records/identity.ts";
import type { SubTokenRecord, SubTokenScope } from "../store/records/sub_token.ts";

/**
 * Who asks: a key, an agent, a client that acts for a member, or a member. What is known of them is
 * what the policy of this moment says; nothing here is remembered from one operation to the next.
 */

/**
 * What a credential may do: the tier of a key, being an agent, or being a sub-token, which is of no
 * tier of its maker's: only what names it takes it.
 */
export type CallerTier = (typeof KEY_TIERS)[number] | "agent" | "sub_token";

/** The sub-token that somebody acts through, and the row that counts its uses. */
export interface ActingSubToken extends Pick<SubTokenRecord, "id" | "name" | "max_uses"> {
  readonly use: Shared<"sub_token_use">;
}

/** What is known of everybody who asks, as the policy of this moment has them. */
interface CallerFields {
  readonly org: string;
  readonly id: string;
  readonly name: string;
  readonly trust_tier: number;
  readonly tenant_ids: readonly string[] | null;
  readonly rate_limit_per_minute: number | null;
  readonly audit_private: boolean;
  /** The members who answer for what this caller asks. */
  readonly members_behind: readonly string[];
  /**
   * What it acts through; null for its own secret. Whoever does is its maker in all that is counted
   * and bounded: only what it asked is its own (`askerOf`).
   */
  readonly sub_token: ActingSubToken | null;
}

/** A key, an agent, or an MCP client that acts for a member by their grant. */
export interface MachineCaller extends CallerFields {
  readonly type: RequesterType;
  readonly tier: CallerTier;
  readonly kill_switch: { readonly active: boolean } | null;
  /** What its sub-token reaches; null without one. */
  readonly scope: SubTokenScope | null;
  /** The mandates that it may name; see `namedMandate`. */
  readonly mandate_ids: MandateIds;
  /** Whether it may grant mandates without being a management key. */
  readonly may_grant: boolean;
  /** Whether a management key may say which passkeys speak for users. */
  readonly user_passkeys: boolean;
}

/** A member who is signed in. */
export interface MemberCaller extends CallerFields {
  readonly type: "member";
  readonly tier: "member";
  readonly email: string;
  readonly account: string;
  readonly session_id: string;
  /** When the session ends unless it is used meanwhile, milliseconds. */
  readonly session_ends_at: number;
  readonly role: Role;
  /** The levels at which they may decide. */
  readonly levels: readonly ApprovalLevel[];
  /** Whether they have shown their passkey within the last minutes. */
  readonly fresh: boolean;
  /** Until when a recovery of their account keeps them from ruling others, milliseconds. */
  readonly held_until: number | null;
}

/** Who asks. */
export type Caller = MachineCaller | MemberCaller;

/** A presented secret whose hash is known, and the org it belongs to. */
export interface Presented {
  readonly org: string;
  readonly secret_hash: string;
  /** The key under which answers to this credential are kept sealed. */
  readonly answer_key: Uint8Array;
  /** Its id where it is a sub-token; null for the secret of a key or an agent. */
  readonly sub_token: string | null;
}

/**
 * The caller that a presented secret stands for at this moment. Called inside every operation, so
 * that a credential revoked since is refused by the same commit that would have served it.
 * @throws {Refusal} invalid_credentials when it was revoked, has expired, is out of force or never was
 */
export function callerOf(
  snapshot: Snapshot,
  presented: Pick<Presented, "secret_hash">,
  now: number,
): MachineCaller {
  const credential = snapshot.exists ? snapshot.credential(presented.secret_hash) : undefined;
  if (credential === undefined) throw new Refusal("invalid_credentials", {});
  if (hasExpired(credential.record, now)) throw new Refusal("invalid_credentials", {});
  if (credential.kind === "api_key" && isSuperseded(credential.record, snapshot)) {
    throw new Refusal("invalid_credentials", {});
  }
  let caller = CALLERS.get(credential);
  if (caller === undefined) CALLERS.set(credential, caller = machineOf(snapshot.orgId, credential));
  return caller;
}

/**
 * Who stands behind a credential as the policy has it: a credential that changes is another object.
 * Whether it is in force is asked each time.
 */
const CALLERS = new WeakMap<Credential, MachineCaller>();

function machineOf(org: string, credential: Credential): MachineCaller {
  const { record } = credential;
  const shared = {
    org,
    id: record.id,
    name: record.name,
    trust_tier: record.trust_tier,
    tenant_ids: record.tenant_ids,
    rate_limit_per_minute: record.rate_limit_per_minute,
    members_behind: record.members_behind,
    mandate_ids: record.mandate_ids,
    scope: null,
    sub_token: null,
  };
  return credential.kind === "agent"
    ? {
      ...shared,
      type: "agent",
      tier: "agent",
      kill_switch: credential.record.kill_switch,
      audit_private: false,
      may_grant: false,
      user_passkeys: false,
    }
    : {
      ...shared,
      type: "api_key",
      tier: credential.record.tier,
      kill_switch: null,
      audit_private: credential.record.audit_private,
      may_grant: credential.record.may_grant,
      user_passkeys: credential.record.user_passkeys,
    };
}

/** Whether a credential is over, at the very millisecond of its end; null is one without an end. */
export function hasExpired(
  { expires_at }: { readonly expires_at: number | null },
  now: number,
): boolean {
  return expires_at !== null && expires_at <= now;
}

/**
 * An approver key that came by environment stands in for the owner's passkey: once there is one, it
 * is out of force, unless the owner chose to keep it.
 */
export function isSuperseded(
  key: ApiKeyRecord,
  snapshot: Pick<Snapshot, "members">,
): boolean {
  return key.bootstrap && !key.kept && key.tier === "approver" && ownerEnrolled(snapshot);
}

/**
 * Whether some owner of the org has a passkey. From then on people rule it under their passkeys,
 * and a key alone may no longer do what widens most.
 */
export function ownerEnrolled({ members }: Pick<Snapshot, "members">): boolean {
  for (const member of members.values()) {
    if (member.role === "owner" && member.has_passkey) return true;
  }
  return false;
}

/** @throws {Refusal} wrong_tier */
export function requireTier(caller: Caller, allowed: readonly CallerTier[]): void {
  if (caller.tier === "member" || !allowed.includes(caller.tier)) {
    throw new Refusal("wrong_tier", { tier: caller.tier, allowed });
  }
}

/** The caller as the log names them: whoever acts through a sub-token with that. */
export function actorOf({ id, type, sub_token }: Caller): Actor {
  return sub_token === null ? { id, type } : { id, sub_token: sub_token.id, type };
}

/** The same as records name them. */
export function partyOf({ id, type, sub_token }: MachineCaller): Party {
  return sub_token === null ? { type, id } : { type, id, sub_token: sub_token.id };
}

/** By what is found that this caller asked: see `askerId`. */
export function askerOf({ id, sub_token }: Pick<Caller, "id" | "sub_token">): string {
  return sub_token?.id ?? id;
}

/** The mandate that a question is asked under: filled in where its caller has exactly one. */
export function namedMandate(
  { mandate_ids }: Pick<MachineCaller, "mandate_ids">,
  named: string | null,
): string | null {
  if (named !== null || !Array.isArray(mandate_ids) || mandate_ids.length !== 1) return named;
  return mandate_ids[0] ?? null;
}

/** Where a request came from; kept in the private part of its entry. */
export interface Client {
  readonly ip: string | null;
  readonly user_agent: string | null;
  /** The id that the answer carries and the logs name. */
  readonly request_id: string;
  readonly via: Via;
}

/** What of a request is kept in the private part of its entry. */
export function privateClient({ ip, user_agent }: Client): JsonValue {
  return { ip, user_agent };
}

/*
 * The one wall between tenants: a key or an agent that is bound to tenants acts for these, sees what is
 * theirs, and nothing else; one that is bound to none acts for all. Whatever asks for a tenant asks
 * here, whether it throws the refusal, records it, or leaves a row out.
 */

type Bound = Pick<Caller, "tenant_ids">;

type TenantRefusal = Refusal<"tenant_not_permitted">;

/**
 * Whether a credential may act for a tenant, and know of what is its; null stands for what belongs to
 * no tenant, which lies outside every wall.
 */
export function isWithinWall({ tenant_ids }: Bound, tenant: string | null): boolean {
  return tenant_ids === null || (tenant !== null && tenant_ids.includes(tenant));
}

/** Whether a caller may know of what names these tenants; null for what names none. */
export function mayKnowOf(bound: Bound, tenants: readonly string[] | null): boolean {
  return (tenants ?? []).every((tenant) => isWithinWall(bound, tenant));
}

/** Why a credential may not act for a tenant, exactly as it is named; null if it may. */
export function wallRefusal(bound: Bound, tenant: string | null): TenantRefusal | null {
  if (isWithinWall(bound, tenant)) return null;
  return new Refusal("tenant_not_permitted", {
    tenant_id: tenant,
    permitted: bound.tenant_ids ?? [],
  });
}

/**
 * The tenant of an action inside this caller's wall: filled in when the caller has exactly one. The
 * refusal where it names another, or none and the caller has several.
 */
export function walledTenant(bound: Bound, tenant: string | null): string | null | TenantRefusal {
  const { tenant_ids } = bound;
  const named = tenant === null && tenant_ids?.length === 1 ? tenant_ids[0] ?? null : tenant;
  return wallRefusal(bound, named) ?? named;
}

/** `walledTenant` where nothing goes on without it. @throws {Refusal} tenant_not_permitted */
export function tenantWithin(bound: Bound, tenant: string | null): string | null {
  const walled = walledTenant(bound, tenant);
  if (walled instanceof Refusal) throw walled;
  return walled;
}

/**
 * The action as it is decided, approved and run: with the facts that its tool reads from what is sent,
 * and inside this caller's wall. A tenant that is read is not filled in where it is missing: whoever
 * runs the tool would not know of it. The refusal where another fact is stated, or the wall is in the way.
 */
export function actionWithin(
  policy: Pick<Snapshot, "tool">,
  bound: Bound,
  stated: Action,
): Action | AnyRefusal {
  const of = policy.tool(stated.tool);
  // Most tools are of no upstream, and their checks go by none of what facts are read by.
  if (of?.upstream === undefined) {
    const tenant = walledTenant(bound, stated.tenant);
    return tenant instanceof Refusal ? tenant : { ...stated, tenant };
  }
  const action = readFacts(of, stated);
  if (isProblems(action)) return new Refusal("invalid_request", { errors: [...action] });
  const tenant = of.facts?.tenant === undefined
    ? walledTenant(bound, action.tenant)
    : wallRefusal(bound, action.tenant) ?? action.tenant;
  return tenant instanceof Refusal ? tenant : { ...action, tenant };
}

/** `actionWithin` where nothing goes on without it. @throws {Refusal} invalid_request, tenant_not_permitted */
export function actionFor(
  policy: Pick<Snapshot, "tool">,
  bound: Bound,
  stated: Action,
): Action {
  const action = actionWithin(policy, bound, stated);
  if (action instanceof Refusal) throw action;
  return action;
}

/**
 * Refuses a caller who is bound to tenants what concerns all of them.
 * @throws {Refusal} tenant_not_permitted
 */
export function requireAllTenants(bound: Bound): void {
  const refusal = wallRefusal(bound, null);
  if (refusal !== null) throw refusal;
}
