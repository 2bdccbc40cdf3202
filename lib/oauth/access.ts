import { personWords } from "../base/person.ts";
import type { MemberOperation } from "../identity/acting.ts";
import type { MemberCaller } from "../identity/caller.ts";
import { isPlausibleSecret, SECRET_PREFIXES, secretHash } from "../identity/credentials.ts";
import { requireRight } from "../identity/deeds.ts";
import { scopesOf } from "../identity/grant_caller.ts";
import { listAccountGrants } from "../identity/grant_entries.ts";
import { stillLasts } from "../ledger/clock.ts";
import type { Services } from "../services.ts";
import { accessTokenKey, accountGrantKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import {
  accessTokenRecord,
  type AccountGrant,
  accountGrant,
  type GrantRecord,
  type Scope,
  SCOPES,
} from "../store/records/oauth.ts";
import type { GrantName } from "./grants.ts";
import { opens, type Resource, resourceNamed } from "./scopes.ts";

/**
 * What an access token, and the grant behind it, reaches at this moment, and the connections as
 * people see them. Nothing here is remembered: each look proves it by the policy of each org.
 */

/** How long an access token is good, milliseconds. */
export const ACCESS_TOKEN_MS = 60 * 60 * 1000;

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
 * What an access token stands for: null when it is unknown, has expired, was revoked, does not open
 * `resource`, or reaches no org any more. Read each time, never remembered, so that what ends, ends at once.
 * @throws {StoreUnavailable}
 */
export async function presentAccessToken(
  services: Pick<Services, "deps" | "ledgers">,
  secret: string,
  resource: Resource,
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
  if (grant === undefined || !opens(grant.resource, resource)) return null;
  const orgs = (await grantStanding(services, grant)).flatMap((org) => {
    const scopes = org.scopes.filter((scope) => token.scopes.includes(scope));
    return scopes.length === 0 ? [] : [{ ...org, scopes }];
  });
  if (orgs.length === 0) return null;
  const { grant: id, account, client_id, expires_at } = token;
  const scopes = reachedScopes(orgs);
  return { grant: id, account, client_id, orgs, scopes, resource: grant.resource, expires_at };
}

/** An org in which a grant counts at this moment. */
interface GrantedOrg {
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
async function grantStanding(
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
function reachedScopes(orgs: readonly GrantedOrg[]): Scope[] {
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
  if (row === null || resourceNamed(settings, row.value.resource) === null) return [];
  return reachedScopes(await grantStanding(services, row.value));
}

/** A program that a person lets act for them, and where. */
export interface OwnConnection {
  readonly grant: AccountGrant;
  /** Where it counts at this moment; none once every org has ended it. */
  readonly orgs: readonly GrantedOrg[];
  /** Milliseconds since 1970, to the minute; null when it never was. */
  readonly last_used: number | null;
}

/** What other members of an org let programs do there. */
export interface MembersConnection {
  readonly grant: GrantRecord;
  /** E-mail address of the member; their id when they are gone. */
  readonly member: string;
  readonly last_used: number | null;
}

/** Grants of an account, in the order of their making. */
export function ownGrants(
  { deps }: Pick<Services, "deps">,
  account: string,
): Promise<AccountGrant[]> {
  return listAccountGrants(deps.kv, account);
}

/** Where some of an account's grants count, and when they were last used. */
export async function ownConnections(
  services: Pick<Services, "ledgers" | "lastUsed">,
  grants: readonly AccountGrant[],
): Promise<OwnConnection[]> {
  const ids = grants.map(({ id }) => id).sort();
  const everywhere = new Set(grants.flatMap(({ orgs }) => orgs));
  const used = await Promise.all([...everywhere].map((org) => services.lastUsed.of(org, ids)));
  return await Promise.all(grants.map(async (grant) => {
    const times = used.map((times) => times.get(grant.id) ?? 0);
    return {
      grant,
      orgs: await grantStanding(services, grant),
      last_used: Math.max(0, ...times) || null,
    };
  }));
}

/**
 * What the other members of the caller's org let programs do there, in the order of their making.
 * @throws {Refusal} role_required
 */
export function membersGrants(): MemberOperation<
  void,
  readonly Omit<MembersConnection, "last_used">[]
> {
  return {
    plan({ snapshot }, caller: MemberCaller) {
      requireRight(caller, "manage_members");
      const people = new Map(
        [...snapshot.members.values()].map((member) => [member.id, personWords(member)]),
      );
      return [...snapshot.grants.values()]
        .filter(({ account }) => account !== caller.account)
        .sort((a, b) => a.id < b.id ? -1 : 1)
        .map((grant) => ({ grant, member: people.get(grant.member) ?? grant.member }));
    },
  };
}

/** The same with when each was last used in the org. */
export async function membersConnections(
  { lastUsed }: Pick<Services, "lastUsed">,
  org: string,
  found: readonly Omit<MembersConnection, "last_used">[],
): Promise<MembersConnection[]> {
  const used = await lastUsed.of(org, found.map(({ grant }) => grant.id));
  return found.map((one) => ({ ...one, last_used: used.get(one.grant.id) ?? null }));
}
