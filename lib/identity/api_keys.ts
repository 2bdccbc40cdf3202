import type { Transaction } from "../ledger/transaction.ts";
import { invalidRequest, Refusal } from "../refusals/refusal.ts";
import { apiKeyKey, credentialKey, credentialUsedKey } from "../store/keys.ts";
import type { ApiKeyRecord, CredentialIndex, KEY_TIERS } from "../store/records/identity.ts";
import { actorOf } from "./caller.ts";
import type { CallerOperation } from "./caller_operation.ts";
import { assertMachineFields, machineEntry, type MachineFields } from "./machine_fields.ts";
import { ownerEnrolled } from "./owner_enrolled.ts";
import { makeSecret, secretHash } from "./secret.ts";

/** A key as it is asked for. */
export interface NewApiKey extends MachineFields {
  readonly tier: (typeof KEY_TIERS)[number];
  readonly audit_private: boolean;
}

/** A key as it was made: the only time that its secret is known. */
export interface MadeApiKey {
  readonly record: ApiKeyRecord;
  readonly secret: string;
  readonly policy_version: number;
}

/** A key as it was when it was revoked. */
export interface RevokedApiKey {
  readonly record: ApiKeyRecord;
  readonly policy_version: number;
  /** Set when nobody can configure the org any more, until the operator acts. */
  readonly warning: "last_management_key" | null;
}

/**
 * Makes a standard or management key, which answers for the same member as the one that makes it.
 * @throws {Refusal} owner_required for an approver key or one that reads private data,
 *   invalid_request
 */
export function createApiKey(
  fields: NewApiKey,
  requestId: string,
): CallerOperation<void, MadeApiKey> {
  return {
    plan(transaction, caller) {
      const { name, tier, trust_tier, tenant_ids, expires_at, rate_limit_per_minute } = fields;
      if (tier === "approver") throw new Refusal("owner_required", { what: "An approver key" });
      if (fields.audit_private) {
        throw new Refusal("owner_required", { what: "A key that reads private data" });
      }
      if (tier === "management" && tenant_ids !== null) {
        throw invalidRequest(
          "/tenant_ids",
          "bounds standard keys and agents only: a management key configures the whole organization",
        );
      }
      assertMachineFields(transaction, fields);
      const secret = makeSecret(tier, transaction.deps.random);
      const record: ApiKeyRecord = {
        id: transaction.id("key"),
        name,
        tier,
        secret_hash: secretHash(secret),
        trust_tier,
        tenant_ids,
        expires_at,
        rate_limit_per_minute,
        audit_private: false,
        bootstrap: false,
        kept: false,
        member_behind: caller.member_behind,
        created_at: transaction.at,
      };
      const index: CredentialIndex = { org: caller.org, kind: "api_key", id: record.id };
      transaction.setPolicy(apiKeyKey(caller.org, record.id), record);
      transaction.set(credentialKey(record.secret_hash), index);
      const entry = machineEntry(fields);
      transaction.append({
        type: "api_key.created",
        actor: actorOf(caller),
        subject: { api_key: record.id },
        data: { ...entry.data, tier, request_id: requestId },
        private: entry.private,
      });
      return { record, secret, policy_version: transaction.policyVersion };
    },
  };
}

/**
 * Revokes a key: the policy record goes, so every decision under way on any node is refused or made
 * again, and the hash goes, so that it is not found any more. A key may revoke itself.
 * @throws {Refusal} not_found
 */
export function revokeApiKey(
  id: string,
  requestId: string,
): CallerOperation<void, RevokedApiKey> {
  return {
    plan(transaction, caller) {
      const record = transaction.snapshot.apiKeys.get(id);
      if (record === undefined) throw new Refusal("not_found", { what: `API key ${id}` });
      transaction.deletePolicy(apiKeyKey(caller.org, id));
      transaction.delete(credentialKey(record.secret_hash));
      transaction.delete(credentialUsedKey(caller.org, id));
      transaction.append({
        type: "api_key.revoked",
        actor: actorOf(caller),
        subject: { api_key: id },
        data: { tier: record.tier, request_id: requestId },
      });
      return {
        record,
        policy_version: transaction.policyVersion,
        warning: isLastWayIn(transaction, record) ? "last_management_key" : null,
      };
    },
  };
}

/** Whether without this key nobody, neither key nor enrolled owner, can configure the org. */
function isLastWayIn(transaction: Transaction, revoked: ApiKeyRecord): boolean {
  const { snapshot, at } = transaction;
  if (revoked.tier !== "management" || ownerEnrolled(snapshot)) return false;
  for (const { id, tier, expires_at } of snapshot.apiKeys.values()) {
    const inForce = expires_at === null || expires_at > at;
    if (id !== revoked.id && tier === "management" && inForce) return false;
  }
  return true;
}
