/** The fixed words that records, rules and pages share. No schema: browsers load it too. */

/** A part of a selector besides the tenant, which chooses the half of the walk instead. */
export type SelectorPart = "resource_id" | "tool_name" | "method" | "tag";

/**
 * The specificity walk, most specific first. `tenant` and `org` are the names that a decision
 * gives the level in the two halves of the walk.
 */
export const LEVELS = [
  {
    name: "resource_tool_method",
    tenant: "tenant_resource_tool_method",
    org: "org_resource_tool_method",
    parts: ["resource_id", "tool_name", "method"],
  },
  {
    name: "resource_tool",
    tenant: "tenant_resource_tool",
    org: "org_resource_tool",
    parts: ["resource_id", "tool_name"],
  },
  {
    name: "resource_method",
    tenant: "tenant_resource_method",
    org: "org_resource_method",
    parts: ["resource_id", "method"],
  },
  { name: "resource", tenant: "tenant_resource", org: "org_resource", parts: ["resource_id"] },
  {
    name: "tool_method",
    tenant: "tenant_tool_method",
    org: "org_tool_method",
    parts: ["tool_name", "method"],
  },
  { name: "tool", tenant: "tenant_tool", org: "org_tool", parts: ["tool_name"] },
  { name: "method", tenant: "tenant_method", org: "org_method", parts: ["method"] },
  { name: "tag", tenant: "tenant_tag", org: "org_tag", parts: ["tag"] },
] as const satisfies readonly {
  name: string;
  tenant: string;
  org: string;
  parts: readonly SelectorPart[];
}[];

/** One of the eight levels. */
export type Level = (typeof LEVELS)[number];

/** What may narrow the answer of rules and fallbacks, in the order in which they are asked. */
export const GATES = [
  "gate_unknown_tool",
  "gate_tool_disabled",
  "gate_tier",
  "gate_unknown_tenant",
  "gate_incomplete",
  "gate_method",
  "gate_mandate",
] as const;

/** Why a mandate answers more strictly than the policy, in the order in which it is asked. */
export const MANDATE_ORIGINS = [
  "mandate_not_found",
  "mandate_revoked",
  "mandate_superseded",
  "mandate_expired",
  "mandate_agent",
  "mandate_scope",
  "mandate_resource",
  "mandate_condition",
  "mandate_user",
  "mandate_members",
  "mandate_rate",
  "mandate_budget",
] as const;

export type MandateOrigin = (typeof MANDATE_ORIGINS)[number];

/** What looks at the arguments of an action before it is decided, in the order in which it is asked. */
export const BEFORE_GUARDS = [
  "path_traversal",
  "injection",
  "secrets",
  "topics",
  "command",
  "sql",
] as const;

export type BeforeKind = (typeof BEFORE_GUARDS)[number];

/** What looks at the result of a call, in the order in which it is asked. */
export const AFTER_GUARDS = ["credentials", "personal_data", "injection", "topics"] as const;

export type AfterKind = (typeof AFTER_GUARDS)[number];

/** What a guard does about what it finds, from nothing to all. */
export const BEFORE_MODES = ["off", "flag", "approve", "block"] as const;

export type BeforeMode = (typeof BEFORE_MODES)[number];

export const AFTER_MODES = ["off", "flag", "redact", "block"] as const;

export type AfterMode = (typeof AFTER_MODES)[number];

/** Kinds of personal data that a guard can look for. */
export const PERSONAL_KINDS = ["e-mail", "phone", "card", "IBAN", "ssn"] as const;

export type PersonalKind = (typeof PERSONAL_KINDS)[number];

/** The origin that a decision names when a guard of this kind made it stricter. */
export type GuardOrigin = `guard_${BeforeKind}`;

/** What decides when no rule does, in order; `fail_safe` always does. */
export const FALLBACKS = [
  "tool_default",
  "category_default",
  "tool_approved",
  "fail_safe",
] as const;

/** Everything that a decision can name as its origin. */
export type ResolvedFrom =
  | "kill_switch"
  | "sub_token"
  | (typeof GATES)[number]
  | MandateOrigin
  | GuardOrigin
  | "gate_draft"
  | Level["tenant"]
  | Level["org"]
  | (typeof FALLBACKS)[number];

/** Every `ResolvedFrom`, in the order in which a decision comes by it. */
export const RESOLVED_FROM: readonly ResolvedFrom[] = [
  "kill_switch",
  "sub_token",
  ...GATES,
  ...LEVELS.map((level) => level.tenant),
  ...LEVELS.map((level) => level.org),
  ...FALLBACKS,
  "gate_draft",
  ...BEFORE_GUARDS.map((kind): GuardOrigin => `guard_${kind}`),
  ...MANDATE_ORIGINS,
];

/** What a rule grants and what a decision answers, from the widest to the strictest. */
export const PERMISSIONS = ["allowed", "requires_approval", "disabled"] as const;

export type Permission = (typeof PERMISSIONS)[number];

/** Why a token that was good no longer is, for programs. */
export const REVOCATION_REASONS = [
  "kill_switch",
  "credential",
  "rotated",
  "tool_changed",
  "approval_revoked",
  "mandate",
  "policy",
  "levels",
] as const;

export type RevocationReason = (typeof REVOCATION_REASONS)[number];

/** Why a request is denied, for a person to choose in one tap and an agent to act on. */
export const QUICK_REASONS = [
  "wrong_target",
  "wrong_amount",
  "not_now",
  "needs_discussion",
  "suspicious",
  "other",
] as const;

export type QuickReason = (typeof QUICK_REASONS)[number];
