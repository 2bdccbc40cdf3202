import { toBase64Url } from "../base/bytes.ts";
import { demand } from "../identity/acting.ts";
import type { MemberCaller } from "../identity/caller.ts";
import { byPasskey, decisionBar } from "../identity/deciders.ts";
import type { MemberOperation } from "../identity/member_operation.ts";
import { secretHash } from "../identity/secret.ts";
import { useSecondsNow } from "../identity/standing.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { CEREMONY_MS } from "../passkeys/options.ts";
import type { ApprovalFacts } from "../passkeys/statement.ts";
import { type AnyRefusal, recorded, type RecordedRefusal, Refusal } from "../refusal.ts";
import type { Settings } from "../server/settings.ts";
import { decisionNonceKey } from "../store/keys.ts";
import type { ApprovalRecord, DecisionNonce } from "../store/records/approval.ts";
import { settle } from "./advance.ts";
import { stateRefusal } from "./end.ts";
import { loadApproval, type LoadedApproval } from "./seen.ts";
import { visible } from "./seen_approval.ts";

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

/**
 * The request as it stands, if this member may decide it now.
 * @throws {Refusal} not_found
 */
export function decidable(
  transaction: Transaction,
  caller: MemberCaller,
  loaded: LoadedApproval | null,
): LoadedApproval | AnyRefusal {
  const found = visible(caller, loaded);
  demand(caller, "decide");
  const current = settle(transaction, found);
  const { record } = current;
  if (record.progress.state !== "pending") return stateRefusal("approval_not_pending", current);
  const { snapshot, now } = transaction;
  return decisionBar(record, byPasskey(caller, record), snapshot, now) ?? current;
}

/** What a statement says that was made with this nonce. */
export function decisionFacts(
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
  { at, now, snapshot }: Transaction,
  { id }: MemberCaller,
  record: ApprovalRecord,
  nonce: string,
): DecisionNonce & { readonly ends_at: number } {
  const { progress: { level }, levels, expires_at: ends } = record;
  const ends_at = Math.min(now + CEREMONY_MS, ends);
  // A statement has the times of the log, as the entry that it goes into.
  const ahead = at - now;
  const expires_at = ends_at + ahead;
  // Before the last level the other one may decide as late as the request is pending.
  const decidedBy = level === levels ? expires_at : ends + ahead;
  return {
    nonce_hash: secretHash(nonce),
    member: id,
    level,
    issued_at: at,
    expires_at,
    ends_at,
    use_before: decidedBy + useSecondsNow(record, snapshot) * 1000,
  };
}
