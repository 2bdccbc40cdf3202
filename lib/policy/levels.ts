import type { Action } from "../base/action.ts";
import type { RuleRecord, Selector } from "../store/records/policy.ts";
import {
  type Level,
  LEVELS,
  type Permission,
  PERMISSIONS,
  type ResolvedFrom,
  type SelectorPart,
} from "../store/records/vocabulary.ts";

/**
 * The sixteen levels at which a rule can speak, by the facts that it names, and which of two
 * verdicts is the stricter.
 */

const PART_BITS = { resource_id: 1, tool_name: 2, method: 4, tag: 8 } as const satisfies Record<
  SelectorPart,
  number
>;

const LEVEL_BY_BITS = new Map<number, Level>(
  LEVELS.map((level) => [level.parts.reduce((bits, part) => bits | PART_BITS[part], 0), level]),
);

/**
 * The level that a selector speaks at, with or without a tenant; null when its parts are none of
 * the eight combinations (nothing at all, a tenant alone, a tag beside another part).
 */
export function levelOfSelector(selector: Selector): Level | null {
  let bits = 0;
  if (selector.resource_id !== null) bits |= PART_BITS.resource_id;
  if (selector.tool_name !== null) bits |= PART_BITS.tool_name;
  if (selector.method !== null) bits |= PART_BITS.method;
  if (selector.tag !== null) bits |= PART_BITS.tag;
  return LEVEL_BY_BITS.get(bits) ?? null;
}

/** What rules look at of an action; of its arguments guards alone do. */
export type ActionFacts = Pick<Action, "tenant" | "resource" | "tool" | "method">;

/** What one step of a decision says. */
export interface Verdict {
  readonly permission: Permission;
  readonly resolved_from: ResolvedFrom;
  /** The rule that decided; null when none did. */
  readonly rule: RuleRecord | null;
}

/** The stricter of two permissions: `disabled` over `requires_approval` over `allowed`. */
export function stricter(a: Permission, b: Permission): Permission {
  return PERMISSIONS.indexOf(a) >= PERMISSIONS.indexOf(b) ? a : b;
}
