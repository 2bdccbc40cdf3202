import type { Client } from "../identity/client.ts";
import type { PresentedSession } from "../identity/sessions.ts";
import { type DueWork, schedule } from "../ledger/due.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { asAccount } from "../people/account_operation.ts";
import { Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import { accountGrantKey, accountGrantPrefix, DEPLOYMENT_ORG, dueKey } from "../store/keys.ts";
import { type Kv, listRecords } from "../store/kv.ts";
import { type AccountGrant, accountGrant } from "../store/records/oauth.ts";
import { settle, tellGrantEvent, type ToldGrantEvent } from "./grant_events.ts";

/** Whose grant it is, and which. */
export interface GrantName {
  readonly account: string;
  readonly grant: string;
}

/** Why a grant ended. */
export type GrantEnd =
  | "revoked"
  | "revoked_by_client"
  | "expired"
  | "no_organization";

/** What the server itself does is asked for by nobody. */
const BY_ITSELF: Client = { ip: null, user_agent: null, request_id: "oauth", via: "mcp" };

/** Reads a grant; the commit checks that it stays as it is. */
export async function loadAccountGrant(
  reader: Reader,
  { account, grant }: GrantName,
): Promise<AccountGrant | null> {
  return (await reader.get(accountGrantKey(account, grant), accountGrant))?.value ?? null;
}

/** The grants of an account in the order of their ids, which is that of their making. */
export async function listAccountGrants(kv: Kv, account: string): Promise<AccountGrant[]> {
  const selector = { prefix: [...accountGrantPrefix(account)] };
  return await Array.fromAsync(listRecords(kv, selector, accountGrant), ({ value }) => value);
}

/**
 * Ends a grant: none of its tokens is good from this commit on, wherever it is presented. Its orgs
 * take it out of their policies by the work that is returned.
 */
export function endGrant(
  transaction: Transaction,
  grant: AccountGrant,
  { type = "oauth.revoked", by, data }: Omit<ToldGrantEvent, "type" | "ends"> & {
    readonly type?: "oauth.revoked" | "oauth.reuse_detected";
  },
  client: Client,
): DueWork[] {
  transaction.delete(accountGrantKey(grant.account, grant.id));
  return tellGrantEvent(transaction, grant, { type, by, data, ends: true }, client);
}

/**
 * Ends a grant of whoever is signed in, in all its orgs at once.
 * @throws {Refusal} session_ended, not_found
 */
export async function revokeOwnGrant(
  services: Services,
  session: PresentedSession,
  id: string,
  client: Client,
): Promise<AccountGrant> {
  const { grant, works } = await services.ledgers.transact(
    DEPLOYMENT_ORG,
    asAccount(session, {
      load: (reader, { account }) => loadAccountGrant(reader, { account: account.id, grant: id }),
      plan(transaction, _caller, grant) {
        if (grant === null) throw new Refusal("not_found", { what: `connection ${id} of yours` });
        const data = { because: "revoked" satisfies GrantEnd };
        return { grant, works: endGrant(transaction, grant, { by: "person", data }, client) };
      },
    }),
  );
  await settle(services, works);
  return grant;
}

/** Has a grant end at its time, unless its tokens are refreshed before. */
export function scheduleGrantEnd(
  transaction: Transaction,
  { id, account, expires_at }: AccountGrant,
): void {
  schedule(transaction, {
    kind: "grant_ends",
    at: expires_at,
    org: DEPLOYMENT_ORG,
    id: `${account} ${id}`,
  });
}

/** Ends a grant whose time has come: its code was never redeemed, or its tokens lay unused. */
export async function endGrantInTime(services: Services, work: DueWork): Promise<void> {
  const { kind, at, org, id } = work;
  const [account = "", grant = ""] = id.split(" ");
  const works = await services.ledgers.transact(org, {
    load: (reader) => loadAccountGrant(reader, { account, grant }),
    plan(transaction, found) {
      transaction.delete(dueKey(at, kind, org, id));
      if (found === null) return [];
      if (found.expires_at > transaction.now) {
        scheduleGrantEnd(transaction, found);
        return [];
      }
      const data = { because: "expired" satisfies GrantEnd };
      return endGrant(transaction, found, { by: "system", data }, BY_ITSELF);
    },
  });
  await settle(services, works);
}
