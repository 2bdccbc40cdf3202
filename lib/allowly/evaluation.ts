import { hash } from "node:crypto";
import type { JsonObject } from "../base/json.ts";
import { holds } from "../mandates/conditions.ts";
import { evidenceDigest, evidenceJson } from "../receipts/jws.ts";
import { SCOPE_DECISIONS } from "../store/records/mandate.ts";
import { ACTION_PROFILE, type ActionPolicy, type PolicyRule, ruleOf } from "./policy.ts";

/**
 * What one action's policy says to a context, by itself: whoever has both can work it out again. It is
 * told beside an answer and decides nothing. Pure.
 */

/** Most bytes that a client takes. */
const MAX_BYTES = 32 * 1024;

/** The evaluation of a policy, or null where it has no canonical form or is larger than clients take. */
export function evaluation(policy: ActionPolicy, context: JsonObject): JsonObject | null {
  try {
    const told = {
      input_sha256: evidenceDigest({ policy, action: policy.action, context }),
      result: resultOf(policy, context),
    };
    return new TextEncoder().encode(evidenceJson(told)).length > MAX_BYTES ? null : told;
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

function resultOf(policy: ActionPolicy, context: JsonObject): JsonObject {
  const rule = matched(policy, context);
  const { decision, target } = rule ?? policy;
  return {
    profile: ACTION_PROFILE,
    status: "ok",
    decision,
    target,
    matched_rule_id: rule?.id ?? null,
    evaluated_fields: rule === null ? {} : fieldsOf(rule, context),
  };
}

/** The first of the strictest rules that hold and do not weaken what the policy says. */
function matched(policy: ActionPolicy, context: JsonObject): PolicyRule | null {
  const rank = ({ decision }: Pick<PolicyRule, "decision">) => SCOPE_DECISIONS.indexOf(decision);
  let strictest: PolicyRule | null = null;
  for (const rule of policy.rules) {
    if (rank(rule) < rank(policy) || (strictest !== null && rank(rule) <= rank(strictest))) {
      continue;
    }
    if (ruleOf(rule).when.some((condition) => holds(condition, context))) strictest = rule;
  }
  return strictest;
}

function fieldsOf({ conditions }: PolicyRule, context: JsonObject): JsonObject {
  const fields = conditions.map(({ field }) => field)
    .filter((field) => Object.hasOwn(context, field));
  return Object.fromEntries(fields.map((field) => [field, context[field] ?? null]));
}

/** Hex of the SHA-256 of a canonical text. */
export function textDigest(text: string): string {
  return hash("sha256", text, "hex");
}
