import { canonicalJson } from "../base/canonical.ts";
import { orgGuardsWiden, toolGuardsWiden } from "../guards/guards.ts";
import type { AgentRecord } from "../store/records/identity.ts";
import type {
  Annotations,
  CategoryRecord,
  OrgRecord,
  RuleRecord,
  TenantRecord,
  ToolRecord,
} from "../store/records/policy.ts";
import type { Permission } from "../store/records/vocabulary.ts";
import { draftToolRecord } from "./draft_tool.ts";
import { isSameMethod } from "./rule_index.ts";

/**
 * Whether a change lets more through than before. A member makes such a change only under a fresh
 * assertion, so each answer errs on the side of yes: what could widen for some action does.
 */

/** What of a policy, as it is before the change, the change is judged in. */
export interface Around {
  readonly org: Pick<OrgRecord, "approval_timeout_seconds" | "approval_use_seconds" | "guards">;
  category(name: string): CategoryRecord | undefined;
}

/** A rule before and after; null where there is none. */
export interface RuleStep {
  readonly old: RuleRecord | null;
  readonly next: RuleRecord | null;
}

/** How much each lets through. */
const WIDTH: Readonly<Record<Permission, number>> = {
  disabled: 0,
  requires_approval: 1,
  allowed: 2,
};

const STATUS_WIDTH: Readonly<Record<ToolRecord["status"], number>> = {
  archived: 0,
  disabled: 0,
  draft: 1,
  approved: 2,
};

const DISCOVERY_WIDTH: Readonly<Record<OrgRecord["discovery"], number>> = {
  off: 0,
  mcp: 1,
  all: 2,
};

/** The value of each annotation that makes a tool look harmless. */
const MILD: Annotations = {
  read_only: true,
  destructive: false,
  idempotent: true,
  open_world: false,
};

const RISK: Readonly<Record<ToolRecord["risk_level"], number>> = {
  low: 0,
  medium: 1,
  high: 2,
  critical: 3,
};

/**
 * A new rule widens unless it is `disabled`: it hides whatever stricter one lies behind it. A change
 * widens when its permission lets more through, or when another note is what approvers come to read; a
 * removal unless the rule was `allowed`.
 */
export function ruleWidens(
  old: Pick<RuleRecord, "permission" | "note"> | null,
  next: Pick<RuleRecord, "permission" | "note"> | null,
): boolean {
  if (old === null) return next !== null && next.permission !== "disabled";
  if (next === null) return old.permission !== "allowed";
  return WIDTH[next.permission] > WIDTH[old.permission] ||
    (next.permission === "requires_approval" && next.note !== old.note);
}

/**
 * Whether changes take the last rule that names a tenant. That widens whatever the rule says:
 * `gate_unknown_tenant` asks about unregistered tenants only while there are rules for tenants.
 */
export function liftsTenantGate(
  rules: Iterable<RuleRecord> & { readonly hasTenantRules: boolean },
  steps: readonly RuleStep[],
): boolean {
  const namesTenant = (rule: RuleRecord | null) => (rule?.selector.tenant_id ?? null) !== null;
  if (!rules.hasTenantRules || steps.some(({ next }) => namesTenant(next))) return false;
  const gone = new Set<string>();
  for (const { old, next } of steps) {
    if (old !== null && next === null && namesTenant(old)) gone.add(old.id);
  }
  if (gone.size === 0) return false;
  for (const rule of rules) {
    if (namesTenant(rule) && !gone.has(rule.id)) return false;
  }
  return true;
}

/**
 * A tool that is out of use afterwards (disabled, archived) lets nothing through. Any other widens
 * when it is new, or when of the one before
 * - the status rises: out of use, draft, approved;
 * - the kill switch is released;
 * - the default permission rises, where none stands for the category's, and that for `allowed`;
 * - category or tags are others, for which there may be other rules and defaults;
 * - the required tier is lower;
 * - a required fact goes, and with it its gate;
 * - it takes a method that it did not;
 * - the second approval, or a mandate, is not required any more;
 * - a request may wait longer, or an approval be used later;
 * - the parameter schema is another: whether it is looser is not to be told in general;
 * - a fact is read from the arguments, or from another place of them, or is not any more: what rests
 *   on it counts for other calls then;
 * - a guard goes, looks at less, or does less about what it finds;
 * - an annotation or the risk level becomes milder, or the description is another, of which nobody
 *   can tell: approvers are told a more harmless story.
 *
 * A tool that goes is one that is registered as a bare draft when it is asked about again.
 * @param old null for a tool that is not in the catalog
 */
export function toolWidens(
  old: ToolRecord | null,
  next: ToolRecord | null,
  around: Around,
): boolean {
  if (next === null) {
    return old !== null && toolWidens(old, draftToolRecord(old.name, old.id, 0), around);
  }
  if (STATUS_WIDTH[next.status] === 0) return false;
  if (old === null) return true;
  const { org } = around;
  return STATUS_WIDTH[next.status] > STATUS_WIDTH[old.status] ||
    releases(old.kill_switch, next.kill_switch) ||
    WIDTH[defaultOf(next, around)] > WIDTH[defaultOf(old, around)] ||
    next.category !== old.category ||
    !sameMembers(next.tags, old.tags) ||
    next.required_tier < old.required_tier ||
    old.required_facts.some((fact) => !next.required_facts.includes(fact)) ||
    takesMore(old.methods, next.methods) ||
    (old.requires_second_approval && !next.requires_second_approval) ||
    (old.requires_mandate && !next.requires_mandate) ||
    (next.approval_timeout_seconds ?? org.approval_timeout_seconds) >
      (old.approval_timeout_seconds ?? org.approval_timeout_seconds) ||
    (next.approval_use_seconds ?? org.approval_use_seconds) >
      (old.approval_use_seconds ?? org.approval_use_seconds) ||
    guardsWiden(old, next, around) ||
    canonicalJson(next.facts ?? {}) !== canonicalJson(old.facts ?? {}) ||
    canonicalJson(next.parameters) !== canonicalJson(old.parameters) ||
    next.description !== old.description ||
    RISK[next.risk_level] < RISK[old.risk_level] ||
    isMilder(old.annotations, next.annotations);
}

/** Whether a tool is guarded less. One that goes comes back with what its org's guards are. */
export function guardsWiden(
  old: ToolRecord,
  next: ToolRecord | null,
  { org }: Pick<Around, "org">,
): boolean {
  // What is taken out of the catalog comes back, when it is offered again, as what it was.
  const after = { ...next, ...(old.upstream === undefined ? {} : { upstream: old.upstream }) };
  return toolGuardsWiden({ org, tool: old }, { org, tool: after });
}

/**
 * A category widens when its default permission rises. One without a default, or that is not there,
 * leaves an approved tool `allowed`.
 */
export function categoryWidens(
  old: Pick<CategoryRecord, "default_permission"> | null,
  next: Pick<CategoryRecord, "default_permission"> | null,
): boolean {
  return WIDTH[next?.default_permission ?? "allowed"] > WIDTH[old?.default_permission ?? "allowed"];
}

/**
 * In an org that has rules which name tenants, a tenant widens when it comes: its actions are not
 * held for a human any more. When it goes they are, and rules that name it still count.
 */
export function tenantWidens(
  old: TenantRecord | null,
  next: TenantRecord | null,
  rules: { readonly hasTenantRules: boolean },
): boolean {
  return rules.hasTenantRules && old === null && next !== null;
}

/**
 * The settings of an org widen when unknown tools become drafts that were refused, or more of them, duties are not
 * separated or a missing second level not refused any more, keys may decide or answer for users, ids may be personal, a
 * request may wait longer or an approval be used later, a recovered account is held for a shorter
 * time, its tools are guarded less, or the kill switch is released. How soon a
 * run must be reported and whether arguments are retained lets nothing through.
 */
export function orgWidens(old: OrgRecord, next: OrgRecord): boolean {
  return DISCOVERY_WIDTH[next.discovery] > DISCOVERY_WIDTH[old.discovery] ||
    next.discovery_max_per_hour > old.discovery_max_per_hour ||
    next.discovery_max_per_caller_per_hour > old.discovery_max_per_caller_per_hour ||
    next.discovery_max_untriaged > old.discovery_max_untriaged ||
    (old.separation_of_duties && !next.separation_of_duties) ||
    (isStrict(old) && !isStrict(next)) ||
    (next.api_decisions && !old.api_decisions) ||
    (next.confirm_by === "app" && old.confirm_by !== "app") ||
    (next.allow_personal_ids && !old.allow_personal_ids) ||
    (next.allowly && !old.allowly) ||
    (next.register_from_policies && !old.register_from_policies) ||
    next.approval_timeout_seconds > old.approval_timeout_seconds ||
    next.approval_use_seconds > old.approval_use_seconds ||
    next.recovery_hold_hours < old.recovery_hold_hours ||
    orgGuardsWiden(old, next) ||
    releases(old.kill_switch, next.kill_switch);
}

/**
 * An agent widens when its trust tier rises, it may name more tenants, it lives longer, may ask more
 * often, its kill switch is released, or it goes by another name: approvers read who asks. Null is
 * without bounds.
 */
export function agentWidens(
  old: Omit<AgentRecord, "id">,
  next: Omit<AgentRecord, "id">,
): boolean {
  return next.trust_tier > old.trust_tier ||
    reachesFurther(old.tenant_ids, next.tenant_ids) ||
    (next.expires_at ?? Infinity) > (old.expires_at ?? Infinity) ||
    (next.rate_limit_per_minute ?? Infinity) > (old.rate_limit_per_minute ?? Infinity) ||
    next.name !== old.name ||
    releases(old.kill_switch, next.kill_switch);
}

function releases(old: { active: boolean }, next: { active: boolean }): boolean {
  return old.active && !next.active;
}

function defaultOf({ default_permission, category }: ToolRecord, around: Around): Permission {
  const ofCategory = category === null ? undefined : around.category(category);
  return default_permission ?? ofCategory?.default_permission ?? "allowed";
}

function isMilder(old: Annotations, next: Annotations): boolean {
  const names = Object.keys(MILD) as (keyof Annotations)[];
  return names.some((name) => next[name] === MILD[name] && old[name] !== MILD[name]);
}

/** Whether one list of methods has any that the other has not; null takes all. */
function takesMore(old: readonly string[] | null, next: readonly string[] | null): boolean {
  if (old === null) return false;
  return next === null || next.some((method) => !old.some((one) => isSameMethod(one, method)));
}

/** Whether one list of tenants permits any that the other does not; null permits all. */
function reachesFurther(old: readonly string[] | null, next: readonly string[] | null): boolean {
  if (old === null) return false;
  return next === null || next.some((tenant) => !old.includes(tenant));
}

function sameMembers(a: readonly string[], b: readonly string[]): boolean {
  const other = new Set(b);
  return new Set(a).size === other.size && a.every((member) => other.has(member));
}

/**
 * Whether a second level that nobody is at is refused: always, unless an owner chose otherwise under
 * a passkey. A record of before, which holds false although nobody chose it, is strict.
 */
export function isStrict({ strict_levels, strict_levels_by }: OrgRecord): boolean {
  return strict_levels || strict_levels_by === null;
}
