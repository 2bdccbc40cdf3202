import type { Client } from "../identity/client.ts";
import { deliverIdentityEvent, sendTo } from "../identity/events.ts";
import type { JsonObject } from "../json/json_value.ts";
import type { DueWork } from "../ledger/due.ts";
import type { Transaction } from "../ledger/transaction.ts";
import type { Services } from "../services.ts";
import type { AccountGrant } from "../store/records/oauth.ts";
import { grantActor, type GrantEvent } from "./grant_entry.ts";

/** What became of a grant. */
export interface ToldGrantEvent extends Pick<GrantEvent, "by" | "ends"> {
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
    private: { client: { ip: client.ip, user_agent: client.user_agent } },
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
