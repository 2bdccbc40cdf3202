import { hasRight, type Role } from "../policy/rights.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { Refusal } from "../refusal.ts";
import type { GrantRecord, Scope } from "../store/records/oauth.ts";
import { acting, type MachineOperation } from "./acting.ts";
import type { MachineCaller } from "./caller.ts";

/**
 * An MCP client as a caller. It may what its member ticked and what their role includes at this
 * moment, whichever is less, and nothing once the membership has ended.
 */

/** Requests a minute by one grant. */
export const GRANT_RATE_LIMIT = 600;

/** A grant whose access token was presented, and the org that the call is about. */
interface PresentedGrant {
  readonly org: string;
  readonly grant: string;
  /** What the token is for; never more than its grant. */
  readonly scopes: readonly Scope[];
}

/**
 * The scopes that a grant has at this moment: what its member ticked, and no more than their role
 * includes now; none once the membership has ended.
 */
export function scopesOf(snapshot: Snapshot, grant: GrantRecord): Scope[] {
  const member = snapshot.memberOf(grant.account);
  if (member === undefined || member.id !== grant.member) return [];
  return grant.scopes.filter((scope) => roleReaches(member.role, scope));
}

/** Whether a member of this role can let a client do what the scope is for. */
export function roleReaches(role: Role, scope: Scope): boolean {
  return hasRight(role, scope === "mcp:read" ? "grant_read" : "grant_write");
}

/**
 * The caller that a grant stands for: it asks as its own requester, sees what it asked itself, and
 * its member answers for it.
 * @throws {Refusal} invalid_credentials when the grant or the membership has ended
 */
function grantCaller(snapshot: Snapshot, { grant: id }: PresentedGrant): MachineCaller {
  const grant = snapshot.exists ? snapshot.grants.get(id) : undefined;
  if (grant === undefined || scopesOf(snapshot, grant).length === 0) {
    throw new Refusal("invalid_credentials", {});
  }
  return {
    org: snapshot.orgId,
    type: "oauth_grant",
    tier: "agent",
    id: grant.id,
    name: grant.client_name,
    trust_tier: 0,
    tenant_ids: null,
    rate_limit_per_minute: GRANT_RATE_LIMIT,
    kill_switch: null,
    audit_private: false,
    mandate_ids: null,
    scope: null,
    sub_token: null,
    may_grant: false,
    user_passkeys: false,
    members_behind: [grant.member],
  };
}

/**
 * The operation for the caller behind a grant.
 * @throws {Refusal} invalid_credentials; insufficient_scope when the token, the grant or the role
 *   does not reach what is asked
 */
export function asGrant<L, R>(
  presented: PresentedGrant,
  needs: Scope,
  operation: MachineOperation<L, R>,
) {
  return acting({
    find(snapshot) {
      const caller = grantCaller(snapshot, presented);
      const grant = snapshot.grants.get(presented.grant);
      const scopes = grant === undefined ? [] : scopesOf(snapshot, grant);
      if (!scopes.includes(needs) || !presented.scopes.includes(needs)) {
        throw new Refusal("insufficient_scope", { needs });
      }
      return caller;
    },
  }, operation);
}
