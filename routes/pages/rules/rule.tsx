import { z } from "zod";
import { warningWords } from "../../../components/rule_warnings.tsx";
import { existingRule, putRule, removeRule, type RuleFields } from "../../../lib/catalog/rules.ts";
import type { CallerOperation } from "../../../lib/identity/caller_operation.ts";
import { type Level, LEVELS, type SelectorPart } from "../../../lib/policy/levels.ts";
import type { RuleWarning } from "../../../lib/policy/rule_warnings.ts";
import { invalidRequest, Refusal } from "../../../lib/refusal.ts";
import type { ResourceRecord, RuleRecord } from "../../../lib/store/records/policy.ts";
import { changedSince } from "../../as_shown.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { optional, text, whole } from "../../dashboard/form.ts";
import { action, type Outcome } from "../../dashboard/page.ts";
import { methodName, resourceId, tenantId, toolName } from "../../fields/action.ts";
import { permissionField, tagName } from "../../v1/catalog_fields.ts";
import { ruleBody } from "../../v1/rule_fields.ts";
import { rulePath } from "../rule_links.ts";

type Call = MemberCall<unknown, unknown>;

/** A rule as a form left it, and what is to be said of it. */
interface RuleOutcome {
  readonly rule: RuleRecord;
  readonly warnings: readonly RuleWarning[];
}

const LEVEL_NAMES = LEVELS.map(({ name }) => name) as [Level["name"], ...Level["name"][]];

export const levelName = z.enum(LEVEL_NAMES);

const saying = {
  permission: text(permissionField),
  note: optional(ruleBody.shape.note.unwrap().unwrap()),
};

const making = z.strictObject({
  level: text(levelName),
  tenant_id: optional(tenantId),
  resource_id: optional(resourceId),
  tool_name: optional(toolName),
  method: optional(methodName),
  tag: optional(tagName),
  ...saying,
});

const changing = z.strictObject({ rule: text(z.string()), seen: whole(z.int()), ...saying });

const removing = z.strictObject({ rule: text(z.string()) });

const PARTS: readonly SelectorPart[] = ["resource_id", "tool_name", "method", "tag"];

/** Makes a rule of the level that the form is for; `to` is where that leads. */
export function makeAction(to: (call: Call, rule: RuleRecord) => string) {
  return action(making, async (call: Call, form): Promise<Outcome> => {
    const { level, permission, note, ...selector } = form;
    const needed: readonly SelectorPart[] = LEVELS.find(({ name }) => name === level)?.parts ?? [];
    const missing = PARTS.filter((part) => needed.includes(part) && selector[part] === null);
    if (missing.length > 0) {
      throw new Refusal("invalid_request", {
        errors: missing.map((part) => ({ path: `/${part}`, message: "must not be empty" })),
      });
    }
    const { rule, warnings, made } = await atFields(() =>
      call.transact(madeOrThere({ selector, permission, note }, call.id), "configure")
    );
    if (made) {
      return { to: to(call, rule), notice: noticeOf("The rule is made and in force.", warnings) };
    }
    return {
      to: rulePath(rule.id),
      notice: "There is a rule for exactly this already, which stands unchanged. Here it is.",
    };
  }, "configure");
}

/** Changes what a rule says. */
export function changeAction(to: (call: Call, rule: RuleRecord) => string) {
  return action(changing, async (call: Call, { rule: id, seen, permission, note }) => {
    const { rule, warnings } = await call.transact(
      changedRule(id, seen, { permission, note }, call.id),
      "configure",
    );
    return { to: to(call, rule), notice: noticeOf("The rule is changed and in force.", warnings) };
  }, "configure");
}

/** Removes a rule. */
export function removeAction(to: (call: Call, rule: RuleRecord) => string) {
  return action(removing, async (call: Call, { rule: id }) => {
    const { record } = await call.transact(removeRule(id, call.id), "configure");
    return {
      to: to(call, record),
      notice: "The rule is removed. What comes after it decides from now on.",
    };
  }, "configure");
}

/** Makes a rule; where its selector has one, that one stays as it is. */
function madeOrThere(
  fields: RuleFields,
  request_id: string,
): CallerOperation<ResourceRecord | null, RuleOutcome & { readonly made: boolean }> {
  const put = putRule(fields, request_id);
  return {
    ...put,
    plan(transaction, caller, resource) {
      const there = transaction.snapshot.rules.get(fields.selector);
      if (there !== undefined) return { rule: there, warnings: [], made: false };
      const { record, warnings } = put.plan(transaction, caller, resource);
      return { rule: record, warnings, made: true };
    },
  };
}

function changedRule(
  id: string,
  seen: number,
  said: Pick<RuleFields, "permission" | "note">,
  request_id: string,
): CallerOperation<void, RuleOutcome> {
  return {
    plan(transaction, caller) {
      const rule = existingRule(transaction, id);
      const objection = changedSince(rule, seen);
      if (objection !== null) throw invalidRequest(objection.path, objection.message);
      const put = putRule({ selector: rule.selector, ...said }, request_id);
      const { record, warnings } = put.plan(transaction, caller, null);
      return { rule: record, warnings };
    },
  };
}

/** What was done, and what is to be said of the rule. */
function noticeOf(done: string, warnings: readonly RuleWarning[]): string {
  return [done, ...warnings.map(warningWords)].join(" ");
}

/** What the catalog says of a selector's part is said at the field of that part. */
async function atFields<R>(run: () => Promise<R>): Promise<R> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { code, data } = error;
    if (code !== "invalid_request" && code !== "invalid_selector") throw error;
    const { errors }: Refusal<"invalid_request" | "invalid_selector">["data"] = data;
    throw new Refusal("invalid_request", {
      errors: errors.map(({ path, message }) => ({
        path: path.replace(/^\/selector/, ""),
        message,
      })),
    });
  }
}
