import type { Transaction } from "../ledger/transaction.ts";
import type { Services } from "../services.ts";
import { vaultGrantKey } from "../store/gateway_keys.ts";
import { dueKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import type { DueWork } from "../store/records/log.ts";
import {
  type ReconnectWhy,
  type VaultGrantRecord,
  vaultGrantRecord,
} from "../store/records/vault.ts";
import type { NotSent } from "../upstreams/port.ts";
import { schedule } from "../ledger/commit.ts";
import {
  endGrant,
  type Grant,
  loadGrant,
  needsReconnect,
  openGrant,
  restGrant,
  storeGrant,
  storeTokens,
} from "./grant.ts";
import { discover, ProviderFailed, refreshTokens, type Tokens } from "./provider.ts";

/**
 * Access tokens that are good now. A refresh token is sent at most once, in any interleaving of nodes
 * and whatever end a process has: the commit that takes the lease of its generation says that it is
 * being sent, and nobody sends it again unless the provider itself said that it took none. New tokens
 * are stored before anything else is done with them. A lease that is over without an answer leaves a
 * token that may be used up: then a person connects it again, for a provider that sees a used one
 * takes all of them back.
 */

/** How long whoever sends a refresh token has its answer: more than a request may take. */
const LEASE_MS = 30_000;

/** How often others look whether it is there. */
const LOOK_MS = 200;

/** How long an access token that was refused counts as new all the same: a second one is no better. */
const NEW_MS = 60_000;

/** An access token does not begin its way when it ends this soon. */
const ENDING_MS = 5000;

/** How often storing new tokens is tried, where the store does not take them. */
const STORE_TRIES = 50;

type Refreshing = Pick<Services, "deps" | "ledgers" | "settings">;

/** An access token, and which generation it is of. */
export interface Access {
  readonly token: string;
  readonly generation: number;
}

/** What stands against the access token that there is: it was refused, or it is time for another. */
interface Unwanted {
  readonly generation: number;
  readonly because: "refused" | "due";
}

/** An access token of a credential that is good now; one that was refused, or is due, is replaced. */
export async function accessOf(
  services: Refreshing,
  org: string,
  id: string,
  unwanted: Unwanted | null = null,
): Promise<Access | NotSent> {
  const { deps, settings } = services;
  for (;;) {
    const row = (await readRecord(deps.kv, vaultGrantKey(org, id), vaultGrantRecord))?.value;
    if (row === undefined || row.status === "needs_reconnect") return needsReconnect(settings, id);
    const now = deps.now();
    const grant = openGrant(deps.sealer, org, id, row);
    const { access, refresh } = grant.secret;
    const isUnwanted = unwanted?.generation === row.generation;
    if (access !== null && !isUnwanted && lasts(row, now)) {
      return { token: access, generation: row.generation };
    }
    if (unwanted?.because === "refused" && isUnwanted && now - row.obtained_at < NEW_MS) {
      return needsReconnect(settings, id);
    }
    if (refresh === null) {
      await end(services, org, id, row.generation, "no_refresh_token");
    } else if (row.lease === null) {
      const problem = await refreshOnce(services, org, id, grant, refresh);
      if (problem !== null) return problem;
    } else if (now >= row.lease.until) {
      await end(services, org, id, row.generation, "lost", row.lease.id);
    } else {
      await deps.timer(LOOK_MS).elapsed;
    }
  }
}

function lasts({ obtained_at, expires_at }: VaultGrantRecord, now: number): boolean {
  if (expires_at === null) return true;
  // What lasts for seconds is used for half of them at least.
  return now < expires_at - Math.min(ENDING_MS, (expires_at - obtained_at) / 2);
}

/** Refreshes under way in this process. */
const UNDER_WAY = new WeakMap<object, Map<string, Promise<NotSent | null>>>();

/** One refresh for all of this process who want it. Null: look again. */
function refreshOnce(
  services: Refreshing,
  org: string,
  id: string,
  grant: Grant,
  refresh: string,
): Promise<NotSent | null> {
  const all = UNDER_WAY.getOrInsertComputed(services.ledgers, () => new Map());
  const key = `${org} ${id} ${grant.row.generation}`;
  return all.getOrInsertComputed(
    key,
    () => refreshed(services, org, id, grant, refresh).finally(() => all.delete(key)),
  );
}

/** Somebody else sends it, or has sent it. */
class Taken extends Error {}

async function refreshed(
  services: Refreshing,
  org: string,
  id: string,
  { row: { generation }, secret }: Grant,
  refresh: string,
): Promise<NotSent | null> {
  const { deps, ledgers } = services;
  const lease = deps.random(16).toHex();
  let taken = false;
  const said = async () => {
    const token_endpoint = secret.token_endpoint ??
      (await discover(deps.hosts, secret.issuer)).token_endpoint;
    if (token_endpoint === undefined) throw new ProviderFailed("names no token endpoint");
    const { issuer, client, resource } = secret;
    const answer = await refreshTokens(deps.hosts, {
      issuer: { issuer, token_endpoint },
      client,
      refresh,
      resource,
      beforeSending: async () => {
        if (!await ledgers.transact(org, takeLease(id, generation, lease))) throw new Taken();
        taken = true;
      },
    });
    return { answer, token_endpoint };
  };
  try {
    const { answer, token_endpoint } = await said();
    switch (answer.is) {
      case "tokens":
        await store(services, org, id, generation, { ...secret, token_endpoint }, answer.tokens);
        return null;
      case "not_sent":
        if (taken) await ledgers.transact(org, releaseLease(id, generation, lease));
        return away(answer.says);
      case "refused":
        await end(services, org, id, generation, "refused");
        return null;
      case "unknown":
        await end(services, org, id, generation, "lost");
        return null;
    }
  } catch (error) {
    if (error instanceof Taken) return null;
    if (error instanceof ProviderFailed) return away(error.message);
    throw error;
  }
}

/** The provider is away: nothing was sent to it, and a while later may be better. */
function away(says: string): NotSent {
  return {
    is: "not_sent",
    why: "busy",
    says: `Its credential could not be refreshed: ${says}`,
    retry_after_seconds: 5,
  };
}

/** Whether the refresh token of a generation is this one's to send. */
function takeLease(id: string, generation: number, lease: string) {
  return changed(id, (transaction, row): boolean => {
    if (row?.generation !== generation || row.status !== "ready" || row.lease !== null) {
      return false;
    }
    const until = transaction.now + LEASE_MS;
    const { refresh_at } = row;
    // Whoever sends it may end without a word, and nobody else may want it for long: it is looked after.
    const isLookedAfter = refresh_at !== null && refresh_at <= until;
    if (!isLookedAfter) schedule(transaction, { kind: "credential_refresh", at: until, id });
    storeGrant(transaction, id, {
      ...row,
      lease: { id: lease, until },
      refresh_at: isLookedAfter ? refresh_at : until,
    });
    return true;
  });
}

function releaseLease(id: string, generation: number, lease: string) {
  return changed(id, (transaction, row): void => {
    if (row?.generation !== generation || row.lease?.id !== lease) return;
    storeGrant(transaction, id, { ...row, lease: null });
  });
}

/**
 * Stores new tokens, whatever stands in the way for a while: they are all there is. Also where others
 * gave the lease up meanwhile.
 */
async function store(
  { deps, ledgers }: Refreshing,
  org: string,
  id: string,
  generation: number,
  secret: Grant["secret"],
  tokens: Tokens,
): Promise<void> {
  const storing = changed(id, (transaction, row): void => {
    if (row?.generation !== generation) return;
    const { connected_by, connected_at, obtained_at } = row;
    const since = { connected_by, connected_at: connected_at ?? obtained_at };
    storeTokens(transaction, id, { old: row, secret, tokens, ...since });
  });
  for (let tries = 1;; tries++) {
    try {
      await ledgers.transact(org, storing);
      return;
    } catch (error) {
      if (tries === STORE_TRIES) throw error;
      deps.log("error", "New tokens of a credential were not stored, which is tried again", {
        error: String(error),
      });
      await deps.timer(LOOK_MS).elapsed;
    }
  }
}

/** Ends a generation that nobody has replaced meanwhile. @param lease under which it was given up */
async function end(
  { ledgers }: Refreshing,
  org: string,
  id: string,
  generation: number,
  why: ReconnectWhy,
  lease: string | null = null,
): Promise<void> {
  await ledgers.transact(
    org,
    changed(id, (transaction, row): void => {
      if (row?.generation !== generation) return;
      if (lease !== null && row.lease?.id !== lease) return;
      endGrant(transaction, id, row, why);
    }),
  );
}

/** An operation on the grant of a credential that is still in the vault. */
function changed<R>(
  id: string,
  plan: (transaction: Transaction, row: VaultGrantRecord | null) => R,
) {
  return {
    load: (reader: Parameters<typeof loadGrant>[0]) => loadGrant(reader, id),
    plan: (transaction: Transaction, row: VaultGrantRecord | null): R =>
      plan(transaction, transaction.snapshot.vault.has(id) ? row : null),
  };
}

/** Unused for so long, a credential is not refreshed by itself any more, milliseconds. */
const UNUSED_MS = 60 * 24 * 60 * 60 * 1000;

/** When it is tried again where the provider was away, milliseconds. */
const AGAIN_MS = 60_000;

/** Refreshes a credential because it is time. */
export async function refreshDueCredential(
  services: Refreshing & Pick<Services, "lastUsed">,
  { org, id, at, kind }: DueWork,
): Promise<void> {
  const { deps, ledgers, lastUsed } = services;
  const row = (await readRecord(deps.kv, vaultGrantKey(org, id), vaultGrantRecord))?.value;
  const isMeant = row !== undefined && row.refresh_at === at && row.status === "ready";
  // Tokens that are renewed are no use of it: it counts from when somebody connected it.
  const since = row === undefined ? 0 : row.connected_at ?? row.obtained_at;
  const used = Math.max(since, (await lastUsed.of(org, [id])).get(id) ?? 0);
  const isUsed = deps.now() - used < UNUSED_MS;
  let isAway = false;
  if (isMeant && isUsed) {
    const { generation } = row;
    const got = await accessOf(services, org, id, { generation, because: "due" });
    isAway = "is" in got && got.why === "busy";
  }
  await ledgers.transact(
    org,
    changed(id, (transaction, current): void => {
      transaction.delete(dueKey(at, kind, org, id));
      if (current?.refresh_at !== at) return;
      if (isMeant && !isUsed) return restGrant(transaction, id, current);
      if (!isAway) return;
      const refresh_at = transaction.now + AGAIN_MS;
      storeGrant(transaction, id, { ...current, refresh_at });
      schedule(transaction, { kind: "credential_refresh", at: refresh_at, id });
    }),
  );
}
