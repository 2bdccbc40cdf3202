import { z } from "zod";
import { passkeysOf } from "../identity/passkeys.ts";
import { schedule } from "../ledger/commit.ts";
import { markErased } from "../ledger/erase_private.ts";
import type { Reader } from "../ledger/transaction.ts";
import { ERASED_AFTER_MS, keepForNow } from "../people/left_behind.ts";
import type { Services } from "../services.ts";
import {
  accountKey,
  accountsPrefix,
  DEPLOYMENT_ORG,
  dueKey,
  invitationsPrefix,
} from "../store/keys.ts";
import { type Kv, listRecords, readRecord } from "../store/kv.ts";
import type { DueWork } from "../store/records/log.ts";
import { type AccountRecord, accountRecord, invited } from "../store/records/people.ts";
import { loadBelongings, removeAccount } from "./person.ts";

/**
 * Ends an account that is in no org, or looks again when its week will be over.
 * @param work its id is the account
 */
export async function endOrgless({ deps, ledgers }: Services, work: DueWork): Promise<void> {
  const { kind, at, org, id } = work;
  // Not within the ledger: every sign-in would wait until the invitations of all orgs are read.
  const waitedFor = await invitedUntil(deps.kv, id);
  await ledgers.transact(org, {
    async load(reader) {
      const account = (await reader.get(accountKey(id), accountRecord))?.value;
      if (account === undefined || account.orgs.length > 0) return null;
      const used = await usedUntil(reader, account);
      return {
        account,
        until: Math.max(used, waitedFor),
        belongings: await loadBelongings(reader, id),
      };
    },
    plan(transaction, loaded) {
      transaction.delete(dueKey(at, kind, org, id));
      if (loaded === null) return;
      const { account, until, belongings } = loaded;
      if (until > transaction.now) return schedule(transaction, { kind, at: until, id });
      removeAccount(transaction, account, belongings);
      markErased(transaction);
      transaction.append({
        type: "account.deleted",
        actor: { type: "system", id: "deletion" },
        subject: { account: id },
        data: { because: "in_no_organization" },
      });
      schedule(transaction, { kind: "person_erased", at: transaction.now, id });
    },
  });
}

/**
 * Begins the week of accounts that were in no org before there was one: a step of the store's
 * migration. Done again, it finds none.
 */
export async function keepOrgless({ deps, ledgers }: Services): Promise<void> {
  const accounts = listRecords(deps.kv, { prefix: [...accountsPrefix()] }, z.unknown());
  for await (const { key, value } of accounts) {
    const listed = accountRecord.safeParse(value);
    if (!listed.success) {
      deps.log("error", "An account is malformed", { account: String(key[1]) });
      continue;
    }
    if (!isUnnoticed(listed.data)) continue;
    await ledgers.transact(DEPLOYMENT_ORG, {
      load: async (reader) => (await reader.get(accountKey(listed.data.id), accountRecord))?.value,
      plan(transaction, account) {
        if (account !== undefined && isUnnoticed(account)) {
          keepForNow(transaction, account, transaction.now);
        }
      },
    });
  }
}

function isUnnoticed({ orgs, orgless_since }: AccountRecord): boolean {
  return orgs.length === 0 && orgless_since === null;
}

/**
 * When the week of an account is over that is in no org, milliseconds since 1970. Its passkeys are
 * read without checks: whoever uses one has the commit check and write the account itself.
 */
async function usedUntil({ kv, now }: Reader, account: AccountRecord): Promise<number> {
  const used = [account.orgless_since ?? now, account.recovered_at ?? 0];
  for (const { created_at, last_used_at } of await passkeysOf(kv, account.id)) {
    used.push(last_used_at ?? created_at);
  }
  return Math.max(...used.map((time) => Math.min(time, now))) + ERASED_AFTER_MS;
}

/**
 * Until when some org waits for an account that is in none, milliseconds since 1970; 0 for none.
 * Whoever is invited while this is read may have to make their account anew.
 */
async function invitedUntil(kv: Kv, id: string): Promise<number> {
  const account = (await readRecord(kv, accountKey(id), accountRecord))?.value;
  if (account === undefined || account.orgs.length > 0) return 0;
  let until = 0;
  for await (const { value } of kv.list({ prefix: [...invitationsPrefix()] })) {
    const invitation = invited.safeParse(value);
    if (invitation.data?.email !== account.email) continue;
    until = Math.max(until, invitation.data.expires_at);
  }
  return until;
}
