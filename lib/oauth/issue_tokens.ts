import { makeSecret, secretHash } from "../identity/secret.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { accessTokenKey, accountGrantKey, refreshTokenKey } from "../store/keys.ts";
import type {
  AccessTokenRecord,
  AccountGrant,
  RefreshTokenRecord,
  Scope,
} from "../store/records/oauth.ts";

/** How long an access token is good, milliseconds. */
export const ACCESS_TOKEN_MS = 60 * 60 * 1000;

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
