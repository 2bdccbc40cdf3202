import type {
  CategoryRecord,
  OrgRecord,
  RuleRecord,
  Selector,
  ToolRecord,
} from "../../lib/store/records/policy.ts";

/** A policy without any index: what it holds is found by looking at everything. */
export interface PlainPolicy {
  org: OrgRecord;
  tools: ToolRecord[];
  categories: CategoryRecord[];
  tenants: string[];
  rules: RuleRecord[];
}

export interface Question {
  tenant: string | null;
  resource: string | null;
  tool: string;
  method: string | null;
  trust_tier: number;
  /** null: the caller is no agent. */
  agent_killed: boolean | null;
  via: "rest" | "mcp" | "dashboard";
  /** Whether a mandate is named. */
  mandated?: boolean;
}

export interface Answer {
  permission: string;
  resolved_from: string;
  rule_id: string | null;
}

const STRICTNESS = ["disabled", "requires_approval", "allowed"];

/** The decision as its description reads, step by step, sharing nothing with the real one. */
export function oracle(policy: PlainPolicy, question: Question): Answer {
  const tool = policy.tools.find((known) => known.name === question.tool);

  // 0. Kill switch of the org, agent or tool.
  if (
    policy.org.kill_switch.active || question.agent_killed === true || tool?.kill_switch.active
  ) {
    return by("disabled", "kill_switch");
  }

  // 1. Gates only narrow: the first of the strictest, unless the chain is stricter still.
  const candidates = [...gates(policy, question), chain(policy, question)];
  for (const permission of STRICTNESS) {
    for (const candidate of candidates) if (candidate.permission === permission) return candidate;
  }
  throw new Error("The chain always answers");
}

/** The gates that stand in the way of an action, in their order. */
export function gates(policy: PlainPolicy, question: Question): Answer[] {
  const tool = policy.tools.find((known) => known.name === question.tool);
  const found: Answer[] = [];
  if (tool === undefined) {
    const { discovery } = policy.org;
    if (discovery === "off" || (discovery === "mcp" && question.via !== "mcp")) {
      found.push(by("disabled", "gate_unknown_tool"));
    }
  } else {
    if (["disabled", "archived"].includes(tool.status)) {
      found.push(by("disabled", "gate_tool_disabled"));
    }
    if (question.trust_tier < tool.required_tier) found.push(by("disabled", "gate_tier"));
  }
  const orgHasTenantRules = policy.rules.some((rule) => rule.selector.tenant_id !== null);
  if (orgHasTenantRules && question.tenant !== null && !policy.tenants.includes(question.tenant)) {
    found.push(by("requires_approval", "gate_unknown_tenant"));
  }
  if (tool !== undefined) {
    const missing = tool.required_facts.filter((fact) => question[fact] === null);
    if (missing.length > 0) found.push(by("requires_approval", "gate_incomplete"));
    const taken = tool.methods?.map((method) => method.toUpperCase());
    if (taken !== undefined && !taken.includes(question.method?.toUpperCase() ?? "")) {
      found.push(by("disabled", "gate_method"));
    }
    if (tool.requires_mandate && !question.mandated) found.push(by("disabled", "gate_mandate"));
  }
  return found;
}

/** What rules, fallbacks and the gate of drafts say, as if there were no other gate. */
export function chain(policy: PlainPolicy, question: Question): Answer {
  const tool = policy.tools.find((known) => known.name === question.tool);
  // 2 and 3.
  const answer = walk(policy, question, tool) ?? fallback(policy, tool);
  // 4. Drafts, and what would become one.
  if ((tool === undefined || tool.status === "draft") && answer.permission !== "disabled") {
    return by("requires_approval", "gate_draft");
  }
  return answer;
}

function walk(policy: PlainPolicy, question: Question, tool?: ToolRecord): Answer | null {
  const { resource: r, tool: t, method: m } = question;
  for (const tenant of question.tenant === null ? [null] : [question.tenant, null]) {
    const half = tenant === null ? "org" : "tenant";
    const levels: [string, boolean, Omit<Selector, "tenant_id" | "tag">][] = [
      [`${half}_resource_tool_method`, r !== null && m !== null, select(r, t, m)],
      [`${half}_resource_tool`, r !== null, select(r, t, null)],
      [`${half}_resource_method`, r !== null && m !== null, select(r, null, m)],
      [`${half}_resource`, r !== null, select(r, null, null)],
      [`${half}_tool_method`, m !== null, select(null, t, m)],
      [`${half}_tool`, true, select(null, t, null)],
      [`${half}_method`, m !== null, select(null, null, m)],
    ];
    for (const [name, hasParts, { resource_id, tool_name, method }] of levels) {
      if (!hasParts) continue;
      for (const rule of policy.rules) {
        if (
          rule.selector.tenant_id === tenant && rule.selector.resource_id === resource_id &&
          rule.selector.tool_name === tool_name &&
          rule.selector.method?.toUpperCase() === method?.toUpperCase() &&
          rule.selector.tag === null
        ) return by(rule.permission, name, rule);
      }
    }
    const tags = [...tool?.tags ?? []].sort();
    for (const permission of STRICTNESS) {
      for (const tag of tags) {
        for (const rule of policy.rules) {
          if (
            rule.selector.tenant_id === tenant && rule.selector.tag === tag &&
            rule.permission === permission
          ) return by(permission, `${half}_tag`, rule);
        }
      }
    }
  }
  return null;
}

function fallback(policy: PlainPolicy, tool?: ToolRecord): Answer {
  if (tool !== undefined) {
    if (tool.default_permission !== null) return by(tool.default_permission, "tool_default");
    for (const category of policy.categories) {
      if (category.name === tool.category && category.default_permission !== null) {
        return by(category.default_permission, "category_default");
      }
    }
    if (tool.status === "approved") return by("allowed", "tool_approved");
  }
  return by("requires_approval", "fail_safe");
}

function select(resource_id: string | null, tool_name: string | null, method: string | null) {
  return { resource_id, tool_name, method };
}

function by(permission: string, resolved_from: string, rule?: RuleRecord): Answer {
  return { permission, resolved_from, rule_id: rule?.id ?? null };
}
