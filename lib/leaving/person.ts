import { Buffer } from "node:buffer";
import { idTime } from "../base/id.ts";
import {
  type AccountCaller,
  asAccount,
  memberCaller,
  requireFreshAccount,
} from "../identity/acting.ts";
import type { Client } from "../identity/caller.ts";
import { requireUnheld } from "../identity/deeds.ts";
import { tellIdentityEvent } from "../identity/events.ts";
import type { PresentedSession } from "../identity/sessions.ts";
import { schedule } from "../ledger/commit.ts";
import type { Actor, Entry } from "../ledger/entry.ts";
import { type EntryErasure, erasePrivateParts, markErased } from "../ledger/erase_private.ts";
import { firstIndexAt, loggedEntry, readHead } from "../ledger/log_reader.ts";
import { leavesFrom } from "../ledger/log_tail.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import {
  endLeft,
  ERASED_AFTER_MS,
  type LeftByAccount,
  loadLeft,
  NOTHING_LEFT,
} from "../people/left_behind.ts";
import { assertOwnerStays, endMembership } from "../people/members.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import type { Services } from "../services.ts";
import {
  accountByEmailKey,
  accountKey,
  accountPasskeyKey,
  accountPasskeyPrefix,
  accountSessionKey,
  accountSessionPrefix,
  DEPLOYMENT_ORG,
  dueKey,
  invitationPrefix,
  knownPasskeyPrefix,
  passkeyKey,
  policyChangePrefix,
  recoveryCodeKey,
  recoveryCodePrefix,
  recoveryKey,
  recoveryLinkKey,
  recoverySetKey,
  sessionKey,
  type StoreKey,
} from "../store/keys.ts";
import { listRecords } from "../store/kv.ts";
import { alertPreferenceKey } from "../store/news_keys.ts";
import { type DueWork, policyChange } from "../store/records/log.ts";
import { type AccountRecord, knownPasskey, sessionPointer } from "../store/records/people.ts";

/** Sessions that are removed by name. Others void themselves: none is good without its account. */
const MAX_SESSIONS = 200;

/** What is removed with an account. */
interface Belongings {
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

/** So many that a step takes a moment: between two of them other work of the org has its turn. */
const STEP = 20_000;

/** Rows that one commit removes at most. */
const MAX_ROWS = 100;

/**
 * What stays of the entries about a person: the evidence of what they decided, which names keys and
 * no person, and what they wrote about it, scrubbed as it is.
 */
const EVIDENCE: ReadonlySet<string> = new Set(["assertion", "credential_id", "public_key", "note"]);

const SYSTEM: Actor = { type: "system", id: "deletion" };

/**
 * Erases what the log of an org, or of the deployment, knows of a person who deleted their account:
 * of what others did to them and they to themselves everything but the evidence, of what they did
 * otherwise from where. The digests stay, and tell nothing. Works through the log in steps.
 * @param work its id is the member or account, and, from the second step on, the index to go on at
 * @param step entries that one step looks at
 */
export async function erasePerson(
  services: Services,
  work: DueWork,
  step = STEP,
): Promise<void> {
  const { kind, at, org, id } = work;
  const { deps, ledgers } = services;
  const [person = "", position] = id.split(" ");
  const { size } = await readHead(deps.kv, org);
  const from = position === undefined
    ? await firstIndexAt(deps.kv, org, size, idTime(person) ?? 0)
    : Number(position);
  const to = Math.min(size, from + step);
  const found: EntryErasure[] = [];
  const needle = Buffer.from(JSON.stringify(person));
  for await (const stored of leavesFrom(deps.kv, org, from, to)) {
    const { buffer, byteOffset, length } = stored.leaf;
    if (!Buffer.from(buffer, byteOffset, length).includes(needle)) continue;
    const takes = takenFrom(loggedEntry(stored).entry, person);
    if (takes !== null) found.push({ index: stored.index, takes });
  }
  await erasePrivateParts(ledgers, org, found, SYSTEM);
  if (to === size) await forget(services, org, person);
  await ledgers.transact(org, {
    plan(transaction) {
      transaction.delete(dueKey(at, kind, org, id));
      markErased(transaction);
      if (to < size) schedule(transaction, { kind, at: transaction.now, id: `${person} ${to}` });
    },
  });
}

/** Which private parts of an entry are a person's; null when it is not about or by them. */
function takenFrom({ actor, subject }: Entry, person: string): EntryErasure["takes"] | null {
  if (subject.member === person || subject.account === person) {
    return (name) => !EVIDENCE.has(name);
  }
  return actor.id === person ? (name) => name === "client" : null;
}

/**
 * Forgets the address of a member who left, or whom an org removed: the log keeps it sealed, as what
 * the org has to know of who acted in it; no row beside it does.
 * @param work its id is the member
 */
export async function forgetMember(services: Services, work: DueWork): Promise<void> {
  const { kind, at, org, id } = work;
  await removeKeys(services, org, await rowsOfNobody(services, org));
  await services.ledgers.transact(org, {
    plan(transaction) {
      transaction.delete(dueKey(at, kind, org, id));
      markErased(transaction);
    },
  });
}

/** Removes the rows beside the log that name the person. */
async function forget(services: Services, org: string, person: string): Promise<void> {
  const { deps } = services;
  const rows: StoreKey[] = [alertPreferenceKey(org, person)];
  const passkeys = { prefix: [...knownPasskeyPrefix(org)] };
  for await (const { key, value } of listRecords(deps.kv, passkeys, knownPasskey)) {
    if (value.member === person) rows.push(key);
  }
  rows.push(...await rowsOfNobody(services, org));
  await removeKeys(services, org, rows);
}

/** Rows that name addresses of which none is a member's any more. */
async function rowsOfNobody({ deps, ledgers }: Services, org: string): Promise<StoreKey[]> {
  const rows: StoreKey[] = [];
  const snapshot = await ledgers.transact(org, { plan: (transaction) => transaction.snapshot });
  const changes = { prefix: [...policyChangePrefix(org)] };
  for await (const { key, value } of listRecords(deps.kv, changes, policyChange)) {
    if (value.keys?.some((changed) => namesNobody(changed, snapshot))) rows.push(key);
  }
  for await (const { key } of deps.kv.list({ prefix: [...invitationPrefix(org)] })) {
    if (!snapshot.members.has(String(key[2]))) rows.push(key as StoreKey);
  }
  return rows;
}

async function removeKeys(
  { ledgers }: Services,
  org: string,
  rows: readonly StoreKey[],
): Promise<void> {
  for (let i = 0; i < rows.length; i += MAX_ROWS) {
    await ledgers.transact(org, {
      plan(transaction) {
        for (const key of rows.slice(i, i + MAX_ROWS)) transaction.delete(key);
        markErased(transaction);
      },
    });
  }
}

/** Whether a changed record is that of an address which is no member's any more. */
function namesNobody([kind, , address = ""]: readonly string[], { members }: Snapshot): boolean {
  return kind === "member" && !members.has(address);
}
