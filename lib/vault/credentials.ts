import { z } from "zod";
import type { JsonObject } from "../base/json.ts";
import type { CallerOperation } from "../identity/acting.ts";
import { actorOf, type Caller } from "../identity/caller.ts";
import { demand } from "../identity/deeds.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { hostProblem, type PrivateHosts } from "../outside/addresses.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { type InputProblem, Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import { vaultBeforeKey, vaultGrantKey, vaultKey, vaultSecretKey } from "../store/gateway_keys.ts";
import { credentialUsedKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import {
  type VaultGrantRecord,
  vaultGrantRecord,
  type VaultRecord,
  vaultSecretRecord,
} from "../store/records/vault.ts";
import { givenClient, type GrantSecret, loadGrant, openGrant, storeGrant } from "./grant.ts";
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
export interface NewCredential
  extends Pick<VaultRecord, "name" | "kind" | "field" | "origins" | "oauth"> {
  /** Of kind oauth2 that of the client; empty where it has none. */
  readonly secret: string;
  /** Of kind oauth2: a refresh token that somebody has already; null to have a member connect it. */
  readonly refresh_token: string | null;
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
    const issuer = hostProblem(oauth.issuer, named);
    if (issuer !== null) problems.push({ path: inOauth("issuer"), message: issuer.says });
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
      const { name, kind, field, origins, secret, oauth, refresh_token } = asked;
      const record: VaultRecord = {
        id: transaction.id("crd"),
        name,
        kind,
        field,
        origins: [...origins],
        owner: "org",
        oauth,
        created_at: at,
        rotated_at: null,
      };
      transaction.setPolicy(vaultKey(snapshot.orgId, record.id), record);
      storeSecret(transaction, record.id, secret);
      if (oauth !== null && refresh_token !== null) {
        storeGiven(transaction, record.id, { oauth, secret, refresh_token }, null);
      }
      append(transaction, caller, "credential.created", record, { request_id });
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
      const old = existingCredential(snapshot, id);
      demand(caller, "keep_credential", DEED);
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
  const next: VaultRecord = { ...old, rotated_at: at };
  storeGiven(transaction, old.id, { oauth, secret, refresh_token }, grant);
  transaction.setPolicy(vaultKey(snapshot.orgId, old.id), next);
  append(transaction, caller, "credential.rotated", next, { overlap_seconds: 0, request_id });
  return next;
}

/** Where the tokens of a credential stand, for whoever looks. */
export interface SeenGrant {
  readonly state: "ready" | "refreshing" | "needs_reconnect";
  readonly expires_at: number | null;
  /** Whose account it is, in the provider's words; null where nobody said. */
  readonly account: string | null;
  readonly connected_by: string | null;
}

/** What is told of a credential besides its record; of a kind that nobody issues, that it is ready. */
export async function grantsOf(
  { deps: { kv, sealer, now } }: Pick<Services, "deps">,
  org: string,
  records: readonly VaultRecord[],
): Promise<ReadonlyMap<string, SeenGrant>> {
  const seen = new Map<string, SeenGrant>();
  for (const { id, oauth } of records) {
    if (oauth === null) continue;
    const row = (await readRecord(kv, vaultGrantKey(org, id), vaultGrantRecord))?.value;
    if (row === undefined) {
      const none = { expires_at: null, account: null, connected_by: null };
      seen.set(id, { state: "needs_reconnect", ...none });
      continue;
    }
    const { status, lease, expires_at, connected_by } = row;
    const isRefreshing = status === "ready" && lease !== null && now() < lease.until;
    const { account } = openGrant(sealer, org, id, row).secret;
    seen.set(id, {
      state: isRefreshing ? "refreshing" : status,
      expires_at,
      account,
      connected_by,
    });
  }
  return seen;
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
      for (const keyOf of [vaultSecretKey, vaultBeforeKey, vaultGrantKey, credentialUsedKey]) {
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
