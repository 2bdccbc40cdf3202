import { deleteSubscription, listSubscriptions } from "../alerts/subscriptions.ts";
import {
  endGrantsOf,
  type GrantsEndBecause,
  listAccountGrants,
} from "../identity/grant_entries.ts";
import { schedule } from "../ledger/commit.ts";
import type { Actor } from "../ledger/entry.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { accountGrantKey, accountKey, DEPLOYMENT_ORG, invitationKey } from "../store/keys.ts";
import type { Kv } from "../store/kv.ts";
import { alertPreferenceKey } from "../store/news_keys.ts";
import type { PushSubscriptionRecord } from "../store/records/alert.ts";
import type { MemberRecord } from "../store/records/identity.ts";
import { removeOwn } from "../vault/keepers.ts";
import type { AccountGrant } from "../store/records/oauth.ts";
import type { AccountRecord } from "../store/records/people.ts";

/**
 * What a session leaves behind: whoever had somebody's session for a while must have nothing of it
 * when that person recovers their account, signs out everywhere, leaves the org or deletes the
 * account. Every kind of row in the store stands in this one list, so that a new one is judged too.
 *
 * - `ends`: its person's, whoever made it in their name; goes in the commit of each of the four.
 * - `void`: names a session, a member, an account or a grant, and counts while that is in force.
 * - `passkey`: made under a fresh passkey, as the way in itself; a recovery replaces it.
 * - `organization`: what the org has; entries say who made it, and others of the org may end it.
 * - `deployment`: written for nobody's person: by the service, by machines, by who is not signed in.
 */
type Fate = "ends" | "void" | "passkey" | "organization" | "deployment";

export const FATES: Readonly<Record<string, Fate>> = {
  alert_preference: "ends",
  grant: "ends",
  oauth_grant: "ends",
  push_endpoint: "ends",
  push_subscription: "ends",

  account_session: "void",
  session: "void",
  ceremony: "void",
  decision_nonce: "void",
  /** Let in by a session, it is handed its secret while that session and its member are in force. */
  device_login: "void",
  device_tries: "void",
  /** While who invited is a member who may, and has not recovered their account since. */
  invitation: "void",
  invitation_link: "void",
  oauth_access_token: "void",
  oauth_code: "void",
  oauth_refresh_token: "void",
  slack_state: "void",
  vault_connect: "void",
  /** The agent that it names is the organization's. */
  sample: "void",

  account: "passkey",
  account_by_email: "passkey",
  account_passkey: "passkey",
  passkey: "passkey",
  passkey_known: "passkey",
  recovery: "passkey",
  recovery_code: "passkey",
  recovery_link: "passkey",
  recovery_set: "passkey",

  agent: "organization",
  alert_delivery: "organization",
  api_key: "organization",
  approval: "organization",
  approval_ask: "organization",
  approval_by_mandate: "organization",
  approval_by_tool: "organization",
  approval_count: "organization",
  approval_history: "organization",
  approval_last: "organization",
  approval_open: "organization",
  approval_org_count: "organization",
  approval_pending: "organization",
  approval_read: "organization",
  approval_ready: "organization",
  approval_ref: "organization",
  approval_view: "organization",
  budget: "organization",
  confirmation: "organization",
  bundle: "organization",
  bundle_edition: "organization",
  bundle_source: "organization",
  call: "organization",
  call_asked: "organization",
  call_key: "organization",
  call_result: "organization",
  call_waits: "organization",
  category: "organization",
  channel: "organization",
  channel_secret: "organization",
  credential: "organization",
  credential_used: "organization",
  delivery: "organization",
  endpoints: "organization",
  event: "organization",
  execution: "organization",
  external: "organization",
  gathered: "organization",
  heard: "organization",
  log: "organization",
  log_head: "organization",
  log_key: "organization",
  log_page: "organization",
  log_private: "organization",
  log_tile: "organization",
  log_turn: "organization",
  mandate: "organization",
  mandate_by_agent: "organization",
  mandate_by_parent: "organization",
  mandate_by_user: "organization",
  mandate_count: "organization",
  mandate_in_force: "organization",
  user_enrolment: "organization",
  user_passkeys: "organization",
  member: "organization",
  org: "organization",
  policy_change: "organization",
  policy_generation: "organization",
  policy_row: "organization",
  policy_version: "organization",
  receipt_key: "organization",
  receipt_keys: "organization",
  resource: "organization",
  rule: "organization",
  run_token: "organization",
  run_token_arguments: "organization",
  settled: "organization",
  sub_token: "organization",
  sub_token_use: "organization",
  sub_tokens_of: "organization",
  tenant: "organization",
  token_key: "organization",
  tombstone: "organization",
  tool: "organization",
  upstream: "organization",
  upstream_document: "organization",
  upstream_state: "organization",
  upstream_tool: "organization",
  /** A member's own are no part of it: `endLeftInOrg` removes them. */
  vault: "organization",
  vault_before: "organization",
  /** Of the organization, whoever connected it. */
  vault_grant: "organization",
  vault_secret: "organization",
  webhook: "organization",
  webhook_secret: "organization",

  bootstrap: "deployment",
  canary: "deployment",
  clock: "deployment",
  commit_mark: "deployment",
  device_requests: "deployment",
  device_user_code: "deployment",
  discovery_caller_count: "deployment",
  discovery_count: "deployment",
  due: "deployment",
  email_code: "deployment",
  email_code_limit: "deployment",
  endpoint_due: "deployment",
  erased: "deployment",
  idempotency: "deployment",
  identity_event: "deployment",
  oauth_client: "deployment",
  oauth_document: "deployment",
  oauth_registrations: "deployment",
  probe: "deployment",
  push_key: "deployment",
  schema_version: "deployment",
  set_up_link: "deployment",
  unreadable_token: "deployment",
};

/**
 * How long after a deletion its personal data goes, milliseconds: within 30 days, and not at once, so
 * that what was done before can still be looked into by whoever runs the deployment. An account that
 * is in no org goes as long after it was last used.
 */
export const ERASED_AFTER_MS = 7 * 24 * 60 * 60 * 1000;

/** What an account has of it, whatever the org. */
export interface LeftByAccount {
  /** Browsers that take pushes. */
  readonly subscriptions: readonly PushSubscriptionRecord[];
  /** What MCP clients were let do. */
  readonly grants: readonly AccountGrant[];
}

export const NOTHING_LEFT: LeftByAccount = { subscriptions: [], grants: [] };

/** Reads it without checks: once the sessions have ended, whoever ends it looks a second time. */
export async function loadLeft(kv: Kv, account: string): Promise<LeftByAccount> {
  const [subscriptions, grants] = await Promise.all([
    listSubscriptions(kv, account),
    listAccountGrants(kv, account),
  ]);
  return { subscriptions, grants };
}

/** Ends it; each org ends its own part by `endLeftInOrg`. Without its grant no token is good. */
export function endLeft(transaction: Transaction, { subscriptions, grants }: LeftByAccount): void {
  for (const subscription of subscriptions) deleteSubscription(transaction, subscription);
  for (const { account, id } of grants) transaction.delete(accountGrantKey(account, id));
}

/**
 * Takes the org of the transaction from an account. With the last one goes what it has beside its
 * orgs, and in time the account itself (`orgless_accounts.ts`).
 * @param left what the account has beside them
 */
export function leaveOrg(
  transaction: Transaction,
  account: AccountRecord,
  left: LeftByAccount,
): void {
  const { now, snapshot } = transaction;
  const orgs = account.orgs.filter((org) => org !== snapshot.orgId);
  if (orgs.length > 0) {
    transaction.set(accountKey(account.id), { ...account, orgs });
    return;
  }
  endLeft(transaction, left);
  keepForNow(transaction, { ...account, orgs }, now);
}

/** An account that is in no org since a time; work that is due a week later ends it. */
export function keepForNow(transaction: Transaction, account: AccountRecord, since: number): void {
  transaction.set(accountKey(account.id), { ...account, orgless_since: since });
  schedule(transaction, {
    kind: "account_orgless",
    at: since + ERASED_AFTER_MS,
    id: account.id,
    org: DEPLOYMENT_ORG,
  });
}

/** Ends in the org of the transaction what was left in the name of its member, or kept for them. */
export function endLeftInOrg(
  transaction: Transaction,
  { id, account, email }: Pick<MemberRecord, "id" | "account" | "email">,
  end: {
    readonly because: GrantsEndBecause;
    readonly actor: Actor;
    readonly request_id: string;
  },
): void {
  const { orgId } = transaction.snapshot;
  transaction.delete(alertPreferenceKey(orgId, id));
  transaction.delete(invitationKey(orgId, email));
  if (account !== null) endGrantsOf(transaction, account, end);
  removeOwn(transaction, id, end);
}
