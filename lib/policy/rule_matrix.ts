import type { RuleRecord, ToolRecord } from "../store/records/policy.ts";
import {
  FALLBACKS,
  type Level,
  LEVELS,
  type Permission,
  type ResolvedFrom,
} from "../store/records/vocabulary.ts";
import { type PolicyView, resolve } from "./chain.ts";
import { levelOfSelector, type Verdict } from "./levels.ts";
import { keyOf } from "./trace.ts";

/** All that concerns one tool, side by side for people to read. It decides nothing. */

/** The rules of one level that concern a tool, of a tenant or of the org. */
export interface MatrixCell {
  readonly level: ResolvedFrom;
  /** In the order of their creation, the first 100. */
  readonly rules: readonly RuleRecord[];
  /** How many there are. */
  readonly total: number;
  /**
   * The one that the walk ends at for a call that names no more than the tool, and the tenant (of an
   * operation of an HTTP API its method is known); or null. A gate may narrow what it says: the matrix's verdict tells.
   */
  readonly inForce: RuleRecord | null;
}

export interface MatrixRow {
  readonly level: Level["name"];
  readonly parts: Level["parts"];
  /** Null where no tenant is looked at. */
  readonly tenant: MatrixCell | null;
  readonly org: MatrixCell;
}

/** What decides when no rule does. */
export interface MatrixFallback {
  readonly level: typeof FALLBACKS[number];
  /** What it looks at, such as `category=billing`. */
  readonly key: string;
  /** What it says; null where it says nothing. */
  readonly permission: Permission | null;
  readonly inForce: boolean;
}

/** Everything that rules and defaults say of one tool, side by side. */
export interface RuleMatrix {
  /** Null when the catalog has no such tool. */
  readonly tool: ToolRecord | null;
  readonly tenant: string | null;
  /** The eight levels, the most specific first. */
  readonly rows: readonly MatrixRow[];
  readonly fallbacks: readonly MatrixFallback[];
  /** What a call that names no more than the tool, and the tenant, is answered; gates count. */
  readonly verdict: Verdict;
}

const MAX_RULES_SHOWN = 100;

/** Passes every gate that depends on who asks. */
const TRUSTED = { trust_tier: 3, kill_switch: null };

/**
 * The rules that concern a tool: that name it, or one of its tags, or no tool at all. Rules for a
 * resource or a method concern it when a call names those. What is in force comes from the same
 * chain that decides checks.
 */
export function ruleMatrix(
  policy: PolicyView,
  toolName: string,
  tenant: string | null,
): RuleMatrix {
  const tool = policy.tool(toolName) ?? null;
  // An operation of an HTTP API has its method, whatever is named.
  const method = tool?.upstream?.method ?? null;
  const action = { tenant, resource: null, tool: toolName, method };
  const resolution = resolve(policy, action, TRUSTED, { via: "dashboard", explain: true });
  const { permission, resolved_from, rule, trace = [] } = resolution;
  const matched = trace.filter(({ outcome }) => outcome === "matched");
  const rules = {
    tenant: tenant === null ? null : concerning(policy.rules.forTenant(tenant), toolName, tool),
    org: concerning(policy.rules.forTenant(null), toolName, tool),
  };
  const cell = (level: Level, half: "tenant" | "org", all: readonly RuleRecord[]): MatrixCell => {
    const found = all.filter(({ selector }) => levelOfSelector(selector) === level);
    // A gate may narrow what the rule says: the trace names both.
    const id = matched.find((step) => step.level === level[half])?.rule_id;
    return {
      level: level[half],
      rules: found.slice(0, MAX_RULES_SHOWN),
      total: found.length,
      inForce: found.find((one) => one.id === id) ?? null,
    };
  };
  return {
    tool,
    tenant,
    rows: LEVELS.map((level) => ({
      level: level.name,
      parts: level.parts,
      tenant: rules.tenant === null ? null : cell(level, "tenant", rules.tenant),
      org: cell(level, "org", rules.org),
    })),
    fallbacks: FALLBACKS.map((level) => ({
      level,
      ...fallback(policy, toolName, tool, level),
      inForce: matched.some((step) => step.level === level),
    })),
    verdict: { permission, resolved_from, rule },
  };
}

function concerning(
  rules: readonly RuleRecord[],
  name: string,
  tool: ToolRecord | null,
): RuleRecord[] {
  return rules.filter(({ selector: { tool_name, tag } }) =>
    (tool_name === null || tool_name === name) &&
    (tag === null || tool?.tags.includes(tag) === true)
  );
}

function fallback(
  policy: PolicyView,
  name: string,
  tool: ToolRecord | null,
  level: typeof FALLBACKS[number],
): Pick<MatrixFallback, "key" | "permission"> {
  switch (level) {
    case "tool_default":
      return { key: keyOf({ tool: name }), permission: tool?.default_permission ?? null };
    case "category_default": {
      const category = tool?.category ?? null;
      const found = category === null ? undefined : policy.category(category);
      return { key: keyOf({ category }), permission: found?.default_permission ?? null };
    }
    case "tool_approved":
      return {
        key: keyOf({ tool: name }),
        permission: tool?.status === "approved" ? "allowed" : null,
      };
    case "fail_safe":
      return { key: keyOf({ tool: name }), permission: "requires_approval" };
  }
}
