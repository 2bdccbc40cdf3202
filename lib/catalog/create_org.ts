import { z } from "zod";
import type { Deps } from "../deps.ts";
import { secretHash } from "../identity/credentials.ts";
import { makeLogKey } from "../ledger/checkpoints.ts";
import type { Actor } from "../ledger/entry.ts";
import type { Operation, Transaction } from "../ledger/transaction.ts";
import type { Services } from "../services.ts";
import {
  apiKeyKey,
  bootstrapKey,
  credentialKey,
  DEPLOYMENT_ORG,
  logKeyKey,
  memberKey,
  orgKey,
  orgPrefix,
} from "../store/keys.ts";
import { listRecords, readRecord } from "../store/kv.ts";
import {
  type ApiKeyRecord,
  bootstrapRecord,
  type CredentialIndex,
  credentialIndex,
  type MemberRecord,
} from "../store/records/identity.ts";
import { DISCOVERY_LIMITS, type OrgRecord } from "../store/records/policy.ts";
import { logOrigin } from "../tlog/log_key.ts";
import { DEFAULT_RATE_LIMIT } from "./api_keys.ts";

/**
 * How orgs begin: their record, the key and the first entry of their log. At its first start a
 * deployment makes its own log so, and where the operator handed over a key, an org `default` with
 * it.
 */

/** How long a new org holds who recovered their account. */
export const NEW_ORG_HOLD_HOURS = 24;

/** The settings that a new org starts with. */
function newOrgRecord(id: string, name: string, host: string, at: number): OrgRecord {
  return {
    id,
    name,
    log_origin: logOrigin(host, id),
    approval_timeout_seconds: 3600,
    approval_use_seconds: 900,
    report_within_seconds: 3600,
    discovery: "all",
    ...DISCOVERY_LIMITS,
    retain_arguments: true,
    separation_of_duties: false,
    strict_levels: true,
    strict_levels_by: null,
    api_decisions: true,
    confirm_by: "app",
    allow_personal_ids: false,
    recovery_hold_hours: NEW_ORG_HOLD_HOURS,
    budget_alert_percent: [80, 100],
    allowly: true,
    register_from_policies: false,
    kill_switch: { active: false, reason: null },
    created_at: at,
  };
}

/**
 * The operation that makes an org: its record, the key that signs its log, and the first entry of
 * that log. Does nothing when the org is there already; answers whether it made one.
 */
export async function createOrgOperation(
  deps: Deps,
  org: { id: string; name: string; host: string },
  actor: Actor,
): Promise<Operation<void, boolean>> {
  const key = await makeLogKey(deps, org.id, deps.now());
  return {
    plan(transaction) {
      if (transaction.snapshot.exists) return false;
      const record = newOrgRecord(org.id, org.name, org.host, transaction.at);
      transaction.setPolicy(orgKey(org.id), record);
      transaction.set(logKeyKey(org.id, key.kid), key);
      transaction.append({
        type: "org.created",
        actor,
        subject: { org: org.id },
        data: { name: org.name, log_origin: record.log_origin, log_key: key.kid },
      });
      return true;
    },
  };
}

const SYSTEM: Actor = { type: "system", id: "bootstrap" };

/** What the start found or made. */
type Bootstrap =
  | { readonly outcome: "made"; readonly org: string }
  | { readonly outcome: "found" }
  | { readonly outcome: "nothing" };

/**
 * Makes the deployment's own log, and, when there is no org yet and the operator handed over a
 * management key, the org `default` with that key (and approver key and owner, where given).
 */
export async function bootstrap(services: Services): Promise<Bootstrap> {
  const { deps, ledgers, settings } = services;
  const host = settings.url.host;
  const own = { id: DEPLOYMENT_ORG, name: "deployment", host };
  await ledgers.transact(own.id, await createOrgOperation(deps, own, SYSTEM));

  for await (const { key } of listRecords(deps.kv, { prefix: [...orgPrefix()] }, z.unknown())) {
    if (key[1] !== DEPLOYMENT_ORG) return { outcome: "found" };
  }
  const { key } = settings.bootstrap;
  if (key === null) return { outcome: "nothing" };

  const org = services.ids.make("org", deps.now());
  const create = await createOrgOperation(deps, { id: org, name: "default", host }, SYSTEM);
  const operation: Operation<boolean, boolean> = {
    load: async (reader) => await reader.get(bootstrapKey(), bootstrapRecord) === null,
    plan(transaction, first) {
      if (!first || !create.plan(transaction, undefined)) return false;
      transaction.set(bootstrapKey(), { org });
      addMembersAndKeys(transaction, key, settings.bootstrap);
      return true;
    },
  };
  const made = await ledgers.transact(org, operation);
  return made ? { outcome: "made", org } : { outcome: "found" };
}

/**
 * The variables whose keys let nobody in: they make keys with the first org and never again, so that
 * whoever hands over others later is refused everywhere, and learns why from the start alone.
 */
export async function idleBootstrapKeys({ deps, settings }: Services): Promise<string[]> {
  const given = [
    ["COUNTERSIGN_BOOTSTRAP_KEY", settings.bootstrap.key],
    ["COUNTERSIGN_BOOTSTRAP_APPROVER_KEY", settings.bootstrap.approver_key],
  ] as const;
  const idle: string[] = [];
  for (const [variable, key] of given) {
    if (key === null) continue;
    const known = await readRecord(deps.kv, credentialKey(secretHash(key)), credentialIndex);
    if (known === null) idle.push(variable);
  }
  return idle;
}

function addMembersAndKeys(
  transaction: Transaction,
  managementKey: string,
  { approver_key, owner }: Services["settings"]["bootstrap"],
): void {
  const behind: string[] = [];
  if (owner !== null) {
    const member = transaction.id("usr");
    behind.push(member);
    const record: MemberRecord = {
      id: member,
      email: owner,
      name: null,
      role: "owner",
      groups: [],
      account: null,
      has_passkey: false,
      held_until: null,
      created_at: transaction.at,
    };
    transaction.setPolicy(memberKey(transaction.snapshot.orgId, owner), record);
    transaction.append({
      type: "member.set",
      actor: SYSTEM,
      subject: { member },
      data: { role: "owner", groups: [] },
      private: { email: owner },
    });
  }
  addKey(transaction, "management", managementKey, behind);
  if (approver_key !== null) addKey(transaction, "approver", approver_key, behind);
}

function addKey(
  transaction: Transaction,
  tier: "management" | "approver",
  secret: string,
  members_behind: string[],
): void {
  const org = transaction.snapshot.orgId;
  const record: ApiKeyRecord = {
    id: transaction.id("key"),
    name: "bootstrap",
    tier,
    secret_hash: secretHash(secret),
    trust_tier: 0,
    tenant_ids: null,
    expires_at: null,
    rate_limit_per_minute: DEFAULT_RATE_LIMIT,
    audit_private: false,
    bootstrap: true,
    kept: false,
    mandate_ids: null,
    may_grant: false,
    user_passkeys: false,
    members_behind,
    created_at: transaction.at,
  };
  const index: CredentialIndex = { org, kind: "api_key", id: record.id };
  transaction.setPolicy(apiKeyKey(org, record.id), record);
  transaction.set(credentialKey(record.secret_hash), index);
  transaction.append({
    type: "api_key.created",
    actor: SYSTEM,
    subject: { api_key: record.id },
    data: { name: record.name, tier, bootstrap: true, members_behind },
  });
}
