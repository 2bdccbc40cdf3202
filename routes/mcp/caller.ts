import type { Presented } from "../../lib/identity/caller.ts";
import { asCaller, type MachineOperation } from "../../lib/identity/caller_operation.ts";
import { asGrant, GRANT_RATE_LIMIT } from "../../lib/identity/grant_caller.ts";
import type { Operation } from "../../lib/ledger/operation.ts";
import type { PresentedAccess } from "../../lib/oauth/access_token.ts";
import { Refusal } from "../../lib/refusal.ts";
import { type Scope, SCOPES } from "../../lib/store/records/oauth.ts";

/** An organization that a connection reaches, and what it may do there. */
export interface ReachedOrg {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
}

/** Who calls a tool: an agent by its own token, or a client by the grant of a member. */
export interface McpCaller {
  readonly type: "agent" | "oauth_grant";
  /** Of the agent or the grant: limits are counted by it. */
  readonly id: string;
  readonly rate_limit_per_minute: number | null;
  /** At least one. */
  readonly orgs: readonly ReachedOrg[];
  /** What it may do in any of them. */
  readonly scopes: readonly Scope[];
  /**
   * The operation of this caller in one of its orgs, with credential, scope and policy proven by
   * the commit.
   */
  operation<L, R>(
    org: string,
    needs: Scope,
    operation: MachineOperation<L, R>,
  ): Operation<L, R>;
}

/** An agent: one org, and everything that may be asked there. */
export function agentCaller(
  presented: Presented,
  agent: { readonly id: string; readonly rate_limit_per_minute: number | null },
  orgName: string,
): McpCaller {
  return {
    type: "agent",
    id: agent.id,
    rate_limit_per_minute: agent.rate_limit_per_minute,
    orgs: [{ id: presented.org, name: orgName, scopes: SCOPES }],
    scopes: SCOPES,
    operation: (_org, _needs, operation) => asCaller(presented, ["agent"], operation),
  };
}

/** A client with an access token: the orgs of its grant that count at this moment. */
export function grantedCaller(access: PresentedAccess): McpCaller {
  const { grant, orgs, scopes } = access;
  return {
    type: "oauth_grant",
    id: grant,
    rate_limit_per_minute: GRANT_RATE_LIMIT,
    orgs,
    scopes,
    operation: (org, needs, operation) => asGrant({ org, grant, scopes }, needs, operation),
  };
}

/**
 * The org that a call is about: the one it names, or the only one there is. One that the connection
 * does not reach is answered as one that does not exist.
 * @throws {Refusal} org_required, not_found
 */
export function chosenOrg({ orgs }: McpCaller, named: string | undefined): string {
  const [only, another] = orgs;
  if (named === undefined) {
    if (only !== undefined && another === undefined) return only.id;
    throw new Refusal("org_required", { orgs: orgs.map(({ id, name }) => ({ id, name })) });
  }
  if (!orgs.some(({ id }) => id === named)) {
    throw new Refusal("not_found", { what: "organization of this id" });
  }
  return named;
}
