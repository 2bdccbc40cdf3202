import type { Reader, Transaction } from "../ledger/transaction.ts";
import { oauthClientKey } from "../store/keys.ts";
import { type RegisteredClient, registeredClient } from "../store/records/oauth.ts";
import { CLIENT_UNUSED_MS, isInForce, isRegisteredId, usedClient } from "./client.ts";

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
