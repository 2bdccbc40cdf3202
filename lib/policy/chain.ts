import type { JsonObject } from "../base/json.ts";
import { type BlockingGuard, floorFor } from "../guards/floor.ts";
import { beforeGuards } from "../guards/guards.ts";
import type { Finding } from "../store/records/guards.ts";
import type { MandateIds } from "../store/records/identity.ts";
import type { SubTokenScope } from "../store/records/sub_token.ts";
import type { CategoryRecord, OrgRecord, RuleRecord, ToolRecord } from "../store/records/policy.ts";
import { type GATES, type Level, LEVELS, type Permission } from "../store/records/vocabulary.ts";
import { type ActionFacts, stricter, type Verdict } from "./levels.ts";
import { withoutStated } from "./facts.ts";
import { foldedMethod, isSameMethod } from "./rule_index.ts";
import type { RuleIndex } from "./rule_index.ts";
import { isWithinScope } from "./scope.ts";
import {
  keyOf,
  type KeyParts,
  levelStep,
  matchedStep,
  namedStep,
  type TraceStep,
} from "./trace.ts";

/**
 * The decision: facts in, permission and trace out. Kill switches first, then gates, then rules
 * from the most specific level on, then defaults; of gates and rules the stricter counts. Pure.
 */

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
  /** The mandates that it may name; whoever has a list, or `required`, has to name one. */
  readonly mandate_ids?: MandateIds;
  /** What a sub-token reaches of it; null for who asks with their own secret. */
  readonly scope?: SubTokenScope | null;
}

/** The way in by which a question came. */
export type Via = "rest" | "mcp" | "dashboard";

export interface ResolveOptions {
  readonly via: Via;
  /** Whether the answer carries its trace, which tells whoever reads it the shape of the policy. */
  readonly explain?: boolean;
  /** Whether a mandate is named, whatever it says: that is asked where it is known. */
  readonly mandated?: boolean;
}

export interface Resolution extends Verdict {
  /** The tool as the catalog has it; null when it has none of that name. */
  readonly tool: ToolRecord | null;
  /** What guards said of the arguments; absent where none looked at them. */
  readonly guarded?: Guarded;
  /**
   * Every step in the order walked; only when it was asked for. `matched` are every gate in the way,
   * what ended the walk, and a draft's gate after it: `resolved_from` names the one that decided.
   */
  readonly trace?: TraceStep[];
}

/** What guards found in the arguments of an action. */
export interface Guarded {
  readonly findings: readonly Finding[];
  /** The guard that decided; null where the rest is as strict. */
  readonly by: BlockingGuard | null;
}

/** An action as it is decided. Its arguments are known to guards alone: rules do not look at them. */
export type ResolvedAction = ActionFacts & { readonly arguments?: JsonObject };

const NO_TAGS: readonly string[] = [];

/** Whether asking about an unknown tool this way registers a draft of it. */
export function discovers(org: OrgRecord, via: Via): boolean {
  return org.discovery === "all" || (org.discovery === "mcp" && via === "mcp");
}

/**
 * The permission for one action. A kill switch ends it, and so does a sub-token that does not reach
 * it; then every gate is asked and the rules and fallbacks are walked, and the stricter of both
 * answers. Pure and total: the same policy and facts give the same answer.
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
 * A resource or a method that nothing but the asker's word says of a tool of an upstream narrows and
 * never widens: it is decided with it and without it, and the strictest answer counts.
 *
 * Guards look at the arguments, where there are any, and what they say is a floor: the stricter of it
 * and of all the rest answers, and where both are as strict the rest is named. Whatever guards are set
 * to, no answer is wider than without them.
 *
 * A `disabled` rule more never gives a wider answer. An `allowed` rule less never does either, but
 * for the last rule that names a tenant: with it goes `gate_unknown_tenant`, which asked about
 * unregistered tenants because there were rules for tenants.
 */
export function resolve(
  policy: PolicyView,
  action: ResolvedAction,
  caller: Caller,
  options: ResolveOptions,
): Resolution {
  const tool = policy.tool(action.tool) ?? null;
  const trace: TraceStep[] | null = options.explain === true ? [] : null;
  const stated = stopped(policy, action, tool, caller, trace) ??
    outOfReach(action, tool, caller, trace) ??
    narrowed(policy, action, tool, caller, options, trace);
  const verdict = tool?.upstream === undefined
    ? stated
    : heldToArguments(policy, action, tool, caller, options, { stated, trace });
  const { permission, resolved_from, rule } = verdict;
  // Most tools have no guard, and their checks go by none of what guards are made of.
  const isGuarded = tool?.guards !== undefined || tool?.upstream !== undefined ||
    policy.org.guards !== undefined;
  // What a sub-token does not reach is answered by that alone: what guards find in it tells nobody.
  if (isGuarded && resolved_from !== "sub_token") {
    return guardedBy({ permission, resolved_from, rule, tool }, policy, action, trace);
  }
  return trace === null
    ? { permission, resolved_from, rule, tool }
    : { permission, resolved_from, rule, tool, trace };
}

/** The strictest of an answer and of those without what is only stated; the trace is of the one that decides. */
function heldToArguments(
  policy: PolicyView,
  action: ActionFacts,
  tool: ToolRecord,
  caller: Caller,
  options: ResolveOptions,
  { stated, trace }: { readonly stated: Verdict; readonly trace: TraceStep[] | null },
): Verdict {
  let strictest = stated;
  for (const less of withoutStated(tool, action)) {
    const steps: TraceStep[] | null = trace === null ? null : [];
    const verdict = stopped(policy, less, tool, caller, steps) ??
      outOfReach(less, tool, caller, steps) ??
      narrowed(policy, less, tool, caller, options, steps);
    const isOut = verdict.resolved_from === "sub_token";
    // Beyond a sub-token's reach nothing else is told, whatever is as strict.
    if (!isOut && stricter(strictest.permission, verdict.permission) === strictest.permission) {
      continue;
    }
    strictest = verdict;
    trace?.splice(0, trace.length, ...steps ?? []);
    if (isOut) break;
  }
  return strictest;
}

/** What the guards of its tool leave of an answer: it, or a stricter one. */
function guardedBy(
  { permission, resolved_from, rule, tool }: Resolution,
  { org }: PolicyView,
  { tool: name, arguments: args }: ResolvedAction,
  trace: TraceStep[] | null,
): Resolution {
  const guards = beforeGuards(org, tool).filter(({ mode }) => mode !== "off");
  const floor = args === undefined ? null : floorFor(org, tool, guards, args);
  for (const kind of trace === null ? [] : new Set(guards.map((guard) => guard.kind))) {
    const found = floor?.findings.some(({ guard }) => guard === kind) ?? false;
    trace?.push(namedStep(`guard_${kind}`, found, keyOf({ tool: name }), floor === null));
  }
  const { guard = null } = floor ?? {};
  const isStricter = floor !== null && guard !== null &&
    stricter(permission, floor.permission) !== permission;
  const verdict: Verdict = isStricter
    ? { permission: floor.permission, resolved_from: `guard_${guard.kind}`, rule: null }
    : { permission, resolved_from, rule };
  const by = isStricter ? guard : null;
  const guarded = floor === null || floor.findings.length === 0
    ? {}
    : { guarded: { findings: floor.findings, by } };
  return { ...verdict, tool, ...guarded, ...(trace === null ? {} : { trace }) };
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

/** What a sub-token says of what it does not reach; null for what it does. */
function outOfReach(
  action: ActionFacts,
  tool: ToolRecord | null,
  { scope }: Caller,
  trace: TraceStep[] | null,
): Verdict | null {
  if (scope === undefined || scope === null) return null;
  const isOut = !isWithinScope(scope, action, tool?.tags ?? NO_TAGS);
  trace?.push(namedStep("sub_token", isOut, keyOf({ tool: action.tool })));
  return isOut ? { permission: "disabled", resolved_from: "sub_token", rule: null } : null;
}

/** The stricter of what the gates and what rules and fallbacks say. */
function narrowed(
  policy: PolicyView,
  action: ActionFacts,
  tool: ToolRecord | null,
  caller: Caller,
  options: ResolveOptions,
  trace: TraceStep[] | null,
): Verdict {
  const gate = gated(policy, action, tool, caller, options, trace);
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
  { via, mandated = false }: ResolveOptions,
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
  const wantsMandate = tool?.requires_mandate === true || (caller.mandate_ids ?? null) !== null;
  const unmandated = wantsMandate && !mandated;

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
    namedStep("gate_mandate", unmandated, toolKey, !wantsMandate),
  );

  if (unknown) return saying("disabled", "gate_unknown_tool");
  if (off) return saying("disabled", "gate_tool_disabled");
  if (below) return saying("disabled", "gate_tier");
  if (foreign) return saying("disabled", "gate_method");
  if (unmandated) return saying("disabled", "gate_mandate");
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
