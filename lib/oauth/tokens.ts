import { createHash, timingSafeEqual } from "node:crypto";
import type { Client } from "../identity/caller.ts";
import {
  isPlausibleSecret,
  makeSecret,
  SECRET_PREFIXES,
  secretHash,
} from "../identity/credentials.ts";
import { stillLasts } from "../ledger/clock.ts";
import type { Transaction } from "../ledger/transaction.ts";
import type { Services } from "../services.ts";
import {
  accessTokenKey,
  accountGrantKey,
  DEPLOYMENT_ORG,
  oauthCodeKey,
  refreshTokenKey,
} from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import type { DueWork } from "../store/records/log.ts";
import {
  type AccessTokenRecord,
  type AccountGrant,
  type CodeRecord,
  codeRecord,
  type RefreshTokenRecord,
  type Scope,
  tokenOwner,
} from "../store/records/oauth.ts";
import { ACCESS_TOKEN_MS, scopesNow } from "./access.ts";
import { loadClient, type LoadedClient, touchClient } from "./client.ts";
import {
  endGrant,
  type GrantEnd,
  type GrantName,
  loadAccountGrant,
  settle,
  tellGrantEvent,
} from "./grants.ts";
import { resourceNamed } from "./scopes.ts";

/**
 * Tokens: issued for a code, revoked when handed back, and the words in which the token endpoint
 * refuses. Refusals tell nobody which of the reasons it was.
 */

/** How long an authorization code is good, milliseconds. */
export const CODE_MS = 60_000;

/** As consenting makes them: 32 random bytes in base64url. */
const CODE = /^[A-Za-z0-9_-]{43}$/;

/** What a client shows to get tokens for a code (RFC 6749 section 4.1.3, RFC 7636 section 4.5). */
interface PresentedCode {
  readonly client_id: string;
  readonly code: string;
  readonly code_verifier: string;
  /** Null when not sent: OAuth 2.1 leaves it to PKCE. */
  readonly redirect_uri: string | null;
  /** Null when not sent. */
  readonly resource: string | null;
}

export type TokenAnswer = IssuedTokens | TokenFault;

/**
 * Exchanges a code for tokens. Code and tokens are one commit: of any number of exchanges one gives
 * tokens. A second one that shows all that the first did ends the grant, for then the code was seen
 * by somebody else, and the verifier too.
 * @throws {StoreUnavailable}
 */
export async function exchangeCode(
  services: Services,
  presented: PresentedCode,
  client: Client,
): Promise<TokenAnswer> {
  const { deps, ledgers, settings } = services;
  const { client_id, code, resource } = presented;
  const named = resource === null ? null : resourceNamed(settings, resource);
  if (resource !== null && named === null) return OTHER_RESOURCE;
  const key = oauthCodeKey(CODE.test(code) ? secretHash(code) : "");
  const row = await readRecord(deps.kv, key, codeRecord);
  const name: GrantName = row?.value ?? { account: "", grant: "" };
  const scopes = row === null ? [] : await scopesNow(services, name);
  const { answer, works } = await ledgers.transact(DEPLOYMENT_ORG, {
    load: async (reader) => ({
      registered: await loadClient(reader, client_id),
      record: (await reader.get(key, codeRecord))?.value ?? null,
      grant: await loadAccountGrant(reader, name),
    }),
    plan(transaction, { registered, record, grant }: Loaded): Exchanged {
      if (registered === "ended") return { answer: NO_CLIENT, works: [] };
      if (record === null || !fits(record, presented)) return { answer: NOT_GOOD, works: [] };
      if (grant === null) return { answer: NOT_GOOD, works: [] };
      if (named !== null && named.url !== grant.resource) {
        return { answer: OTHER_RESOURCE, works: [] };
      }
      if (record.used_at !== null) {
        const reuse = {
          type: "oauth.reuse_detected",
          by: "system",
          data: { reused: "code" },
        } as const;
        return { answer: NOT_GOOD, works: endGrant(transaction, grant, reuse, client) };
      }
      if (!stillLasts(record.expires_at, CODE_MS, transaction.now) || scopes.length === 0) {
        return { answer: NOT_GOOD, works: [] };
      }
      const used: CodeRecord = { ...record, used_at: transaction.at };
      transaction.set(key, used, { expireIn: REFRESH_TOKEN_MS });
      touchClient(transaction, registered);
      const answer = issueTokens(transaction, grant, scopes);
      const told = { type: "oauth.issued", by: "client", data: { scopes }, ends: false } as const;
      return { answer, works: tellGrantEvent(transaction, grant, told, client) };
    },
  });
  await settle(services, works);
  return answer;
}

interface Loaded {
  readonly registered: LoadedClient;
  readonly record: CodeRecord | null;
  readonly grant: AccountGrant | null;
}

/** An answer, and what is left to do for the orgs of a grant that ended by it. */
export interface Exchanged {
  readonly answer: TokenAnswer;
  readonly works: readonly DueWork[];
}

/** Whether it is this code's client who shows it, with its verifier, for where it was sent to. */
function fits(record: CodeRecord, presented: PresentedCode): boolean {
  const { client_id, redirect_uri, code_verifier } = presented;
  return record.client_id === client_id &&
    (redirect_uri === null || redirect_uri === record.redirect_uri) &&
    verifies(code_verifier, record.code_challenge);
}

/** How long a refresh token may lie unused, milliseconds; each use gives a new one. */
export const REFRESH_TOKEN_MS = 30 * 24 * 60 * 60 * 1000;

/** What a client gets for a code or a refresh token: known only now. */
export interface IssuedTokens {
  readonly access_token: string;
  /** Milliseconds since 1970. */
  readonly access_expires_at: number;
  readonly refresh_token: string;
  readonly scopes: readonly Scope[];
}

/** Issues a pair of tokens, in the commit of what they are given for. The grant lives as long. */
export function issueTokens(
  transaction: Transaction,
  grant: AccountGrant,
  scopes: readonly Scope[],
): IssuedTokens {
  const { now, deps } = transaction;
  const access_token = makeSecret("access_token", deps.random);
  const refresh_token = makeSecret("refresh_token", deps.random);
  const owned = { grant: grant.id, account: grant.account, client_id: grant.client_id };
  const access: AccessTokenRecord = {
    ...owned,
    scopes: [...scopes],
    expires_at: now + ACCESS_TOKEN_MS,
  };
  const expires_at = now + REFRESH_TOKEN_MS;
  const refresh: RefreshTokenRecord = { ...owned, expires_at, successor: null };
  transaction.set(accessTokenKey(secretHash(access_token)), access, { expireIn: ACCESS_TOKEN_MS });
  transaction.set(refreshTokenKey(secretHash(refresh_token)), refresh, {
    expireIn: REFRESH_TOKEN_MS,
  });
  transaction.set(accountGrantKey(grant.account, grant.id), { ...grant, expires_at });
  return { access_token, access_expires_at: access.expires_at, refresh_token, scopes };
}

/**
 * Revokes a token that a client hands back (RFC 7009): with a refresh token, used or not, all that
 * was granted ends; an access token ends alone. What is unknown, or another client's, is none: the
 * answer is the same.
 * @param client_id as the request names it; null when it does not
 * @throws {StoreUnavailable}
 */
export async function revokeToken(
  services: Services,
  { token, client_id }: { readonly token: string; readonly client_id: string | null },
  client: Client,
): Promise<void> {
  const { deps, ledgers } = services;
  const isAccess = token.startsWith(SECRET_PREFIXES.access_token);
  if (!isPlausibleSecret(token)) return;
  if (!isAccess && !token.startsWith(SECRET_PREFIXES.refresh_token)) return;
  const hash = secretHash(token);
  const key = isAccess ? accessTokenKey(hash) : refreshTokenKey(hash);
  const row = await readRecord(deps.kv, key, tokenOwner);
  if (row === null || row.value.expires_at <= deps.now()) return;
  const { value: found } = row;
  if (client_id !== null && client_id !== found.client_id) return;
  const works = await ledgers.transact(DEPLOYMENT_ORG, {
    load: async (reader) => ({
      stands: (await reader.get(key, tokenOwner)) !== null,
      grant: await loadAccountGrant(reader, found),
    }),
    plan(transaction, { stands, grant }): DueWork[] {
      if (!stands || grant === null) return [];
      const data = { because: "revoked_by_client" satisfies GrantEnd };
      if (!isAccess) return endGrant(transaction, grant, { by: "client", data }, client);
      transaction.delete(key);
      return tellGrantEvent(transaction, grant, {
        type: "oauth.revoked",
        by: "client",
        data: { ...data, only: "access_token" },
        ends: false,
      }, client);
    },
  });
  await settle(services, works);
}

/** Why the token endpoint refuses (RFC 6749 section 5.2, RFC 8707 section 2, RFC 8628 section 3.5). */
export interface TokenFault {
  readonly error:
    | "invalid_request"
    | "invalid_client"
    | "invalid_grant"
    | "invalid_scope"
    | "invalid_target"
    | "unsupported_grant_type"
    | "authorization_pending"
    | "slow_down"
    | "access_denied"
    | "expired_token";
  /** For who builds the client: visible ASCII without quotes. */
  readonly error_description: string;
}

/** A code, token or client that is not good: which of the reasons it is tells a thief nothing. */
export const NOT_GOOD: TokenFault = {
  error: "invalid_grant",
  error_description: "It is unknown, expired, used, revoked, or was issued to another client.",
};

/** Tokens are for the resource that was granted, and for no other. */
export const OTHER_RESOURCE: TokenFault = {
  error: "invalid_target",
  error_description: "resource is not the one that was granted.",
};

/** For a client whose registration ended: by this hosts know that they have to register anew. */
export const NO_CLIENT: TokenFault = {
  error: "invalid_client",
  error_description: "The client is not registered, or its registration ended. Register it again.",
};

const CHALLENGE = /^[A-Za-z0-9_-]{43}$/;

const VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/;

/** Whether a text has the form of an S256 challenge (RFC 7636 section 4.2). */
export function isChallenge(text: string): boolean {
  return CHALLENGE.test(text);
}

/** Whether a verifier is the one that a challenge was made of (RFC 7636 section 4.6). */
function verifies(verifier: string, challenge: string): boolean {
  if (!VERIFIER.test(verifier)) return false;
  const made = createHash("sha256").update(verifier).digest();
  const expected = Uint8Array.fromBase64(challenge, { alphabet: "base64url" });
  return made.length === expected.length && timingSafeEqual(made, expected);
}
