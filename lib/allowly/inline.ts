import type { Definition, Scope, ScopeDecision } from "../store/records/mandate.ts";
import { type InputProblem, Refusal } from "../refusal.ts";

/**
 * What clients before 0.8 grant without a policy: actions, and which of them somebody confirms, members
 * decide, or nobody may do. Pure.
 */

export interface InlineTerms {
  readonly agent_id: string;
  readonly actions: readonly string[];
  readonly requires_confirm_for: readonly string[];
  readonly requires_escalation_for: readonly string[];
  readonly requires_deny_for: readonly string[];
}

/** The lists by what they ask, the strictest first: an action that two name is as the first says. */
const ASKED = [
  ["requires_deny_for", "deny"],
  ["requires_escalation_for", "escalate"],
  ["requires_confirm_for", "confirm"],
] as const satisfies readonly (readonly [keyof InlineTerms, ScopeDecision])[];

/** The definition that says the same. @throws {Refusal} invalid_request */
export function inlineDefinition(terms: InlineTerms): Definition {
  const errors: InputProblem[] = ASKED.flatMap(([list]) =>
    terms[list].flatMap((name, i) =>
      terms.actions.includes(name)
        ? []
        : [{ path: `/${list}/${i}`, message: "is none of the actions" }]
    )
  );
  if (errors.length > 0) throw new Refusal("invalid_request", { errors });
  const decisionOf = (name: string): ScopeDecision =>
    ASKED.find(([list]) => terms[list].includes(name))?.[1] ?? "allow";
  const scopes = terms.actions.map((name): Scope => ({
    name,
    decision: decisionOf(name),
    resources: null,
    conditions: [],
  }));
  return { agent: terms.agent_id, default_expiry_seconds: null, scopes };
}

/** The actions of scopes that answer so by themselves. */
export function actionsThat(decision: ScopeDecision, scopes: readonly Scope[]): string[] {
  return scopes.filter((scope) => scope.decision === decision).map(({ name }) => name);
}
