import { settle } from "../approvals/advance.ts";
import { CONFIRM_MS } from "../approvals/nonce.ts";
import { loadView, openView, type SealedView } from "../approvals/frozen_view.ts";
import { loadApproval, type LoadedApproval } from "../approvals/seen.ts";
import type { JsonObject } from "../base/json.ts";
import { secretHash } from "../identity/credentials.ts";
import type { Actor } from "../ledger/entry.ts";
import type { Operation, Reader, Transaction } from "../ledger/transaction.ts";
import { answeringPasskeys, confirmedBy, loadUserPasskeys } from "../mandates/user_passkeys.ts";
import type { UserFacts } from "../passkeys/statement.ts";
import { recorded, type RecordedRefusal, Refusal } from "../refusal.ts";
import type { Services, Settings } from "../services.ts";
import { readRecord } from "../store/kv.ts";
import { confirmationKey } from "../store/mandate_keys.ts";
import { type AskedAgain, askedAgain } from "../store/records/approval.ts";
import { sealedRecord } from "../store/records/log.ts";
import { approvalAskKey } from "../store/keys.ts";
import type { ApprovalRecord } from "../store/records/approval.ts";
import { confirmationPointer, type UserPasskeys, type UserSeat } from "../store/records/user.ts";

/**
 * The question to the user of a mandate, as whoever has its nonce may see it. What is used, over, unknown
 * or of somebody else is gone, all alike: the nonce of a question that is closed leads nowhere.
 */

/** Where a nonce leads. */
export interface Asked {
  readonly org: string;
  readonly approval: string;
  readonly nonce: string;
}

/** Finds the question of a nonce. @throws {Refusal} confirmation_gone */
export async function findQuestion(
  { deps }: Pick<Services, "deps">,
  nonce: string,
): Promise<Asked> {
  const found = await readRecord(deps.kv, confirmationKey(secretHash(nonce)), confirmationPointer);
  if (found === null) throw new Refusal("confirmation_gone", {});
  return { ...found.value, nonce };
}

/** A question as it was read. */
export interface LoadedQuestion {
  readonly approval: LoadedApproval | null;
  readonly passkeys: UserPasskeys;
}

/** A request whose user is asked now. */
export type OpenQuestion = LoadedApproval & {
  readonly record: ApprovalRecord & {
    readonly user_seat: UserSeat;
    readonly mandate: NonNullable<ApprovalRecord["mandate"]>;
  };
};

/** Reads the question of a nonce, and the passkeys that may answer it. */
export async function loadQuestion(
  reader: Reader,
  { approval: id }: Pick<Asked, "approval">,
): Promise<LoadedQuestion> {
  const approval = await loadApproval(reader, id);
  const user = approval?.record.user_seat?.user_id ?? null;
  const passkeys = user === null
    ? { passkeys: [], held_until: 0 }
    : await loadUserPasskeys(reader, user);
  return { approval, passkeys };
}

/** The question as it stands, if it is open. @throws {Refusal} confirmation_gone */
export function openQuestion(
  transaction: Transaction,
  { approval }: LoadedQuestion,
  { nonce }: Pick<Asked, "nonce">,
): OpenQuestion | RecordedRefusal {
  if (approval === null) throw new Refusal("confirmation_gone", {});
  const current = settle(transaction, approval);
  const { record } = current;
  const { progress: { state, level }, user_seat, mandate } = record;
  const isOpen = state === "pending" && level === 0 && user_seat !== null && mandate !== null &&
    user_seat.nonce_hash === secretHash(nonce);
  // What ended it by now is noted all the same.
  if (!isOpen) return recorded(new Refusal("confirmation_gone", {}));
  return { ...current, record: { ...record, user_seat, mandate } };
}

/** What a user's statement says but for the digest that whoever shows the question takes of it. */
export type QuestionFacts = Omit<UserFacts, "view_digest">;

/** What the user of this question signs. */
export function questionFacts(
  { url }: Pick<Settings, "url">,
  org: string,
  { id, action_digest, estimated_cost_micros, created_at, user_seat, mandate }:
    OpenQuestion["record"],
  nonce: string,
): QuestionFacts {
  return {
    issuer: url.origin,
    org,
    mandate: mandate.id,
    user: user_seat.user_id,
    approval: id,
    action_digest,
    estimated_cost_micros,
    nonce,
    issued_at: new Date(created_at).toISOString(),
    expires_at: new Date(signedUntil({ created_at, user_seat })).toISOString(),
  };
}

/**
 * Until when what the user signs holds, by the time of the log, milliseconds: its entry comes before. A
 * log that was past the end when it was asked was ahead of the time, which ends it; it is ahead by no
 * more than what a question is open for, or nothing is committed.
 */
function signedUntil(
  { created_at, user_seat }: Pick<OpenQuestion["record"], "created_at" | "user_seat">,
): number {
  return created_at < user_seat.expires_at ? user_seat.expires_at : created_at + CONFIRM_MS;
}

/** A question as it is shown. */
export interface Question {
  readonly facts: QuestionFacts;
  readonly view: JsonObject;
  /** What was said when it was asked again; the view carries the digest of each. */
  readonly asked_again: readonly AskedAgain[];
  readonly org_name: string;
  readonly confirm_by: UserSeat["confirm_by"];
  /** The passkeys that can answer it, of any site. */
  readonly passkeys: readonly { readonly credential_id: string; readonly rp_id: string }[];
  /** Until when nothing newer than a passkey that went answers; null where nothing is held. */
  readonly held_until: number | null;
  /** How many passkeys the user has, and when the newest was registered. */
  readonly registered: { readonly count: number; readonly newest_at: number | null };
}

interface LoadedLook extends LoadedQuestion {
  readonly view: SealedView | null;
  readonly asks: readonly Uint8Array[];
}

/** The question of a nonce, for whoever shows it. @throws {Refusal} confirmation_gone */
export function lookAtQuestion(
  settings: Pick<Settings, "url">,
  asked: Asked,
): Operation<LoadedLook, Question | RecordedRefusal> {
  return {
    async load(reader) {
      const loaded = await loadQuestion(reader, asked);
      const record = loaded.approval?.record ?? null;
      if (record === null) return { ...loaded, view: null, asks: [] };
      const keys = record.asked_again.map((_, i) => approvalAskKey(asked.org, record.id, i));
      const [view, ...asks] = await Promise.all([
        loadView(reader, asked.org, record),
        ...keys.map((key) => reader.peek(key, sealedRecord)),
      ]);
      return { ...loaded, view, asks: asks.flatMap((one) => one === null ? [] : one.value.sealed) };
    },
    plan(transaction, loaded) {
      const open = openQuestion(transaction, loaded, asked);
      if (!("record" in open)) return open;
      const { record } = open;
      const { deps: { sealer }, now, snapshot } = transaction;
      const view = loaded.view === null ? null : openView(sealer, asked.org, record, loaded.view);
      if (view === null) throw new Error(`The open question ${record.id} has lost its arguments.`);
      const { passkeys, held_until } = loaded.passkeys;
      const { user_seat } = record;
      return {
        facts: questionFacts(settings, asked.org, record, asked.nonce),
        view,
        asked_again: loaded.asks.map((sealed, i) =>
          askedAgain.parse(sealer.openJson(approvalAskKey(asked.org, record.id, i), sealed))
        ),
        org_name: snapshot.org.name,
        confirm_by: confirmedBy(loaded.passkeys, user_seat.confirm_by, transaction),
        passkeys: answeringPasskeys(loaded.passkeys, record.created_at, now)
          .map(({ credential_id, rp_id }) => ({ credential_id, rp_id })),
        held_until: held_until > now ? held_until : null,
        registered: {
          count: passkeys.length,
          newest_at: passkeys.length === 0
            ? null
            : Math.max(...passkeys.map(({ registered_at }) => registered_at)),
        },
      };
    },
  };
}

/** The user of a mandate, as entries name them. */
export function userOf(mandate: string): Actor {
  return { type: "user", id: mandate };
}
