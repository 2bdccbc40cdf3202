import { z } from "zod";
import type { JsonObject } from "../base/json.ts";
import type { CallerOperation } from "../identity/acting.ts";
import { actorOf, type Caller } from "../identity/caller.ts";
import { demand } from "../identity/deeds.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { addressProblem, type PrivateHosts } from "../outside/addresses.ts";
import { type InputProblem, Refusal } from "../refusal.ts";
import { vaultBeforeKey, vaultGrantKey, vaultKey, vaultSecretKey } from "../store/gateway_keys.ts";
import {
  OF_ORG,
  type VaultGrantRecord,
  type VaultRecord,
  vaultSecretRecord,
} from "../store/records/vault.ts";
import { givenClient, type GrantSecret, loadGrant, storeGrant } from "./grant.ts";
import { originOf, secretProblem } from "./injection.ts";
import {
  assertAlone,
  demandEnd,
  demandKeeper,
  demandOwner,
  existingCredential,
  keptBy,
  namedUsers,
  ownedBy,
  removeRows,
} from "./keepers.ts";

/**
 * Credentials that calls to upstreams carry: put in, rotated, removed. A secret goes in and never comes
 * out again but into a request to one of the origins that it was put in for. Each write is one commit
 * with its entry.
 */

/** How many an org may have, its members' own aside. */
export const MOST_CREDENTIALS = 100;

/** How many of their own a member may have in an org. */
export const MOST_OWN = 20;

/** Most origins of one. */
export const MOST_ORIGINS = 10;

/** How long the secret before may be tried at most, seconds. */
export const MOST_OVERLAP_SECONDS = 24 * 60 * 60;

/** A credential as somebody puts it in. */
export interface NewCredential
  extends Pick<VaultRecord, "name" | "kind" | "field" | "origins" | "oauth"> {
  /** Of kind oauth2 that of the client; empty where it has none. */
  readonly secret: string;
  /** Of kind oauth2: a refresh token that somebody has already; null to have a member connect it. */
  readonly refresh_token: string | null;
  /**
   * Null for one of the organization. Of a member's own, which a member alone makes: the ids of the keys
   * and agents that it acts for besides the programs that they connected.
   */
  readonly own: { readonly used_by: readonly string[] } | null;
}

const DEED = "Putting a credential into the vault";

/** Headers that say who is asked, or that are of the protocol or the connection. */
const RESERVED_HEADERS =
  /^(proxy-.*|cookie|host|origin|referer|connection|upgrade|te|trailer|transfer-.*|content-.*|accept.*|user-agent|last-event-id|mcp-.*)$/;

/** A JSON pointer into what a body says of the provider. */
function inOauth(...names: readonly string[]): string {
  return ["", "oauth", ...names].join("/");
}

/** What stands against a credential, by itself. */
function credentialProblems(
  { kind, field, origins, secret, oauth, refresh_token }: NewCredential,
  named: PrivateHosts,
): InputProblem[] {
  const problems: InputProblem[] = [];
  const says = oauth === null ? secretProblem(kind, secret) : null;
  if (says !== null) problems.push({ path: "/secret", message: says });
  if (oauth !== null) {
    const issuer = addressProblem(oauth.issuer, named);
    if (issuer !== null) problems.push({ path: inOauth("issuer"), message: issuer });
    if (oauth.client_id === null && (secret !== "" || refresh_token !== null)) {
      const message = "is needed with a client_secret or a refresh_token";
      problems.push({ path: inOauth("client_id"), message });
    }
  }
  if (kind === "header" && field !== null && RESERVED_HEADERS.test(field)) {
    problems.push({ path: "/header", message: "is a header that is not set here" });
  }
  for (const [i, origin] of origins.entries()) {
    const path = `/origins/${i}`;
    const problem = addressProblem(origin, named);
    if (problem !== null) {
      problems.push({ path, message: problem });
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
      const { name, kind, field, origins, secret, oauth, refresh_token, own } = asked;
      const owner = own === null ? OF_ORG : caller.id;
      demandKeeper(caller, { owner, id: "" }, DEED);
      const { snapshot, at } = transaction;
      const most = own === null ? MOST_CREDENTIALS : MOST_OWN;
      if (ownedBy(snapshot, owner).length >= most) {
        throw new Refusal("too_many_credentials", { most });
      }
      const used_by = own === null ? [] : namedUsers(snapshot, own.used_by);
      if (own !== null) assertAlone(snapshot, { id: "", owner, origins, used_by });
      const record: VaultRecord = {
        id: transaction.id("crd"),
        name,
        kind,
        field,
        origins: [...origins],
        owner,
        used_by,
        account: 0,
        oauth,
        created_at: at,
        rotated_at: null,
      };
      transaction.setPolicy(vaultKey(snapshot.orgId, record.id), record);
      storeSecret(transaction, record.id, secret);
      if (oauth !== null && refresh_token !== null) {
        storeGiven(transaction, record.id, { oauth, secret, refresh_token }, null);
      }
      append(transaction, caller, "credential.created", record, {
        owner,
        ...(own === null ? {} : { used_by: used_by.map(({ id }) => id) }),
        request_id,
      });
      return record;
    },
  };
}

/** A grant of tokens that somebody put in: the first access token is fetched when it is needed. */
function storeGiven(
  transaction: Transaction,
  id: string,
  { oauth, secret, refresh_token }: {
    readonly oauth: NonNullable<VaultRecord["oauth"]>;
    readonly secret: string;
    readonly refresh_token: string;
  },
  old: VaultGrantRecord | null,
): void {
  const { deps: { sealer }, now, snapshot: { orgId } } = transaction;
  const sealed: GrantSecret = {
    issuer: oauth.issuer,
    token_endpoint: null,
    client: givenClient(oauth.client_id ?? "", secret === "" ? null : secret),
    resource: oauth.resource,
    access: null,
    refresh: refresh_token,
    account: null,
  };
  storeGrant(transaction, id, {
    status: "ready",
    why: null,
    generation: (old?.generation ?? 0) + 1,
    lease: null,
    obtained_at: now,
    expires_at: null,
    refresh_at: null,
    connected_at: now,
    resting_since: null,
    connected_by: null,
    sealed: sealer.sealJson(vaultGrantKey(orgId, id), sealed),
  });
}

/** How a credential is rotated. */
export interface Rotation {
  /** Of kind oauth2 a refresh token. */
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
): CallerOperation<LoadedSecrets, VaultRecord> {
  return {
    async load(reader) {
      const key = vaultSecretKey(reader.snapshot.orgId, id);
      const [secret, grant] = await Promise.all([
        reader.get(key, vaultSecretRecord),
        loadGrant(reader, id),
      ]);
      return { sealed: secret?.value.sealed ?? null, grant };
    },
    plan(transaction, caller, { sealed, grant }) {
      const { snapshot, deps: { sealer }, at, now } = transaction;
      const old = keptBy(snapshot, caller, id, "Rotating a credential");
      if (old.oauth !== null) {
        return rotateTokens(transaction, caller, { old, sealed, grant }, secret, request_id);
      }
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

/** What is stored of a credential that is secret. */
interface LoadedSecrets {
  readonly sealed: Uint8Array | null;
  readonly grant: VaultGrantRecord | null;
}

/** Puts a refresh token in the place of the tokens that there are, for the client that it is of. */
function rotateTokens(
  transaction: Transaction,
  caller: Caller,
  { old, sealed, grant }: LoadedSecrets & { readonly old: VaultRecord },
  refresh_token: string,
  request_id: string,
): VaultRecord {
  const { snapshot, deps: { sealer }, at } = transaction;
  const { oauth } = old;
  if (oauth === null || oauth.client_id === null) {
    const message = "is connected by a member: it has no client whose token it could be";
    throw new Refusal("invalid_request", { errors: [{ path: inOauth(), message }] });
  }
  const key = vaultSecretKey(snapshot.orgId, old.id);
  const secret = sealed === null ? "" : z.string().parse(sealer.openJson(key, sealed));
  // Whose account it is of is not known before it is used.
  const next: VaultRecord = { ...old, account: old.account + 1, rotated_at: at };
  storeGiven(transaction, old.id, { oauth, secret, refresh_token }, grant);
  transaction.setPolicy(vaultKey(snapshot.orgId, old.id), next);
  append(transaction, caller, "credential.rotated", next, { overlap_seconds: 0, request_id });
  return next;
}

/**
 * Says for which keys and agents a member's own credential acts.
 * @throws {Refusal} not_found, invalid_request, owner_required, role_required, recovery_held,
 *   fresh_assertion_required
 */
export function setUsedBy(
  id: string,
  users: readonly string[],
  request_id: string,
): CallerOperation<void, VaultRecord> {
  return {
    plan(transaction, caller) {
      const { snapshot } = transaction;
      const old = existingCredential(snapshot, id);
      demandOwner(caller, old, "Saying who acts by a credential");
      const used_by = namedUsers(snapshot, users);
      const next: VaultRecord = { ...old, used_by };
      assertAlone(snapshot, next);
      transaction.setPolicy(vaultKey(snapshot.orgId, id), next);
      const named = used_by.map((user) => user.id);
      append(transaction, caller, "credential.used_by_set", next, { used_by: named, request_id });
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
      if (old.owner === OF_ORG) demand(caller, "configure");
      else demandEnd(caller, old);
      removeRows(transaction, id);
      append(transaction, caller, "credential.deleted", old, { request_id });
      return old;
    },
  };
}

/** One of the organization, for whoever may look. @throws {Refusal} not_found, owner_required */
export function seeCredential(id: string): CallerOperation<void, VaultRecord> {
  return {
    plan({ snapshot }, caller) {
      const record = existingCredential(snapshot, id);
      if (record.owner !== OF_ORG) demandOwner(caller, record, "Reading a credential of a member");
      return record;
    },
  };
}

/** All that are the organization's, the oldest first. */
export function seeCredentials(): CallerOperation<void, VaultRecord[]> {
  return { plan: ({ snapshot }) => ownedBy(snapshot, OF_ORG) };
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
  type:
    | "credential.created"
    | "credential.rotated"
    | "credential.used_by_set"
    | "credential.deleted",
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
