import { isId } from "../base/id.ts";
import type { Services } from "../services.ts";
import { oauthClientKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import {
  type CLIENT_KINDS,
  type RegisteredClient,
  registeredClient,
} from "../store/records/oauth.ts";

/** A program that asks to act for somebody. It has no secret: PKCE and its addresses bind it. */
export interface OAuthClient {
  readonly id: string;
  readonly kind: (typeof CLIENT_KINDS)[number];
  /** As it calls itself: shown with hidden characters made visible, and believed by nobody. */
  readonly name: string;
  /** Where answers may go, as declared; only those that are allowed. */
  readonly redirect_uris: readonly string[];
  /** The host whose document names it; null for one that registered itself. */
  readonly host: string | null;
}

/** Why a client is not taken. */
export type ClientRefusal = "unknown_client" | "document_unreachable" | "document_not_accepted";

export type FoundClient =
  | { readonly client: OAuthClient }
  | {
    readonly refused: ClientRefusal;
    /** One sentence for a person: what was got, and what to do. */
    readonly why: string;
  };

/** Clients that a document at their own address describes (Client ID Metadata Documents). */
export interface MetadataDocuments {
  /** @param client_id an https URL; whether its form is allowed is checked here */
  get(client_id: string): Promise<FoundClient>;
}

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
export function isRegisteredId(client_id: string): boolean {
  return isId(client_id, "ocl");
}

/** Whether a registration counts at `now`, milliseconds. */
export function isInForce({ expires_at }: RegisteredClient, now: number): boolean {
  return expires_at > now;
}

/** The registration after a use at `now`; null when what is stored says it well enough. */
export function usedClient(record: RegisteredClient, now: number): RegisteredClient | null {
  const expires_at = now + CLIENT_UNUSED_MS;
  if (expires_at - record.expires_at < USED_EVERY_MS) return null;
  return { ...record, used_at: now, expires_at };
}

function asClient({ id, name, redirect_uris }: RegisteredClient): OAuthClient {
  return { id, kind: "registered", name, redirect_uris, host: null };
}
