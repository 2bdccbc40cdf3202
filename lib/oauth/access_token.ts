import { isPlausibleSecret, SECRET_PREFIXES, secretHash } from "../identity/secret.ts";
import { stillLasts } from "../ledger/clock.ts";
import type { Services } from "../services.ts";
import { accessTokenKey, accountGrantKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import { accessTokenRecord, accountGrant, type Scope } from "../store/records/oauth.ts";
import { type GrantedOrg, grantStanding, reachedScopes } from "./grant_standing.ts";
import { ACCESS_TOKEN_MS } from "./issue_tokens.ts";
import { mcpResource } from "./resource.ts";

/** An access token that was presented, and what it is good for at this moment. */
export interface PresentedAccess {
  readonly grant: string;
  readonly account: string;
  readonly client_id: string;
  /** At least one, with what the token reaches in each. */
  readonly orgs: readonly GrantedOrg[];
  /** What it reaches in any of them. */
  readonly scopes: readonly Scope[];
  /** The URL that it is for (RFC 8707). */
  readonly resource: string;
  /** Milliseconds since 1970. */
  readonly expires_at: number;
}

/**
 * What an access token stands for: null when it is unknown, has expired, was revoked, is for another
 * resource, or reaches no org any more. Read each time, never remembered, so that what ends, ends at once.
 * @throws {StoreUnavailable}
 */
export async function presentAccessToken(
  services: Pick<Services, "deps" | "ledgers" | "settings">,
  secret: string,
): Promise<PresentedAccess | null> {
  const { deps } = services;
  if (!secret.startsWith(SECRET_PREFIXES.access_token) || !isPlausibleSecret(secret)) return null;
  // Found by its hash, so no comparison of secrets leaks by its time how far they agree.
  const key = accessTokenKey(secretHash(secret));
  const token = (await readRecord(deps.kv, key, accessTokenRecord))?.value;
  if (token === undefined || !stillLasts(token.expires_at, ACCESS_TOKEN_MS, deps.now())) {
    return null;
  }
  const grantRow = accountGrantKey(token.account, token.grant);
  const grant = (await readRecord(deps.kv, grantRow, accountGrant))?.value;
  if (grant === undefined || grant.resource !== mcpResource(services.settings)) return null;
  const orgs = (await grantStanding(services, grant)).flatMap((org) => {
    const scopes = org.scopes.filter((scope) => token.scopes.includes(scope));
    return scopes.length === 0 ? [] : [{ ...org, scopes }];
  });
  if (orgs.length === 0) return null;
  const { grant: id, account, client_id, expires_at } = token;
  const scopes = reachedScopes(orgs);
  return { grant: id, account, client_id, orgs, scopes, resource: grant.resource, expires_at };
}
