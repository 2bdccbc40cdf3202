import { Buffer } from "node:buffer";
import type { Client } from "../identity/caller.ts";
import { isPlausibleSecret, SECRET_PREFIXES, secretHash } from "../identity/credentials.ts";
import { isWithin, stillLasts } from "../ledger/clock.ts";
import type { Services } from "../services.ts";
import { DEPLOYMENT_ORG, refreshTokenKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import { MalformedRecord, parseRecord } from "../store/record.ts";
import {
  type AccountGrant,
  issuedTokens,
  type RefreshTokenRecord,
  refreshTokenRecord,
  type Scope,
} from "../store/records/oauth.ts";
import { decrypt, encrypt, subkey } from "../store/sealing.ts";
import { scopesNow } from "./access.ts";
import { loadClient, type LoadedClient, touchClient } from "./client.ts";
import { endGrant, type GrantName, loadAccountGrant, settle, tellGrantEvent } from "./grants.ts";
import { knownScopes, resourceNamed } from "./scopes.ts";
import {
  type Exchanged,
  type IssuedTokens,
  issueTokens,
  NO_CLIENT,
  NOT_GOOD,
  OTHER_RESOURCE,
  REFRESH_TOKEN_MS,
  type TokenAnswer,
  type TokenFault,
} from "./tokens.ts";

/**
 * Refresh tokens: each is exchanged once, for new tokens and its successor. A second use, but for
 * a moment after the first, says that two hold it, and ends the grant.
 */

/** An honest client refreshes once an hour; each time makes entries in logs. */
const REFRESHES_A_MINUTE = 60;

/** What a client shows to get new tokens (RFC 6749 section 6). */
interface PresentedRefresh {
  readonly client_id: string;
  readonly refresh_token: string;
  /** Null when not sent: then as much as was granted. */
  readonly scope: string | null;
  /** Null when not sent. */
  readonly resource: string | null;
}

/**
 * Exchanges a refresh token for new tokens, and for its successor (RFC 9700 section 4.14.2). What
 * another request of the same client got for it within 30 seconds it gets as well; after that a
 * second use ends the grant.
 * @throws {Refusal} rate_limited
 * @throws {StoreUnavailable}
 */
export async function refreshTokens(
  services: Services,
  presented: PresentedRefresh,
  client: Client,
): Promise<TokenAnswer> {
  const { deps, ledgers, settings } = services;
  const { client_id, refresh_token, resource } = presented;
  const named = resource === null ? null : resourceNamed(settings, resource);
  if (resource !== null && named === null) return OTHER_RESOURCE;
  const hash = isRefreshToken(refresh_token) ? secretHash(refresh_token) : "";
  const key = refreshTokenKey(hash);
  const row = await readRecord(deps.kv, key, refreshTokenRecord);
  const name: GrantName = row?.value ?? { account: "", grant: "" };
  if (row !== null) {
    const rate_limit_per_minute = REFRESHES_A_MINUTE;
    services.rateLimits.take({ id: `refresh ${name.grant}`, rate_limit_per_minute }, deps.now());
  }
  const reached = row === null ? [] : await scopesNow(services, name);
  const { answer, works } = await ledgers.transact(DEPLOYMENT_ORG, {
    load: async (reader) => ({
      registered: await loadClient(reader, client_id),
      record: (await reader.get(key, refreshTokenRecord))?.value ?? null,
      grant: await loadAccountGrant(reader, name),
    }),
    plan(transaction, { registered, record, grant }: Loaded): Exchanged {
      if (registered === "ended") return { answer: NO_CLIENT, works: [] };
      if (record === null || grant === null) return { answer: NOT_GOOD, works: [] };
      const use = useOfRefreshToken(record, presented, transaction.now);
      if (use === "refused") return { answer: NOT_GOOD, works: [] };
      if (use === "reuses") {
        const reuse = {
          type: "oauth.reuse_detected",
          by: "system",
          data: { reused: "refresh_token" },
        } as const;
        return { answer: NOT_GOOD, works: endGrant(transaction, grant, reuse, client) };
      }
      if (reached.length === 0) return { answer: NOT_GOOD, works: [] };
      if (named !== null && named.url !== grant.resource) {
        return { answer: OTHER_RESOURCE, works: [] };
      }
      if (use === "repeats" && record.successor !== null) {
        return { answer: openSuccessor(refresh_token, hash, record.successor.sealed), works: [] };
      }
      const scopes = scopesFor(presented.scope, grant.scopes, reached);
      if ("error" in scopes) return { answer: scopes, works: [] };
      const answer = issueTokens(transaction, grant, scopes);
      const sealed = sealSuccessor(refresh_token, hash, answer, deps.random);
      const used: RefreshTokenRecord = { ...record, successor: { at: transaction.now, sealed } };
      // Kept as long as it would have been good: a late second use is to be noticed.
      transaction.set(key, used, { expireIn: Math.max(1, record.expires_at - transaction.now) });
      touchClient(transaction, registered);
      const told = {
        type: "oauth.refreshed",
        by: "client",
        data: { scopes },
        ends: false,
      } as const;
      return { answer, works: tellGrantEvent(transaction, grant, told, client) };
    },
  });
  await settle(services, works);
  return answer;
}

interface Loaded {
  readonly registered: LoadedClient;
  readonly record: RefreshTokenRecord | null;
  readonly grant: AccountGrant | null;
}

function isRefreshToken(text: string): boolean {
  return text.startsWith(SECRET_PREFIXES.refresh_token) && isPlausibleSecret(text);
}

/**
 * What a new access token is for: what is asked for of what was granted (RFC 6749 section 6), and no
 * more than the member's role includes now.
 */
function scopesFor(
  asked: string | null,
  granted: readonly Scope[],
  reached: readonly Scope[],
): Scope[] | TokenFault {
  const named = asked === null ? [] : knownScopes(asked);
  const beyond = named.find((scope) => !granted.includes(scope));
  if (beyond !== undefined) {
    return { error: "invalid_scope", error_description: `${beyond} was not granted.` };
  }
  const scopes = named.length === 0 ? [...reached] : named.filter((one) => reached.includes(one));
  if (scopes.length > 0) return scopes;
  const error_description = `The role of the person does not include ${named.join(" ")} any more.`;
  return { error: "invalid_scope", error_description };
}

/**
 * How long a refresh token that was used gives the same successor, milliseconds: two requests of one
 * honest client at the same moment, or one whose answer got lost, are no theft.
 */
export const GRACE_MS = 30_000;

/** What a refresh token that is presented comes to. */
type RefreshUse =
  /** The first use: it is exchanged. */
  | "rotates"
  /** Used a moment ago: the same successor once more. */
  | "repeats"
  /** Used long ago: two parties hold it, and nobody knows which of them is the thief. */
  | "reuses"
  /** Good for nothing, and tells nothing. */
  | "refused";

/**
 * The states of a refresh token (RFC 9700 section 4.14.2), `now` in milliseconds:
 *
 * | token               | its own client | another client |
 * | ------------------- | -------------- | -------------- |
 * | expired             | refused        | refused        |
 * | not used            | rotates        | refused        |
 * | used within 30 s    | repeats        | refused        |
 * | used before         | reuses         | refused        |
 */
export function useOfRefreshToken(
  { client_id, expires_at, successor }: Pick<
    RefreshTokenRecord,
    "client_id" | "expires_at" | "successor"
  >,
  presented: { readonly client_id: string },
  now: number,
): RefreshUse {
  if (presented.client_id !== client_id || !stillLasts(expires_at, REFRESH_TOKEN_MS, now)) {
    return "refused";
  }
  if (successor === null) return "rotates";
  return isWithin(GRACE_MS, successor.at, now) ? "repeats" : "reuses";
}

const PURPOSE = "refresh successor";

/**
 * What a refresh token was exchanged for, sealed under a key that only who holds that token can
 * derive: the store alone gives no token away.
 * @param hash of the old token, under which its row lies
 */
function sealSuccessor(
  old: string,
  hash: string,
  issued: IssuedTokens,
  random: (bytes: number) => Uint8Array,
): Uint8Array<ArrayBuffer> {
  const plain = Buffer.from(JSON.stringify(issued));
  return new Uint8Array(encrypt(keyOf(old), plain, rowOf(hash), random));
}

/** @throws {MalformedRecord} when the row was altered */
function openSuccessor(old: string, hash: string, sealed: Uint8Array): IssuedTokens {
  const key = refreshTokenKey(hash);
  const plain = decrypt(keyOf(old), sealed, rowOf(hash));
  if (plain === null) throw new MalformedRecord(key, "its successor does not open");
  return parseRecord(key, issuedTokens, JSON.parse(Buffer.from(plain).toString()));
}

function keyOf(token: string): Uint8Array {
  return subkey(Buffer.from(token), PURPOSE);
}

function rowOf(hash: string): Uint8Array {
  return Buffer.from(JSON.stringify(refreshTokenKey(hash)));
}
