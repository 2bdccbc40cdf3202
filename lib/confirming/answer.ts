import { subjectOf } from "../approvals/advance.ts";
import { storeDenial, tierBar, useBefore } from "../approvals/decide.ts";
import { move } from "../approvals/end.ts";
import { confirmationId } from "../approvals/nonce.ts";
import type { LoadedApproval } from "../approvals/seen.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
import type { MachineOperation } from "../identity/acting.ts";
import { actorOf, type Client, isWithinWall, privateClient } from "../identity/caller.ts";
import type { Actor } from "../ledger/entry.ts";
import type { Operation, Transaction } from "../ledger/transaction.ts";
import { answeringPasskeys, confirmedBy, storeUse } from "../mandates/user_passkeys.ts";
import { challengeText } from "../passkeys/challenge.ts";
import { credentialDigest, decisionEvidence } from "../passkeys/evidence.ts";
import type { AssertionFault } from "../passkeys/fault.ts";
import type { AssertionResponse } from "../passkeys/responses.ts";
import { type UserStatement, userStatement } from "../passkeys/statement.ts";
import { checkUserAssertion, type UserSigned } from "../passkeys/user_assertion.ts";
import { type AnyRefusal, recorded, type RecordedRefusal, Refusal } from "../refusal.ts";
import type { Settings } from "../services.ts";
import { approvalKey } from "../store/keys.ts";
import {
  type Asked,
  type LoadedQuestion,
  loadQuestion,
  type OpenQuestion,
  openQuestion,
  questionFacts,
  userOf,
} from "./question.ts";

/**
 * What the user of a mandate answers: yes by their own passkey, or by an approver key of their
 * application where the terms leave it to that; no by the nonce alone. Whatever the answer, the question
 * is closed by its commit.
 */

/** An answer as it was given. */
export interface Answered {
  readonly id: string;
  readonly decision: "approve" | "deny";
  /** Milliseconds, as the one after it. */
  readonly resolved_at: number;
  /** Until when the answer is good for something: to be used, or for members to decide behind it. */
  readonly until: number;
}

/** How many answers of passkeys that are none a question takes. */
const MAX_REFUSED = 10;

/** The user, or whoever has the nonce, says no. @throws {Refusal} confirmation_gone */
export function denyQuestion(
  asked: Asked,
  client: Client,
): Operation<LoadedQuestion, Answered | RecordedRefusal> {
  return {
    load: (reader) => loadQuestion(reader, asked),
    plan(transaction, loaded) {
      const open = openQuestion(transaction, loaded, asked);
      if (!("record" in open)) return open;
      return answer(transaction, open, {
        decision: "deny",
        actor: userOf(open.record.mandate.id),
        asserted_by: null,
        evidence: { data: { asserted_by: null }, private: {} },
        client,
      });
    },
  };
}

/**
 * An approver key says yes for the user, where the terms leave that to the application and the user has
 * no passkey of their own.
 * @param within how soon the yes has to be used, seconds, where that is to be sooner than usual
 * @throws {Refusal} confirmation_gone, passkey_required
 */
export function confirmByApp(
  asked: Asked,
  client: Client,
  within: number | null = null,
): MachineOperation<LoadedQuestion, Answered | RecordedRefusal> {
  return {
    load: (reader) => loadQuestion(reader, asked),
    plan(transaction, caller, loaded) {
      const open = openQuestion(transaction, loaded, asked);
      if (!("record" in open)) return open;
      const { user_seat, requester, tenant } = open.record;
      if (caller.org !== asked.org || !isWithinWall(caller, tenant)) {
        return recorded(new Refusal("confirmation_gone", {}));
      }
      // Approver keys ask for nothing; were one to, it would not answer itself.
      const isAsker = caller.id === requester.id;
      const by = confirmedBy(loaded.passkeys, user_seat.confirm_by, transaction);
      if (by !== "app" || isAsker) {
        const why = "The user's own passkey says yes here, and no key for them.";
        return recorded(new Refusal("passkey_required", { why }));
      }
      const use_seconds = Math.min(open.record.use_seconds, within ?? Infinity);
      return answer(transaction, { ...open, record: { ...open.record, use_seconds } }, {
        decision: "approve",
        actor: actorOf(caller),
        asserted_by: caller.id,
        evidence: { data: { asserted_by: caller.id }, private: {} },
        client,
      });
    },
  };
}

/** What comes with a user's yes. */
export interface SignedYes {
  /** As whoever showed the question made it: only to say why it is no longer right. */
  readonly statement: JsonObject | null;
  readonly response: AssertionResponse;
}

interface LoadedYes extends LoadedQuestion {
  readonly statement: UserStatement | null;
  readonly signed: UserSigned;
}

/**
 * The user says yes by their passkey, over the statement that is made anew from what is stored. It has to
 * be one from before the question was asked. An answer that does not fit is recorded.
 * @throws {Refusal} confirmation_gone, view_changed, assertion_not_accepted
 */
export function confirmByPasskey(
  settings: Pick<Settings, "url">,
  asked: Asked,
  given: SignedYes,
  client: Client,
): Operation<LoadedYes, Answered | RecordedRefusal> {
  return {
    async load(reader) {
      const loaded = await loadQuestion(reader, asked);
      const record = loaded.approval?.record;
      const refused = { ok: false, why: "unknown_passkey" } as const;
      const { user_seat = null, mandate = null } = record ?? {};
      if (record === undefined || user_seat === null || mandate === null) {
        return { ...loaded, statement: null, signed: refused };
      }
      const facts = questionFacts(
        settings,
        asked.org,
        { ...record, user_seat, mandate },
        asked.nonce,
      );
      const statement = userStatement({ ...facts, view_digest: record.view_digest });
      const { passkeys } = loaded.passkeys;
      const challenge = challengeText(statement);
      const signed = await checkUserAssertion(passkeys, given.response, challenge);
      return { ...loaded, statement, signed };
    },
    plan(transaction, loaded) {
      const open = openQuestion(transaction, loaded, asked);
      if (!("record" in open)) return open;
      const { record } = open;
      const { statement, signed, passkeys } = loaded;
      if (statement === null || record.user_seat.refused >= MAX_REFUSED) {
        return recorded(new Refusal("confirmation_gone", {}));
      }
      const changed = viewChange(record, given.statement);
      if (changed !== null) return recorded(changed);
      if (!signed.ok) return refuse(transaction, open, given.response, signed.why, client);
      const { passkey, counter } = signed;
      const answering = answeringPasskeys(passkeys, record.created_at, transaction.now);
      if (!answering.includes(passkey)) {
        return refuse(transaction, open, given.response, "too_new", client);
      }
      storeUse(transaction, record.user_seat.user_id, passkeys, { ...passkey, counter });
      const { data, private: hidden } = decisionEvidence(statement, given.response);
      return answer(transaction, open, {
        decision: "approve",
        actor: userOf(record.mandate.id),
        asserted_by: null,
        credential: data.credential,
        evidence: { data, private: hidden },
        client,
      });
    },
  };
}

/** Why what was shown is not what would be answered; null where it is, or where nobody says. */
function viewChange(
  { view_digest, asked_again }: OpenQuestion["record"],
  statement: JsonObject | null,
): AnyRefusal | null {
  if (statement === null || statement.view_digest === view_digest) return null;
  return new Refusal("view_changed", {
    because: asked_again.length > 0 ? "asked_again" : "other_view",
  });
}

function refuse(
  transaction: Transaction,
  { record }: OpenQuestion,
  response: AssertionResponse,
  why: AssertionFault,
  client: Client,
): RecordedRefusal {
  const user_seat = { ...record.user_seat, refused: record.user_seat.refused + 1 };
  transaction.set(approvalKey(transaction.snapshot.orgId, record.id), { ...record, user_seat });
  transaction.append({
    type: "approval.assertion_refused",
    actor: userOf(record.mandate.id),
    subject: { ...subjectOf(record), mandate: record.mandate.id },
    data: {
      credential: credentialDigest(response.id),
      level: 0,
      request_id: client.request_id,
      why,
    },
    private: { client: privateClient(client) },
  });
  return recorded(new Refusal("assertion_not_accepted", { why }));
}

/** Puts an answer into the commit, which closes the question. The one place where a user's seat is. */
function answer(
  transaction: Transaction,
  open: OpenQuestion,
  { decision, actor, asserted_by, credential = null, evidence, client }: {
    readonly decision: Answered["decision"];
    readonly actor: Actor;
    readonly asserted_by: string | null;
    /** The passkey that signed, as leaves name it. */
    readonly credential?: string | null;
    readonly evidence: {
      readonly data: JsonObject;
      readonly private: Readonly<Record<string, JsonValue>>;
    };
    readonly client: Client;
  },
): Answered | RecordedRefusal {
  const { record } = open;
  const { at } = transaction;
  if (decision === "approve") {
    const bar = tierBar(transaction, record);
    if (bar !== null) return recorded(bar);
  }
  const isLast = decision === "approve" && record.levels === 0;
  const user_seat = { ...record.user_seat, answer: { decision, at, asserted_by, credential } };
  const answered: LoadedApproval = { ...open, record: { ...record, user_seat } };
  const next = move(transaction, answered, { type: decision }, {
    type: "approval.decided",
    actor,
    subject: { mandate: record.mandate.id },
    data: {
      action_digest: record.action_digest,
      decision,
      level: 0,
      levels: record.levels,
      seat: "user",
      request_id: client.request_id,
      view_digest: record.view_digest,
      ...(isLast ? { use_before: useBefore(transaction, record) } : {}),
      ...evidence.data,
    },
    private: {
      ...evidence.private,
      user_id: record.user_seat.user_id,
      client: privateClient(client),
    },
  });
  if (next instanceof Refusal) return recorded(next);
  if (decision === "deny") storeDenial(transaction, next);
  const { progress } = next.record;
  const until = progress.state === "approved" ? progress.use_before : next.record.expires_at;
  return { id: confirmationId(record.id), decision, resolved_at: at, until };
}
