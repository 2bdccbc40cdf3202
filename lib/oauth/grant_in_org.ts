import type { Client } from "../identity/client.ts";
import type { Operation } from "../ledger/operation.ts";
import { grantKey } from "../store/keys.ts";
import type { AccountGrant, GrantRecord } from "../store/records/oauth.ts";
import { consentOrg } from "./consent_orgs.ts";
import { loadAccountGrant } from "./grants.ts";

/** How a consent was given. */
export interface ConsentOf {
  /** Digest of the passkey that signed it. */
  readonly credential: string;
  /** Where its code goes, as the person was shown it. */
  readonly redirect: string;
  readonly client: Client;
}

/**
 * Takes a grant into the policy of one of its orgs; false where that is not to be: the membership or
 * the grant ended meanwhile, or a recovery holds the member. The commit checks that the grant stands,
 * so one that is revoked at this moment does not come back.
 */
export function grantInOrg(
  grant: AccountGrant,
  { credential, redirect, client }: ConsentOf,
): Operation<boolean, boolean> {
  return {
    load: async (reader) => {
      const name = { account: grant.account, grant: grant.id };
      return await loadAccountGrant(reader, name) !== null;
    },
    plan(transaction, stands) {
      const { snapshot, now } = transaction;
      const org = consentOrg(snapshot, grant.account, now);
      const member = snapshot.memberOf(grant.account);
      if (!stands || org === null || org.held_until !== null || member === undefined) return false;
      const { id, account, client_id, client_name, client_kind, verified, scopes } = grant;
      const record: GrantRecord = {
        id,
        account,
        member: member.id,
        client_id,
        client_name,
        client_kind,
        verified,
        scopes,
        created_at: grant.created_at,
      };
      transaction.setPolicy(grantKey(snapshot.orgId, id), record);
      transaction.append({
        type: "oauth.authorized",
        actor: { type: "member", id: member.id },
        subject: { member: member.id, grant: id },
        data: {
          client_id,
          client_name,
          client_kind,
          verified,
          scopes,
          redirect,
          credential,
          policy_version: transaction.policyVersion,
          request_id: client.request_id,
        },
        private: { client: { ip: client.ip, user_agent: client.user_agent } },
      });
      return true;
    },
  };
}
