import { assertNoPersonalIds } from "../catalog/personal_ids.ts";
import { changeOrg, type OrgChange } from "../catalog/org_settings.ts";
import type { Span, Written } from "../catalog/record_change.ts";
import type { MachineOperation } from "../identity/acting.ts";
import { actorOf, type Caller, isWithinWall, type MachineCaller } from "../identity/caller.ts";
import type { Shared } from "../ledger/guarded_rows.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { Refusal } from "../refusal.ts";
import { listRecords } from "../store/kv.ts";
import { budgetKey, budgetPrefix } from "../store/mandate_keys.ts";
import { type BudgetRow, budgetRow } from "../store/records/budget.ts";
import type { OrgRecord } from "../store/records/policy.ts";
import { current, fresh } from "./budget.ts";
import { toldOfLimit } from "./told.ts";

/**
 * Budgets that an organization sets beside those of mandates: for a user, an agent, a tenant, or for
 * all. They count what is asked under mandates.
 */

/** A limit and what counts against it now. */
export interface OrgBudget {
  /** `user:…`, `agent:…`, `tenant:…` or `org`. */
  readonly scope: string;
  readonly row: BudgetRow;
}

/** What is set for a scope. */
export type BudgetFields = Pick<BudgetRow, "limit" | "period" | "ask_above">;

/**
 * Sets the budget of a scope. What was spent already counts on, unless the period becomes another: then
 * a window begins.
 * @throws {Refusal} invalid_request for ids that look personal
 */
export function putBudget(
  scope: string,
  fields: BudgetFields,
  request_id: string,
): MachineOperation<Shared<"budget">, OrgBudget & { readonly created: boolean }> {
  return {
    load: (reader) => reader.shared(budgetKey(reader.snapshot.orgId, scope)),
    plan(transaction, caller, shared) {
      assertNoPersonalIds(transaction.snapshot.org, { "/scope": idIn(scope) });
      return writeBudget(transaction, caller, shared, { scope, fields, request_id });
    },
  };
}

function writeBudget(
  transaction: Transaction,
  caller: MachineCaller,
  shared: Shared<"budget">,
  { scope, fields, request_id }: {
    readonly scope: string;
    readonly fields: BudgetFields;
    readonly request_id: string;
  },
): OrgBudget & { readonly created: boolean } {
  const old = transaction.latest(shared);
  const row = old?.period === fields.period
    ? toldOfLimit(transaction, { ...current(old, transaction.at), ...fields })
    // What was counted before it was set, or of another period, is in no window of it.
    : { ...fresh(fields, transaction.at), window: transaction.at };
  transaction.setGuarded(shared.key, row, { isApart: true });
  append(transaction, caller, "budget.set", scope, {
    ask_above_micros: fields.ask_above,
    limit_micros: fields.limit,
    period: fields.period,
    request_id,
  });
  return { scope, row, created: old === null };
}

/** Takes the budget of a scope off. @throws {Refusal} not_found */
export function removeBudget(
  scope: string,
  request_id: string,
): MachineOperation<Shared<"budget">, OrgBudget> {
  return {
    load: (reader) => reader.shared(budgetKey(reader.snapshot.orgId, scope)),
    plan(transaction, caller, shared) {
      const row = dropBudget(transaction, caller, shared, { scope, request_id });
      if (row === null) throw new Refusal("not_found", { what: `budget of ${scope}` });
      return { scope, row: current(row, transaction.at) };
    },
  };
}

/** Takes a budget off; null where there was none. */
function dropBudget(
  transaction: Transaction,
  caller: MachineCaller,
  shared: Shared<"budget">,
  { scope, request_id }: { readonly scope: string; readonly request_id: string },
): BudgetRow | null {
  const row = transaction.latest(shared);
  if (row === null) return null;
  transaction.delete(shared.key);
  append(transaction, caller, "budget.removed", scope, { request_id });
  return row;
}

/** The scope of what all of an org may cost together, which its settings show as well. */
const ALL = "org";

/** An org with the budget of all; null for none. */
export interface BudgetedOrg<O = OrgRecord> {
  readonly org: O;
  readonly budget: BudgetFields | null;
}

/** The settings of an org, with what all may cost together. */
export const readBudgetedOrg: MachineOperation<
  Shared<"budget">,
  BudgetedOrg & { readonly policy_version: number }
> = {
  load: (reader) => reader.shared(budgetKey(reader.snapshot.orgId, ALL)),
  plan: (transaction, _caller, shared) => ({
    org: transaction.snapshot.org,
    budget: transaction.latest(shared),
    policy_version: transaction.snapshot.version,
  }),
};

/**
 * Changes the settings of an org, and what all may cost together, in one commit.
 * @param budget null takes it off; absent it stays
 * @throws {Refusal} as `changeOrg` does
 */
export function changeBudgetedOrg(
  change: OrgChange,
  budget: BudgetFields | null | undefined,
  request_id: string,
): MachineOperation<Shared<"budget">, BudgetedOrg<Written<OrgRecord>>> {
  const settings = changeOrg(change, request_id);
  return {
    load: (reader) => reader.shared(budgetKey(reader.snapshot.orgId, ALL)),
    plan(transaction, caller, shared) {
      const org = settings.plan(transaction, caller);
      const old = transaction.latest(shared);
      if (budget === undefined || isSame(old, budget)) return { org, budget: old };
      if (budget === null) dropBudget(transaction, caller, shared, { scope: ALL, request_id });
      else writeBudget(transaction, caller, shared, { scope: ALL, fields: budget, request_id });
      return { org, budget };
    },
  };
}

function isSame(old: BudgetFields | null, given: BudgetFields | null): boolean {
  if (old === null || given === null) return old === given;
  return old.limit === given.limit && old.period === given.period &&
    old.ask_above === given.ask_above;
}

/** A leaf shows the kind of a budget's scope; the id of a user is apart. */
function append(
  transaction: Transaction,
  caller: MachineCaller,
  type: "budget.set" | "budget.removed",
  scope: string,
  data: Record<string, string | number | null>,
): void {
  const [kind = scope] = scope.split(":", 1);
  const id = idIn(scope);
  transaction.append({
    type,
    actor: actorOf(caller),
    subject: {
      budget: kind,
      ...(kind === "tenant" || kind === "agent" ? { [kind]: id } : {}),
    },
    data,
    ...(kind === "user" ? { private: { user_id: id } } : {}),
  });
}

/** The id of a scope; null for the org's. */
function idIn(scope: string): string | null {
  const at = scope.indexOf(":");
  return at === -1 ? null : scope.slice(at + 1);
}

/** Whether a caller may know of the budget of a scope: inside of its wall only what is its tenants'. */
function mayKnowOfBudget(caller: Caller, scope: string): boolean {
  return isWithinWall(caller, scope.startsWith("tenant:") ? idIn(scope) : null);
}

/** The budget of one scope, if it is set and this caller may know of it. */
export async function findBudget(
  reader: Reader,
  caller: MachineCaller,
  scope: string,
): Promise<OrgBudget[]> {
  const row = mayKnowOfBudget(caller, scope)
    ? await reader.guarded(budgetKey(reader.snapshot.orgId, scope))
    : null;
  return row === null ? [] : [{ scope, row: current(row, reader.now) }];
}

/** The budgets that are set, by their scopes from behind one on. */
export async function listBudgets(
  reader: Reader,
  caller: Caller,
  { after, limit }: Span,
): Promise<OrgBudget[]> {
  const found: OrgBudget[] = [];
  const { orgId } = reader.snapshot;
  const prefix = budgetPrefix(orgId);
  const newest = await reader.gathered.lookup(reader.kv, orgId);
  for (const [first, end] of RANGES) {
    const from = after === null || after < first ? first : `${after}\0`;
    if (from >= end) continue;
    const selector = { start: [...prefix, from], end: [...prefix, end] };
    for await (const { key, value } of listRecords(reader.kv, selector, budgetRow)) {
      if (found.length === limit) return found;
      const scope = String(key.at(-1));
      if (!mayKnowOfBudget(caller, scope)) continue;
      const row = newest(budgetKey(orgId, scope), budgetRow) ?? value;
      found.push({ scope, row: current(row, reader.now) });
    }
  }
  return found;
}

/** Where the names of such scopes lie among all: those of mandates, which are many, lie between. */
const RANGES = [["agent:", "agent;"], ["org", "org\0"], ["tenant:", "tenant;"], [
  "user:",
  "user;",
]] as const;
