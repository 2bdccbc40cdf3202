import { Buffer } from "node:buffer";
import { idTime, isId } from "../base/id.ts";
import type { MachineCaller } from "../identity/caller.ts";
import type { Shared } from "../ledger/guarded_rows.ts";
import { leavesOfTime, loggedEntry, readHead } from "../ledger/log_reader.ts";
import type { Entry } from "../ledger/entry.ts";
import type { Reader } from "../ledger/transaction.ts";
import { mandateCountKey, mandateKey, settledKey } from "../store/mandate_keys.ts";
import {
  type ReservedAmount,
  type SettledDecision,
  settledDecision,
} from "../store/records/budget.ts";
import type { MandateRecord } from "../store/records/mandate.ts";
import { amountsIn, loadReserved } from "./spending.ts";

/**
 * What a decision reserved, found by its entry: an id carries the millisecond of that, so the hot way
 * writes no row for it. A row is written once, by what becomes of it.
 */

/** The reservation of a decision that was allowed, and that no token has. */
export interface FoundReservation {
  readonly decision_id: string;
  readonly entry: Entry;
  readonly record: MandateRecord;
  readonly amounts: readonly ReservedAmount[];
  readonly rows: readonly Shared<"budget">[];
  readonly count: Shared<"mandate_count">;
  /** What became of it; null for nothing yet. */
  readonly settled: SettledDecision | null;
}

/**
 * Reads the reservation of a decision of this caller; null where there is no such decision, it reserved
 * nothing, or a token has it. The commit checks that nothing became of it meanwhile.
 * @throws {MalformedRecord}
 */
export async function loadReservation(
  reader: Reader,
  caller: MachineCaller,
  decision_id: string,
): Promise<FoundReservation | null> {
  const { orgId } = reader.snapshot;
  const entry = await findDecision(reader, decision_id);
  if (entry === null || entry.actor.id !== caller.id || entry.actor.type !== caller.type) {
    return null;
  }
  const { mandate } = entry.subject;
  const record = typeof mandate === "string"
    ? await reader.guarded(mandateKey(orgId, mandate))
    : null;
  if (record === null) return null;
  const amounts = amountsIn(record, entry);
  if (amounts.length === 0) return null;
  const [rows, count, settled] = await Promise.all([
    loadReserved(reader, amounts),
    reader.shared(mandateCountKey(orgId, record.id)),
    reader.get(settledKey(orgId, decision_id), settledDecision),
  ]);
  return { decision_id, entry, record, amounts, rows, count, settled: settled?.value ?? null };
}

/** By which tokens are made: a call has one that is made and consumed at once. */
const MAKE_TOKENS: ReadonlySet<string> = new Set(["token.minted", "token.consumed"]);

/** The entry of a decision, unless its own commit made a token for it. */
async function findDecision({ kv, snapshot }: Reader, id: string): Promise<Entry | null> {
  const time = isId(id, "dec") ? idTime(id) : null;
  if (time === null) return null;
  const { orgId } = snapshot;
  const { size } = await readHead(kv, orgId);
  const needle = Buffer.from(id);
  let found: Entry | null = null;
  for await (const stored of leavesOfTime(kv, orgId, size, time)) {
    const { buffer, byteOffset, length } = stored.leaf;
    if (!Buffer.from(buffer, byteOffset, length).includes(needle)) continue;
    const { entry } = loggedEntry(stored);
    if (MAKE_TOKENS.has(entry.type) && entry.data.decision_id === id) return null;
    if (entry.id === id) found = entry;
  }
  return found;
}
