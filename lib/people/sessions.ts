import type { Deps } from "../deps.ts";
import { type AccountCaller, asAccount } from "../identity/acting.ts";
import type { Client } from "../identity/caller.ts";
import { secretHash } from "../identity/credentials.ts";
import { tellIdentityEvent } from "../identity/events.ts";
import {
  type EndingSession,
  endSession,
  isLive,
  type NewSession,
  type PresentedSession,
  renewSession,
} from "../identity/sessions.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import {
  accountKey,
  accountSessionKey,
  accountSessionPrefix,
  DEPLOYMENT_ORG,
  sessionKey,
} from "../store/keys.ts";
import { listRecords, readRecord, readRecords } from "../store/kv.ts";
import type { MemberRecord } from "../store/records/identity.ts";
import {
  type AccountRecord,
  accountRecord,
  sessionPointer,
  type SessionRecord,
  sessionRecord,
} from "../store/records/people.ts";
import { endLeft, endLeftInOrg, type LeftByAccount, loadLeft } from "./left_behind.ts";

/**
 * The sessions of a person: which org one looks at, how many there may be, and how one or all of
 * them end. What makes a session live stands in `lib/identity/sessions.ts`.
 */

/**
 * Ends one session of whoever is signed in: its next click is refused, and its open streams end.
 * @param id of the session
 * @throws {Refusal} session_ended, not_found
 */
export async function endSessionOf(
  { ledgers }: Pick<Services, "ledgers">,
  session: PresentedSession,
  id: string,
  client: Client,
): Promise<void> {
  await ledgers.transact(
    DEPLOYMENT_ORG,
    asAccount(session, {
      async load(reader, { account }) {
        const key = accountSessionKey(account.id, id);
        const hash = (await reader.peek(key, sessionPointer))?.value.hash;
        if (hash === undefined) return null;
        const record = (await reader.get(sessionKey(hash), sessionRecord))?.value;
        return record === undefined ? null : { hash, record };
      },
      plan(transaction, { account }, found) {
        if (found === null) throw new Refusal("not_found", { what: `session ${id} of yours` });
        endSession(transaction, found);
        tellIdentityEvent(transaction, account, {
          type: "session.ended",
          data: { session: id, by: "person" },
        }, client);
      },
    }),
  );
}

/** An org that a person is a member of. */
export interface OrgOfAccount {
  readonly id: string;
  readonly name: string;
  readonly role: MemberRecord["role"];
}

/** The orgs that an account is a member of at this moment, the last used first. */
export async function orgsOf(services: Services, account: string): Promise<OrgOfAccount[]> {
  const { deps, ledgers } = services;
  const row = await readRecord(deps.kv, accountKey(account), accountRecord);
  const found = await Promise.all((row?.value.orgs ?? []).map((org) =>
    ledgers.transact(org, {
      plan({ snapshot }): OrgOfAccount | null {
        const member = snapshot.exists ? snapshot.memberOf(account) : undefined;
        return member === undefined
          ? null
          : { id: org, name: snapshot.org.name, role: member.role };
      },
    })
  ));
  return found.filter((org) => org !== null);
}

/**
 * Has a session look at another org of its person, from the next click on.
 * @throws {Refusal} not_found when they are no member there, or there is no such org; session_ended
 */
export async function switchOrg(
  { deps, ledgers }: Services,
  session: PresentedSession,
  org: string,
  client: Client,
): Promise<void> {
  const unknown = new Refusal("not_found", {
    what: `organization ${org} that you are a member of`,
  });
  const key = accountKey(session.record.account);
  const account = await readRecord(deps.kv, key, accountRecord);
  // Asked before a ledger is opened: a made-up id would get one of its own.
  if (!account?.value.orgs.includes(org)) throw unknown;
  await ledgers.transact(
    org,
    asAccount(session, {
      plan(transaction, caller) {
        const { snapshot } = transaction;
        const { id } = caller.account;
        if (!snapshot.exists || snapshot.memberOf(id) === undefined) throw unknown;
        const { hash, record } = caller.session;
        const next: SessionRecord = { ...record, org };
        putSession(transaction, { hash, record: next });
        transaction.set(accountKey(id), lastUsed(caller.account, org));
        if (record.org === org) return;
        // The org that is entered is told, and none that its person comes from or has besides.
        tellIdentityEvent(transaction, { id, orgs: [org] }, {
          type: "session.switched",
          data: { session: record.id, org },
        }, client);
      },
    }),
  );
}

/** Stores a session as it is from now on, under the secret that it has. */
export function putSession(transaction: Transaction, { hash, record }: PresentedSession): void {
  const expireIn = Math.max(1, record.expires_at - transaction.now);
  transaction.set(sessionKey(hash), record, { expireIn });
}

/** The account with an org in front of its others. */
export function lastUsed(account: AccountRecord, org: string): AccountRecord {
  return { ...account, orgs: [org, ...account.orgs.filter((other) => other !== org)] };
}

/**
 * Sessions that one person may have; one more ends the oldest. Whoever has a passkey of theirs could
 * else begin so many that no commit has room to end them, and could be shut out no more.
 */
export const MAX_SESSIONS = 100;

/** How many of too many end at once: more than a moment of parallel sign-ins leaves behind. */
const CROWDED_OUT = 50;

/** The oldest sessions of an account, which end when one more begins. Read without a check. */
export async function crowdedOut(
  { kv }: Pick<Deps, "kv">,
  account: string,
): Promise<EndingSession[]> {
  const sessions: EndingSession[] = [];
  const prefix = [...accountSessionPrefix(account)];
  // An id begins with its time, so the first are the oldest.
  for await (const { key, value } of listRecords(kv, { prefix }, sessionPointer)) {
    sessions.push({ hash: value.hash, record: { id: String(key[2]), account } });
  }
  return sessions.slice(0, Math.max(0, sessions.length - MAX_SESSIONS + 1)).slice(0, CROWDED_OUT);
}

/** The sessions of an account that are in force, the last used first. Read without a check. */
export async function sessionsOf(
  { kv, now }: Pick<Deps, "kv" | "now">,
  account: string,
): Promise<PresentedSession[]> {
  const prefix = [...accountSessionPrefix(account)];
  const hashes: string[] = [];
  for await (const { value } of listRecords(kv, { prefix }, sessionPointer)) {
    hashes.push(value.hash);
  }
  const records = await Array.fromAsync(readRecords(kv, hashes.map(sessionKey), sessionRecord));
  return records.flatMap((record, index) => {
    const hash = hashes[index];
    return record === null || hash === undefined || !isLive(record, now())
      ? []
      : [{ hash, record }];
  }).sort((a, b) => b.record.seen_at - a.record.seen_at);
}

/** What signing out everywhere ended, and this browser's session under its new secret. */
export interface SignedOutEverywhere extends NewSession {
  readonly sessions: number;
  /** Browsers that took pushes. */
  readonly browsers: number;
  /** Programs that acted for the person. */
  readonly connections: number;
}

/**
 * Ends all sessions of whoever is signed in but this one, and whatever any of them left behind. This
 * one goes on under a new secret: a thief has a copy of a cookie, and so of this very session.
 * Stopped halfway it has ended the sessions, and is done again.
 * @throws {Refusal} session_ended
 */
export async function signOutEverywhere(
  services: Ending,
  session: PresentedSession,
  client: Client,
): Promise<SignedOutEverywhere> {
  const first = await endOnce(services, session, client);
  const { secret, record } = first;
  const renewed: PresentedSession = { hash: secretHash(secret), record };
  // What came in while the first look was under way; from now on nothing can come but from here.
  await ending(services, renewed, () => {});
  const because = "signed_out" as const;
  const { request_id } = client;
  for (const org of first.orgs) {
    await services.ledgers.transact(
      org,
      asAccount(renewed, {
        plan(transaction, { account }) {
          const { snapshot } = transaction;
          const member = snapshot.exists ? snapshot.memberOf(account.id) : undefined;
          if (member === undefined) return;
          const actor = { type: "member", id: member.id } as const;
          endLeftInOrg(transaction, member, { because, actor, request_id });
        },
      }),
    );
  }
  return first;
}

type Ending = Pick<Services, "deps" | "ledgers">;

async function endOnce(services: Ending, session: PresentedSession, client: Client) {
  return await ending(services, session, (transaction, caller, { others, left }) => {
    const { account, session: current } = caller;
    const ended = {
      sessions: others.length,
      browsers: left.subscriptions.length,
      connections: left.grants.length,
    };
    tellIdentityEvent(transaction, account, {
      type: "session.ended",
      data: { by: "everywhere", renewed: current.record.id, ...ended },
    }, client);
    return { ...renewSession(transaction, current), ...ended, orgs: account.orgs };
  });
}

interface Found {
  readonly others: readonly PresentedSession[];
  readonly left: LeftByAccount;
}

/** Ends, in one commit with what `plan` adds, whatever there is but the session itself. */
async function ending<R>(
  { deps, ledgers }: Ending,
  session: PresentedSession,
  plan: (transaction: Transaction, caller: AccountCaller, found: Found) => R,
): Promise<R> {
  return await ledgers.transact(
    DEPLOYMENT_ORG,
    asAccount(session, {
      load: async (_reader, { account }): Promise<Found> => ({
        others: (await sessionsOf(deps, account.id)).filter(({ hash }) => hash !== session.hash),
        left: await loadLeft(deps.kv, account.id),
      }),
      plan(transaction, caller, found) {
        for (const other of found.others) endSession(transaction, other);
        endLeft(transaction, found.left);
        return plan(transaction, caller, found);
      },
    }),
  );
}

/** The address of an account; empty when it is gone. */
export async function accountEmail(
  { deps }: Pick<Services, "deps">,
  account: string,
): Promise<string> {
  const row = await readRecord(deps.kv, accountKey(account), accountRecord);
  return row?.value.email ?? "";
}
