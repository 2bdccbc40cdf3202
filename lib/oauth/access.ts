import { requireRight } from "../identity/acting.ts";
import type { MemberCaller } from "../identity/caller.ts";
import type { MemberOperation } from "../identity/member_operation.ts";
import type { Services } from "../services.ts";
import type { AccountGrant, GrantRecord } from "../store/records/oauth.ts";
import { type GrantedOrg, grantStanding } from "./grant_standing.ts";
import { listAccountGrants } from "./grants.ts";

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
      const emails = new Map([...snapshot.members.values()].map(({ id, email }) => [id, email]));
      return [...snapshot.grants.values()]
        .filter(({ account }) => account !== caller.account)
        .sort((a, b) => a.id < b.id ? -1 : 1)
        .map((grant) => ({ grant, member: emails.get(grant.member) ?? grant.member }));
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
