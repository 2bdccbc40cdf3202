import { scopesOf } from "../identity/grant_caller.ts";
import type { Services } from "../services.ts";
import { accountGrantKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import { type AccountGrant, accountGrant, type Scope, SCOPES } from "../store/records/oauth.ts";
import type { GrantName } from "./grants.ts";
import { mcpResource } from "./resource.ts";

/** An org in which a grant counts at this moment. */
export interface GrantedOrg {
  readonly id: string;
  readonly name: string;
  /** What grant and role of its member reach there; never empty. */
  readonly scopes: readonly Scope[];
}

/**
 * The orgs in which a grant counts now, each proven by its current policy: where it was revoked, the
 * membership ended, or the role includes none of its scopes, it does not.
 * @throws {StoreUnavailable}
 */
export async function grantStanding(
  { ledgers }: Pick<Services, "ledgers">,
  { id, account, orgs }: Pick<AccountGrant, "id" | "account" | "orgs">,
): Promise<GrantedOrg[]> {
  const found = await Promise.all(orgs.map((org) =>
    ledgers.transact(org, {
      plan({ snapshot }): GrantedOrg | null {
        const grant = snapshot.exists ? snapshot.grants.get(id) : undefined;
        if (grant === undefined || grant.account !== account) return null;
        const scopes = scopesOf(snapshot, grant);
        return scopes.length === 0 ? null : { id: org, name: snapshot.org.name, scopes };
      },
    })
  ));
  return found.filter((org) => org !== null);
}

/** What a grant reaches in any of its orgs. */
export function reachedScopes(orgs: readonly GrantedOrg[]): Scope[] {
  return SCOPES.filter((scope) => orgs.some(({ scopes }) => scopes.includes(scope)));
}

/**
 * What a grant reaches at this moment; nothing when it has ended, or when it is for the address that
 * this deployment had before.
 * @throws {StoreUnavailable}
 */
export async function scopesNow(
  services: Pick<Services, "deps" | "ledgers" | "settings">,
  { account, grant }: GrantName,
): Promise<Scope[]> {
  const { deps, settings } = services;
  const key = accountGrantKey(account, grant);
  const row = await readRecord(deps.kv, key, accountGrant);
  if (row === null || row.value.resource !== mcpResource(settings)) return [];
  return reachedScopes(await grantStanding(services, row.value));
}
