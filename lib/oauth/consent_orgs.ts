import { roleReaches } from "../identity/grant_caller.ts";
import type { Role } from "../policy/rights.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import type { Services } from "../services.ts";
import { accountKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import { type Scope, SCOPES } from "../store/records/oauth.ts";
import { accountRecord } from "../store/records/people.ts";

/** Orgs that one consent can be for. */
export const MAX_ORGS = 20;

/** An org that a person can let a client act in. */
export interface ConsentOrg {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  /** What their role there can let it do. */
  readonly scopes: readonly Scope[];
  /** Until when a recovery of their account keeps them from it, milliseconds; null when none does. */
  readonly held_until: number | null;
}

/** The orgs of an account at this moment, the last used first. @throws {StoreUnavailable} */
export async function consentOrgs(
  { deps, ledgers }: Pick<Services, "deps" | "ledgers">,
  account: string,
): Promise<ConsentOrg[]> {
  const row = await readRecord(deps.kv, accountKey(account), accountRecord);
  const found = await Promise.all((row?.value.orgs ?? []).map((org) =>
    ledgers.transact(org, {
      plan: ({ snapshot, now }) => consentOrg(snapshot, account, now),
    })
  ));
  return found.filter((org) => org !== null);
}

/** The org of a snapshot as `account` can let a client act in it; null when they are no member. */
export function consentOrg(snapshot: Snapshot, account: string, now: number): ConsentOrg | null {
  const member = snapshot.exists ? snapshot.memberOf(account) : undefined;
  if (member === undefined) return null;
  const { role, held_until } = member;
  return {
    id: snapshot.orgId,
    name: snapshot.org.name,
    role,
    scopes: SCOPES.filter((scope) => roleReaches(role, scope)),
    held_until: held_until !== null && held_until > now ? held_until : null,
  };
}
