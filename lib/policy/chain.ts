import type { CategoryRecord, OrgRecord, ToolRecord } from "../store/records/policy.ts";
import type { GATES } from "./levels.ts";
import { isSameMethod } from "./names.ts";
import { type Permission, stricter } from "./permission.ts";
import type { RuleIndex } from "./rule_index.ts";
import { keyOf, type KeyParts, namedStep, type TraceStep } from "./trace.ts";
import type { ActionFacts, Verdict } from "./verdict.ts";
import { walked } from "./walk.ts";

/** One state of an org's policy. */
export interface PolicyView {
  readonly org: OrgRecord;
  tool(name: string): ToolRecord | undefined;
  category(name: string): CategoryRecord | undefined;
  isTenantRegistered(id: string): boolean;
  readonly rules: RuleIndex;
}

/** Who asks. */
export interface Caller {
  /** 0-3. */
  readonly trust_tier: number;
  /** An agent's kill switch; null for a caller that has none. */
  readonly kill_switch: { readonly active: boolean } | null;
}

/** The way in by which a question came. */
export type Via = "rest" | "mcp" | "dashboard";

export interface ResolveOptions {
  readonly via: Via;
  /** Whether the answer carries its trace, which tells whoever reads it the shape of the policy. */
  readonly explain?: boolean;
}

export interface Resolution extends Verdict {
  /** The tool as the catalog has it; null when it has none of that name. */
  readonly tool: ToolRecord | null;
  /**
   * Every step in the order walked; only when it was asked for. `matched` are every gate in the way,
   * what ended the walk, and a draft's gate after it: `resolved_from` names the one that decided.
   */
  readonly trace?: TraceStep[];
}

const NO_TAGS: readonly string[] = [];

/** Whether asking about an unknown tool this way registers a draft of it. */
export function discovers(org: OrgRecord, via: Via): boolean {
  return org.discovery === "all" || (org.discovery === "mcp" && via === "mcp");
}

/**
 * The permission for one action. A kill switch ends it; then every gate is asked and the rules and
 * fallbacks are walked, and the stricter of both answers. Pure and total: the same policy and facts
 * give the same answer.
 *
 * Gates only narrow, so whatever an asker invents or leaves out lifts nothing that a rule or a
 * default disables. Where gate and walk say the same, the gate is named.
 *
 * A tool that is not in the catalog is judged, where the org discovers tools this way, as a draft
 * without tags, category and default, so that a rule on its name, the resource or the method can
 * still disable it. `tool` is then null, and unless `resolved_from` is `kill_switch` or
 * `gate_unknown_tool` the caller registers the draft (`draftToolRecord`) or, at its cap, does not;
 * the answer is the same.
 *
 * A `disabled` rule more never gives a wider answer. An `allowed` rule less never does either, but
 * for the last rule that names a tenant: with it goes `gate_unknown_tenant`, which asked about
 * unregistered tenants because there were rules for tenants.
 */
export function resolve(
  policy: PolicyView,
  action: ActionFacts,
  caller: Caller,
  options: ResolveOptions,
): Resolution {
  const tool = policy.tool(action.tool) ?? null;
  const trace: TraceStep[] | null = options.explain === true ? [] : null;
  const verdict = stopped(policy, action, tool, caller, trace) ??
    narrowed(policy, action, tool, caller, options.via, trace);
  const { permission, resolved_from, rule } = verdict;
  return trace === null
    ? { permission, resolved_from, rule, tool }
    : { permission, resolved_from, rule, tool, trace };
}

function stopped(
  policy: PolicyView,
  action: ActionFacts,
  tool: ToolRecord | null,
  caller: Caller,
  trace: TraceStep[] | null,
): Verdict | null {
  const toolKey = trace === null ? "" : keyOf({ tool: action.tool });
  const active = isActive(policy.org.kill_switch, "org", trace) ||
    isActive(caller.kill_switch, "agent", trace) ||
    isActive(tool?.kill_switch ?? null, toolKey, trace);
  return active ? { permission: "disabled", resolved_from: "kill_switch", rule: null } : null;
}

function isActive(
  killSwitch: Caller["kill_switch"],
  key: string,
  trace: TraceStep[] | null,
): boolean {
  const active = killSwitch?.active === true;
  trace?.push(namedStep("kill_switch", active, key, killSwitch === null));
  return active;
}

/** The stricter of what the gates and what rules and fallbacks say. */
function narrowed(
  policy: PolicyView,
  action: ActionFacts,
  tool: ToolRecord | null,
  caller: Caller,
  via: Via,
  trace: TraceStep[] | null,
): Verdict {
  const gate = gated(policy, action, tool, caller, via, trace);
  // Nothing is stricter, so the walk would only tell a trace something.
  if (gate?.permission === "disabled" && trace === null) return gate;
  const chain = chained(policy, action, tool, trace);
  if (gate === null) return chain;
  return stricter(gate.permission, chain.permission) === gate.permission ? gate : chain;
}

/**
 * What the gates say: of all that stand in the way the strictest, of equally strict ones the first.
 * Null when none does.
 */
function gated(
  policy: PolicyView,
  action: ActionFacts,
  tool: ToolRecord | null,
  caller: Caller,
  via: Via,
  trace: TraceStep[] | null,
): Verdict | null {
  const unknown = tool === null && !discovers(policy.org, via);
  const off = tool !== null && (tool.status === "disabled" || tool.status === "archived");
  const required = tool?.required_tier ?? 0;
  // Not `<`, which a tier that is not a number would pass.
  const below = !(caller.trust_tier >= required);
  const tenantMatters = action.tenant !== null && policy.rules.hasTenantRules;
  const stranger = tenantMatters && action.tenant !== null &&
    !policy.isTenantRegistered(action.tenant);
  let incomplete = false;
  for (const fact of tool?.required_facts ?? []) incomplete ||= action[fact] === null;
  const methods = tool?.methods ?? null;
  const foreign = methods !== null && !takes(methods, action.method);

  const toolKey = trace === null ? "" : keyOf({ tool: action.tool });
  trace?.push(
    namedStep("gate_unknown_tool", unknown, toolKey),
    namedStep("gate_tool_disabled", off, toolKey, tool === null),
    namedStep("gate_tier", below, `trust_tier=${caller.trust_tier} required_tier=${required}`),
    namedStep("gate_unknown_tenant", stranger, keyOf({ tenant: action.tenant }), !tenantMatters),
    namedStep(
      "gate_incomplete",
      incomplete,
      keyOf(requiredFacts(action, tool)),
      !tool?.required_facts.length,
    ),
    namedStep("gate_method", foreign, keyOf({ method: action.method }), methods === null),
  );

  if (unknown) return saying("disabled", "gate_unknown_tool");
  if (off) return saying("disabled", "gate_tool_disabled");
  if (below) return saying("disabled", "gate_tier");
  if (foreign) return saying("disabled", "gate_method");
  if (stranger) return saying("requires_approval", "gate_unknown_tenant");
  if (incomplete) return saying("requires_approval", "gate_incomplete");
  return null;
}

/** Whether a tool that lists its methods takes this one; none at all is none of them. */
function takes(methods: readonly string[], method: string | null): boolean {
  return method !== null && methods.some((one) => isSameMethod(one, method));
}

function saying(permission: Permission, gate: (typeof GATES)[number]): Verdict {
  return { permission, resolved_from: gate, rule: null };
}

function requiredFacts(action: ActionFacts, tool: ToolRecord | null): KeyParts {
  const facts: Partial<Record<keyof ActionFacts, string | null>> = {};
  for (const fact of tool?.required_facts ?? []) facts[fact] = action[fact];
  return facts;
}

/** The walk and the fallbacks, narrowed for a draft to what it may answer. */
function chained(
  policy: PolicyView,
  action: ActionFacts,
  tool: ToolRecord | null,
  trace: TraceStep[] | null,
): Verdict {
  const tags = tool?.tags ?? NO_TAGS;
  const verdict = walked(policy.rules, action, "tenant", tags, trace) ??
    walked(policy.rules, action, "org", tags, trace) ??
    fallenBack(policy, action, tool, trace);
  const draft = tool === null || tool.status === "draft";
  if (!draft || verdict.permission === "disabled") return verdict;
  trace?.push(namedStep("gate_draft", true, keyOf({ tool: action.tool })));
  return { permission: "requires_approval", resolved_from: "gate_draft", rule: null };
}

function fallenBack(
  policy: PolicyView,
  action: ActionFacts,
  tool: ToolRecord | null,
  trace: TraceStep[] | null,
): Verdict {
  const ofTool = tool?.default_permission ?? null;
  trace?.push(namedStep("tool_default", ofTool !== null, keyOf({ tool: action.tool })));
  if (ofTool !== null) return { permission: ofTool, resolved_from: "tool_default", rule: null };

  const category = tool?.category ?? null;
  const ofCategory = category === null
    ? null
    : policy.category(category)?.default_permission ?? null;
  trace?.push(
    namedStep("category_default", ofCategory !== null, keyOf({ category }), category === null),
  );
  if (ofCategory !== null) {
    return { permission: ofCategory, resolved_from: "category_default", rule: null };
  }

  const approved = tool?.status === "approved";
  trace?.push(namedStep("tool_approved", approved, keyOf({ tool: action.tool })));
  if (approved) return { permission: "allowed", resolved_from: "tool_approved", rule: null };

  trace?.push(namedStep("fail_safe", true, keyOf({ tool: action.tool })));
  return { permission: "requires_approval", resolved_from: "fail_safe", rule: null };
}
