import { z } from "zod";
import type { Services } from "../services.ts";
import { accountKey, membersPrefix } from "../store/keys.ts";
import { listRecords, readRecord } from "../store/kv.ts";
import { memberRecord } from "../store/records/identity.ts";
import { accountRecord } from "../store/records/people.ts";
import { passkeysOf } from "./passkeys_of.ts";
import { makeRecoveryLink, type RecoveryLink } from "./recovery_link.ts";

/** That owners have passkeys which work only under another address of this deployment. */
export interface MovedPasskeys {
  /** The hosts that these were made for. */
  readonly hosts: readonly string[];
  /** For one owner, where none of them can sign in any more; null where some can. */
  readonly link: RecoveryLink | null;
}

/**
 * Looks, at the start, whether the deployment moved to another host: a passkey does not come along.
 * Makes the link by which an owner gets a new one, where no owner has any that works here.
 */
export async function movedPasskeys(services: Services): Promise<MovedPasskeys | null> {
  const { deps, settings } = services;
  const here = settings.url.hostname;
  const hosts = new Set<string>();
  const shutOut: string[] = [];
  let someCan = false;
  for (const account of await ownersOf(services)) {
    const hostsOf = new Set((await passkeysOf(deps.kv, account)).map(({ rp_id }) => rp_id));
    if (hostsOf.has(here)) someCan = true;
    else if (hostsOf.size > 0) shutOut.push(account);
    for (const host of hostsOf) if (host !== here) hosts.add(host);
  }
  if (hosts.size === 0) return null;
  return { hosts: [...hosts].sort(), link: someCan ? null : await linkFor(services, shutOut) };
}

/** The accounts of the owners of all orgs. */
async function ownersOf({ deps }: Services): Promise<Set<string>> {
  const owners = new Set<string>();
  const members = listRecords(deps.kv, { prefix: [...membersPrefix()] }, z.unknown());
  for await (const { key, value } of members) {
    const member = memberRecord.safeParse(value);
    if (!member.success) {
      deps.log("error", "A member is malformed", { org: String(key[1]) });
      continue;
    }
    const { role, account } = member.data;
    if (role === "owner" && account !== null) owners.add(account);
  }
  return owners;
}

/** The link for the owner whom the operator names, or for the first. */
async function linkFor(
  services: Services,
  accounts: readonly string[],
): Promise<RecoveryLink | null> {
  const { deps, settings } = services;
  const emails: string[] = [];
  for (const account of accounts) {
    const found = await readRecord(deps.kv, accountKey(account), accountRecord);
    if (found !== null) emails.push(found.value.email);
  }
  const { owner } = settings.bootstrap;
  const email = emails.find((one) => one === owner) ?? emails[0];
  return email === undefined ? null : await makeRecoveryLink(services, email);
}
