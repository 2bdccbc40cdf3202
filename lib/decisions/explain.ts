import { assertNoPersonalIds, idsOfAction } from "../catalog/personal_ids.ts";
import type { MemberOperation } from "../identity/acting.ts";
import { requireRight } from "../identity/deeds.ts";
import { tenantWithin } from "../identity/caller.ts";
import { type Resolution, resolve, type Via } from "../policy/chain.ts";
import type { ActionFacts } from "../policy/levels.ts";
import { type RuleWarning, ruleWarnings } from "../policy/rule_warnings.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import type { TraceStep } from "../policy/trace.ts";
import { Refusal } from "../refusal.ts";

/**
 * What would be decided, for a member who looks: the same chain, recorded nowhere, granting
 * nothing.
 */

/** An action that somebody wants to know the answer for. */
export interface ExplainRequest {
  /** Arguments decide nothing, so there are none. */
  readonly action: ActionFacts;
  /** Id of the standard key or agent that would ask; null for one without trust, wall and switch. */
  readonly as: string | null;
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
type Asker = Parameters<typeof resolve>[2] & Parameters<typeof tenantWithin>[0];

const STRANGER = { trust_tier: 0, kill_switch: null, tenant_ids: null };

/**
 * Answers what a check of this action would, by the same chain on the policy that the commit shows
 * to be current. It decides nothing: no entry is written, no draft is made, and no token or approval
 * can come of it.
 * @throws {Refusal} role_required, and as the check would: not_found for who asks,
 * tenant_not_permitted, invalid_request
 */
export function explainAction(
  { action, as, via = "rest" }: ExplainRequest,
): MemberOperation<void, Explained> {
  return {
    plan({ snapshot }, caller) {
      requireRight(caller, "read");
      const asker = as === null ? STRANGER : askerOf(snapshot, as);
      const asked = { ...action, tenant: tenantWithin(asker, action.tenant) };
      assertNoPersonalIds(snapshot.org, idsOfAction(asked));
      const resolution = resolve(snapshot, asked, asker, { via, explain: true });
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

function askerOf({ agents, apiKeys }: Snapshot, id: string): Asker {
  const agent = agents.get(id);
  if (agent !== undefined) return agent;
  const key = apiKeys.get(id);
  if (key?.tier === "standard") return { ...key, kill_switch: null };
  throw new Refusal("not_found", { what: `standard key or agent ${id}` });
}
