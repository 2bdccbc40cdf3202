import type { RuleRecord } from "../store/records/policy.ts";
import type { Level, ResolvedFrom } from "../store/records/vocabulary.ts";
import type { ActionFacts } from "./levels.ts";

/** How a decision came about, step by step, for whoever may see the policy. */

/** One step of a decision, for whoever asks why it came out as it did. */
export interface TraceStep {
  readonly level: ResolvedFrom;
  /**
   * What was looked for, as `tenant=acme tool=restart_service`; `resource=?` where the action does
   * not say. To be read by people: a value that could be taken for more than one is quoted.
   */
  readonly key: string;
  /**
   * `skipped`: does not apply to this action. `no_rule`: applies, and says nothing. `matched`: says
   * something, though a stricter or an earlier one may be what decides.
   */
  readonly outcome: "no_rule" | "skipped" | "matched";
  readonly rule_id?: string;
}

/** The parts that a key names, in the order in which it names them. */
export type KeyParts = Readonly<
  Partial<Record<"tenant" | "resource" | "tool" | "method" | "tag" | "category", string | null>>
>;

/** The readable form of some parts of an action; a part that is null is a `?`. */
export function keyOf(parts: KeyParts): string {
  return Object.entries(parts).map(([name, value]) => `${name}=${readable(value)}`).join(" ");
}

/** A step that looked at something other than rules: a kill switch, a gate, a fallback. */
export function namedStep(
  level: ResolvedFrom,
  matched: boolean,
  key: string,
  skipped = false,
): TraceStep {
  return { level, key, outcome: matched ? "matched" : skipped ? "skipped" : "no_rule" };
}

/** A step of the walk that found no rule or could not look for one. */
export function levelStep(
  level: Level,
  half: "tenant" | "org",
  action: ActionFacts,
  tags: readonly string[],
  outcome: "no_rule" | "skipped",
): TraceStep {
  const keys = half === "tenant" ? [keyOf({ tenant: action.tenant })] : [];
  for (const part of level.parts) {
    if (part === "resource_id") keys.push(keyOf({ resource: action.resource }));
    if (part === "tool_name") keys.push(keyOf({ tool: action.tool }));
    if (part === "method") keys.push(keyOf({ method: action.method }));
    if (part === "tag") {
      for (const tag of tags.length === 0 ? [null] : tags.toSorted()) keys.push(keyOf({ tag }));
    }
  }
  return { level: level[half], key: keys.join(" "), outcome };
}

/** The step of the walk that ended it. */
export function matchedStep(level: ResolvedFrom, rule: RuleRecord): TraceStep {
  const { tenant_id, resource_id, tool_name, method, tag } = rule.selector;
  const key = keyOf({
    ...(tenant_id !== null && { tenant: tenant_id }),
    ...(resource_id !== null && { resource: resource_id }),
    ...(tool_name !== null && { tool: tool_name }),
    ...(method !== null && { method }),
    ...(tag !== null && { tag }),
  });
  return { level, key, outcome: "matched", rule_id: rule.id };
}

function readable(value: string | null | undefined): string {
  if (value === null || value === undefined) return "?";
  return /^[A-Za-z0-9_.:/@-]+$/.test(value) ? value : JSON.stringify(value);
}
