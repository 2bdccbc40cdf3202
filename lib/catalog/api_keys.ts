import type { JsonObject, JsonValue } from "../base/json.ts";
import type { CallerOperation, MemberOperation } from "../identity/acting.ts";
import { actorOf, type Caller, hasExpired, ownerEnrolled } from "../identity/caller.ts";
import { makeSecret, secretHash } from "../identity/credentials.ts";
import { demand } from "../identity/deeds.ts";
import type { Actor } from "../ledger/entry.ts";
import type { Transaction } from "../ledger/transaction.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { patternIn } from "./selectors.ts";
import { invalidRequest, Refusal } from "../refusal.ts";
import { apiKeyKey, credentialKey, credentialUsedKey } from "../store/keys.ts";
import type {
  ApiKeyRecord,
  CredentialIndex,
  KEY_TIERS,
  MandateIds,
} from "../store/records/identity.ts";
import { assertNoPersonalIds } from "./personal_ids.ts";

/**
 * The keys of an org: made, kept beside passkeys, revoked. Also what keys and agents have in
 * common: the fields that bound a machine, what stands against them, and what its entry shows.
 */

/** A key as it is asked for. */
interface NewApiKey extends MachineFields {
  readonly tier: (typeof KEY_TIERS)[number];
  readonly audit_private: boolean;
  /** Whether a standard key may grant mandates; absent is no. */
  readonly may_grant?: boolean;
  /** Whether a management key may say which passkeys speak for users; absent is no. */
  readonly user_passkeys?: boolean;
}

/** A key as it was made: the only time that its secret is known. */
export interface MadeApiKey {
  readonly record: ApiKeyRecord;
  readonly secret: string;
  readonly policy_version: number;
}

/** A key as it was when it was revoked. */
interface RevokedApiKey {
  readonly record: ApiKeyRecord;
  readonly policy_version: number;
  /** Set when nobody can configure the org any more, until the operator acts. */
  readonly warning: "last_management_key" | null;
}

/** A key that an owner keeps. */
interface KeptApiKey {
  readonly record: ApiKeyRecord;
  readonly policy_version: number;
}

/**
 * Makes a key. The member who makes it answers for it, or those who answer for the key that does. One that
 * decides, or reads private data, is made by an owner.
 * @throws {Refusal} owner_required of a key, role_required, recovery_held,
 *   fresh_assertion_required of a member; invalid_request
 */
export function createApiKey(
  fields: NewApiKey,
  requestId: string,
): CallerOperation<void, MadeApiKey> {
  return {
    plan(transaction, caller) {
      const { name, tier, trust_tier, tenant_ids, expires_at, rate_limit_per_minute } = fields;
      assertMayMake(transaction.snapshot, caller, fields);
      if (tier === "management" && tenant_ids !== null) {
        throw invalidRequest(
          "/tenant_ids",
          "bounds standard keys and agents only: a management key configures the whole organization",
        );
      }
      const { may_grant = false, user_passkeys = false, mandate_ids = null } = fields;
      if (tier !== "standard" && (may_grant || mandate_ids !== null)) {
        const path = may_grant ? "/may_grant" : "/mandate_ids";
        throw invalidRequest(path, "is for standard keys, which ask what is allowed");
      }
      if (tier !== "management" && user_passkeys) {
        throw invalidRequest("/user_passkeys", "is for management keys");
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
        audit_private: fields.audit_private,
        bootstrap: false,
        kept: false,
        mandate_ids,
        may_grant,
        user_passkeys,
        ...(fields.login === undefined ? {} : { login: fields.login }),
        members_behind: [...caller.members_behind],
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
        data: {
          ...entry.data,
          tier,
          ...(fields.audit_private ? { audit_private: true } : {}),
          ...(may_grant ? { may_grant: true } : {}),
          ...(user_passkeys ? { user_passkeys: true } : {}),
          request_id: requestId,
        },
        private: entry.private,
      });
      return { record, secret, policy_version: transaction.policyVersion };
    },
  };
}

/** @throws {Refusal} owner_required, role_required, recovery_held, fresh_assertion_required */
function assertMayMake(
  snapshot: Snapshot,
  caller: Caller,
  { tier, audit_private, may_grant, user_passkeys }: Pick<
    NewApiKey,
    "tier" | "audit_private" | "may_grant" | "user_passkeys"
  >,
): void {
  const forOwners = tier === "approver"
    ? "An approver key"
    : audit_private
    ? "A key that reads private data"
    : null;
  if (caller.type !== "member" && forOwners !== null) {
    throw new Refusal("owner_required", { what: forOwners });
  }
  if (may_grant && caller.type !== "member" && ownerEnrolled(snapshot)) {
    throw new Refusal("owner_required", { what: "A key that grants mandates" });
  }
  if (user_passkeys) {
    const what = "A key that says which passkeys speak for users";
    if (caller.type !== "member" && ownerEnrolled(snapshot)) {
      throw new Refusal("owner_required", { what });
    }
    demand(caller, "make_approver_key", what);
  }
  if (forOwners === null) demand(caller, "loosen", "Making a key");
  else demand(caller, "make_approver_key", forOwners);
}

/**
 * Keeps an approver key that the operator handed over by environment: it decides on although there
 * are passkeys now.
 * @throws {Refusal} not_found when there is no such key; role_required, recovery_held,
 *   fresh_assertion_required
 */
export function keepBootstrapKey(
  id: string,
  requestId: string,
): MemberOperation<void, KeptApiKey> {
  return {
    plan(transaction, caller) {
      demand(caller, "make_approver_key", "Keeping an approver key");
      const old = transaction.snapshot.apiKeys.get(id);
      if (old === undefined || !old.bootstrap || old.tier !== "approver") {
        throw new Refusal("not_found", { what: `approver key of the operator ${id}` });
      }
      const record: ApiKeyRecord = { ...old, kept: true };
      if (!old.kept) {
        transaction.setPolicy(apiKeyKey(caller.org, id), record);
        transaction.append({
          type: "api_key.kept",
          actor: actorOf(caller),
          subject: { api_key: id },
          data: { tier: record.tier, request_id: requestId },
        });
      }
      return { record, policy_version: transaction.policyVersion };
    },
  };
}

/**
 * Revokes a key: the policy record goes, so every decision under way on any node is refused or made
 * again, and the hash goes, so that it is not found any more. A key may revoke itself. Whoever
 * configures the org may end every key, also one that they could not make.
 * @throws {Refusal} not_found, role_required
 */
export function revokeApiKey(
  id: string,
  requestId: string,
): CallerOperation<void, RevokedApiKey> {
  return {
    plan(transaction, caller) {
      demand(caller, "configure");
      const record = transaction.snapshot.apiKeys.get(id);
      if (record === undefined) throw new Refusal("not_found", { what: `API key ${id}` });
      endApiKey(transaction, record, { actor: actorOf(caller), data: { request_id: requestId } });
      return {
        record,
        policy_version: transaction.policyVersion,
        warning: isLastWayIn(transaction, record) ? "last_management_key" : null,
      };
    },
  };
}

/** Ends a key, in the commit of what ends it. */
export function endApiKey(
  transaction: Transaction,
  { id, tier, secret_hash }: ApiKeyRecord,
  { actor, data }: { readonly actor: Actor; readonly data: JsonObject },
): void {
  const { orgId } = transaction.snapshot;
  transaction.deletePolicy(apiKeyKey(orgId, id));
  transaction.delete(credentialKey(secret_hash));
  transaction.delete(credentialUsedKey(orgId, id));
  transaction.append({
    type: "api_key.revoked",
    actor,
    subject: { api_key: id },
    data: { tier, ...data },
  });
}

/** Whether without this key nobody, neither key nor enrolled owner, can configure the org. */
function isLastWayIn(transaction: Transaction, revoked: ApiKeyRecord): boolean {
  const { snapshot, now } = transaction;
  if (revoked.tier !== "management" || ownerEnrolled(snapshot)) return false;
  for (const key of snapshot.apiKeys.values()) {
    const { id, tier } = key;
    if (id !== revoked.id && tier === "management" && !hasExpired(key, now)) return false;
  }
  return true;
}

/** Requests a minute that a key or agent may send unless it is made with another limit. */
export const DEFAULT_RATE_LIMIT = 6000;

/** What may be said of every machine identity, key or agent. */
export interface MachineFields {
  readonly name: string;
  readonly trust_tier: number;
  /** The tenants that it may name; null when it may name any. */
  readonly tenant_ids: string[] | null;
  /** Milliseconds since 1970; null when it does not expire. */
  readonly expires_at: number | null;
  /** Null when not limited. */
  readonly rate_limit_per_minute: number | null;
  /** The mandates that it may name; `required`: any, but one. Null, or absent, for any, and none. */
  readonly mandate_ids?: MandateIds;
  /** The login at a terminal by which it is handed out; absent for none. */
  readonly login?: string;
}

/**
 * Checks what only this moment and this org can tell of given fields.
 * @throws {Refusal} invalid_request for an expiry that is past, or a tenant id that looks personal
 *   or like a pattern
 */
export function assertMachineFields(
  transaction: Transaction,
  { expires_at, tenant_ids }: Partial<MachineFields>,
): void {
  if (typeof expires_at === "number" && expires_at <= transaction.now) {
    throw invalidRequest(
      "/expires_at",
      `is ${new Date(expires_at).toISOString()}, which is past; give a time in the future`,
    );
  }
  tenant_ids?.forEach((tenant, i) => {
    const character = patternIn(tenant);
    if (character === null || transaction.snapshot.isTenantRegistered(tenant)) return;
    throw invalidRequest(
      `/tenant_ids/${i}`,
      `holds ${character}, and no pattern is understood: name each tenant, or null for all of ` +
        "them; a tenant whose id is exactly this has to be registered first",
    );
  });
  const ids = (tenant_ids ?? []).map((tenant, i) => [`/tenant_ids/${i}`, tenant] as const);
  assertNoPersonalIds(transaction.snapshot.org, Object.fromEntries(ids));
}

/**
 * Given fields as an entry shows them: who reads the leaf learns what was granted, names and the
 * list of tenants (which may be long) are private.
 */
export function machineEntry(
  fields: Partial<MachineFields>,
): { data: JsonObject; private: Record<string, JsonValue> } {
  const { name, trust_tier, tenant_ids, expires_at, rate_limit_per_minute, mandate_ids, login } =
    fields;
  return {
    data: {
      ...(trust_tier === undefined ? {} : { trust_tier }),
      ...(tenant_ids === undefined ? {} : { tenants: tenant_ids?.length ?? null }),
      ...(expires_at === undefined
        ? {}
        : { expires_at: expires_at === null ? null : new Date(expires_at).toISOString() }),
      ...(rate_limit_per_minute === undefined ? {} : { rate_limit_per_minute }),
      // Few enough to be shown, and ids of our own.
      ...(mandate_ids == null ? {} : { mandate_ids }),
      ...(login === undefined ? {} : { login }),
    },
    private: {
      ...(name === undefined ? {} : { name }),
      ...(tenant_ids ? { tenant_ids } : {}),
    },
  };
}
