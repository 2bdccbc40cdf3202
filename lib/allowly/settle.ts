import { Buffer } from "node:buffer";
import { idTime } from "../base/id.ts";
import type { MachineOperation } from "../identity/acting.ts";
import type { Client, MachineCaller } from "../identity/caller.ts";
import { type Entry, entryOfText } from "../ledger/entry.ts";
import type { Shared } from "../ledger/guarded_rows.ts";
import { leavesOfTime, type LoggedEntry, loggedEntry, readHead } from "../ledger/log_reader.ts";
import { leavesFrom } from "../ledger/log_tail.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { countedIn } from "../mandates/budget.ts";
import { loadStanding } from "../mandates/mandate.ts";
import type { FoundReservation } from "../mandates/reservation.ts";
import { settleDecision } from "../mandates/settle.ts";
import { budgetOf, ownScope } from "../mandates/counters.ts";
import { receiptId } from "../receipts/claims.ts";
import { RecordedRefusal, Refusal } from "../refusal.ts";
import { runTokenKey } from "../store/keys.ts";
import { budgetKey, settledKey } from "../store/mandate_keys.ts";
import { type SettledDecision, settledDecision } from "../store/records/budget.ts";
import type { MandateRecord } from "../store/records/mandate.ts";
import type { RunTokenRecord } from "../store/records/token.ts";
import { reportRun } from "../tokens/execution.ts";
import { loadTokenCounters, type TokenCounters } from "../tokens/presented.ts";

/**
 * What something cost, said by the receipt of the check that allowed it: of one that was allowed by
 * itself, or of the use of what was approved, which has a run token.
 */

/** What was settled, and what was spent of the mandate's own budget before and after. */
export interface SettledReceipt {
  readonly mandate_id: string;
  readonly estimated_micros: number;
  readonly actual_micros: number;
  readonly spent_before: number;
  readonly spent_after: number;
  /** The receipt of the settlement. */
  readonly receipt_id: string;
}

/** The use of what was approved. */
interface Use extends TokenCounters {
  readonly token: RunTokenRecord;
  readonly estimated_micros: number;
  readonly settled: SettledDecision | null;
}

interface Loaded {
  readonly decision: string;
  /** What the check reserved, where it allowed by itself. */
  readonly found: FoundReservation | null;
  readonly use: Use | null;
  readonly mandate: MandateRecord | null;
  readonly own: Shared<"budget"> | null;
  /** The receipt of the settlement, where it was settled before. */
  readonly earlier: string | null;
}

/**
 * Settles what a receipt is of, once; the same cost again is answered the same.
 * @throws {Refusal} reservation_not_found, already_settled
 */
export function settleReceipt(
  receipt: string,
  actual: number,
  client: Client,
): MachineOperation<Loaded, SettledReceipt | RecordedRefusal> {
  const settling = (decision: string) => settleDecision(decision, actual, client.request_id);
  return {
    async load(reader, caller) {
      const entry = await findEntry(reader, receipt);
      const use = entry?.type === "token.minted" ? await loadUse(reader, caller, entry) : null;
      const decision = use?.token.decision_id ?? `dec_${receipt.slice(4)}`;
      const isCheck = entry?.type === "permission.checked";
      const found = isCheck ? await settling(decision).load?.(reader, caller) ?? null : null;
      const id = found?.record.id ?? use?.token.mandate_id ?? null;
      const mandate = id === null ? null : await loadStanding(reader, id);
      const own = mandate === null
        ? null
        : await reader.shared(budgetKey(reader.snapshot.orgId, ownScope(mandate)));
      const settled = found?.settled ?? use?.settled ?? null;
      const earlier = settled === null ? null : await receiptAt(reader, settled.entry.index);
      return { decision, found, use, mandate, own, earlier };
    },
    plan(transaction, caller, { decision, found, use, mandate, own, earlier }) {
      if (mandate === null || own === null) {
        throw new Refusal("reservation_not_found", { decision_id: receipt });
      }
      const spent = () => spentOf(transaction, mandate, own);
      const spent_before = spent();
      const first = transaction.leaves.length;
      const row = use === null
        ? settling(decision).plan(transaction, caller, found)
        : settleUse(transaction, caller, use, { actual, client });
      if (row instanceof RecordedRefusal) return row;
      const leaf = transaction.leaves[first];
      const receipt_id = leaf === undefined ? earlier : receiptId(entryOfText(leaf.text));
      if (receipt_id === null) throw new Error(`The settlement of ${decision} has no entry.`);
      const { estimated_micros, actual_micros } = row;
      return {
        mandate_id: mandate.id,
        estimated_micros,
        actual_micros: actual_micros ?? actual,
        spent_before,
        spent_after: spent(),
        receipt_id,
      };
    },
  };
}

/** What counts against a mandate's own budget with all that this commit did so far. */
function spentOf(transaction: Transaction, mandate: MandateRecord, own: Shared<"budget">): number {
  const row = budgetOf(mandate, transaction.latest(own), transaction.at);
  return row === null ? 0 : countedIn(row);
}

async function loadUse(
  reader: Reader,
  caller: MachineCaller,
  { subject, data }: Entry,
): Promise<Use | null> {
  const { orgId } = reader.snapshot;
  if (typeof subject.token !== "string" || typeof subject.approval !== "string") return null;
  const token = await reader.guarded(runTokenKey(orgId, subject.token));
  const isOwn = token?.minter.type === caller.type && token.minter.id === caller.id;
  if (token === null || !isOwn || token.reserved.length === 0) return null;
  const [counters, settled, check] = await Promise.all([
    loadTokenCounters(reader, token),
    reader.get(settledKey(orgId, token.decision_id), settledDecision),
    findEntry(reader, String(data.decision_id)),
  ]);
  const { estimated_cost_micros: estimate } = check?.data ?? {};
  const estimated_micros = typeof estimate === "number" ? estimate : 0;
  return { ...counters, token, estimated_micros, settled: settled?.value ?? null };
}

function settleUse(
  transaction: Transaction,
  caller: MachineCaller,
  { token, counters, count, estimated_micros, settled }: Use,
  { actual, client }: { readonly actual: number; readonly client: Client },
): SettledDecision {
  const { decision_id } = token;
  if (settled !== null) {
    if (settled.actual_micros === actual) return settled;
    throw new Refusal("already_settled", { decision_id });
  }
  // Whoever has its text, which nobody was given, has reported it.
  if (token.status !== "consumed" && token.status !== "unknown") {
    throw new Refusal("already_settled", { decision_id });
  }
  const by = { caller, client, attempt: "report" } as const;
  const { audit } = reportRun(transaction, by, { token, counters, count, binding: "checked" }, {
    result: "unknown",
    duration_ms: null,
    cost_micros: actual,
    output_digest: null,
    error: null,
  });
  const row: SettledDecision = {
    actual_micros: actual,
    estimated_micros,
    mandate: token.mandate_id ?? "",
    entry: { ...audit },
  };
  transaction.set(settledKey(transaction.snapshot.orgId, decision_id), row);
  return row;
}

/** The entry whose id has the body of this one. */
export async function findEntry({ kv, snapshot }: Reader, id: string): Promise<Entry | null> {
  const time = idTime(id);
  if (time === null) return null;
  const { orgId } = snapshot;
  const { size } = await readHead(kv, orgId);
  const body = id.slice(4);
  const needle = Buffer.from(body);
  for await (const stored of leavesOfTime(kv, orgId, size, time)) {
    const { buffer, byteOffset, length } = stored.leaf;
    if (!Buffer.from(buffer, byteOffset, length).includes(needle)) continue;
    const { entry } = loggedEntry(stored);
    if (entry.id.slice(4) === body) return entry;
  }
  return null;
}

async function receiptAt({ kv, snapshot }: Reader, index: number): Promise<string | null> {
  let found: LoggedEntry | null = null;
  for await (const stored of leavesFrom(kv, snapshot.orgId, index, index + 1)) {
    found = loggedEntry(stored);
  }
  return found === null ? null : receiptId(found.entry);
}
