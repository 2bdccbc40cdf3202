import type { REQUIRED_FACTS, RuleRecord, Selector, ToolRecord } from "../store/records/policy.ts";

/** What is to be said of a rule that holds but may not do what its maker thinks. */

/** A fact that a `disabled` rule rests on and that nobody has to name. */
export interface RuleWarning {
  readonly code: "rests_on_optional_fact";
  readonly fact: (typeof REQUIRED_FACTS)[number];
  /** The tool that the rule names; null when it names none, and some tool does not require it. */
  readonly tool_name: string | null;
}

/** The tools that a rule may speak of. */
export interface Tools {
  tool(name: string): ToolRecord | undefined;
  readonly tools: { values(): Iterable<ToolRecord> };
}

type WarnedRule = Pick<RuleRecord, "selector" | "permission">;

const FACTS = [
  ["tenant", "tenant_id"],
  ["resource", "resource_id"],
  ["method", "method"],
] as const;

/**
 * What is to be said of a rule where it is made. One that disables an action by a fact which its
 * tool does not require stops nobody who leaves the fact out.
 */
export function ruleWarnings(
  { selector, permission }: WarnedRule,
  tools: Tools,
): RuleWarning[] {
  if (permission !== "disabled") return [];
  const { tool_name } = selector;
  const named = FACTS.filter(([, part]) => selector[part] !== null);
  if (named.length === 0) return [];
  const spokenOf = toolsOf(selector, tools);
  return named.flatMap(([fact]): RuleWarning[] =>
    spokenOf.some((tool) => !requires(tool, fact))
      ? [{ code: "rests_on_optional_fact", fact, tool_name }]
      : []
  );
}

/**
 * The same for many rules: tools are gone through once for each kind of rule that names none, and
 * not for each rule.
 */
export function manyRuleWarnings(tools: Tools): (rule: WarnedRule) => readonly RuleWarning[] {
  const known = new Map<string, readonly RuleWarning[]>();
  return (rule) => {
    const { tool_name, tag } = rule.selector;
    if (tool_name !== null || rule.permission !== "disabled") return ruleWarnings(rule, tools);
    const kind = JSON.stringify([tag, ...FACTS.map(([, part]) => rule.selector[part] !== null)]);
    let warnings = known.get(kind);
    if (warnings === undefined) known.set(kind, warnings = ruleWarnings(rule, tools));
    return warnings;
  };
}

/** The tools in use that a rule speaks of; undefined for one that is not in the catalog. */
function toolsOf({ tool_name, tag }: Selector, tools: Tools): (ToolRecord | undefined)[] {
  if (tool_name !== null) {
    const tool = tools.tool(tool_name);
    return tool === undefined || isInUse(tool) ? [tool] : [];
  }
  const found = [...tools.tools.values()].filter((tool) =>
    isInUse(tool) && (tag === null || tool.tags.includes(tag))
  );
  // Before there is a tool, whatever comes requires nothing.
  return found.length > 0 ? found : [undefined];
}

function isInUse({ status }: ToolRecord): boolean {
  return status === "approved" || status === "draft";
}

/** Whether an action without the fact is held or refused; a list of methods asks for a method. */
function requires(tool: ToolRecord | undefined, fact: RuleWarning["fact"]): boolean {
  if (tool === undefined) return false;
  return tool.required_facts.includes(fact) || (fact === "method" && tool.methods !== null);
}
