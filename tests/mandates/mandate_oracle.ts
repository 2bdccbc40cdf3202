import type { JsonValue } from "../../lib/base/json.ts";
import type { Condition, MandateRecord, Scope } from "../../lib/store/records/mandate.ts";
import type { ToolRecord } from "../../lib/store/records/policy.ts";
import type { Answer } from "../helpers/policy_oracle.ts";

/** What a mandate says, as its description reads, sharing nothing with the real one. */

export interface Told {
  readonly mandate: MandateRecord | null;
  readonly scopes: readonly Scope[];
  readonly tool: ToolRecord | undefined;
  readonly name: string;
  readonly resource: string | null;
  readonly args: Record<string, JsonValue>;
  readonly agent: string | null;
  readonly now: number;
}

const ORDER = ["allow", "confirm", "escalate", "deny"];
const WIDE_TO_STRICT = ["allowed", "requires_approval", "disabled"];

/** The policy's answer, narrowed. */
export function narrowed(policy: Answer, told: Told): Answer {
  const said = saidBy(told);
  if (said === null) return policy;
  const [mandate, chain] = [said, policy].map(({ permission }) =>
    WIDE_TO_STRICT.indexOf(permission)
  );
  return (mandate ?? 0) > (chain ?? 0) ? said : policy;
}

function saidBy({ mandate, scopes, tool, name, resource, args, agent, now }: Told): Answer | null {
  if (mandate === null) return no("mandate_not_found");
  if (mandate.ended?.state === "revoked") return no("mandate_revoked");
  if (mandate.ended?.state === "superseded") return no("mandate_superseded");
  if (now >= mandate.expires_at) return no("mandate_expired");
  const isAgent = mandate.agent.startsWith("agt_");
  if (isAgent ? agent !== mandate.agent : agent !== null) return no("mandate_agent");
  const mine = scopes.filter((scope) =>
    scope.name.startsWith("tag:")
      ? tool !== undefined && tool.tags.some((tag) => scope.name === `tag:${tag}`)
      : scope.name === name
  );
  if (mine.length === 0) return no("mandate_scope");
  let best: { rank: number; from: string } = { rank: 0, from: "" };
  for (const scope of mine) {
    let rank = ORDER.indexOf(scope.decision);
    let from = ["", "mandate_user", "mandate_members", "mandate_scope"][rank] ?? "";
    for (const { when, decision } of scope.conditions) {
      const tighter = ORDER.indexOf(decision);
      if (tighter > rank && when.some((one) => isMet(one, args))) {
        rank = tighter;
        from = "mandate_condition";
      }
    }
    if (
      scope.resources !== null && !scope.resources.some((pattern) => matches(pattern, resource))
    ) {
      rank = 3;
      from = "mandate_resource";
    }
    const isFirst = permissionOf(rank) !== permissionOf(best.rank);
    const overUser = best.from === "mandate_user" && rank > 0;
    if (rank > 0 && permissionOf(rank) >= permissionOf(best.rank) && (isFirst || overUser)) {
      best = { rank, from };
    }
  }
  if (best.rank === 0) return null;
  const permission = best.rank === 3 ? "disabled" : "requires_approval";
  return { permission, resolved_from: best.from, rule_id: null };
}

function permissionOf(rank: number): number {
  return rank === 0 ? 0 : rank === 3 ? 2 : 1;
}

function no(resolved_from: string): Answer {
  return { permission: "disabled", resolved_from, rule_id: null };
}

/** By a regular expression, as the real one is not. */
function matches(pattern: string, resource: string | null): boolean {
  if (resource === null) return false;
  const source = pattern.split("*").map((piece) => piece.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${source.join("[^]*")}$`).test(resource);
}

/** Fields of the test are members of the arguments themselves. */
export function isMet({ field, op, value }: Condition, args: Record<string, JsonValue>): boolean {
  const name = field.slice(1);
  const has = Object.hasOwn(args, name);
  const actual = args[name] ?? null;
  const list: readonly JsonValue[] = Array.isArray(value) ? value : [value];
  if (op === "exists") return has === value;
  if (!has) return true;
  const unlike = (other: JsonValue) =>
    actual !== null && other !== null && typeof actual !== typeof other;
  switch (op) {
    case "eq":
      return actual === value || unlike(value);
    case "ne":
      return actual !== value;
    case "in":
      return list.includes(actual) || list.every(unlike);
    case "not_in":
      return !list.includes(actual);
    case "contains_any":
      return !Array.isArray(actual) || actual.some((one) => list.includes(one));
    case "contains_none":
      return !Array.isArray(actual) || !actual.some((one) => list.includes(one));
    case "empty": {
      if (typeof actual === "number" || typeof actual === "boolean") return true;
      const isEmpty = actual === null || Object.keys(actual).length === 0;
      return isEmpty === value;
    }
    default: {
      if (!Number.isSafeInteger(actual)) return true;
      const [a, b] = [BigInt(actual as number), BigInt(value as number)];
      return { gt: a > b, gte: a >= b, lt: a < b, lte: a <= b }[op];
    }
  }
}
