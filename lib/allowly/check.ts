import { scrubbedAsk } from "../approvals/ask.ts";
import { type Authorized, authorizeOperation } from "../authorize/authorize.ts";
import type { Action } from "../base/action.ts";
import { actionDigest, type CheckRequest } from "../decisions/decide.ts";
import type { MachineOperation } from "../identity/acting.ts";
import { actionFor, type Client } from "../identity/caller.ts";
import { loadEdition, loadSource } from "../mandates/bundle.ts";
import type { Shared } from "../ledger/guarded_rows.ts";
import type { Reader } from "../ledger/transaction.ts";
import type { Reservation } from "../mandates/spending.ts";
import type { ReservedAmount } from "../store/records/budget.ts";
import { RecordedRefusal } from "../refusal.ts";
import { runTokenKey } from "../store/keys.ts";
import type { BundleEdition, MandateRecord } from "../store/records/mandate.ts";
import { spend } from "../tokens/consume.ts";
import type { ActionPolicy, Policy } from "./policy.ts";

/**
 * A check as clients of Allowly know it: what was approved is used by the next check of the same action.
 * They know no run tokens, so that of an approval is made and consumed in the commit of the check.
 */

/** Under no mandate at all: an id that nobody has. What is named otherwise is not for the log. */
export const NO_MANDATE = "mdt_00000000000000000000000000";

/** An action that is checked, asked about where that is required, and used where it was approved. */
export function checkAndUse(
  request: Omit<CheckRequest, "reason" | "reference_id" | "explain">,
  client: Client,
): MachineOperation<unknown, Authorized | RecordedRefusal> {
  const { tool } = request.action;
  const ask = scrubbedAsk({
    reason: `An application asks whether ${tool} may run now.`,
    context: null,
    reference_id: null,
    timeout_seconds: null,
  });
  const asked = { ...request, reason: ask.reason, reference_id: null, explain: false };
  const { prepare, load, plan } = authorizeOperation({ ...asked, mint: "approved", ask }, client);
  return {
    ...(prepare === undefined ? {} : { prepare }),
    load: (reader, caller) => load?.(reader, caller),
    plan(transaction, caller, loaded) {
      const authorized = plan(transaction, caller, loaded as Parameters<typeof plan>[2]);
      if (authorized instanceof RecordedRefusal || authorized.token === null) return authorized;
      const { token: { record }, checked: { decision: { mandate } } } = authorized;
      const by = { caller, client, attempt: "consume" } as const;
      const spent = spend(transaction, record, by, {
        binding: "checked",
        counters: rowsOf(record.reserved, mandate?.reservation ?? null),
        count: mandate?.count ?? null,
      });
      // No report is due: these clients have no way to give one but to say what it cost.
      transaction.setGuarded(runTokenKey(caller.org, spent.id), spent);
      return authorized;
    },
  };
}

/**
 * The digest that an action would be decided under.
 * @throws {Refusal} invalid_request, tenant_not_permitted
 */
export function decidedDigest(action: Action): MachineOperation<void, string> {
  return {
    plan: ({ snapshot }, caller) => actionDigest(caller.org, actionFor(snapshot, caller, action)),
  };
}

/** The rows that amounts were counted against, in their order: what counts how often is none of them. */
function rowsOf(
  reserved: readonly ReservedAmount[],
  reservation: Reservation | null,
): Shared<"budget">[] {
  return reserved.map(({ scope }) => {
    const counted = reservation?.counters.find((one) => one.scope === scope);
    if (counted === undefined) throw new Error(`What ${scope} counts was not read.`);
    return counted.row;
  });
}

/** Policies by the edition that was read: an edition never changes, and is held while it is in use. */
const policies = new WeakMap<BundleEdition, Policy>();

/** What a mandate's policy says of an action; null where it was written otherwise, or says nothing. */
export async function loadActionPolicy(
  reader: Reader,
  { bundle, scopes }: Pick<MandateRecord, "bundle" | "scopes">,
  action: string,
): Promise<ActionPolicy | null> {
  if (bundle === null || !scopes.includes(action)) return null;
  const edition = await loadEdition(reader, bundle.id, bundle.edition, bundle.digest);
  let policy = policies.get(edition);
  if (policy === undefined) {
    const text = await loadSource(reader, edition);
    if (text === null) return null;
    policies.set(edition, policy = JSON.parse(text) as Policy);
  }
  return policy.actions.find((entry) => entry.policy.action === action)?.policy ?? null;
}
