import type { Selector } from "../lib/store/records/policy.ts";
import { LEVELS, type Permission } from "../lib/store/records/vocabulary.ts";

export const CATEGORY = "infrastructure";
export const TAG = "production";
export const METHODS = ["READ", "RESTART", "RESIZE", "DELETE"] as const;
export const TOOLS = Array.from({ length: 8 }, (_, i) => `compute.action_${i}`);

/** The tenant of the rules that no question meets. */
const PILOT = "pilot";
/** Rules that one tenant has in a large policy. */
const RULES_A_TENANT = 100;
/** How many different questions the load generator asks in turn. */
const QUESTIONS = 64;

export interface SampleRule {
  readonly selector: Selector;
  readonly permission: Permission;
}

/** The policy that the benches ask about, in one size or another. */
export interface SamplePolicy {
  readonly tenants: readonly string[];
  readonly rules: readonly SampleRule[];
}

/** The body of a check. */
export interface Question {
  readonly tool_name: string;
  readonly tenant_id: string;
  readonly resource_id: string;
  readonly method: string;
  readonly arguments: Readonly<Record<string, string | number>>;
  readonly reason: string;
}

const NO_SELECTOR: Selector = {
  tenant_id: null,
  resource_id: null,
  tool_name: null,
  method: null,
  tag: null,
};

/**
 * `count` rules: one at each of the sixteen levels, and the rest where large policies have theirs,
 * in resources of tenants at the four levels that name a resource.
 */
export function samplePolicy(count: number): SamplePolicy {
  const tenants = Array.from(
    { length: Math.ceil(count / RULES_A_TENANT) },
    (_, i) => `tenant-${i}`,
  );
  const tenantOf = (i: number) => tenants[i % tenants.length] ?? null;
  const rules: SampleRule[] = [];
  const add = (selector: Partial<Selector>) => {
    const permission = rules.length % 3 === 0 ? "requires_approval" : "allowed";
    rules.push({ selector: { ...NO_SELECTOR, ...selector }, permission });
  };
  const facts = { resource_id: "ledger", tool_name: TOOLS[0], method: METHODS[0], tag: TAG };
  for (const tenant_id of [PILOT, null]) {
    for (const { parts } of LEVELS) {
      add({ tenant_id, ...Object.fromEntries(parts.map((part) => [part, facts[part]])) });
    }
  }
  for (let i = 0; rules.length < count; i++) {
    const resource_id = resourceOf(i);
    const [tool_name, method] = [toolOf(i), methodOf(i)];
    const levels = [{ tool_name, method }, { tool_name }, { method }, {}];
    for (const level of levels.slice(0, count - rules.length)) {
      add({ tenant_id: tenantOf(i), resource_id, ...level });
    }
  }
  return { tenants: [PILOT, ...tenants], rules };
}

/**
 * Questions spread over the whole policy. A quarter is answered at each of: the most specific level
 * of a tenant, the level of a tenant's resource, and, twice, one of the org's rules at the far end
 * of the walk.
 */
export function sampleQuestions({ rules, tenants }: SamplePolicy): Question[] {
  const asking = tenants.slice(1);
  const resources = Math.ceil((rules.length - 2 * LEVELS.length) / 4);
  return Array.from({ length: QUESTIONS }, (_, n) => {
    const i = resources <= 0 ? n : Math.floor(n * resources / QUESTIONS);
    const knowsResource = n % 4 < 2 && resources > 0;
    const knowsAll = n % 4 === 0;
    return {
      tool_name: knowsAll ? toolOf(i) : toolOf(i + 1),
      tenant_id: asking[i % asking.length] ?? "",
      resource_id: knowsResource ? resourceOf(i) : `unruled-${n}`,
      method: knowsAll ? methodOf(i) : methodOf(i + 1),
      arguments: { instance: `i-${n}`, region: "eu-central-1", count: n, note: "nightly window" },
      reason: `The health check of instance ${n} fails since an hour and a restart clears it`,
    };
  });
}

function resourceOf(i: number): string {
  return `server-${i}`;
}

function toolOf(i: number): string {
  return TOOLS[i % TOOLS.length] ?? "";
}

function methodOf(i: number): string {
  return METHODS[i % METHODS.length] ?? "";
}
