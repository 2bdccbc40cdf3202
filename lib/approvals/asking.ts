import type { JsonObject } from "../base/json.ts";
import { splitReference } from "../catalog/personal_ids.ts";
import type { Decision } from "../decisions/decide.ts";
import { actorOf, type Client, type MachineCaller } from "../identity/caller.ts";
import { tellOfApproval } from "../ledger/commit.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { type AnyRefusal, Refusal } from "../refusal.ts";
import { approvalKey } from "../store/keys.ts";
import type { ToolRecord } from "../store/records/policy.ts";
import type { UserPasskeys } from "../store/records/user.ts";
import type { LoadedTokenKey } from "../tokens/token_key.ts";
import { storeHistory, subjectOf } from "./advance.ts";
import { openView, type SealedView, storeAsking, viewDigest } from "./frozen_view.ts";
import { ASK_LIMITS } from "./limits.ts";
import { nonceAgain } from "./nonce.ts";
import { type LoadedApproval, seen, type SeenApproval } from "./seen.ts";

/** An asking, what comes of it, and one more of them for what is pending already. */

/** What is said to the approver besides the action; scrubbed already. */
export interface Ask {
  readonly reason: string;
  readonly context: JsonObject | null;
  readonly reference_id: string | null;
  /** Null for as long as the tool or the org has it. */
  readonly timeout_seconds: number | null;
}

/** What an end user is asked with. */
export interface AskedUser {
  readonly passkeys: UserPasskeys;
  readonly key: LoadedTokenKey;
}

/** What the user is asked with. @throws {Error} where the mandate was not read along */
export function userOf({ user }: { readonly user: AskedUser | null }): AskedUser {
  if (user === null) throw new Error("What a user is asked with was not read.");
  return user;
}

/** An asking with the decision that requires it. */
export interface Asking {
  readonly decision: Decision;
  readonly tool: ToolRecord;
  readonly ask: Ask;
  readonly client: Client;
}

/** The request that came of an asking: a new one, or the one that was pending already. */
export interface Asked {
  readonly approval: SeenApproval;
  readonly joined: boolean;
  /** With which the end user is asked; null where they are not, and for whoever may not have it. */
  readonly nonce: string | null;
}

/**
 * Adds an asking to the request that is pending for the same action. It has the nonce of its user's seat,
 * whoever asks.
 */
export function join(
  transaction: Transaction,
  caller: MachineCaller,
  { decision, ask, client }: Asking,
  loaded: LoadedApproval,
  { view: sealed, user }: { readonly view: SealedView; readonly user: AskedUser | null },
): Asked | AnyRefusal {
  const { snapshot, deps, atText } = transaction;
  const { record } = loaded;
  if (record.asked_again.length >= ASK_LIMITS.asked_again) {
    return new Refusal("too_many_pending", {
      limit: `one request can be asked again ${ASK_LIMITS.asked_again} times`,
      retry_after_seconds: 60,
    });
  }
  const view = openView(deps.sealer, snapshot.orgId, record, sealed);
  if (view === null) throw new Error(`The pending request ${record.id} has lost its arguments.`);
  const { reason, context, reference_id } = ask;
  const { shown, hidden } = splitReference(reference_id);
  const asking = { at: atText, reason, context, reference_id };
  const digest = viewDigest(asking);
  const asked_again = [...record.asked_again, { at: atText, digest }];
  const next = { ...record, asked_again, view_digest: viewDigest({ ...view, asked_again }) };
  storeAsking(transaction, record.id, record.asked_again.length, asking);
  storeHistory(transaction, record, { ...loaded.history, asked: loaded.history.asked + 1 });
  transaction.set(approvalKey(snapshot.orgId, record.id), next);
  transaction.append({
    type: "approval.asked_again",
    actor: actorOf(caller),
    subject: subjectOf(record),
    data: {
      ask: asked_again.length,
      ask_digest: digest,
      decision_id: decision.id,
      reference_id: shown,
      request_id: client.request_id,
      view_digest: next.view_digest,
    },
    private: { reason, ...(context === null ? {} : { context }), ...hidden },
  });
  tellOfApproval(transaction, record.id);
  const approval = seen({ ...loaded, record: next }, caller, { snapshot, sealer: deps.sealer });
  const nonce = user === null ? null : nonceAgain(transaction, user.key, next);
  return { approval, joined: true, nonce };
}
