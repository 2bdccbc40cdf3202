import type { Client } from "../identity/client.ts";
import { isPlausibleSecret, SECRET_PREFIXES, secretHash } from "../identity/secret.ts";
import type { DueWork } from "../ledger/due.ts";
import type { Services } from "../services.ts";
import { accessTokenKey, DEPLOYMENT_ORG, refreshTokenKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import { tokenOwner } from "../store/records/oauth.ts";
import { settle, tellGrantEvent } from "./grant_events.ts";
import { endGrant, type GrantEnd, loadAccountGrant } from "./grants.ts";

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
