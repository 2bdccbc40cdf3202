import assert from "node:assert/strict";
import {
  type Caller,
  type PolicyView,
  type Resolution,
  resolve,
  type ResolveOptions,
} from "../../lib/policy/chain.ts";
import { RuleIndex } from "../../lib/policy/rule_index.ts";
import {
  DISCOVERY_LIMITS,
  OrgRecord,
  RuleRecord,
  Selector,
  ToolRecord,
} from "../../lib/store/records/policy.ts";
import type { Permission, ResolvedFrom } from "../../lib/store/records/vocabulary.ts";
import type { Answer, PlainPolicy, Question } from "./policy_oracle.ts";

/** Policies for tests, every part with a harmless default. */

export function anOrg(part: Partial<OrgRecord> = {}): OrgRecord {
  return {
    id: "org_1",
    name: "Acme",
    log_origin: "example.org/log/org_1",
    approval_timeout_seconds: 3600,
    approval_use_seconds: 900,
    report_within_seconds: 3600,
    discovery: "all",
    ...DISCOVERY_LIMITS,
    retain_arguments: false,
    separation_of_duties: false,
    strict_levels: true,
    strict_levels_by: null,
    api_decisions: true,
    confirm_by: "app",
    allow_personal_ids: false,
    recovery_hold_hours: 24,
    budget_alert_percent: [80, 100],
    allowly: true,
    register_from_policies: false,
    kill_switch: { active: false, reason: null },
    created_at: 0,
    ...part,
  };
}

/** An approved tool `t` that nothing restricts. */
export function aTool(part: Partial<ToolRecord> = {}): ToolRecord {
  return {
    id: `tol_${part.name ?? "t"}`,
    name: "t",
    description: "",
    category: null,
    tags: [],
    risk_level: "low",
    parameters: null,
    default_permission: null,
    annotations: { read_only: true, destructive: false, idempotent: true, open_world: false },
    annotations_acknowledged: true,
    required_tier: 0,
    required_facts: [],
    methods: null,
    requires_second_approval: false,
    requires_mandate: false,
    approval_timeout_seconds: null,
    approval_use_seconds: null,
    kill_switch: { active: false, reason: null },
    status: "approved",
    discovered: false,
    created_at: 0,
    updated_at: 0,
    ...part,
  };
}

export function aSelector(part: Partial<Selector>): Selector {
  return {
    tenant_id: null,
    resource_id: null,
    tool_name: null,
    method: null,
    tag: null,
    ...part,
  };
}

export function aRule(id: string, part: Partial<Selector>, permission: Permission): RuleRecord {
  return { id, selector: aSelector(part), permission, note: null, created_at: 0, updated_at: 0 };
}

export function aPolicy(part: Partial<PlainPolicy> = {}): PlainPolicy {
  return { org: anOrg(), tools: [aTool()], categories: [], tenants: ["a"], rules: [], ...part };
}

/** Every fact that an action can name. */
export const FULL = { tenant: "a", resource: "r", method: "m" };

/** A caller of the highest tier that is no agent, asking about tool `t` and nothing more. */
export function aQuestion(part: Partial<Question> = {}): Question {
  return {
    tenant: null,
    resource: null,
    tool: "t",
    method: null,
    trust_tier: 3,
    agent_killed: null,
    via: "rest",
    ...part,
  };
}

export function viewOf(policy: PlainPolicy): PolicyView {
  const rules = new RuleIndex();
  for (const rule of policy.rules) rules.set(rule);
  return {
    org: policy.org,
    tool: (name) => policy.tools.find((tool) => tool.name === name),
    category: (name) => policy.categories.find((category) => category.name === name),
    isTenantRegistered: (id) => policy.tenants.includes(id),
    rules,
  };
}

export function ask(view: PolicyView, question: Question, explain = false): Resolution {
  const caller: Caller = {
    trust_tier: question.trust_tier,
    kill_switch: question.agent_killed === null ? null : { active: question.agent_killed },
  };
  const { via, mandated = false } = question;
  const options: ResolveOptions = { via, explain, mandated };
  return resolve(view, question, caller, options);
}

export function answerOf({ permission, resolved_from, rule }: Resolution): Answer {
  return { permission, resolved_from, rule_id: rule?.id ?? null };
}

/** The answer to a question about tool `t`, everything else being harmless. */
export function answer(policy: Partial<PlainPolicy>, question: Partial<Question> = {}): Answer {
  return answerOf(ask(viewOf(aPolicy(policy)), aQuestion(question)));
}

/** Asserts the permission and where it came from, for a decision without a rule. */
export function decides(
  policy: Partial<PlainPolicy>,
  question: Partial<Question>,
  permission: Permission,
  resolved_from: ResolvedFrom,
) {
  assert.deepEqual(answer(policy, question), { permission, resolved_from, rule_id: null });
}
