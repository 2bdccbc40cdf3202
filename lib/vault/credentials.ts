import type { JsonObject } from "../base/json.ts";
import type { CallerOperation } from "../identity/acting.ts";
import { actorOf, type Caller } from "../identity/caller.ts";
import { demand } from "../identity/deeds.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { hostProblem, type PrivateHosts } from "../outside/addresses.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { type InputProblem, Refusal } from "../refusal.ts";
import { vaultBeforeKey, vaultKey, vaultSecretKey } from "../store/gateway_keys.ts";
import { credentialUsedKey } from "../store/keys.ts";
import { type VaultRecord, vaultSecretRecord } from "../store/records/vault.ts";
import { originOf, secretProblem } from "./injection.ts";

/**
 * Credentials that calls to upstreams carry: put in, rotated, removed. A secret goes in and never comes
 * out again but into a request to one of the origins that it was put in for. Each write is one commit
 * with its entry.
 */

/** How many an org may have. */
export const MOST_CREDENTIALS = 100;

/** Most origins of one. */
export const MOST_ORIGINS = 10;

/** How long the secret before may be tried at most, seconds. */
export const MOST_OVERLAP_SECONDS = 24 * 60 * 60;

/** A credential as somebody puts it in. */
export interface NewCredential extends Pick<VaultRecord, "name" | "kind" | "field" | "origins"> {
  readonly secret: string;
}

const DEED = "Putting a credential into the vault";

/** Headers that say who is asked, or that are of the protocol or the connection. */
const RESERVED_HEADERS =
  /^(proxy-.*|cookie|host|origin|referer|connection|upgrade|te|trailer|transfer-.*|content-.*|accept.*|user-agent|last-event-id|mcp-.*)$/;

/** What stands against a credential, by itself. */
function credentialProblems(
  { kind, field, origins, secret }: NewCredential,
  named: PrivateHosts,
): InputProblem[] {
  const problems: InputProblem[] = [];
  const says = secretProblem(kind, secret);
  if (says !== null) problems.push({ path: "/secret", message: says });
  if (kind === "header" && field !== null && RESERVED_HEADERS.test(field)) {
    problems.push({ path: "/header", message: "is a header that is not set here" });
  }
  for (const [i, origin] of origins.entries()) {
    const path = `/origins/${i}`;
    const problem = hostProblem(origin, named);
    if (problem !== null) {
      problems.push({ path, message: problem.says });
    } else if (originOf(origin) !== origin) {
      const message = `must be written as an origin is: ${originOf(origin) ?? "https://host"}`;
      problems.push({ path, message });
    }
  }
  return problems;
}

/**
 * Puts a credential into the vault.
 * @throws {Refusal} invalid_request, too_many_credentials, role_required, recovery_held,
 *   fresh_assertion_required
 */
export function createCredential(
  asked: NewCredential,
  named: PrivateHosts,
  request_id: string,
): CallerOperation<void, VaultRecord> {
  const errors = credentialProblems(asked, named);
  if (errors.length > 0) throw new Refusal("invalid_request", { errors });
  return {
    plan(transaction, caller) {
      demand(caller, "keep_credential", DEED);
      const { snapshot, at } = transaction;
      if (snapshot.vault.size >= MOST_CREDENTIALS) {
        throw new Refusal("too_many_credentials", { most: MOST_CREDENTIALS });
      }
      const { name, kind, field, origins, secret } = asked;
      const record: VaultRecord = {
        id: transaction.id("crd"),
        name,
        kind,
        field,
        origins: [...origins],
        owner: "org",
        created_at: at,
        rotated_at: null,
      };
      transaction.setPolicy(vaultKey(snapshot.orgId, record.id), record);
      storeSecret(transaction, record.id, secret);
      append(transaction, caller, "credential.created", record, { request_id });
      return record;
    },
  };
}

/** How a credential is rotated. */
export interface Rotation {
  readonly secret: string;
  /** How long the one before is tried where the new one is not taken. */
  readonly overlap_seconds: number;
}

/**
 * Puts another secret in the place of the one before, in one commit.
 * @throws {Refusal} not_found, invalid_request, role_required, recovery_held,
 *   fresh_assertion_required
 */
export function rotateCredential(
  id: string,
  { secret, overlap_seconds }: Rotation,
  request_id: string,
): CallerOperation<Uint8Array | null, VaultRecord> {
  return {
    async load(reader) {
      const key = vaultSecretKey(reader.snapshot.orgId, id);
      return (await reader.get(key, vaultSecretRecord))?.value.sealed ?? null;
    },
    plan(transaction, caller, sealed) {
      const { snapshot, deps: { sealer }, at, now } = transaction;
      const old = existingCredential(snapshot, id);
      demand(caller, "keep_credential", DEED);
      const says = secretProblem(old.kind, secret);
      if (says !== null) {
        throw new Refusal("invalid_request", { errors: [{ path: "/secret", message: says }] });
      }
      const next: VaultRecord = { ...old, rotated_at: at };
      const before = vaultBeforeKey(snapshot.orgId, id);
      if (overlap_seconds === 0 || sealed === null) {
        transaction.delete(before);
      } else {
        const expireIn = overlap_seconds * 1000;
        const plain = sealer.open(vaultSecretKey(snapshot.orgId, id), sealed);
        const row = { sealed: sealer.seal(before, plain), expires_at: now + expireIn };
        transaction.set(before, row, { expireIn });
      }
      storeSecret(transaction, id, secret);
      transaction.setPolicy(vaultKey(snapshot.orgId, id), next);
      append(transaction, caller, "credential.rotated", next, { overlap_seconds, request_id });
      return next;
    },
  };
}

/**
 * Removes a credential: from this commit on it goes nowhere. What names it is answered that it is not
 * there. @throws {Refusal} not_found, role_required, recovery_held
 */
export function deleteCredential(
  id: string,
  request_id: string,
): CallerOperation<void, VaultRecord> {
  return {
    plan(transaction, caller) {
      const { snapshot } = transaction;
      const old = existingCredential(snapshot, id);
      demand(caller, "configure");
      transaction.deletePolicy(vaultKey(snapshot.orgId, id));
      for (const keyOf of [vaultSecretKey, vaultBeforeKey, credentialUsedKey]) {
        transaction.delete(keyOf(snapshot.orgId, id));
      }
      append(transaction, caller, "credential.deleted", old, { request_id });
      return old;
    },
  };
}

/** One credential, for whoever may look. @throws {Refusal} not_found */
export function seeCredential(id: string): CallerOperation<void, VaultRecord> {
  return { plan: ({ snapshot }) => existingCredential(snapshot, id) };
}

/** All of an org, the oldest first. */
export function seeCredentials(): CallerOperation<void, VaultRecord[]> {
  return {
    plan: ({ snapshot: { vault } }) => [...vault.values()].sort((a, b) => a.id < b.id ? -1 : 1),
  };
}

/** @throws {Refusal} not_found */
function existingCredential({ vault }: Pick<Snapshot, "vault">, id: string): VaultRecord {
  const record = vault.get(id);
  if (record === undefined) throw new Refusal("not_found", { what: `credential ${id}` });
  return record;
}

function storeSecret(transaction: Transaction, id: string, secret: string): void {
  const { snapshot, deps: { sealer } } = transaction;
  const key = vaultSecretKey(snapshot.orgId, id);
  transaction.set(key, { sealed: sealer.sealJson(key, secret) });
}

/** What it is called is kept apart: people write into names what a log is not to show. */
function append(
  transaction: Transaction,
  caller: Caller,
  type: "credential.created" | "credential.rotated" | "credential.deleted",
  { id, kind, origins, name }: VaultRecord,
  data: JsonObject,
): void {
  transaction.append({
    type,
    actor: actorOf(caller),
    subject: { credential: id },
    data: { kind, origins: [...origins], ...data },
    private: { name },
  });
}
