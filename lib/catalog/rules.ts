import type { CallerOperation } from "../identity/acting.ts";
import type { Caller } from "../identity/caller.ts";
import { demand } from "../identity/deeds.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { type RuleWarning, ruleWarnings } from "../policy/rule_warnings.ts";
import { liftsTenantGate, type RuleStep, ruleWidens } from "../policy/widening.ts";
import { Refusal } from "../refusal.ts";
import { ruleKey } from "../store/keys.ts";
import type { ResourceRecord, RuleRecord } from "../store/records/policy.ts";
import { assertNoPersonalIds } from "./personal_ids.ts";
import {
  type Author,
  hasEffect,
  type RecordChange,
  writeChange,
  type Written,
} from "./record_change.ts";
import { loadResource } from "./resources.ts";
import {
  idsOf,
  levelProblems,
  patternIn,
  patternProblems,
  refuseSelectors,
  registeredIn,
} from "./selectors.ts";

/**
 * Rules of an org: one for each selector. A rule that lets more through takes a passkey of the
 * member who makes it.
 */

/** A rule as it is asked for. */
export type RuleFields = Pick<RuleRecord, "selector" | "permission" | "note">;

/** A rule after a write, and what is to be said of it. */
interface WrittenRule extends Written<RuleRecord> {
  readonly warnings: readonly RuleWarning[];
}

/**
 * Makes the rule of a selector, or replaces it: there is one for each, however a method is spelled.
 * @throws {Refusal} invalid_selector, invalid_request, fresh_assertion_required
 */
export function putRule(
  fields: RuleFields,
  request_id: string,
): CallerOperation<ResourceRecord | null, WrittenRule> {
  const { selector } = fields;
  refuseSelectors(levelProblems(selector, "/selector"));
  return {
    // Whether it is registered matters only to an id that looks like a pattern.
    load: (reader) =>
      selector.resource_id === null || patternIn(selector.resource_id) === null
        ? null
        : loadResource(reader, selector.resource_id),
    plan(transaction, caller, resource) {
      const { snapshot, at } = transaction;
      assertNoPersonalIds(snapshot.org, idsOf(selector, "/selector"));
      const old = snapshot.rules.get(selector) ?? null;
      // One from before patterns were refused may be made stricter.
      if (old === null) {
        const registered = registeredIn(snapshot, () => resource !== null);
        refuseSelectors(patternProblems(selector, "/selector", registered));
      }
      const next = ruleRecordOf(fields, old, { id: transaction.id("rul"), at });
      demandStep(transaction, caller, { old, next });
      const written = writeRule(transaction, { caller, request_id }, old, next);
      return {
        record: written || old === null ? next : old,
        created: old === null,
        policy_version: transaction.policyVersion,
        warnings: ruleWarnings(next, snapshot),
      };
    },
  };
}

/** Removes a rule. @throws {Refusal} not_found, fresh_assertion_required */
export function removeRule(
  id: string,
  request_id: string,
): CallerOperation<void, Written<RuleRecord>> {
  return {
    plan(transaction, caller) {
      const record = existingRule(transaction, id);
      demandStep(transaction, caller, { old: record, next: null });
      writeRule(transaction, { caller, request_id }, record, null);
      return { record, created: false, policy_version: transaction.policyVersion };
    },
  };
}

/** Puts a change of a rule into the commit; what is stored beside the rule goes with it. */
function writeRule(
  transaction: Transaction,
  author: Author,
  old: RuleRecord | null,
  next: RuleRecord | null,
): boolean {
  const { orgId, rules } = transaction.snapshot;
  const change = ruleChange(orgId, old, next);
  if (!hasEffect(change)) return false;
  // They go first: the rule may take the spelling of one of them, and so its row.
  for (const twin of old === null ? [] : rules.twinsOf(old.selector)) {
    writeChange(transaction, author, ruleChange(orgId, twin, null));
  }
  return writeChange(transaction, author, change);
}

/** Asks of whoever changes a rule what that change needs. */
function demandStep({ snapshot: { rules } }: Transaction, caller: Caller, step: RuleStep): void {
  demand(caller, "configure");
  const { old, next } = step;
  if (!ruleWidens(old, next) && !liftsTenantGate(rules, [step])) return;
  demand(caller, "loosen", next === null ? "Removing a rule" : looseningOf(next));
}

function looseningOf(next: RuleRecord): string {
  const { resource_id, tool_name, method, tag } = next.selector;
  const what = tool_name ?? resource_id ?? method ?? `what is tagged ${tag ?? ""}`;
  return next.permission === "allowed"
    ? `Letting ${what} run without asking`
    : `Letting ${what} run after an approval`;
}

/** The rule with this id in the transaction's org. @throws {Refusal} not_found */
export function existingRule({ snapshot }: Transaction, id: string): RuleRecord {
  const record = snapshot.rules.byId(id);
  if (record === undefined) throw new Refusal("not_found", { what: `rule ${id}` });
  return record;
}

/** The record of a rule, under the id of the one that it replaces. */
export function ruleRecordOf(
  { selector, permission, note }: RuleFields,
  old: RuleRecord | null,
  made: { readonly id: string; readonly at: number },
): RuleRecord {
  return {
    id: old?.id ?? made.id,
    selector,
    permission,
    note,
    created_at: old?.created_at ?? made.at,
    updated_at: made.at,
  };
}

/** The change of one rule, perhaps of how its method is spelled; one of both is there. */
export function ruleChange(
  org: string,
  old: RuleRecord | null,
  next: RuleRecord | null,
): RecordChange {
  const rule = next ?? old;
  if (rule === null) throw new TypeError("A change of a rule needs the rule before or after it");
  const { tenant_id, resource_id, tool_name, method, tag } = rule.selector;
  const respelled = old !== null && next !== null && old.selector.method !== method;
  return {
    noun: "rule",
    key: ruleKey(org, rule.selector),
    ...(respelled ? { oldKey: ruleKey(org, old.selector) } : {}),
    subject: {
      rule: rule.id,
      ...(tenant_id === null ? {} : { tenant: tenant_id }),
      ...(resource_id === null ? {} : { resource: resource_id }),
      ...(tool_name === null ? {} : { tool: tool_name }),
      ...(method === null ? {} : { method }),
      ...(tag === null ? {} : { tag }),
    },
    old,
    next,
    fields: [...(respelled ? ["selector"] : []), "permission", "note"],
    hidden: ["note"],
  };
}
