import type { z } from "zod";
import type { Actor } from "../ledger/entry.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { Refusal } from "../refusal.ts";
import { accountGrantPrefix, credentialUsedKey, grantKey } from "../store/keys.ts";
import { type Kv, listRecords } from "../store/kv.ts";
import { type AccountGrant, accountGrant, type GrantRecord } from "../store/records/oauth.ts";
import type { grantEvent } from "../store/records/people.ts";
import type { MemberOperation } from "./acting.ts";
import { type Client, privateClient } from "./caller.ts";
import { demand } from "./deeds.ts";

/**
 * The grants of MCP clients in the logs of orgs, and how they end there: with the membership, a
 * recovery, a signing-out everywhere, or by somebody of the org.
 */

export type GrantEvent = z.infer<typeof grantEvent>;

/** Who brought an event about, as the log names them; `person` stands for the person. */
export function grantActor({ by, grant }: Pick<GrantEvent, "by" | "grant">, person: Actor): Actor {
  switch (by) {
    case "person":
      return person;
    case "client":
      return { type: "oauth_grant", id: grant };
    case "system":
      return { type: "system", id: "oauth" };
  }
}

/** Writes an event into the log of an org. Where the grant counts no more there is nothing to say. */
export function appendGrantEntry(transaction: Transaction, event: GrantEvent): void {
  const grant = transaction.snapshot.grants.get(event.grant);
  if (grant === undefined) return;
  transaction.append({
    id: event.id,
    type: event.type,
    actor: grantActor(event, { type: "member", id: grant.member }),
    subject: { member: grant.member, grant: grant.id },
    data: event.data,
    private: event.private,
  });
  if (event.ends) removeGrant(transaction, grant);
}

/** Takes a grant out of the policy of the transaction's org: it is void there on every node. */
function removeGrant(transaction: Transaction, { id }: Pick<GrantRecord, "id">): void {
  const { orgId } = transaction.snapshot;
  transaction.deletePolicy(grantKey(orgId, id));
  transaction.delete(credentialUsedKey(orgId, id));
}

/** Why all grants of an account end in an org. */
export type GrantsEndBecause = "membership_ended" | "recovery" | "signed_out";

/**
 * Ends what MCP clients may do in the org of the transaction for one account: in the commit of what
 * ends its membership, puts it on hold, or signs its person out everywhere.
 */
export function endGrantsOf(
  transaction: Transaction,
  account: string,
  { because, actor, request_id }: {
    readonly because: GrantsEndBecause;
    readonly actor: Actor;
    readonly request_id: string;
  },
): void {
  for (const grant of [...transaction.snapshot.grants.values()]) {
    if (grant.account !== account) continue;
    removeGrant(transaction, grant);
    const { client_id } = grant;
    transaction.append({
      type: "oauth.revoked",
      actor,
      subject: { member: grant.member, grant: grant.id },
      data: {
        because,
        client_id,
        client_name: grant.client_name,
        policy_version: transaction.policyVersion,
        request_id,
      },
    });
  }
}

/**
 * Ends in one org what a client may do there for another of its members; what that member lets it do
 * elsewhere is not this org's to end.
 * @throws {Refusal} not_found, role_required, fresh_assertion_required
 */
export function revokeInOrg(id: string, client: Client): MemberOperation<void, GrantRecord> {
  return {
    plan(transaction, caller) {
      demand(caller, "end_connection", "Ending a connection of another member");
      const grant = transaction.snapshot.grants.get(id);
      if (grant === undefined) throw new Refusal("not_found", { what: `connection ${id}` });
      removeGrant(transaction, grant);
      transaction.append({
        type: "oauth.revoked",
        actor: { type: "member", id: caller.id },
        subject: { member: grant.member, grant: id },
        data: {
          because: "revoked",
          client_id: grant.client_id,
          client_name: grant.client_name,
          policy_version: transaction.policyVersion,
          request_id: client.request_id,
        },
        private: { client: privateClient(client) },
      });
      return grant;
    },
  };
}

/** The grants of an account in the order of their ids, which is that of their making. */
export async function listAccountGrants(kv: Kv, account: string): Promise<AccountGrant[]> {
  const selector = { prefix: [...accountGrantPrefix(account)] };
  return await Array.fromAsync(listRecords(kv, selector, accountGrant), ({ value }) => value);
}
