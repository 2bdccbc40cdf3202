import type { JsonObject, JsonValue } from "../base/json.ts";
import { writeEvent } from "../events/event.ts";
import type { CallerOperation } from "../identity/acting.ts";
import { actorOf } from "../identity/caller.ts";
import { demand } from "../identity/deeds.ts";
import { schedule } from "../ledger/commit.ts";
import type { Actor } from "../ledger/entry.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { noteOver } from "../mandates/in_force.ts";
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
export interface Revocation {
  readonly by: string;
  readonly note: string | null;
}

/**
 * Revokes a mandate; one that was ended already stays as it is. @throws {Refusal} mandate_not_found
 */
export function revokeMandate(
  id: string,
  said: Revocation,
  request_id: string,
): CallerOperation<LoadedMandate | null, CountedMandate> {
  return {
    load: (reader) => loadCounted(reader, id),
    plan(transaction, caller, loaded) {
      if (loaded === null || !mayKnow(caller, loaded.record)) {
        throw new Refusal("mandate_not_found", { mandate_id: id });
      }
      if (loaded.record.ended === null) demand(caller, "revoke_mandate");
      return storeRevocation(transaction, loaded, said, { actor: actorOf(caller), request_id });
    },
  };
}

/** Who ends a mandate, and what shows that they did. */
interface RevokedBy {
  readonly actor: Actor;
  readonly request_id: string;
  /** What its user signed; left out where a key or a member does it. */
  readonly evidence?: {
    readonly data: JsonObject;
    readonly private: Readonly<Record<string, JsonValue>>;
  };
}

/** Puts the end of a mandate into the commit with its entry; one that was ended already stays as it is. */
export function storeRevocation(
  transaction: Transaction,
  loaded: LoadedMandate,
  { by, note }: Revocation,
  { actor, request_id, evidence }: RevokedBy,
): CountedMandate {
  const { record, count } = loaded;
  if (record.ended !== null) return standingNow(transaction, loaded);
  const { id, tenant } = record;
  const revoked = endMandate(transaction, record, { state: "revoked", by: null });
  transaction.append({
    type: "mandate.revoked",
    actor,
    subject: { mandate: id, tenant },
    data: {
      mandate_seq: nextSeq(transaction, count, { isCheck: false }),
      request_id,
      ...evidence?.data,
    },
    private: {
      by,
      ...(note === null ? {} : { note: scrubText(note).text }),
      ...evidence?.private,
    },
  });
  const who = actor.type === "user" ? "user" : actor.id;
  writeEvent(transaction, { type: "mandate.revoked", mandate: id, by: who });
  return standingNow(transaction, { ...loaded, record: revoked });
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
  noteOver(transaction, record);
  schedule(transaction, { kind: "mandate_ended", at: now, id: record.id });
  return ended;
}
