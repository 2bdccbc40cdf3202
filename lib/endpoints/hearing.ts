import type { Reader, Transaction } from "../ledger/transaction.ts";
import { heardKey } from "../store/keys.ts";
import { endpointsKey } from "../store/news_keys.ts";
import {
  type EndpointFields,
  type EndpointKind,
  endpointsRecord,
  type Hearing,
} from "../store/records/endpoint.ts";
import { HEARD_TYPES } from "../store/records/event.ts";

/**
 * Which endpoints of an org hear of what. The index is one row, written with every endpoint, so that
 * no two writes miss each other; what anybody hears of is a row of the policy, so that a cause writes
 * its event exactly where somebody does. The policy moves only when that does.
 */

/** The endpoints of an org, to be changed in the commit that checks them. */
export async function loadHearing(reader: Reader): Promise<readonly Hearing[]> {
  const found = await reader.get(endpointsKey(reader.snapshot.orgId), endpointsRecord);
  return found?.value.endpoints ?? [];
}

/** An endpoint as the index has it. */
export function hearingOf(
  kind: EndpointKind,
  { id, events, status }: Pick<EndpointFields, "id" | "events" | "status">,
  scope: Hearing["scope"],
): Hearing {
  return { kind, id, events, scope, active: status === "active" };
}

/** Puts into the commit that an endpoint hears so, in the place of what it heard before. */
export function putHearing(
  transaction: Transaction,
  before: readonly Hearing[],
  hearing: Hearing,
): void {
  store(transaction, [...before.filter(({ id }) => id !== hearing.id), hearing]);
}

/** Puts into the commit that an endpoint hears of nothing any more. */
export function removeHearing(
  transaction: Transaction,
  before: readonly Hearing[],
  id: string,
): void {
  store(transaction, before.filter((one) => one.id !== id));
}

function store(transaction: Transaction, endpoints: readonly Hearing[]): void {
  const { snapshot } = transaction;
  const org = snapshot.orgId;
  if (endpoints.length === 0) transaction.delete(endpointsKey(org));
  else transaction.set(endpointsKey(org), { endpoints });
  // Those that are disabled, too: what they miss can be sent to them later.
  const heard = new Set<string>(endpoints.flatMap(({ events }) => events));
  if (HEARD_TYPES.every((type) => heard.has(type) === snapshot.isHeardOutside(type))) return;
  if (heard.size === 0) return transaction.deletePolicy(heardKey(org));
  const events = HEARD_TYPES.filter((type) => heard.has(type));
  transaction.setPolicy(heardKey(org), { org, events });
}
