import type { JsonObject } from "../base/json.ts";
import { asAccount } from "../identity/acting.ts";
import { type Client, privateClient } from "../identity/caller.ts";
import { deliverIdentityEvent, sendTo } from "../identity/events.ts";
import { grantActor, type GrantEvent } from "../identity/grant_entries.ts";
import type { PresentedSession } from "../identity/sessions.ts";
import { schedule } from "../ledger/commit.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import { accountGrantKey, DEPLOYMENT_ORG, dueKey } from "../store/keys.ts";
import type { DueWork } from "../store/records/log.ts";
import { type AccountGrant, accountGrant } from "../store/records/oauth.ts";

/**
 * The life of a grant: how it ends, by whomever and in time, and how the logs of its orgs come to
 * say what became of it, each exactly once.
 */

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
  | "crowded_out"
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

/** What became of a grant. */
interface ToldGrantEvent extends Pick<GrantEvent, "by" | "ends"> {
  readonly type: "oauth.issued" | "oauth.refreshed" | "oauth.reuse_detected" | "oauth.revoked";
  readonly data: JsonObject;
}

/**
 * Puts an event into the log of the deployment, whose commit this is, and on its way into those of
 * the orgs of the grant: by rows that ride in the commit and are taken up exactly once.
 * @returns the work that is left: done at once by `settle`, else by whoever sweeps
 */
export function tellGrantEvent(
  transaction: Transaction,
  grant: AccountGrant,
  { type, by, ends, data }: ToldGrantEvent,
  client: Client,
): DueWork[] {
  const { id, account, client_id, client_name, orgs } = grant;
  const event: GrantEvent = {
    kind: "grant",
    id: transaction.id("ent"),
    account,
    grant: id,
    type,
    by,
    data: {
      client_id,
      client_name,
      ...data,
      occurred_at: transaction.atText,
      request_id: client.request_id,
    },
    private: { client: privateClient(client) },
    ends,
  };
  transaction.append({
    id: event.id,
    type,
    actor: grantActor(event, { type: "account", id: account }),
    subject: { account, grant: id },
    data: event.data,
    private: event.private,
  });
  return orgs.map((org) => sendTo(transaction, org, { ...event, id: transaction.id("ent") }));
}

/**
 * Does at once what a commit left for the orgs of a grant: each log has it in order, and a grant that
 * ended is void in each policy. Never fails: the commit stands, and what the store does not take now
 * is taken up by whoever sweeps.
 */
export async function settle(services: Services, works: readonly DueWork[]): Promise<void> {
  await Promise.all(works.map(async (work) => {
    try {
      await deliverIdentityEvent(services, work);
    } catch (error) {
      services.deps.log("warn", "An event of a grant waits for its log", {
        org: work.org,
        id: work.id,
        error: String(error),
      });
    }
  }));
}
