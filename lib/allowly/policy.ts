import { isJsonObject, type JsonObject, type JsonValue, pointerToken } from "../base/json.ts";
import { evidenceJson } from "../receipts/jws.ts";
import { type InputProblem, Refusal } from "../refusal.ts";
import {
  type Condition,
  CONDITION_OPS,
  type Definition,
  type Scope,
  SCOPE_DECISIONS,
  type ScopeDecision,
  type ScopeRule,
} from "../store/records/mandate.ts";

/**
 * A policy as clients of Allowly write it, and the definition of a bundle that says the same. What it
 * says is read as strictly as they read it themselves; what is not kept to here is refused. Pure.
 */

/** A condition on a member of the context. */
export interface PolicyCondition extends JsonObject {
  field: string;
  op: Condition["op"];
  value: Condition["value"] & JsonValue;
}

export interface PolicyRule extends JsonObject {
  id: string;
  decision: ScopeDecision;
  target: string | null;
  /** Of which one has to hold. */
  conditions: PolicyCondition[];
}

/** What a policy says of one action. */
export interface ActionPolicy extends JsonObject {
  profile: typeof ACTION_PROFILE;
  action: string;
  decision: ScopeDecision;
  target: string | null;
  fields: JsonObject;
  rules: PolicyRule[];
}

interface PolicyAction extends JsonObject {
  policy: ActionPolicy;
  guards: JsonObject;
  executable_operations: JsonValue[];
}

export interface Policy extends JsonObject {
  profile: typeof POLICY_PROFILE;
  agent_id: string;
  default_expiry_days: number | null;
  actions: PolicyAction[];
}

const POLICY_PROFILE = "allowly.policy.v1";

export const ACTION_PROFILE = "allowly.basic.v1";

/** Most bytes of a policy in its canonical form. */
const MAX_POLICY_BYTES = 64 * 1024;

const FIELD_TYPES = ["string", "integer", "boolean", "null", "list"];

/** The policy that a value is. @throws {Refusal} invalid_request, naming what is wrong with it */
export function readPolicy(value: JsonObject): { readonly policy: Policy; readonly text: string } {
  const problems = new Problems();
  checkPolicy(value, problems);
  problems.refuse();
  const text = canonicalText(value, "");
  if (new TextEncoder().encode(text).length > MAX_POLICY_BYTES) {
    problems.add("", `has more than ${MAX_POLICY_BYTES} bytes in canonical form`);
  }
  if (hasNul(value)) problems.add("", "has the character U+0000, which no policy may have");
  problems.refuse();
  return { policy: value as Policy, text };
}

/** The canonical text of what a client commits to. @throws {Refusal} invalid_request */
export function canonicalText(value: JsonValue, path: string): string {
  try {
    return evidenceJson(value);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const why =
      "has no canonical form: numbers are whole and within 2^53 - 1, text is well-formed " +
      "Unicode, and it nests 32 levels at most";
    throw new Refusal("invalid_request", { errors: [{ path, message: why }] });
  }
}

/** The definition of a bundle that says what a policy says. */
export function definitionOf({ agent_id, default_expiry_days, actions }: Policy): Definition {
  return {
    agent: agent_id,
    default_expiry_seconds: default_expiry_days === null ? null : default_expiry_days * 86_400,
    scopes: actions.map(scopeOf),
  };
}

function scopeOf({ policy: { action, decision, rules }, guards }: PolicyAction): Scope {
  const { resource_pattern: pattern, max_per_day } = guards;
  return {
    name: action,
    decision,
    // What denies all resources denies those of a pattern.
    resources: typeof pattern === "string" && decision !== "deny" ? [pattern] : null,
    conditions: rules.map(ruleOf).filter(({ when }) => when.length > 0),
    ...(typeof max_per_day === "number" ? { limits: { max_per_day } } : {}),
  };
}

/** The rule of a scope that says the same; without conditions where it never holds. */
export function ruleOf(
  { decision, conditions }: Pick<PolicyRule, "decision" | "conditions">,
): ScopeRule {
  return { when: conditions.flatMap(conditionOf), decision };
}

function conditionOf({ field, op, value }: PolicyCondition): Condition[] {
  const isNone = Array.isArray(value) && value.length === 0;
  if (isNone && op === "in") return [];
  // Nothing is among none: that holds of whatever there is.
  if (isNone && op === "not_in") return [{ field: "", op: "exists", value: true }];
  return [{ field: `/${pointerToken(field)}`, op, value }];
}

/** What is wrong with an input, as far as it was looked at. */
class Problems {
  readonly #all: InputProblem[] = [];

  add(path: string, message: string): void {
    if (this.#all.length < 20) this.#all.push({ path, message });
  }

  /** @throws {Refusal} invalid_request */
  refuse(): void {
    if (this.#all.length > 0) throw new Refusal("invalid_request", { errors: this.#all });
  }

  /** The members of an object, or null where it is none or its names are others. */
  object(
    value: JsonValue | undefined,
    path: string,
    names: readonly string[] | null,
    optional: readonly string[] = [],
  ): JsonObject | null {
    if (!isJsonObject(value)) return this.#none(path, "must be an object");
    if (names === null) return value;
    const missing = names.find((name) => !Object.hasOwn(value, name));
    const unknown = Object.keys(value).find((name) => ![...names, ...optional].includes(name));
    if (missing !== undefined) return this.#none(`${path}/${missing}`, "is required");
    if (unknown !== undefined) {
      return this.#none(`${path}/${pointerToken(unknown.slice(0, 64))}`, "is not known here");
    }
    return value;
  }

  list(value: JsonValue | undefined, path: string, most: number, least = 0): JsonValue[] {
    if (Array.isArray(value) && value.length >= least && value.length <= most) return value;
    this.add(path, `must be a list of ${least} to ${most} items`);
    return [];
  }

  text(value: JsonValue | undefined, path: string, most = 128): string {
    if (typeof value === "string" && value.length > 0 && value.length <= most) return value;
    this.add(path, `must be a text of 1 to ${most} characters`);
    return "";
  }

  one(value: JsonValue | undefined, path: string, of: readonly string[]): boolean {
    if (typeof value === "string" && of.includes(value)) return true;
    this.add(path, `must be ${of.map((one) => JSON.stringify(one)).join(" or ")}`);
    return false;
  }

  whole(value: JsonValue | undefined, path: string, most = Number.MAX_SAFE_INTEGER): void {
    const fits = typeof value === "number" && Number.isSafeInteger(value) && value >= 1 &&
      value <= most;
    if (!fits) this.add(path, `must be a whole number from 1 to ${most}`);
  }

  #none(path: string, message: string): null {
    this.add(path, message);
    return null;
  }
}

function checkPolicy(value: JsonObject, problems: Problems): void {
  const members = ["profile", "agent_id", "actions", "default_expiry_days"];
  const policy = problems.object(value, "", members);
  if (policy === null) return;
  problems.one(policy.profile, "/profile", [POLICY_PROFILE]);
  const agent = problems.text(policy.agent_id, "/agent_id");
  if (agent !== "" && !/^[!-~]+$/.test(agent)) {
    problems.add("/agent_id", "has printable ASCII characters without spaces here");
  }
  if (policy.default_expiry_days !== null) {
    problems.whole(policy.default_expiry_days, "/default_expiry_days", 3650);
  }
  const names = new Set<string>();
  problems.list(policy.actions, "/actions", 32, 1).forEach((entry, i) => {
    const name = checkAction(entry, `/actions/${i}`, problems);
    if (names.has(name)) problems.add(`/actions/${i}/policy/action`, "is named before");
    names.add(name);
  });
}

function checkAction(value: JsonValue, path: string, problems: Problems): string {
  const entry = problems.object(value, path, ["policy", "guards", "executable_operations"]);
  if (entry === null) return "";
  checkGuards(entry.guards, `${path}/guards`, problems);
  if (!Array.isArray(entry.executable_operations) || entry.executable_operations.length > 0) {
    const message = "must be an empty list: nothing is executed by this service";
    problems.add(`${path}/executable_operations`, message);
  }
  const members = ["profile", "action", "decision", "target", "fields", "rules"];
  const policy = problems.object(entry.policy, `${path}/policy`, members);
  if (policy === null) return "";
  problems.one(policy.profile, `${path}/policy/profile`, [ACTION_PROFILE]);
  const name = problems.text(policy.action, `${path}/policy/action`, 64);
  if (name !== "" && (!isToolName(name) || isDecision(name))) {
    const message = "must be a name of letters, digits and _ . : / -, and no decision";
    problems.add(`${path}/policy/action`, message);
  }
  checkTarget(policy, `${path}/policy`, problems);
  const fields = checkFields(policy.fields, `${path}/policy/fields`, problems);
  const ids = new Set<string>();
  problems.list(policy.rules, `${path}/policy/rules`, 32).forEach((rule, i) => {
    const id = checkRule(rule, `${path}/policy/rules/${i}`, fields, problems);
    if (ids.has(id)) problems.add(`${path}/policy/rules/${i}/id`, "is named before");
    ids.add(id);
  });
  return name;
}

function isToolName(name: string): boolean {
  return /^[A-Za-z0-9_.:/-]+$/.test(name) &&
    !name.split("/").some((segment) => ["", ".", ".."].includes(segment));
}

function isDecision(text: string): text is ScopeDecision {
  return (SCOPE_DECISIONS as readonly string[]).includes(text);
}

function checkGuards(value: JsonValue | undefined, path: string, problems: Problems): void {
  const names = ["resource_pattern", "allowed_initiators", "max_per_day"];
  const guards = problems.object(value, path, [], names);
  if (guards === null) return;
  if (guards.resource_pattern !== undefined) {
    problems.text(guards.resource_pattern, `${path}/resource_pattern`, 256);
  }
  if (guards.allowed_initiators !== undefined) {
    const message = "is not kept to here, for a check names no initiator; leave it out";
    problems.add(`${path}/allowed_initiators`, message);
  }
  if (guards.max_per_day !== undefined) problems.whole(guards.max_per_day, `${path}/max_per_day`);
}

function checkTarget({ decision, target }: JsonObject, path: string, problems: Problems): void {
  if (!problems.one(decision, `${path}/decision`, SCOPE_DECISIONS)) return;
  const fits = decision === "confirm"
    ? target === "agent_owner"
    : decision === "escalate"
    ? typeof target === "string" && /^member:.*\S.*$/su.test(target) && target.length <= 135
    : target === null;
  if (fits) return;
  const message =
    "must be null for allow and deny, agent_owner for confirm, and member: with an id " +
    "of at most 128 characters for escalate";
  problems.add(`${path}/target`, message);
}

function checkFields(
  value: JsonValue | undefined,
  path: string,
  problems: Problems,
): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  const declared = problems.object(value, path, null) ?? {};
  const all = Object.entries(declared);
  if (all.length > 64) problems.add(path, "declares more than 64 fields");
  for (const [name, type] of all.slice(0, 64)) {
    if (name.length === 0 || name.length > 128) {
      problems.add(path, "declares a field whose name has not 1 to 128 characters");
    } else if (typeof type === "string" && FIELD_TYPES.includes(type)) {
      fields.set(name, type);
    } else {
      problems.add(`${path}/${pointerToken(name)}`, `must be one of ${FIELD_TYPES.join(", ")}`);
    }
  }
  return fields;
}

function checkRule(
  value: JsonValue,
  path: string,
  fields: ReadonlyMap<string, string>,
  problems: Problems,
): string {
  const rule = problems.object(value, path, ["id", "decision", "target", "conditions"]);
  if (rule === null) return "";
  checkTarget(rule, path, problems);
  problems.list(rule.conditions, `${path}/conditions`, 10, 1).forEach((condition, i) => {
    const at = `${path}/conditions/${i}`;
    const members = problems.object(condition, at, ["field", "op", "value"]);
    const fault = members === null ? null : conditionFault(members, fields);
    if (fault !== null) problems.add(at, fault);
  });
  return problems.text(rule.id, `${path}/id`);
}

/** What is wrong with a condition, given the fields that its action declares; null for nothing. */
function conditionFault(
  { field, op, value }: JsonObject,
  fields: ReadonlyMap<string, string>,
): string | null {
  const type = typeof field === "string" ? fields.get(field) : undefined;
  if (type === undefined) return "must be on a field that is declared";
  if (typeof op !== "string" || !(CONDITION_OPS as readonly string[]).includes(op)) {
    return `must compare by one of ${CONDITION_OPS.join(", ")}`;
  }
  if (op === "exists" || op === "empty") {
    if (op === "empty" && type !== "list") return "asks only of a list whether it is empty";
    return typeof value === "boolean" ? null : "must compare with true or false";
  }
  if (op === "contains_any" || op === "contains_none") {
    const fits = type === "list" && Array.isArray(value) && value.length >= 1 &&
      value.length <= 64 && value.every(isScalar);
    return fits
      ? null
      : "must compare a list with a list of 1 to 64 texts, numbers, true, false, null";
  }
  if (type === "list") return "must compare a list by contains_any, contains_none, empty or exists";
  if ((op === "in" || op === "not_in") !== Array.isArray(value)) {
    return "must compare with a list by in and not_in, and by nothing else";
  }
  const values = Array.isArray(value) ? value : [value ?? null];
  if (values.length > 64 || !values.every((one) => typeOf(one) === type)) {
    return "must compare with at most 64 values of the type that the field is declared with";
  }
  return ["gt", "gte", "lt", "lte"].includes(op) && type !== "integer"
    ? "orders integers only"
    : null;
}

function isScalar(value: JsonValue): boolean {
  return ["string", "integer", "boolean", "null"].includes(typeOf(value));
}

function typeOf(value: JsonValue): string {
  if (value === null) return "null";
  if (typeof value === "number") return Number.isSafeInteger(value) ? "integer" : "number";
  return typeof value;
}

function hasNul(value: JsonValue): boolean {
  if (typeof value === "string") return value.includes("\0");
  if (Array.isArray(value)) return value.some(hasNul);
  return isJsonObject(value) &&
    Object.entries(value).some(([name, member]) => name.includes("\0") || hasNul(member));
}
