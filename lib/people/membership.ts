import type { AccountCaller } from "../identity/acting.ts";
import { type Client, privateClient } from "../identity/caller.ts";
import { knowPasskey, passkeysOf } from "../identity/passkeys.ts";
import type { Actor } from "../ledger/entry.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { accountKey, knownPasskeyKey, memberKey } from "../store/keys.ts";
import { type Kv, readRecord } from "../store/kv.ts";
import type { MemberRecord } from "../store/records/identity.ts";
import { Refusal } from "../refusal.ts";
import {
  type AccountRecord,
  type KnownPasskey,
  knownPasskey,
  type PasskeyRecord,
} from "../store/records/people.ts";
import { heldFromBefore } from "./recovery_holds.ts";
import { lastUsed, putSession } from "./sessions.ts";

/**
 * How a membership becomes that of an account: by a first passkey or by one that is there, and
 * always with the log of the org told which passkeys count there from now on.
 */

/** By what a person came to their membership. */
export type AcceptedBy = "invitation" | "set_up";

/** A membership that nobody has accepted yet. */
export function newMember(
  transaction: Transaction,
  { email, role, groups }: Pick<MemberRecord, "email" | "role" | "groups">,
): MemberRecord {
  return {
    id: transaction.id("usr"),
    email,
    name: null,
    role,
    groups: [...groups].sort(),
    account: null,
    has_passkey: false,
    held_until: null,
    created_at: transaction.at,
  };
}

/** Makes a membership that of an account, whose person has shown a passkey. */
export function acceptMembership(
  transaction: Transaction,
  member: MemberRecord,
  { account, by }: { readonly account: string; readonly by: AcceptedBy },
  client: Client,
): MemberRecord {
  const accepted: MemberRecord = { ...member, account, has_passkey: true };
  transaction.setPolicy(memberKey(transaction.snapshot.orgId, member.email), accepted);
  const actor: Actor = { type: "member", id: member.id };
  transaction.append({
    type: "member.accepted",
    actor,
    subject: { member: member.id },
    data: {
      by,
      role: member.role,
      groups: [...member.groups],
      ...(member.held_until === null
        ? {}
        : { held_until: new Date(member.held_until).toISOString() }),
      policy_version: transaction.policyVersion,
      request_id: client.request_id,
    },
    private: {
      email: member.email,
      client: privateClient(client),
    },
  });
  return accepted;
}

/** A passkey, and what the log of an org says of it. */
interface PasskeyInOrg {
  readonly passkey: PasskeyRecord;
  readonly known: KnownPasskey | null;
}

/** The passkeys of an account, and whether the log of an org names them: read without a check. */
export async function passkeysInOrg(
  kv: Kv,
  account: string,
  org: string,
): Promise<PasskeyInOrg[]> {
  const passkeys = await passkeysOf(kv, account);
  return await Promise.all(passkeys.map(async (passkey) => {
    const row = await readRecord(kv, knownPasskeyKey(org, passkey.credential_id), knownPasskey);
    return { passkey, known: row?.value ?? null };
  }));
}

/**
 * Requires that a person can be in one org more: what ends them everywhere, such as a recovery, has to
 * fit into one commit, whatever invitations somebody accepts in their name.
 * @throws {Refusal} too_many_organizations
 */
export function assertRoomForOrg({ orgs }: Pick<AccountRecord, "orgs">): void {
  if (orgs.length < MAX_ORGS) return;
  throw new Refusal("too_many_organizations", { most: MAX_ORGS, within: "all" });
}

/**
 * Has somebody who is signed in join the org of the transaction: the membership is theirs, the log
 * of the org names their passkeys, and their session looks at it. A recovery of their account that
 * the org would hold them for still, it holds them for.
 */
export function joinOrg(
  transaction: Transaction,
  { account, session: { hash, record } }: AccountCaller,
  { member, by, passkeys }: {
    readonly member: MemberRecord;
    readonly by: AcceptedBy;
    readonly passkeys: readonly PasskeyInOrg[];
  },
  client: Client,
): void {
  const org = transaction.snapshot.orgId;
  const held = heldFromBefore(transaction, member, account);
  acceptMembership(transaction, held, { account: account.id, by }, client);
  for (const { passkey, known } of passkeys) knowPasskey(transaction, member, passkey, known);
  transaction.set(accountKey(account.id), { ...lastUsed(account, org), orgless_since: null });
  putSession(transaction, { hash, record: { ...record, org } });
}

/** Orgs that one person can be in, and one consent for. */
export const MAX_ORGS = 20;
