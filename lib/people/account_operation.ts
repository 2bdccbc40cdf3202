import { acting, type OperationOf } from "../identity/caller_operation.ts";
import { readSession } from "../identity/member_operation.ts";
import { FRESH_MS, type PresentedSession, requireLive } from "../identity/sessions.ts";
import { stillLasts } from "../ledger/clock.ts";
import { Refusal } from "../refusal.ts";
import { accountKey } from "../store/keys.ts";
import { type AccountRecord, accountRecord } from "../store/records/people.ts";

/** A person who is signed in, whatever org they look at. */
export interface AccountCaller {
  readonly account: AccountRecord;
  /** The session as the commit proves it to be. */
  readonly session: PresentedSession;
  /** Whether they have shown their passkey within the last minutes. */
  readonly fresh: boolean;
}

/** What a person does to their own account. */
export type AccountOperation<L, R> = OperationOf<AccountCaller, L, R>;

/**
 * The operation for the person of a session. Runs on any ledger; what concerns the account alone
 * belongs on that of the deployment.
 * @throws {Refusal} session_ended
 */
export function asAccount<L, R>(
  { hash }: Pick<PresentedSession, "hash">,
  operation: AccountOperation<L, R>,
) {
  return acting({
    async read(reader) {
      const record = await readSession(reader, hash);
      const account = (await reader.get(accountKey(record.account), accountRecord))?.value;
      if (account === undefined) throw new Refusal("session_ended", { why: "ended" });
      return { record, account };
    },
    find(_snapshot, now, { record, account }): AccountCaller {
      requireLive(record, now);
      const fresh = stillLasts(record.fresh_until, FRESH_MS, now);
      return { account, session: { hash, record }, fresh };
    },
  }, operation);
}

/**
 * Requires that the person has shown their passkey just now.
 * @param what begins a sentence, such as "Adding a passkey"
 * @throws {Refusal} fresh_assertion_required
 */
export function requireFreshAccount({ fresh }: AccountCaller, what: string): void {
  if (!fresh) throw new Refusal("fresh_assertion_required", { what });
}
