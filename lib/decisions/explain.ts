import { assertNoPersonalIds, idsOfAction } from "../catalog/personal_ids.ts";
import type { MemberOperation } from "../identity/acting.ts";
import { requireRight } from "../identity/deeds.ts";
import { namedMandate, tenantWithin } from "../identity/caller.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { loadMandate, type NamedMandate, NO_MANDATE } from "../mandates/mandate.ts";
import { narrow } from "../mandates/narrow.ts";
import { budgeted } from "../mandates/spending.ts";
import { type Resolution, resolve, type Via } from "../policy/chain.ts";
import type { ActionFacts } from "../policy/levels.ts";
import { isSameMethod } from "../policy/rule_index.ts";
import { type RuleWarning, ruleWarnings } from "../policy/rule_warnings.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import type { TraceStep } from "../policy/trace.ts";
import { invalidRequest, Refusal } from "../refusal.ts";

/**
 * What would be decided, for a member who looks: the same chain, recorded nowhere, granting
 * nothing.
 */

/** An action that somebody wants to know the answer for. */
export interface ExplainRequest {
  /** Arguments decide nothing but for conditions of a mandate, which then count as if they held. */
  readonly action: ActionFacts;
  /** Id of the standard key or agent that would ask; null for one without trust, wall and switch. */
  readonly as: string | null;
  /** The mandate that it would be asked under; null where none is named. */
  readonly mandate_id?: string | null;
  readonly via?: Via;
}

/** What a check would answer, and why. */
export interface Explained extends Resolution {
  /** Every step in the order walked. */
  readonly trace: TraceStep[];
  /** The action with its tenant filled in, where the one who asks is bound to a single one. */
  readonly action: ActionFacts;
  readonly policy_version: number;
  /** What is to be said of the rule that decides. */
  readonly warnings: readonly RuleWarning[];
}

/** Who would ask, as far as it matters. */
type Asker = Parameters<typeof resolve>[2] & Parameters<typeof loadMandate>[1];

const STRANGER: Asker = {
  type: "api_key",
  id: "",
  trust_tier: 0,
  kill_switch: null,
  tenant_ids: null,
  mandate_ids: null,
};

/**
 * Answers what a check of this action would, by the same chain on the policy that the commit shows
 * to be current. It decides nothing: no entry is written, no draft is made, and no token or approval
 * can come of it.
 * @throws {Refusal} role_required, and as the check would: not_found for who asks,
 * tenant_not_permitted, invalid_request
 */
export function explainAction(
  { action, as, mandate_id = null, via = "rest" }: ExplainRequest,
): MemberOperation<NamedMandate | null, Explained> {
  return {
    async load(reader) {
      const asker = askerOf(reader.snapshot, as);
      const named = namedMandate(asker, mandate_id);
      if (named === null) return null;
      return await loadMandate(reader, asker, { ...NO_MANDATE, mandate_id: named }, action);
    },
    plan(transaction, caller, named) {
      const { snapshot } = transaction;
      requireRight(caller, "read");
      const asker = askerOf(snapshot, as);
      const asked = {
        ...withOwnMethod(snapshot, action),
        tenant: tenantWithin(asker, action.tenant),
      };
      assertNoPersonalIds(snapshot.org, idsOfAction(asked));
      const mandated = named !== null;
      const chain = resolve(snapshot, asked, asker, { via, explain: true, mandated });
      const resolution = named === null ? chain : under(transaction, asker, asked, chain, named);
      return {
        ...resolution,
        trace: resolution.trace ?? [],
        action: asked,
        policy_version: snapshot.version,
        warnings: resolution.rule === null ? [] : ruleWarnings(resolution.rule, snapshot),
      };
    },
  };
}

/** The action with the method that its tool has by itself. Of arguments nothing is known here. */
function withOwnMethod({ tools }: Snapshot, action: ActionFacts): ActionFacts {
  const method = tools.get(action.tool)?.upstream?.method;
  if (method === undefined) return action;
  if (action.method !== null && !isSameMethod(action.method, method)) {
    throw invalidRequest("/method", `is ${method} for this tool; leave it out, or state that`);
  }
  return { ...action, method };
}

/** What a mandate leaves of the policy's answer, for an action that costs as little as it can. */
function under(
  transaction: Transaction,
  asker: Asker,
  asked: ActionFacts,
  chain: Resolution,
  { id, found }: NamedMandate,
): Resolution {
  const action = { ...asked, arguments: {} };
  const narrowed = narrow(chain, id, found, { action, caller: asker, clocks: transaction });
  if (found === null) return narrowed;
  // What it reserves is never applied: nothing is counted for who only looks.
  return budgeted(transaction, narrowed, found.counters, { estimate: 0, taken: null }).resolution;
}

function askerOf({ agents, apiKeys }: Snapshot, id: string | null): Asker {
  if (id === null) return STRANGER;
  const agent = agents.get(id);
  if (agent !== undefined) return { ...agent, type: "agent" };
  const key = apiKeys.get(id);
  if (key?.tier === "standard") return { ...key, type: "api_key", kill_switch: null };
  throw new Refusal("not_found", { what: `standard key or agent ${id}` });
}
