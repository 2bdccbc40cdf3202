import { writeEvent } from "../events/event.ts";
import type { CallerOperation } from "../identity/acting.ts";
import { actorOf } from "../identity/caller.ts";
import { demand } from "../identity/deeds.ts";
import { schedule } from "../ledger/commit.ts";
import type { Transaction } from "../ledger/transaction.ts";
import {
  type CountedMandate,
  loadCounted,
  type LoadedMandate,
  mayKnow,
  nextSeq,
  standingNow,
} from "../mandates/mandate.ts";
import { Refusal } from "../refusal.ts";
import { scrubText } from "../scrub/scrub.ts";
import { mandateKey } from "../store/mandate_keys.ts";
import type { MandateRecord } from "../store/records/mandate.ts";

/**
 * The end of a mandate before its time. From its commit on, on every node, nothing is allowed under it,
 * no token of it is consumed and no request under it is decided; what waits is cancelled behind it.
 */

/** Who wants a mandate ended, and what they say. */
interface Revocation {
  readonly by: string;
  readonly note: string | null;
}

/**
 * Revokes a mandate; one that was ended already stays as it is. @throws {Refusal} mandate_not_found
 */
export function revokeMandate(
  id: string,
  { by, note }: Revocation,
  request_id: string,
): CallerOperation<LoadedMandate | null, CountedMandate> {
  return {
    load: (reader) => loadCounted(reader, id),
    plan(transaction, caller, loaded) {
      if (loaded === null || !mayKnow(caller, loaded.record)) {
        throw new Refusal("mandate_not_found", { mandate_id: id });
      }
      const { record, count } = loaded;
      if (record.ended !== null) return standingNow(transaction, loaded);
      demand(caller, "revoke_mandate");
      const revoked = endMandate(transaction, record, { state: "revoked", by: null });
      transaction.append({
        type: "mandate.revoked",
        actor: actorOf(caller),
        subject: { mandate: id, tenant: record.tenant },
        data: { mandate_seq: nextSeq(transaction, count, { isCheck: false }), request_id },
        private: { by, ...(note === null ? {} : { note: scrubText(note).text }) },
      });
      writeEvent(transaction, { type: "mandate.revoked", mandate: id, by: caller.id });
      return standingNow(transaction, { ...loaded, record: revoked });
    },
  };
}

/** Ends a mandate in the commit of whatever does so; the entry is the caller's. */
export function endMandate(
  transaction: Transaction,
  record: MandateRecord,
  { state, by }: Pick<NonNullable<MandateRecord["ended"]>, "state" | "by">,
): MandateRecord {
  const { snapshot, at, now } = transaction;
  const ended: MandateRecord = { ...record, ended: { state, at, by } };
  transaction.setGuarded(mandateKey(snapshot.orgId, record.id), ended);
  schedule(transaction, { kind: "mandate_ended", at: now, id: record.id });
  return ended;
}
