import { demand } from "../identity/acting.ts";
import type { CallerOperation } from "../identity/caller_operation.ts";
import { keyText, type Transaction } from "../ledger/transaction.ts";
import { tenantWidens } from "../policy/widening.ts";
import { Refusal } from "../refusal.ts";
import { ruleKey } from "../store/keys.ts";
import type { RuleRecord, TenantRecord } from "../store/records/policy.ts";
import { type Author, writeChange } from "./record_change.ts";
import { ruleChange } from "./rules.ts";
import { loadTenant, tenantChange } from "./tenants.ts";

/** One commit takes so many rules at most, and keys of so many characters. */
const MAX_RULES = 250;

const MAX_KEY_CHARACTERS = 50_000;

/** A step of a removal. */
export interface RemovalStep {
  /** Null when the tenant was not registered any more. */
  readonly tenant: TenantRecord | null;
  readonly rules_removed: number;
  /** Whether rules of the tenant are left. */
  readonly unfinished: boolean;
  readonly policy_version: number;
}

/** Runs one operation for the caller. */
type Transact = (operation: CallerOperation<TenantRecord | null, RemovalStep>) => Promise<
  RemovalStep
>;

/**
 * Removes a tenant and its rules. The tenant goes with the first commit: whatever stops the rest,
 * an action of an unregistered tenant is held as long as any of its rules is left. Removing it again
 * removes what was left.
 * @throws {Refusal} not_found when there is neither the tenant nor a rule of it,
 *   fresh_assertion_required
 */
export async function removeTenant(
  transact: Transact,
  id: string,
  request_id: string,
): Promise<RemovalStep> {
  let step = await transact(firstStep(id, request_id));
  const { tenant } = step;
  let rules_removed = step.rules_removed;
  while (step.unfinished) {
    step = await transact(nextStep(id, request_id));
    rules_removed += step.rules_removed;
  }
  return { ...step, tenant, rules_removed };
}

function firstStep(id: string, request_id: string): Parameters<Transact>[0] {
  return {
    load: (reader) => loadTenant(reader, id),
    plan(transaction, caller, tenant) {
      const author = { caller, request_id };
      const { rules } = transaction.snapshot;
      if (tenant === null && !rules.hasTenant(id)) {
        throw new Refusal("not_found", { what: `tenant ${id}` });
      }
      demand(caller, "configure");
      if (tenantWidens(tenant, null, rules) || rules.hasTenant(id)) {
        demand(caller, "loosen", `Removing the tenant ${id}`);
      }
      writeChange(transaction, author, tenantChange(caller.org, tenant, null));
      return removeRules(transaction, author, id, tenant);
    },
  };
}

function nextStep(id: string, request_id: string): Parameters<Transact>[0] {
  return {
    plan(transaction, caller) {
      // The first step was the one to widen, so only the right is asked again.
      demand(caller, "configure");
      // Registered anew meanwhile: what it has now is not ours to remove.
      if (transaction.snapshot.isTenantRegistered(id)) {
        const { policyVersion: policy_version } = transaction;
        return { tenant: null, rules_removed: 0, unfinished: false, policy_version };
      }
      return removeRules(transaction, { caller, request_id }, id, null);
    },
  };
}

function removeRules(
  transaction: Transaction,
  author: Author,
  id: string,
  tenant: TenantRecord | null,
): RemovalStep {
  const { orgId, rules } = transaction.snapshot;
  const own = rules.hasTenant(id) ? rules.forTenant(id) : [];
  // What a rule stands before goes first, so that it never comes into force.
  const all = own.flatMap((rule) => [...rules.twinsOf(rule.selector), rule]);
  const batch = firstFitting(orgId, all);
  for (const rule of batch) writeChange(transaction, author, ruleChange(orgId, rule, null));
  return {
    tenant,
    rules_removed: batch.length,
    unfinished: batch.length < all.length,
    policy_version: transaction.policyVersion,
  };
}

function firstFitting(org: string, rules: readonly RuleRecord[]): RuleRecord[] {
  const batch: RuleRecord[] = [];
  let characters = 0;
  for (const rule of rules) {
    characters += keyText(ruleKey(org, rule.selector)).length;
    if (batch.length === MAX_RULES || characters > MAX_KEY_CHARACTERS) break;
    batch.push(rule);
  }
  return batch;
}
