import { assertNoPersonalIds, personalIdProblems } from "../../lib/catalog/personal_ids.ts";
import { type Acting, asCaller, type MachineOperation } from "../../lib/identity/acting.ts";
import {
  type CallerTier,
  type MachineCaller,
  namedMandate,
  type Presented,
  tenantWithin,
} from "../../lib/identity/caller.ts";
import { asGrant, GRANT_RATE_LIMIT } from "../../lib/identity/grant_caller.ts";
import type { PresentedAccess } from "../../lib/oauth/access.ts";
import { type PolicyView, type Resolution, resolve } from "../../lib/policy/chain.ts";
import { beforeArguments, reachBeforeArguments } from "../../lib/policy/facts.ts";
import type { Snapshot } from "../../lib/policy/snapshot.ts";
import { type AnyRefusal, Refusal, type RefusalCode } from "../../lib/refusal.ts";
import { type Scope, SCOPES } from "../../lib/store/records/oauth.ts";
import type { ToolRecord } from "../../lib/store/records/policy.ts";

/** An organization that a connection reaches, and what it may do there. */
interface ReachedOrg {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
}

/** Who calls a tool: an agent by its own token, a sub-token, or a client by the grant of a member. */
export interface McpCaller {
  readonly type: "agent" | "sub_token" | "oauth_grant";
  /** Of the agent, the sub-token's maker or the grant: limits are counted by it. */
  readonly id: string;
  /** Of the sub-token; null for who has none. */
  readonly sub_token: string | null;
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
  ): Acting<L, R>;
}

/** The machines that may call by their own token. */
export const MCP_MACHINES = ["agent", "sub_token"] as const satisfies readonly CallerTier[];

/** An agent, or what acts through a sub-token: one org, and everything that may be asked there. */
export function agentCaller(
  presented: Presented,
  { id, rate_limit_per_minute, sub_token }: Pick<
    MachineCaller,
    "id" | "rate_limit_per_minute" | "sub_token"
  >,
  orgName: string,
): McpCaller {
  return {
    type: sub_token === null ? "agent" : "sub_token",
    id,
    sub_token: sub_token?.id ?? null,
    rate_limit_per_minute,
    orgs: [{ id: presented.org, name: orgName, scopes: SCOPES }],
    scopes: SCOPES,
    operation: (_org, _needs, operation) => asCaller(presented, MCP_MACHINES, operation),
  };
}

/** A client with an access token: the orgs of its grant that count at this moment. */
export function grantedCaller(access: PresentedAccess): McpCaller {
  const { grant, orgs, scopes } = access;
  return {
    type: "oauth_grant",
    id: grant,
    sub_token: null,
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

/** An approved tool, and what a check that names nothing else would answer. */
export interface ListedTool {
  readonly tool: ToolRecord;
  /** A code where the check itself would be refused. */
  readonly answer: Pick<Resolution, "permission" | "resolved_from" | "rule"> | RefusalCode;
}

/**
 * The approved tools by name, from after `after` on, as this caller would find them: the same
 * resolution as a check over MCP, recorded nowhere. What a tool reads from arguments stands in nobody's
 * way before there are any. `next` is the name to go on after.
 */
export function listedTools(
  snapshot: Snapshot,
  caller: MachineCaller,
  { after, limit, isListed = () => true, mandated = false }: {
    readonly after: string | null;
    readonly limit: number;
    /** Which of them are looked for; all when absent. */
    readonly isListed?: (tool: ToolRecord) => boolean;
    /** Whether a mandate is named; one that the caller is bound to is, in any case. */
    readonly mandated?: boolean;
  },
): { readonly items: ListedTool[]; readonly next: string | null } {
  const approved = [...snapshot.tools.values()].filter((tool) =>
    tool.status === "approved" && (after === null || tool.name > after) && isListed(tool)
  );
  approved.sort((a, b) => a.name < b.name ? -1 : 1);
  const tenant = tenantOf(snapshot, caller);
  const isNamed = mandated || namedMandate(caller, null) !== null;
  const answerOf = (tool: ToolRecord): ListedTool["answer"] => {
    const { facts, name, upstream } = tool;
    const walled = facts?.tenant === undefined ? tenant : null;
    if (walled instanceof Refusal) return walled.code;
    // One that was named so before it was refused.
    const named = personalIdProblems(snapshot.org, { "/tool_name": name });
    if (named.length > 0) return "invalid_request";
    const action = { tenant: walled, resource: null, tool: name, method: upstream?.method ?? null };
    const options = { via: "mcp", mandated: isNamed } as const;
    return facts === undefined
      ? resolve(snapshot, action, caller, options)
      : resolve(policyBefore(snapshot, tool), action, callerBefore(caller, tool), options);
  };
  const items = approved.slice(0, limit).map((tool) => ({ tool, answer: answerOf(tool) }));
  return { items, next: approved.length > limit ? items.at(-1)?.tool.name ?? null : null };
}

/** The policy with a tool as it is before there are arguments. */
function policyBefore(snapshot: Snapshot, tool: ToolRecord): PolicyView {
  const { org, rules } = snapshot;
  return {
    org,
    rules,
    tool: () => beforeArguments(tool),
    category: (name) => snapshot.category(name),
    isTenantRegistered: (id) => snapshot.isTenantRegistered(id),
  };
}

/** Whoever asks, reaching as far as they may by then. */
function callerBefore(caller: MachineCaller, tool: ToolRecord): Pick<
  MachineCaller,
  "trust_tier" | "kill_switch" | "mandate_ids" | "scope"
> {
  const { trust_tier, kill_switch, mandate_ids, scope } = caller;
  const reach = scope === null ? null : reachBeforeArguments(tool, scope);
  return { trust_tier, kill_switch, mandate_ids, scope: reach };
}

/** The tenant that a check gets which names none, or why it is refused. */
function tenantOf(snapshot: Snapshot, caller: MachineCaller): string | null | AnyRefusal {
  try {
    const tenant = tenantWithin(caller, null);
    assertNoPersonalIds(snapshot.org, { "/tenant_id": tenant });
    return tenant;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}
