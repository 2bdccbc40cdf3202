import fc from "fast-check";
import { REQUIRED_FACTS, type RuleRecord } from "../../lib/store/records/policy.ts";
import { LEVELS, PERMISSIONS } from "../../lib/store/records/vocabulary.ts";
import type { PlainPolicy, Question } from "./policy_oracle.ts";
import { anOrg, aRule, ask, aTool, viewOf } from "./policy_records.ts";

/** Policies and questions at random, small enough that they meet. */

// Two or three of every name, so that rules, tools and actions meet all the time; the same words
// for different parts, so that a part taken for another shows.
const NAMES = ["a", "b", "__proto__"];
const name = fc.constantFrom(...NAMES);
/** The same in another case, too. */
const method = fc.constantFrom(...NAMES, ...NAMES.map((name) => name.toUpperCase()));
const folded = (name: string) => name.toLowerCase();
const nameOrNull = fc.option(name, { freq: 4 });
const permission = fc.constantFrom(...PERMISSIONS);
const permissionOrNull = fc.option(permission, { freq: 2 });
/** True one time in `odds`, so that what ends a decision early does not end them all. */
const seldom = (odds: number) => fc.noBias(fc.nat(odds - 1)).map((n) => n === 0);

export const anyTool = fc.record({
  name,
  category: fc.option(fc.constantFrom("c", "d")),
  tags: fc.uniqueArray(name, { maxLength: 3 }),
  default_permission: permissionOrNull,
  required_tier: fc.constantFrom(0, 0, 0, 2),
  required_facts: fc.option(fc.subarray([...REQUIRED_FACTS]), { freq: 3, nil: [] }),
  methods: fc.oneof(
    { weight: 4, arbitrary: fc.constant(null) },
    {
      weight: 1,
      arbitrary: fc.uniqueArray(method, { selector: folded, minLength: 1, maxLength: 2 }),
    },
  ),
  status: fc.constantFrom(
    ...(["approved", "approved", "approved", "approved", "draft", "draft"] as const),
    ...(["disabled", "archived"] as const),
  ),
  killed: seldom(20),
  requires_mandate: seldom(8),
}).map(({ killed, ...part }) => aTool({ ...part, kill_switch: { active: killed, reason: null } }));

export const anyRule = fc.record({
  level: fc.constantFrom(...LEVELS),
  tenant_id: nameOrNull,
  values: fc.tuple(name, name, name),
  upper: fc.boolean(),
  permission,
}).map(({ level, tenant_id, values, upper, permission }) => {
  const parts = level.parts.map((part, i) => [part, valueOf(part, values[i] ?? "a", upper)]);
  return aRule("", { tenant_id, ...Object.fromEntries(parts) }, permission);
});

const valueOf = (part: string, value: string, upper: boolean) =>
  part === "method" && upper ? value.toUpperCase() : value;

/** Whether two rules are the rule of the same actions. */
export const sameSelector = (a: RuleRecord, b: RuleRecord) =>
  a.selector.tenant_id === b.selector.tenant_id &&
  a.selector.resource_id === b.selector.resource_id &&
  a.selector.tool_name === b.selector.tool_name &&
  a.selector.method?.toLowerCase() === b.selector.method?.toLowerCase() &&
  a.selector.tag === b.selector.tag;

export const anyPolicy: fc.Arbitrary<PlainPolicy> = fc.record({
  killed: seldom(30),
  discovery: fc.constantFrom("all" as const, "mcp" as const, "off" as const),
  tools: fc.uniqueArray(anyTool, { selector: (t) => t.name, maxLength: 3, size: "max" }),
  categories: fc.uniqueArray(
    fc.record({ name: fc.constantFrom("c", "d"), default_permission: permissionOrNull }),
    { selector: (c) => c.name, maxLength: 2 },
  ),
  tenants: fc.subarray(NAMES, { minLength: 2 }),
  rules: fc.uniqueArray(anyRule, { comparator: sameSelector, maxLength: 16, size: "max" }),
}).map(({ killed, discovery, rules, ...rest }) => ({
  ...rest,
  org: anOrg({ discovery, kill_switch: { active: killed, reason: null } }),
  rules: rules.map((rule, i) => ({ ...rule, id: `rul_${i}` })),
}));

export const anyQuestion: fc.Arbitrary<Question> = fc.record({
  tenant: nameOrNull,
  resource: nameOrNull,
  tool: name,
  method: fc.option(method, { freq: 4 }),
  trust_tier: fc.constantFrom(0, 1, 2, 3),
  agent_killed: fc.option(seldom(10), { freq: 2 }),
  via: fc.constantFrom("rest" as const, "mcp" as const, "dashboard" as const),
  mandated: fc.boolean(),
});
export const sixQuestions = fc.array(anyQuestion, { minLength: 6, maxLength: 6 });

/** How much the answer lets through: 1 for disabled up to 3 for allowed. */
export function width(policy: PlainPolicy, question: Question): number {
  return widthOf(ask(viewOf(policy), question).permission);
}

/** The same of a permission. */
export function widthOf(permission: string): number {
  return PERMISSIONS.length - PERMISSIONS.findIndex((one) => one === permission);
}
