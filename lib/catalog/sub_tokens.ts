import type { JsonObject } from "../base/json.ts";
import type { Deps } from "../deps.ts";
import type { CallerOperation, MachineOperation } from "../identity/acting.ts";
import { actorOf, type Caller, isWithinWall, type MachineCaller } from "../identity/caller.ts";
import { makeSecret, secretHash } from "../identity/credentials.ts";
import { demand } from "../identity/deeds.ts";
import { KEPT_MS, type SubTokenState, subTokenState } from "../identity/sub_token.ts";
import { clocksAt } from "../ledger/clock.ts";
import type { Shared } from "../ledger/guarded_rows.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { invalidRequest, Refusal } from "../refusal.ts";
import {
  subTokenKey,
  subTokenPrefix,
  subTokensOfKey,
  subTokenUseKey,
} from "../store/gateway_keys.ts";
import { credentialKey } from "../store/keys.ts";
import { listRecords, readRecords } from "../store/kv.ts";
import type { CredentialIndex } from "../store/records/identity.ts";
import {
  type SubTokenRecord,
  subTokenRecord,
  type SubTokenScope,
  type SubTokenUse,
  subTokenUse,
} from "../store/records/sub_token.ts";
import { assertNoPersonalIds, type GivenIds } from "./personal_ids.ts";
import type { Span } from "./record_change.ts";

/**
 * Sub-tokens: what an agent or a standard key hands on of its own rights. Made, listed, revoked. What
 * one may do is asked of its maker's rights at each use (`lib/identity/sub_token.ts`); here is only
 * seen to that nothing is promised which the maker does not have.
 */

/** How many of one maker may be in force at once. */
export const MOST_SUB_TOKENS = 100;

/** Characters of all that its lists name: they stand in the entry of its making. */
const MOST_SCOPE_CHARACTERS = 4000;

/** A sub-token as it is asked for. */
export interface NewSubToken {
  readonly name: string;
  readonly ttl_seconds: number;
  readonly max_uses: number | null;
  /** Null for as much as the maker is trusted with. */
  readonly trust_tier: number | null;
  /** Of each list null for all that the maker reaches. */
  readonly scope: SubTokenScope;
}

/** A sub-token, and how it was used. */
export interface UsedSubToken {
  readonly record: SubTokenRecord;
  /** Null while it was not. */
  readonly use: SubTokenUse | null;
}

/** The same as it stands at a moment. */
export interface StandingSubToken extends UsedSubToken {
  readonly state: SubTokenState;
}

/** A sub-token as it was made: the only time that its secret is known. */
export interface MadeSubToken extends StandingSubToken {
  readonly secret: string;
}

interface Loaded {
  readonly others: Shared<"sub_tokens_of">;
  /** Those that have ended before their time: looked for only where there is no more room. */
  readonly ended: ReadonlySet<string>;
}

/**
 * Makes a sub-token of the caller. What it leaves out is as the caller has it now, and stays so: it
 * never reaches more than they did when it was made, nor than they do when it is used.
 * @throws {Refusal} sub_token_too_wide, too_many_sub_tokens, invalid_request
 */
export function createSubToken(
  fields: NewSubToken,
  requestId: string,
): MachineOperation<Loaded, MadeSubToken> {
  return {
    async load(reader, caller) {
      const others = await reader.shared(subTokensOfKey(caller.org, caller.id));
      const open = openOf(others.row?.tokens ?? [], reader.now);
      const ended = open.length < MOST_SUB_TOKENS
        ? new Set<string>()
        : await loadEnded(reader, open.map(({ id }) => id));
      return { others, ended };
    },
    plan(transaction, caller, { others, ended }) {
      const { at, now, snapshot } = transaction;
      const { name, ttl_seconds, max_uses } = fields;
      assertNarrower(transaction, caller, fields);
      const open = openOf(transaction.latest(others)?.tokens ?? [], now)
        .filter(({ id }) => !ended.has(id));
      if (open.length >= MOST_SUB_TOKENS) {
        throw new Refusal("too_many_sub_tokens", { most: MOST_SUB_TOKENS });
      }
      const secret = makeSecret("sub_token", transaction.deps.random);
      const { type } = caller;
      if (type === "oauth_grant") throw new Error("A grant makes no sub-tokens.");
      const { tenant_ids } = fields.scope;
      const record: SubTokenRecord = {
        id: transaction.id("sub"),
        name,
        secret_hash: secretHash(secret),
        maker: { type, id: caller.id },
        scope: {
          ...fields.scope,
          tenant_ids: tenant_ids ?? (caller.tenant_ids === null ? null : [...caller.tenant_ids]),
        },
        trust_tier: fields.trust_tier ?? caller.trust_tier,
        max_uses,
        policy_version: snapshot.version,
        created_at: at,
        expires_at: now + ttl_seconds * 1000,
        revoked_at: null,
      };
      const { id, expires_at } = record;
      const expireIn = ttl_seconds * 1000 + KEPT_MS;
      transaction.setGuarded(subTokenKey(caller.org, id), record, { expireIn });
      transaction.setGuarded(others.key, { tokens: [...open, { id, expires_at }] }, { expireIn });
      const index: CredentialIndex = { org: caller.org, kind: "sub_token", id };
      transaction.set(credentialKey(record.secret_hash), index, { expireIn: ttl_seconds * 1000 });
      transaction.append({
        type: "sub_token.created",
        actor: actorOf(caller),
        subject: { sub_token: id },
        data: {
          expires_at: new Date(expires_at).toISOString(),
          max_uses,
          request_id: requestId,
          scope: namedIn(record.scope),
          trust_tier: record.trust_tier,
        },
        private: { name },
      });
      return { record, use: null, state: "active", secret };
    },
  };
}

/** The lists that a scope has: what it leaves to its maker is not said. */
function namedIn(scope: SubTokenScope): JsonObject {
  return Object.fromEntries(
    Object.entries(scope).flatMap(([name, list]) => list === null ? [] : [[name, [...list]]]),
  );
}

function openOf<T extends { readonly expires_at: number }>(tokens: readonly T[], now: number): T[] {
  return tokens.filter(({ expires_at }) => expires_at > now);
}

/** Which of these have ended although their time is not over. */
async function loadEnded(reader: Reader, ids: readonly string[]): Promise<Set<string>> {
  const { snapshot, now } = reader;
  const { orgId } = snapshot;
  const states = await Promise.all(ids.map(async (id) => {
    const [record, use] = await Promise.all([
      reader.guarded(subTokenKey(orgId, id)),
      reader.guarded(subTokenUseKey(orgId, id)),
    ]);
    const isOpen = record !== null &&
      subTokenState(snapshot, { record, use }, clocksAt(now)) === "active";
    return isOpen ? [] : [id];
  }));
  return new Set(states.flat());
}

/** @throws {Refusal} sub_token_too_wide; invalid_request for an id that looks personal, and too much text */
function assertNarrower(
  { snapshot, now }: Transaction,
  caller: MachineCaller,
  { ttl_seconds, trust_tier, scope }: NewSubToken,
): void {
  const given = Object.entries(scope).flatMap(([name, list]) =>
    (list ?? []).map((one, i) => [`/${name}/${i}`, one] as const)
  );
  const characters = given.reduce((sum, [, one]) => sum + one.length, 0);
  if (characters > MOST_SCOPE_CHARACTERS) {
    const most = `${MOST_SCOPE_CHARACTERS} characters`;
    throw invalidRequest("", `names ${characters} characters in its lists; ${most} at most`);
  }
  assertNoPersonalIds(snapshot.org, Object.fromEntries(given) as GivenIds);
  const tooWide = (path: string, why: string) => new Refusal("sub_token_too_wide", { path, why });
  if (trust_tier !== null && trust_tier > caller.trust_tier) {
    throw tooWide("/trust_tier", `is ${trust_tier}, and its maker's is ${caller.trust_tier}`);
  }
  scope.tenant_ids?.forEach((tenant, i) => {
    if (isWithinWall(caller, tenant)) return;
    throw tooWide(`/tenant_ids/${i}`, "is a tenant that its maker may not act for");
  });
  const end = endOf(snapshot, caller);
  if (end !== null && now + ttl_seconds * 1000 > end) {
    const left = Math.max(0, Math.floor((end - now) / 1000));
    throw tooWide("/ttl_seconds", `is ${ttl_seconds}, and its maker's own end is ${left} away`);
  }
}

function endOf({ agents, apiKeys }: Snapshot, { type, id }: MachineCaller): number | null {
  const maker = type === "agent" ? agents.get(id) : apiKeys.get(id);
  return maker?.expires_at ?? null;
}

/** Whether a caller may know of a sub-token: who made it, and who configures the org. */
function knows(caller: Caller, { maker }: SubTokenRecord): boolean {
  return caller.tier === "management" || caller.tier === "member" ||
    (caller.type === maker.type && caller.id === maker.id);
}

/** Looks at a sub-token. @throws {Refusal} not_found, also for one of another maker */
export function readSubToken(id: string): CallerOperation<UsedSubToken | null, StandingSubToken> {
  return {
    load: (reader) => loadUsed(reader, id),
    plan: (transaction, caller, found) => standing(transaction, known(caller, id, found)),
  };
}

/**
 * Ends a sub-token: what it asked for and has not used is good for nothing any more.
 * @throws {Refusal} not_found, role_required, recovery_held
 */
export function revokeSubToken(
  id: string,
  requestId: string,
): CallerOperation<UsedSubToken | null, StandingSubToken> {
  return {
    load: (reader) => loadUsed(reader, id),
    plan(transaction, caller, found) {
      demand(caller, "revoke_sub_token");
      const { record: old, use } = known(caller, id, found);
      if (old.revoked_at !== null) return { record: old, use, state: "revoked" };
      const record: SubTokenRecord = { ...old, revoked_at: transaction.at };
      const expireIn = Math.max(0, old.expires_at - transaction.now) + KEPT_MS;
      transaction.setGuarded(subTokenKey(caller.org, id), record, { expireIn });
      transaction.delete(credentialKey(old.secret_hash));
      transaction.append({
        type: "sub_token.revoked",
        actor: actorOf(caller),
        subject: { sub_token: id },
        data: { maker: { ...old.maker }, request_id: requestId },
      });
      return { record, use, state: "revoked" };
    },
  };
}

function standing(transaction: Transaction, used: UsedSubToken): StandingSubToken {
  return { ...used, state: subTokenState(transaction.snapshot, used, transaction) };
}

function known(caller: Caller, id: string, found: UsedSubToken | null): UsedSubToken {
  if (found === null || !knows(caller, found.record)) {
    throw new Refusal("not_found", { what: `sub-token ${id}` });
  }
  return found;
}

async function loadUsed(reader: Reader, id: string): Promise<UsedSubToken | null> {
  const { orgId } = reader.snapshot;
  const [record, use] = await Promise.all([
    reader.guarded(subTokenKey(orgId, id)),
    reader.guarded(subTokenUseKey(orgId, id)),
  ]);
  return record === null ? null : { record, use };
}

/** How many rows are looked through for a page of one maker's. */
const MAX_LOOKED_AT = 5000;

/** The sub-tokens that a caller may know of, the newest first, from behind an id on. */
export async function listSubTokens(
  { kv, now }: Pick<Deps, "kv" | "now">,
  snapshot: Snapshot,
  caller: Caller,
  { after, limit, of = null }: Span & {
    /** Id of the maker whose they are; null for all. */
    readonly of?: string | null;
  },
): Promise<(StandingSubToken & { readonly id: string })[]> {
  const { orgId } = snapshot;
  const prefix = [...subTokenPrefix(orgId)];
  const range = after === null ? { prefix } : { prefix, end: [...subTokenKey(orgId, after)] };
  const records: SubTokenRecord[] = [];
  const rows = listRecords(kv, range, subTokenRecord, { reverse: true, limit: MAX_LOOKED_AT });
  for await (const { value } of rows) {
    if (knows(caller, value) && (of === null || of === value.maker.id)) records.push(value);
    if (records.length === limit) break;
  }
  const keys = records.map(({ id }) => subTokenUseKey(orgId, id));
  const uses = await Array.fromAsync(readRecords(kv, keys, subTokenUse));
  return records.map((record, i) => {
    const used = { record, use: uses[i] ?? null };
    return { id: record.id, ...used, state: subTokenState(snapshot, used, clocksAt(now())) };
  });
}
