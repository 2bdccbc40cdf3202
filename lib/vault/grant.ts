import { z } from "zod";
import { pagePath } from "../base/page_path.ts";
import { writeEvent } from "../events/event.ts";
import { schedule } from "../ledger/commit.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import type { Services, Settings } from "../services.ts";
import { vaultGrantKey } from "../store/gateway_keys.ts";
import { readRecord } from "../store/kv.ts";
import type { ReconnectWhy, VaultGrantRecord, VaultRecord } from "../store/records/vault.ts";
import { OF_ORG, vaultGrantRecord } from "../store/records/vault.ts";
import type { Sealer } from "../store/sealing.ts";
import type { NotSent } from "../upstreams/port.ts";
import type { ProviderClient, Tokens } from "./provider.ts";

/**
 * The tokens of a credential that a provider issued, as the store has them: new ones with the work of
 * refreshing them in time, and what is said where a person has to connect it again.
 */

/** What is secret of a grant, and what its tokens are bound to: they go nowhere else. */
const grantSecret = z.object({
  issuer: z.string(),
  /** Null until the provider was asked where it is. */
  token_endpoint: z.string().nullable(),
  client: z.object({
    id: z.string(),
    secret: z.string().nullable(),
    auth: z.enum(["none", "client_secret_basic", "client_secret_post"]),
  }),
  resource: z.string().nullable(),
  access: z.string().nullable(),
  refresh: z.string().nullable(),
  /** Whose account it is, in the provider's words. */
  account: z.string().nullable(),
});

export type GrantSecret = z.infer<typeof grantSecret>;

/** A grant that was opened. */
export interface Grant {
  readonly row: VaultGrantRecord;
  readonly secret: GrantSecret;
}

/** @throws {CannotOpen} */
export function openGrant(sealer: Sealer, org: string, id: string, row: VaultGrantRecord): Grant {
  const secret = grantSecret.parse(sealer.openJson(vaultGrantKey(org, id), row.sealed));
  return { row, secret };
}

/** Reads a grant, for the commit to check; null where it was never connected, or is gone. */
export async function loadGrant(reader: Reader, id: string): Promise<VaultGrantRecord | null> {
  const key = vaultGrantKey(reader.snapshot.orgId, id);
  return (await reader.get(key, vaultGrantRecord))?.value ?? null;
}

/** Puts a grant into the commit as it is. */
export function storeGrant(transaction: Transaction, id: string, row: VaultGrantRecord): void {
  transaction.set(vaultGrantKey(transaction.snapshot.orgId, id), row);
}

/** Access without `expires_in` is taken to last as long as most does, milliseconds. */
const UNSAID_MS = 50 * 60_000;

/** The soonest that something is refreshed by itself, however short it lasts, milliseconds. */
const SOONEST_MS = 10_000;

/**
 * When tokens are refreshed by themselves: five minutes before they end, or a tenth of their time where
 * that is more, or half of it where it is less.
 * @param now milliseconds
 * @param expires_in seconds; null where the provider did not say
 */
export function refreshTime(now: number, expires_in: number | null): number {
  if (expires_in === null) return now + UNSAID_MS;
  const lasts = expires_in * 1000;
  const early = Math.min(Math.max(5 * 60_000, lasts / 10), lasts / 2);
  return now + Math.max(SOONEST_MS, Math.round(lasts - early));
}

/** Puts tokens into the commit, and the work of refreshing them where they can be. */
export function storeTokens(
  transaction: Transaction,
  id: string,
  { old, secret, tokens, connected_by, connected_at }: {
    readonly old: VaultGrantRecord | null;
    /** With the refresh token before, which stays good where there is no new one. */
    readonly secret: GrantSecret;
    readonly tokens: Tokens;
    readonly connected_by: string | null;
    readonly connected_at: number;
  },
): void {
  const { deps: { sealer }, now, snapshot: { orgId } } = transaction;
  const refresh = tokens.refresh ?? secret.refresh;
  const next: GrantSecret = {
    ...secret,
    access: tokens.access,
    refresh,
    account: tokens.account ?? secret.account,
  };
  const refresh_at = refresh === null ? null : refreshTime(now, tokens.expires_in);
  storeGrant(transaction, id, {
    status: "ready",
    why: null,
    generation: (old?.generation ?? 0) + 1,
    lease: null,
    obtained_at: now,
    expires_at: tokens.expires_in === null ? null : now + tokens.expires_in * 1000,
    refresh_at,
    connected_at,
    resting_since: null,
    connected_by,
    sealed: sealer.sealJson(vaultGrantKey(orgId, id), next),
  });
  if (refresh_at !== null) {
    schedule(transaction, { kind: "credential_refresh", at: refresh_at, id });
  }
}

/** Says that a person has to connect a credential again, in the commit that finds it out. */
export function endGrant(
  transaction: Transaction,
  id: string,
  row: VaultGrantRecord,
  why: ReconnectWhy,
): void {
  if (row.status === "needs_reconnect") return;
  storeGrant(transaction, id, {
    ...row,
    status: "needs_reconnect",
    why,
    lease: null,
    refresh_at: null,
  });
  transaction.append({
    type: "credential.needs_reconnect",
    actor: { type: "system", id: "credential_refresh" },
    subject: { credential: id },
    data: { why },
  });
  writeEvent(transaction, { type: "credential.needs_reconnect", credential: id });
  tellKeepers(transaction, id);
}

/** Says that a credential is not refreshed by itself any more, for nobody used it. */
export function restGrant(transaction: Transaction, id: string, row: VaultGrantRecord): void {
  storeGrant(transaction, id, { ...row, refresh_at: null, resting_since: transaction.now });
  transaction.append({
    type: "credential.refresh_stopped",
    actor: { type: "system", id: "credential_refresh" },
    subject: { credential: id },
    data: { because: "unused" },
  });
  tellKeepers(transaction, id);
}

/** Has those who keep a credential told by mail: the member whose own it is, or else the owners. */
function tellKeepers(transaction: Transaction, id: string): void {
  const { snapshot, now } = transaction;
  const record = snapshot.vault.get(id);
  for (const { id: member, role, account } of snapshot.members.values()) {
    const isKeeper = record?.owner === OF_ORG ? role === "owner" : member === record?.owner;
    if (!isKeeper || account === null) continue;
    schedule(transaction, { kind: "credential_letter", at: now, id: `${id} ${member}` });
  }
}

/** Where people see a credential, and those who keep it rotate it. */
export function keptUrl({ url }: Pick<Settings, "url">, id: string): string {
  return url.origin + pagePath("/credentials/:id", { id });
}

/** Where a member keeps their own. */
export function ownUrl({ url }: Pick<Settings, "url">): string {
  return url.origin + pagePath("/connections/credentials");
}

/** Where a member connects a credential. */
export function connectUrl({ url }: Pick<Settings, "url">, id: string): string {
  return url.origin + pagePath("/connections/upstream/connect", { credential: id });
}

/** What is told where a person has to connect a credential first. */
export function needsReconnect(settings: Pick<Settings, "url">, id: string): NotSent {
  const connect_url = connectUrl(settings, id);
  return {
    is: "not_sent",
    why: "needs_reconnect",
    says: `Its credential has to be connected again, by a member, at ${connect_url}.`,
    retry_after_seconds: null,
    reconnect: { credential_id: id, connect_url },
  };
}

/** A client as it is put in, before its provider was asked anything. */
export function givenClient(id: string, secret: string | null): ProviderClient {
  return { id, secret, auth: secret === null ? "none" : "client_secret_basic" };
}

/** Where the tokens of a credential stand, for whoever looks. */
export interface SeenGrant {
  readonly state: "ready" | "refreshing" | "needs_reconnect";
  /** Why it has to be connected again; null where it need not, and where it never was connected. */
  readonly why: ReconnectWhy | null;
  /** Since when it is not refreshed by itself, for nobody used it. */
  readonly resting_since: number | null;
  readonly expires_at: number | null;
  /** Whose account it is, in the provider's words; null where nobody said. */
  readonly account: string | null;
  readonly connected_by: string | null;
}

/** Of one that nobody connected yet. */
export const NEVER_CONNECTED: SeenGrant = {
  state: "needs_reconnect",
  why: null,
  resting_since: null,
  expires_at: null,
  account: null,
  connected_by: null,
};

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
      seen.set(id, NEVER_CONNECTED);
      continue;
    }
    const { status, lease, why, resting_since, expires_at, connected_by } = row;
    const isRefreshing = status === "ready" && lease !== null && now() < lease.until;
    const { account } = openGrant(sealer, org, id, row).secret;
    seen.set(id, {
      state: isRefreshing ? "refreshing" : status,
      why,
      resting_since,
      expires_at,
      account,
      connected_by,
    });
  }
  return seen;
}
