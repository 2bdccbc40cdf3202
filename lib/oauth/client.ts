import { isId } from "../base/id.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import type { FoundClient, OAuthClient, Services } from "../services.ts";
import { oauthClientKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import { type RegisteredClient, registeredClient } from "../store/records/oauth.ts";

/**
 * Which program an id names: one that registered itself, or one that a document describes. Neither
 * grants anything.
 */

/**
 * How long a registration stays that no person let do anything yet, milliseconds: strangers make
 * them, and the store has to hold what they make.
 */
export const CLIENT_NEW_MS = 7 * 24 * 60 * 60 * 1000;

/** How long one stays after its last use, milliseconds. */
export const CLIENT_UNUSED_MS = 90 * 24 * 60 * 60 * 1000;

/** How exactly it is known when a client was last used. */
const USED_EVERY_MS = 24 * 60 * 60 * 1000;

const MAX_ID = 500;

/**
 * The client that an id names at this moment.
 * @throws {StoreUnavailable}
 */
export async function clientOf(
  { deps, metadataDocuments }: Pick<Services, "deps" | "metadataDocuments">,
  client_id: string,
): Promise<FoundClient> {
  if (client_id.length <= MAX_ID) {
    if (client_id.startsWith("https://")) return await metadataDocuments.get(client_id);
    if (isRegisteredId(client_id)) {
      const row = await readRecord(deps.kv, oauthClientKey(client_id), registeredClient);
      if (row !== null && isInForce(row.value, deps.now())) return { client: asClient(row.value) };
    }
  }
  return {
    refused: "unknown_client",
    why: "The program that sent you is not known here: it never registered, or its registration " +
      "ended. Remove the connection there and add it again.",
  };
}

/** Whether an id is of a client that registered itself; else a document's URL, or nothing. */
function isRegisteredId(client_id: string): boolean {
  return isId(client_id, "ocl");
}

/** Whether a registration counts at `now`, milliseconds. */
function isInForce({ expires_at }: RegisteredClient, now: number): boolean {
  return expires_at > now;
}

/** The registration after a use at `now`; null when what is stored says it well enough. */
function usedClient(record: RegisteredClient, now: number): RegisteredClient | null {
  const expires_at = now + CLIENT_UNUSED_MS;
  if (expires_at - record.expires_at < USED_EVERY_MS) return null;
  return { ...record, used_at: now, expires_at };
}

function asClient({ id, name, redirect_uris }: RegisteredClient): OAuthClient {
  return { id, kind: "registered", name, redirect_uris, host: null };
}

/**
 * The client of a token request as the commit proves it: one that has a document has no row here.
 * `ended` for what names no client, or one whose registration is gone.
 */
export type LoadedClient = RegisteredClient | "documented" | "ended";

/** Reads the client that an id names; the commit checks that it stays. */
export async function loadClient(reader: Reader, client_id: string): Promise<LoadedClient> {
  if (client_id.startsWith("https://")) return "documented";
  if (!isRegisteredId(client_id)) return "ended";
  const row = await reader.get(oauthClientKey(client_id), registeredClient);
  return row !== null && isInForce(row.value, reader.now) ? row.value : "ended";
}

/** Notes a use, to about a day: an unused registration ends. */
export function touchClient(transaction: Transaction, client: LoadedClient): void {
  if (typeof client === "string") return;
  const used = usedClient(client, transaction.now);
  if (used === null) return;
  transaction.set(oauthClientKey(client.id), used, { expireIn: CLIENT_UNUSED_MS });
}
