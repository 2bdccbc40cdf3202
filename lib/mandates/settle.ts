import type { MachineOperation } from "../identity/acting.ts";
import { actorOf, type MachineCaller } from "../identity/caller.ts";
import type { Shared } from "../ledger/guarded_rows.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { Refusal } from "../refusal.ts";
import { settledKey } from "../store/mandate_keys.ts";
import type { SettledDecision } from "../store/records/budget.ts";
import type { MandateRecord } from "../store/records/mandate.ts";
import { nextSeq } from "./mandate.ts";
import { type FoundReservation, loadReservation } from "./reservation.ts";
import { type Reservation, settleReserved, takeBack } from "./spending.ts";

/**
 * What something cost in fact, said by whoever asked for it, where no run token says it: once. Saying
 * the same again is answered the same.
 */

/** Settles a decision at nothing in its own commit: what it allowed is not done after all. */
export function settleAtNothing(
  transaction: Transaction,
  caller: MachineCaller,
  { decision_id, record, count, reservation, request_id }: {
    readonly decision_id: string;
    readonly record: MandateRecord;
    readonly count: Shared<"mandate_count">;
    readonly reservation: Reservation;
    readonly request_id: string;
  },
): void {
  takeBack(transaction, reservation);
  noteSettled(transaction, caller, {
    decision_id,
    mandate: record.id,
    estimated_micros: reservation.estimate ?? 0,
    actual_micros: 0,
    count,
    request_id,
  });
}

/** Writes what became of a reservation, with its entry. */
function noteSettled(
  transaction: Transaction,
  caller: MachineCaller,
  { decision_id, mandate, estimated_micros, actual_micros, count, request_id }: {
    readonly decision_id: string;
    readonly mandate: string;
    readonly estimated_micros: number;
    readonly actual_micros: number;
    readonly count: Shared<"mandate_count">;
    readonly request_id: string;
  },
): SettledDecision {
  const { index, leaf_hash } = transaction.append({
    type: "budget.settled",
    actor: actorOf(caller),
    subject: { decision: decision_id, mandate },
    data: {
      actual_cost_micros: actual_micros,
      estimated_cost_micros: estimated_micros,
      mandate_seq: nextSeq(transaction, count, { isCheck: false }),
      request_id,
    },
  });
  const row = { actual_micros, estimated_micros, mandate, entry: { index, leaf_hash } };
  transaction.set(settledKey(transaction.snapshot.orgId, decision_id), row);
  return row;
}

/** A decision as it was settled. */
export interface Settled extends Omit<SettledDecision, "actual_micros"> {
  readonly decision_id: string;
  readonly actual_micros: number;
}

/** @throws {Refusal} reservation_not_found, already_settled */
export function settleDecision(
  decision_id: string,
  actual_micros: number,
  request_id: string,
): MachineOperation<FoundReservation | null, Settled> {
  return {
    load: (reader, caller) => loadReservation(reader, caller, decision_id),
    plan(transaction, caller, found) {
      if (found === null) throw new Refusal("reservation_not_found", { decision_id });
      const { settled, record, count, rows, amounts, entry } = found;
      if (settled !== null) {
        if (settled.actual_micros !== actual_micros) {
          throw new Refusal("already_settled", { decision_id });
        }
        return { ...settled, decision_id, actual_micros };
      }
      const { estimated_cost_micros } = entry.data;
      const estimated_micros = typeof estimated_cost_micros === "number"
        ? estimated_cost_micros
        : 0;
      settleReserved(transaction, rows, amounts, actual_micros);
      const row = noteSettled(transaction, caller, {
        decision_id,
        mandate: record.id,
        estimated_micros,
        actual_micros,
        count,
        request_id,
      });
      return { ...row, decision_id, actual_micros };
    },
  };
}
