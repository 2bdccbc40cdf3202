import type { Client } from "../identity/client.ts";
import { tellIdentityEvent } from "../identity/events.ts";
import type { PresentedSession } from "../identity/sessions.ts";
import { Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import { accountKey, sessionKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import type { MemberRecord } from "../store/records/identity.ts";
import { type AccountRecord, accountRecord, type SessionRecord } from "../store/records/people.ts";
import { asAccount } from "./account_operation.ts";

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
        const { snapshot, now } = transaction;
        const { id } = caller.account;
        if (!snapshot.exists || snapshot.memberOf(id) === undefined) throw unknown;
        const { hash, record } = caller.session;
        const next: SessionRecord = { ...record, org };
        transaction.set(sessionKey(hash), next, { expireIn: Math.max(1, record.expires_at - now) });
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

/** The account with an org in front of its others. */
export function lastUsed(account: AccountRecord, org: string): AccountRecord {
  return { ...account, orgs: [org, ...account.orgs.filter((other) => other !== org)] };
}
