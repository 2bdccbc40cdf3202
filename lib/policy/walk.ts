import type { RuleRecord } from "../store/records/policy.ts";
import { type Level, LEVELS } from "./levels.ts";
import { foldedMethod } from "./names.ts";
import { stricter } from "./permission.ts";
import type { RuleIndex } from "./rule_index.ts";
import { levelStep, matchedStep, type TraceStep } from "./trace.ts";
import type { ActionFacts, Verdict } from "./verdict.ts";

/**
 * The first rule that speaks of an action, most specific level first, in one half of the walk: the
 * tenant's own rules or the org's. Null when none does.
 */
export function walked(
  rules: RuleIndex,
  action: ActionFacts,
  half: "tenant" | "org",
  tags: readonly string[],
  trace: TraceStep[] | null,
): Verdict | null {
  const noTenant = half === "tenant" && action.tenant === null;
  const tenant = half === "tenant" ? action.tenant : null;
  const { resource, tool } = action;
  const hasRules = !noTenant && (tenant === null || rules.hasTenant(tenant));
  // A tenant without rules, the common case, costs one look-up, not eight.
  if (!hasRules && trace === null) return null;
  const method = action.method === null ? null : foldedMethod(action.method);
  const hasResource = hasRules && resource !== null && rules.hasResource(tenant, resource);

  for (const level of LEVELS) {
    const name = level[half];
    if (noTenant || lacksPart(level, action, tags)) {
      trace?.push(levelStep(level, half, action, tags, "skipped"));
      continue;
    }
    let rule: RuleRecord | undefined;
    if (level.name === "tag") {
      rule = strictestOfTags(rules, level, tenant, tags);
    } else if (hasResource || level.parts[0] !== "resource_id") {
      rule = rules.find(level, tenant, resource, tool, method, null);
    }
    if (rule !== undefined) {
      trace?.push(matchedStep(name, rule));
      return { permission: rule.permission, resolved_from: name, rule };
    }
    trace?.push(levelStep(level, half, action, tags, "no_rule"));
  }
  return null;
}

function lacksPart(level: Level, action: ActionFacts, tags: readonly string[]): boolean {
  for (const part of level.parts) {
    if (part === "resource_id" && action.resource === null) return true;
    if (part === "method" && action.method === null) return true;
    if (part === "tag" && tags.length === 0) return true;
  }
  return false;
}

/** Of several equally strict rules the one whose tag sorts first, whatever order the tool has. */
function strictestOfTags(
  rules: RuleIndex,
  level: Level,
  tenant: string | null,
  tags: readonly string[],
): RuleRecord | undefined {
  let best: RuleRecord | undefined;
  let bestTag = "";
  for (const tag of tags) {
    const rule = rules.find(level, tenant, null, null, null, tag);
    if (rule === undefined) continue;
    const wins = best === undefined ||
      (rule.permission === best.permission
        ? tag < bestTag
        : stricter(rule.permission, best.permission) === rule.permission);
    if (wins) [best, bestTag] = [rule, tag];
  }
  return best;
}
