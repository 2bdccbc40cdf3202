import type { Action } from "../actions/action.ts";
import type { RuleRecord } from "../store/records/policy.ts";
import type { ResolvedFrom } from "./levels.ts";
import type { Permission } from "./permission.ts";

/** What a decision looks at of an action; arguments decide nothing. */
export type ActionFacts = Pick<Action, "tenant" | "resource" | "tool" | "method">;

/** What one step of a decision says. */
export interface Verdict {
  readonly permission: Permission;
  readonly resolved_from: ResolvedFrom;
  /** The rule that decided; null when none did. */
  readonly rule: RuleRecord | null;
}
