import type { CallerOperation } from "../identity/acting.ts";
import type { Caller } from "../identity/caller.ts";
import { demand } from "../identity/deeds.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { categoryWidens } from "../policy/widening.ts";
import { Refusal } from "../refusal.ts";
import { categoryKey } from "../store/keys.ts";
import type { CategoryRecord } from "../store/records/policy.ts";
import { type RecordChange, writeChange, type Written } from "./record_change.ts";

/**
 * Categories of tools: each gives its tools the permission that they have by default.
 */

/** Makes a category or replaces it. @throws {Refusal} fresh_assertion_required */
export function putCategory(
  next: CategoryRecord,
  request_id: string,
): CallerOperation<void, Written<CategoryRecord>> {
  return {
    plan(transaction, caller) {
      const old = transaction.snapshot.category(next.name) ?? null;
      demandStep(caller, old, next);
      writeChange(transaction, { caller, request_id }, categoryChange(caller.org, old, next));
      return {
        record: next,
        created: old === null,
        policy_version: transaction.policyVersion,
      };
    },
  };
}

/**
 * Removes a category; its tools keep its name, which decides nothing then.
 * @throws {Refusal} not_found, fresh_assertion_required
 */
export function removeCategory(
  name: string,
  request_id: string,
): CallerOperation<void, Written<CategoryRecord>> {
  return {
    plan(transaction, caller) {
      const record = existingCategory(transaction, name);
      demandStep(caller, record, null);
      writeChange(transaction, { caller, request_id }, categoryChange(caller.org, record, null));
      return { record, created: false, policy_version: transaction.policyVersion };
    },
  };
}

/** Asks of whoever changes a category what that change needs. */
function demandStep(
  caller: Caller,
  old: CategoryRecord | null,
  next: CategoryRecord | null,
): void {
  demand(caller, "configure");
  if (!categoryWidens(old, next)) return;
  demand(caller, "loosen", `Loosening the category ${next?.name ?? old?.name}`);
}

/** The category of this name in the transaction's org. @throws {Refusal} not_found */
export function existingCategory({ snapshot }: Transaction, name: string): CategoryRecord {
  const record = snapshot.category(name);
  if (record === undefined) throw new Refusal("not_found", { what: `category ${name}` });
  return record;
}

/** The change of one category. */
export function categoryChange(
  org: string,
  old: CategoryRecord | null,
  next: CategoryRecord | null,
): RecordChange {
  const name = old?.name ?? next?.name ?? "";
  return {
    noun: "category",
    key: categoryKey(org, name),
    subject: { category: name },
    old,
    next,
    fields: ["default_permission"],
  };
}
