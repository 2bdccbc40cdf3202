import { createHmac, hash } from "node:crypto";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import type { JsonValue } from "../base/json.ts";
import type { AllowedUnder } from "../decisions/under_mandate.ts";
import type { MachineOperation } from "../identity/acting.ts";
import { clocksAt, stillLasts } from "../ledger/clock.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { isBuried, loadStanding } from "../mandates/mandate.ts";
import { mandateEnd } from "../mandates/narrow.ts";
import { type Accepted, type AnyRefusal, RecordedRefusal, Refusal } from "../refusal.ts";
import { idempotencyKey, runTokenKey, type StoreKey } from "../store/keys.ts";
import {
  type IdempotencyRecord,
  idempotencyRecord,
  type KeptAnswer,
  keptAnswer,
} from "../store/records/identity.ts";
import { runTokenRecord } from "../store/records/token.ts";
import { decrypt, encrypt } from "../store/sealing.ts";
import { loadGrounds } from "./presented.ts";
import { revocation } from "./standing.ts";
import { stateAt } from "./state.ts";

/**
 * An answer that is kept under an `Idempotency-Key`, in the commit of what it answers. It is sealed
 * under a key of the caller's own secret, so a stolen store opens none; one that granted something
 * is repeated only while the policy is the same and its token would still be consumed.
 */

/** How long an answer is kept for repetition, milliseconds. */
const KEPT_MS = 24 * 60 * 60 * 1000;

/** A repeatable request, as its key, credential and content name it. */
interface Repeatable {
  readonly org: string;
  readonly credential_id: string;
  readonly method: string;
  readonly path: string;
  readonly key: string;
  readonly body: Uint8Array;
  /** Key derived from the presented secret: a stolen store alone opens no answer. */
  readonly answer_key: Uint8Array;
  /** Whether this commit finishes a request that left its answer unfinished before. */
  readonly finishes: boolean;
}

/** An answer as it is kept; `granted` when repeating it would grant something again. */
interface Keepable {
  readonly status: number;
  readonly body: JsonValue;
  readonly granted?: {
    readonly token_id: string | null;
    /** What it granted under mandates, where no token says so. */
    readonly under?: readonly AllowedUnder[];
  };
  /**
   * Set while the request goes on after this commit, for that many milliseconds at most: until it
   * is finished, a repetition is refused as in progress.
   */
  readonly unfinished_ms?: number;
}

/** What was answered, and whether it is a repetition. */
interface Answered {
  readonly status: number;
  readonly body: JsonValue;
  readonly replayed: boolean;
}

interface Kept<L> {
  /** The answer kept, if it is still in force. */
  readonly record: IdempotencyRecord | null;
  /** Whether the token that the kept answer handed out would still be consumed. */
  readonly standing: boolean;
  readonly loaded: L | null;
}

/**
 * The operation with its answer kept in the same commit. Asked again with the same key and body,
 * it answers as before without running; with another body it refuses. A refusal that the caller
 * would get again is kept too, except 401, 403, 429 and 5xx. One that is
 * recorded comes back as it is where it is not to be kept.
 *
 * @param render what the result becomes on the wire
 * @param refuse the same for a refusal; null when it is not to be kept
 * @throws {Refusal} idempotency_mismatch, idempotency_in_progress, idempotency_stale
 */
export function keepAnswer<L, R>(
  operation: MachineOperation<L, R>,
  request: Repeatable,
  render: (result: Accepted<R>) => Keepable,
  refuse: (refusal: AnyRefusal) => Keepable | null,
): MachineOperation<Kept<L>, Answered | RecordedRefusal> {
  const key = idempotencyKey(
    request.org,
    request.credential_id,
    hash("sha256", `${request.method} ${request.path} ${request.key}`, "hex"),
  );
  // Under the credential's own key: whoever has the store alone cannot try guesses of the body.
  const bodyDigest = createHmac("sha256", request.answer_key).update(request.body).digest("hex");
  const { prepare } = operation;
  return {
    ...(prepare === undefined ? {} : { prepare }),
    async load(reader, caller) {
      const record = (await reader.get(key, idempotencyRecord))?.value ?? null;
      const own = request.finishes && record?.sealed === null && record.body_digest === bodyDigest;
      if (record === null || own || !stillLasts(record.expires_at, KEPT_MS, reader.now)) {
        const loaded = await operation.load?.(reader, caller) ?? null;
        return { record: null, standing: false, loaded };
      }
      const kept = record.sealed === null ? null : open(key, record.sealed, request);
      return { record, standing: await stands(reader, kept), loaded: null };
    },
    plan(transaction, caller, { record, standing, loaded }) {
      if (record !== null) {
        return replay(transaction, key, record, bodyDigest, standing, request);
      }
      const answer = answerOf(() => {
        return transaction.attempt(() => {
          const result = operation.plan(transaction, caller, loaded as L);
          return result instanceof RecordedRefusal ? result : render(result as Accepted<R>);
        });
      }, refuse);
      if (answer instanceof RecordedRefusal) return answer;
      const { unfinished_ms } = answer;
      const expireIn = unfinished_ms ?? KEPT_MS;
      const kept: IdempotencyRecord = {
        body_digest: bodyDigest,
        sealed: unfinished_ms === undefined ? seal(key, answer, request, transaction) : null,
        expires_at: transaction.now + expireIn,
      };
      transaction.set(key, kept, { expireIn });
      return { status: answer.status, body: answer.body, replayed: false };
    },
  };
}

function answerOf(
  run: () => Keepable | RecordedRefusal,
  refuse: (refusal: AnyRefusal) => Keepable | null,
): Keepable | RecordedRefusal {
  try {
    const answer = run();
    return answer instanceof RecordedRefusal ? refuse(answer.refusal) ?? answer : answer;
  } catch (error) {
    const kept = error instanceof Refusal ? refuse(error) : null;
    if (kept === null) throw error;
    return kept;
  }
}

function replay(
  transaction: Transaction,
  key: StoreKey,
  record: IdempotencyRecord,
  bodyDigest: string,
  standing: boolean,
  request: Repeatable,
): Answered {
  if (record.body_digest !== bodyDigest) throw new Refusal("idempotency_mismatch", {});
  if (record.sealed === null) throw new Refusal("idempotency_in_progress", {});
  const kept = open(key, record.sealed, request);
  const current = kept.granted_under === null || kept.granted_under === transaction.policyVersion;
  if (!current || !standing) {
    throw new Refusal("idempotency_stale", {});
  }
  return { status: kept.status, body: kept.body, replayed: true };
}

async function stands(reader: Reader, kept: KeptAnswer | null): Promise<boolean> {
  if (kept === null) return true;
  const { orgId } = reader.snapshot;
  for (const id of kept.mandate_ids) {
    const mandate = await loadStanding(reader, id);
    if (mandate === null || mandateEnd(mandate, clocksAt(reader.now)) !== null) return false;
  }
  for (const resource of kept.resources) if (await isBuried(reader, resource)) return false;
  if (kept.token_id === null) return true;
  const token = (await reader.get(runTokenKey(orgId, kept.token_id), runTokenRecord))?.value;
  if (token === undefined || stateAt(token, clocksAt(reader.now)) !== "minted") return false;
  // The policy version tells all but what time alone does: the end of its minter.
  const grounds = await loadGrounds(reader, token);
  return revocation(reader.snapshot, token, grounds, clocksAt(reader.now)) === null;
}

function seal(
  key: StoreKey,
  { status, body, granted }: Keepable,
  request: Repeatable,
  transaction: Transaction,
): Uint8Array {
  const under = granted?.under ?? [];
  const answer: KeptAnswer = {
    status,
    body,
    granted_under: granted === undefined ? null : transaction.policyVersion,
    token_id: granted?.token_id ?? null,
    mandate_ids: [...new Set(under.map(({ mandate_id }) => mandate_id))],
    resources: [...new Set(under.flatMap(({ resource }) => resource ?? []))],
  };
  // A batch's answer may be larger than a value of the store; JSON shrinks to a tenth.
  const plain = deflateRawSync(JSON.stringify(answer));
  return encrypt(request.answer_key, plain, associated(key), transaction.deps.random);
}

function open(key: StoreKey, sealed: Uint8Array, request: Repeatable): KeptAnswer {
  const plain = decrypt(request.answer_key, sealed, associated(key));
  if (plain === null) throw new Refusal("idempotency_stale", {});
  return keptAnswer.parse(JSON.parse(inflateRawSync(plain).toString()));
}

function associated(key: StoreKey): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(key));
}
