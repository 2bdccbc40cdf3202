import type { CallerOperation, MachineOperation } from "../identity/acting.ts";
import { actorOf, type Caller, type Client, privateClient } from "../identity/caller.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { approvalReadKey } from "../store/keys.ts";
import { type Kv, readRecords } from "../store/kv.ts";
import { approvalReading, type ApprovalRecord } from "../store/records/approval.ts";
import { subjectOf } from "./advance.ts";
import { lookAtApproval } from "./end.ts";
import type { LoadedApproval, SeenApproval } from "./seen.ts";

/**
 * Arguments of requests that go out to an approver key: each such reading is an entry, stored before
 * the arguments leave. One a key, request and view, whatever node answers: who polls does not fill
 * the log.
 */

/** Whether a key read this view of a request before; false where there is nothing to tell. */
export async function wasReadBy(
  reader: Reader,
  caller: Caller,
  record: ApprovalRecord | null,
): Promise<boolean> {
  if (caller.tier !== "approver" || record === null) return false;
  const key = approvalReadKey(reader.snapshot.orgId, caller.id, record.id, record.view_digest);
  return await reader.get(key, approvalReading) !== null;
}

/** Has the log tell that a key was shown the arguments of a request; not those of no request. */
export function noteReading(
  transaction: Transaction,
  caller: Caller,
  { record, arguments: args }: SeenApproval,
  wasRead: boolean,
  client: Client,
): void {
  if (caller.tier !== "approver" || args === null || wasRead) return;
  const { id, view_digest, action_digest } = record;
  const key = approvalReadKey(transaction.snapshot.orgId, caller.id, id, view_digest);
  transaction.set(key, { at: transaction.at });
  transaction.append({
    type: "approval.read",
    actor: actorOf(caller),
    subject: subjectOf(record),
    data: { action_digest, view_digest, request_id: client.request_id },
    private: { client: privateClient(client) },
  });
}

interface Read {
  readonly approval: LoadedApproval | null;
  readonly wasRead: boolean;
}

/** A request as this caller may see it; where that is an approver key, the log says so. */
export function readApproval(
  idOrReference: string,
  client: Client,
): CallerOperation<Read, SeenApproval> {
  const { load, plan } = lookAtApproval(idOrReference);
  return {
    async load(reader, caller) {
      const approval = await load?.(reader, caller) ?? null;
      return { approval, wasRead: await wasReadBy(reader, caller, approval?.record ?? null) };
    },
    plan(transaction, caller, { approval, wasRead }) {
      const seen = plan(transaction, caller, approval);
      noteReading(transaction, caller, seen, wasRead, client);
      return seen;
    },
  };
}

/**
 * The readings of a list that the log does not tell yet, an operation each: together they can be
 * larger than one commit.
 */
export async function readingsToNote(
  kv: Kv,
  org: string,
  caller: Caller,
  listed: readonly SeenApproval[],
  client: Client,
): Promise<MachineOperation<boolean, void>[]> {
  if (caller.tier !== "approver") return [];
  const shown = listed.filter((seen) => seen.arguments !== null);
  const keys = shown.map(({ record: { id, view_digest } }) =>
    approvalReadKey(org, caller.id, id, view_digest)
  );
  const before = await Array.fromAsync(readRecords(kv, keys, approvalReading));
  return shown.filter((_, at) => before[at] === null).map((seen) => ({
    load: (reader, by) => wasReadBy(reader, by, seen.record),
    plan: (transaction, by, wasRead) => noteReading(transaction, by, seen, wasRead, client),
  }));
}
