import { toBase64Url } from "../base/bytes.ts";
import type { MemberOperation } from "../identity/acting.ts";
import { actorOf, type Client, type MemberCaller, privateClient } from "../identity/caller.ts";
import { secretHash } from "../identity/credentials.ts";
import { knowPasskey } from "../identity/passkeys.ts";
import { useSecondsNow } from "../identity/standing.ts";
import { type Clocks, stillLasts } from "../ledger/clock.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { CEREMONY_MS, challengeText, noteDigest } from "../passkeys/challenge.ts";
import { credentialDigest, decisionEvidence } from "../passkeys/evidence.ts";
import type { AssertionFault } from "../passkeys/fault.ts";
import type { AssertionResponse } from "../passkeys/responses.ts";
import {
  type ApprovalFacts,
  type ApprovalStatement,
  approvalStatement,
} from "../passkeys/statement.ts";
import { checkAssertion, type CheckedAssertion } from "../passkeys/verify.ts";
import { type AnyRefusal, recorded, type RecordedRefusal, Refusal } from "../refusal.ts";
import type { Settings } from "../services.ts";
import { decisionNonceKey, knownPasskeyKey, passkeyKey } from "../store/keys.ts";
import {
  type ApprovalRecord,
  type DecisionNonce,
  decisionNonce,
} from "../store/records/approval.ts";
import { type KnownPasskey, knownPasskey, passkeyRecord } from "../store/records/people.ts";
import { subjectOf } from "./advance.ts";
import { decidable, recordDecision, scrubbedNote } from "./decide.ts";
import { loadApproval, type LoadedApproval, seen, type SeenApproval } from "./seen.ts";
import { memberLevel } from "./state.ts";

/**
 * Approving under a passkey. The server hands out a nonce, and makes the statement that must have
 * been signed anew from what is stored: of what the page sends only the nonce and the note go into
 * it. A nonce serves one member, session and level, once.
 */

/**
 * The parts of an approval statement that the server makes up. The digests are not among them: the
 * page takes those of what it shows.
 */
export type DecisionFacts = Omit<ApprovalFacts, "action_digest" | "view_digest" | "note_digest">;

/**
 * Hands a member what they need to approve a request at its level: a nonce for their session and
 * this level alone, for five minutes. A newer one takes its place.
 * @throws {Refusal} not_found
 */
export function openDecision(
  settings: Pick<Settings, "url">,
  idOrReference: string,
): MemberOperation<LoadedApproval | null, DecisionFacts | RecordedRefusal> {
  return {
    load: (reader) => loadApproval(reader, idOrReference),
    plan(transaction, caller, loaded) {
      const current = decidable(transaction, caller, loaded);
      if (current instanceof Refusal) return recorded(current);
      const { record } = current;
      const nonce = toBase64Url(transaction.deps.random(32));
      const row = nonceFor(transaction, caller, record, nonce);
      const key = decisionNonceKey(caller.org, caller.session_id, record.id);
      transaction.set(key, row, { expireIn: Math.max(1, row.ends_at - transaction.now) });
      return decisionFacts(settings, caller.org, record.id, nonce, row);
    },
  };
}

/** What a statement says that was made with this nonce. */
function decisionFacts(
  { url }: Pick<Settings, "url">,
  org: string,
  approval: string,
  nonce: string,
  { member, level, issued_at, expires_at, use_before }: DecisionNonce,
): DecisionFacts {
  return {
    issuer: url.origin,
    org,
    approval,
    level,
    member,
    nonce,
    issued_at: new Date(issued_at).toISOString(),
    expires_at: new Date(expires_at).toISOString(),
    use_before: new Date(use_before).toISOString(),
  };
}

function nonceFor(
  transaction: Transaction,
  { id }: MemberCaller,
  record: ApprovalRecord,
  nonce: string,
): DecisionNonce & { readonly ends_at: number } {
  const { at, now } = transaction;
  const ends_at = Math.min(now + CEREMONY_MS, record.expires_at);
  // A statement has the times of the log, as the entry that it goes into.
  const expires_at = ends_at + at - now;
  return {
    nonce_hash: secretHash(nonce),
    member: id,
    level: memberLevel(record.progress),
    issued_at: at,
    expires_at,
    ends_at,
    use_before: usedUntil(transaction, record, expires_at),
  };
}

/**
 * Until when at the latest a request is used whose level is approved at a time, both by the log. Before
 * the last level the other one may approve as late as the request is pending, and on whatever policy
 * there is then.
 */
function usedUntil(
  { at, now, snapshot }: Transaction,
  record: ApprovalRecord,
  decidedAt: number,
): number {
  const { progress, levels, expires_at, use_seconds } = record;
  return memberLevel(progress) === levels
    ? decidedAt + useSecondsNow(record, snapshot, now) * 1000
    : expires_at + at - now + use_seconds * 1000;
}

/** What a member sends with their approval. */
interface SignedDecision {
  /** From `openDecision`. */
  readonly nonce: string;
  /** As it was typed. */
  readonly note: string | null;
  readonly response: AssertionResponse;
  /** The digests that the page took of what it showed: only to say why they are no longer right. */
  readonly view_digest: string;
  readonly action_digest: string;
}

interface LoadedSignature {
  readonly approval: LoadedApproval | null;
  /** What the session was handed last for this request, if it is what was signed. */
  readonly nonce: DecisionNonce | null;
  /** What the log of the org says of the passkey. */
  readonly known: KnownPasskey | null;
  readonly signed:
    | (Extract<CheckedAssertion, { ok: true }> & { readonly statement: ApprovalStatement })
    | Extract<CheckedAssertion, { ok: false }>
    | null;
}

/**
 * A member approves a request at its level under their passkey. The statement that must have been
 * signed is made anew from what is stored; nothing of it but the nonce and the note comes from the
 * page. An assertion that does not fit it uses the nonce up, and is recorded and returned.
 * @throws {Refusal} not_found, invalid_request
 */
export function signDecision(
  settings: Pick<Settings, "url">,
  idOrReference: string,
  given: SignedDecision,
  client: Client,
): MemberOperation<LoadedSignature, SeenApproval | RecordedRefusal> {
  const note = scrubbedNote(given.note);
  return {
    load: (reader, caller) => loadSignature(reader, caller, settings, idOrReference, given),
    plan(transaction, caller, { approval, nonce, known, signed }) {
      const current = decidable(transaction, caller, approval);
      if (current instanceof Refusal) return recorded(current);
      const { record } = current;
      const changed = viewChange(record, given);
      if (changed !== null) return recorded(changed);
      if (nonce === null || signed === null || !isLive(nonce, caller, transaction)) {
        return recorded(new Refusal("nonce_ended", {}));
      }
      // It may be used for longer by now than this passkey signed for.
      const { snapshot, deps } = transaction;
      if (usedUntil(transaction, record, transaction.at) > nonce.use_before) {
        return recorded(new Refusal("nonce_ended", {}));
      }
      if (nonce.level !== record.progress.level) {
        return recorded(new Refusal("view_changed", { because: "next_level" }));
      }
      transaction.delete(decisionNonceKey(caller.org, caller.session_id, record.id));
      if (!signed.ok) {
        return refuseAssertion(transaction, caller, record, {
          response: given.response,
          why: signed.why,
          client,
        });
      }
      const { passkey, statement, counter, backed_up } = signed;
      const used = { ...passkey, counter, backed_up, last_used_at: transaction.now };
      transaction.set(passkeyKey(passkey.credential_id), used);
      knowPasskey(transaction, caller, passkey, known);
      const evidence = decisionEvidence(statement, given.response);
      const next = recordDecision(transaction, caller, current, {
        decision: "approve",
        member: caller.id,
        asserted_by: null,
        note,
        quick_reason: null,
        evidence: {
          data: evidence.data,
          private: { ...evidence.private, client: privateClient(client) },
        },
      }, client);
      if (next instanceof Refusal) return recorded(next);
      return seen(next, caller, { snapshot, sealer: deps.sealer });
    },
  };
}

async function loadSignature(
  reader: Reader,
  caller: MemberCaller,
  settings: Pick<Settings, "url">,
  idOrReference: string,
  given: SignedDecision,
): Promise<LoadedSignature> {
  const { id } = given.response;
  const [approval, passkey, knownRow] = await Promise.all([
    loadApproval(reader, idOrReference),
    reader.get(passkeyKey(id), passkeyRecord),
    // Not checked, because checks are few: at worst the log names a passkey twice.
    reader.peek(knownPasskeyKey(caller.org, id), knownPasskey),
  ]);
  const known = knownRow?.value ?? null;
  if (approval === null) return { approval, nonce: null, known, signed: null };
  const { record } = approval;
  const key = decisionNonceKey(caller.org, caller.session_id, record.id);
  const nonce = (await reader.get(key, decisionNonce))?.value ?? null;
  if (nonce === null || nonce.nonce_hash !== secretHash(given.nonce)) {
    return { approval, nonce: null, known, signed: null };
  }
  const statement = approvalStatement({
    ...decisionFacts(settings, caller.org, record.id, given.nonce, nonce),
    action_digest: record.action_digest,
    view_digest: record.view_digest,
    note_digest: noteDigest(given.note),
  });
  const signed = await checkAssertion(settings, passkey?.value ?? null, {
    response: given.response,
    challenge: challengeText(statement),
    account: caller.account,
  });
  return { approval, nonce, known, signed: signed.ok ? { ...signed, statement } : signed };
}

/** Why what the page showed is not what would be decided; null when it is. */
function viewChange(
  record: ApprovalRecord,
  given: Pick<SignedDecision, "view_digest" | "action_digest">,
): AnyRefusal | null {
  const { view_digest, action_digest, asked_again } = record;
  if (given.view_digest === view_digest && given.action_digest === action_digest) return null;
  const wasAsked = given.action_digest === action_digest && asked_again.length > 0;
  return new Refusal("view_changed", { because: wasAsked ? "asked_again" : "other_view" });
}

/** Whether a nonce still serves this member, by the clock and by the time that the entry will carry. */
function isLive(
  { member, issued_at, expires_at, ends_at = expires_at }: DecisionNonce,
  caller: MemberCaller,
  { now, at }: Clocks,
) {
  return member === caller.id && issued_at <= at && at < expires_at &&
    stillLasts(ends_at, CEREMONY_MS, now);
}

function refuseAssertion(
  transaction: Transaction,
  caller: MemberCaller,
  record: ApprovalRecord,
  { response, why, client }: {
    readonly response: AssertionResponse;
    readonly why: AssertionFault;
    readonly client: Client;
  },
): RecordedRefusal {
  transaction.append({
    type: "approval.assertion_refused",
    actor: actorOf(caller),
    subject: { ...subjectOf(record), member: caller.id },
    data: {
      credential: credentialDigest(response.id),
      level: record.progress.level,
      request_id: client.request_id,
      why,
    },
    private: { client: privateClient(client) },
  });
  return recorded(new Refusal("assertion_not_accepted", { why }));
}
