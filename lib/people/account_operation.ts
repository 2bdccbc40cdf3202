import { FRESH_MS, type PresentedSession, requireLive } from "../identity/sessions.ts";
import { stillLasts } from "../ledger/clocks.ts";
import type { Operation } from "../ledger/operation.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { Refusal } from "../refusals/refusal.ts";
import { accountKey, sessionKey } from "../store/keys.ts";
import {
  type AccountRecord,
  accountRecord,
  type SessionRecord,
  sessionRecord,
} from "../store/records/people.ts";

/** A person who is signed in, whatever org they look at. */
export interface AccountCaller {
  readonly account: AccountRecord;
  /** The session as the commit proves it to be. */
  readonly session: PresentedSession;
  /** Whether they have shown their passkey within the last minutes. */
  readonly fresh: boolean;
}

/** What a person does to their own account. */
export interface AccountOperation<L, R> extends Pick<Operation<L, R>, "despite"> {
  readonly load?: (reader: Reader, caller: AccountCaller) => Promise<L> | L;
  readonly plan: (transaction: Transaction, caller: AccountCaller, loaded: L) => R;
}

/**
 * The operation with its person found by a session that the commit proves to be in force. Runs on
 * any ledger; what concerns the account alone belongs on that of the deployment.
 * @throws {Refusal} session_ended
 */
export function asAccount<L, R>(
  { hash }: Pick<PresentedSession, "hash">,
  { despite, load, plan }: AccountOperation<L, R>,
): Operation<{ record: SessionRecord; account: AccountRecord; loaded: L }, R> {
  const caller = (record: SessionRecord, account: AccountRecord, now: number): AccountCaller => {
    requireLive(record, now);
    return {
      account,
      session: { hash, record },
      fresh: stillLasts(record.fresh_until, FRESH_MS, now),
    };
  };
  return {
    ...(despite === undefined ? {} : { despite }),
    async load(reader) {
      const record = (await reader.get(sessionKey(hash), sessionRecord))?.value;
      if (record === undefined) throw new Refusal("session_ended", { why: "ended" });
      const account = (await reader.get(accountKey(record.account), accountRecord))?.value;
      if (account === undefined) throw new Refusal("session_ended", { why: "ended" });
      const found = caller(record, account, reader.now);
      return { record, account, loaded: await load?.(reader, found) as L };
    },
    plan: (transaction, { record, account, loaded }) =>
      plan(transaction, caller(record, account, transaction.now), loaded),
  };
}

/**
 * Requires that the person has shown their passkey just now.
 * @param what begins a sentence, such as "Adding a passkey"
 * @throws {Refusal} fresh_assertion_required
 */
export function requireFreshAccount({ fresh }: AccountCaller, what: string): void {
  if (!fresh) throw new Refusal("fresh_assertion_required", { what });
}
