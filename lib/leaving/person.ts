import { assertOwnerStays } from "../catalog/last_owner.ts";
import { requireUnheld } from "../identity/acting.ts";
import type { Client } from "../identity/client.ts";
import { tellIdentityEvent } from "../identity/events.ts";
import { memberCaller } from "../identity/member_operation.ts";
import type { PresentedSession } from "../identity/sessions.ts";
import { schedule } from "../ledger/due.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { type AccountCaller, asAccount, requireFreshAccount } from "../people/account_operation.ts";
import {
  endLeft,
  ERASED_AFTER_MS,
  type LeftByAccount,
  loadLeft,
  NOTHING_LEFT,
} from "../people/left_behind.ts";
import { endMembership } from "../people/members.ts";
import type { Services } from "../services.ts";
import {
  accountByEmailKey,
  accountKey,
  accountPasskeyKey,
  accountPasskeyPrefix,
  accountSessionKey,
  accountSessionPrefix,
  DEPLOYMENT_ORG,
  passkeyKey,
  recoveryCodeKey,
  recoveryCodePrefix,
  recoveryKey,
  recoveryLinkKey,
  recoverySetKey,
  sessionKey,
} from "../store/keys.ts";
import { listRecords } from "../store/kv.ts";
import { type AccountRecord, sessionPointer } from "../store/records/people.ts";

/** Sessions that are removed by name. Others void themselves: none is good without its account. */
const MAX_SESSIONS = 200;

/** What is removed with an account. */
export interface Belongings {
  readonly sessions: readonly { readonly id: string; readonly hash: string }[];
  readonly passkeys: readonly string[];
  /** Hashes of recovery codes. */
  readonly codes: readonly string[];
  /** In each org its part ends with the membership. */
  readonly left: LeftByAccount;
}

/**
 * Deletes the account of whoever is signed in: memberships, sessions, passkeys, recovery codes and
 * browsers end at once, what the logs know of the person a week later. Keys and agents that they made
 * belong to their orgs, and stay. Stopped halfway it has ended some memberships, and is done again.
 * @throws {Refusal} session_ended, fresh_assertion_required; before anything is done recovery_held,
 *   and last_owner when an org would be left without an owner who can sign in
 */
export async function deleteAccount(
  { ledgers }: Pick<Services, "ledgers">,
  session: PresentedSession,
  client: Client,
): Promise<void> {
  const orgs = await ledgers.transact(
    DEPLOYMENT_ORG,
    asAccount(session, {
      plan(_transaction, caller) {
        requireFreshAccount(caller, "Deleting your account");
        return caller.account.orgs;
      },
    }),
  );
  for (const org of orgs) await ledgers.transact(org, asAccount(session, { plan: mayLeave }));
  for (const org of orgs) {
    const plan = (transaction: Transaction, caller: AccountCaller) =>
      leave(transaction, caller, client);
    await ledgers.transact(org, asAccount(session, { plan }));
  }
  await ledgers.transact(
    DEPLOYMENT_ORG,
    asAccount(session, {
      load: (reader, { account }) => loadBelongings(reader, account.id),
      plan: (transaction, caller, belongings) =>
        endAccount(transaction, caller, belongings, client),
    }),
  );
}

/**
 * Who recovered an account may not be whom it belongs to: while an org holds them, there is something
 * to keep for that one.
 * @throws {Refusal} recovery_held, last_owner
 */
function mayLeave({ snapshot, now }: Transaction, { account, session }: AccountCaller): void {
  const member = snapshot.exists ? snapshot.memberOf(account.id) : undefined;
  if (member === undefined) return;
  requireUnheld(memberCaller(snapshot, session.record, now));
  assertOwnerStays(snapshot, member, null);
}

/** @throws {Refusal} last_owner */
function leave(
  transaction: Transaction,
  { account, session }: AccountCaller,
  client: Client,
): void {
  const { snapshot, now } = transaction;
  const member = snapshot.exists ? snapshot.memberOf(account.id) : undefined;
  if (member === undefined) return;
  const caller = memberCaller(snapshot, session.record, now);
  const { request_id } = client;
  // What the account has beside its orgs goes with the account itself.
  endMembership(transaction, caller, { record: member, account, left: NOTHING_LEFT, request_id });
  schedule(transaction, { kind: "person_erased", at: now + ERASED_AFTER_MS, id: member.id });
}

function endAccount(
  transaction: Transaction,
  caller: AccountCaller,
  belongings: Belongings,
  client: Client,
): void {
  requireFreshAccount(caller, "Deleting your account");
  const { id } = caller.account;
  removeAccount(transaction, caller.account, belongings);
  tellIdentityEvent(transaction, { id, orgs: [] }, { type: "account.deleted" }, client);
  const at = transaction.now + ERASED_AFTER_MS;
  schedule(transaction, { kind: "person_erased", at, id });
}

/** Removes an account and every row that counts because of it. */
export function removeAccount(
  transaction: Transaction,
  { id, email }: Pick<AccountRecord, "id" | "email">,
  { sessions, passkeys, codes, left }: Belongings,
): void {
  transaction.delete(accountKey(id));
  transaction.delete(accountByEmailKey(email));
  for (const { id: session, hash } of sessions) {
    transaction.delete(sessionKey(hash));
    transaction.delete(accountSessionKey(id, session));
  }
  for (const credential of passkeys) {
    transaction.delete(passkeyKey(credential));
    transaction.delete(accountPasskeyKey(id, credential));
  }
  for (const hash of codes) transaction.delete(recoveryCodeKey(id, hash));
  transaction.delete(recoverySetKey(id));
  transaction.delete(recoveryKey(id));
  transaction.delete(recoveryLinkKey(id));
  endLeft(transaction, left);
}

/** Reads without checks: whoever adds to these has the commit check the account itself. */
export async function loadBelongings({ kv }: Reader, account: string): Promise<Belongings> {
  const lastParts = (prefix: readonly string[]) =>
    Array.fromAsync(kv.list({ prefix: [...prefix] }), ({ key }) => String(key[2]));
  const sessions: { id: string; hash: string }[] = [];
  const listed = { prefix: [...accountSessionPrefix(account)] };
  for await (
    const { key, value } of listRecords(kv, listed, sessionPointer, { limit: MAX_SESSIONS })
  ) {
    sessions.push({ id: String(key[2]), hash: value.hash });
  }
  return {
    sessions,
    passkeys: await lastParts(accountPasskeyPrefix(account)),
    codes: await lastParts(recoveryCodePrefix(account)),
    left: await loadLeft(kv, account),
  };
}
