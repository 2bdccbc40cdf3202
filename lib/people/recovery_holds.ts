import { NEW_ORG_HOLD_HOURS } from "../catalog/create_org.ts";
import { forgetPasskey, knownPasskeysOf } from "../identity/passkeys.ts";
import { schedule } from "../ledger/commit.ts";
import type { Transaction } from "../ledger/transaction.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import type { Services } from "../services.ts";
import { dueKey, memberKey, recoveryKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import type { MemberRecord } from "../store/records/identity.ts";
import type { DueWork } from "../store/records/log.ts";
import {
  type AccountRecord,
  type RecoveryRecord,
  recoveryRecord,
} from "../store/records/people.ts";
import { endLeftInOrg } from "./left_behind.ts";
import { letterId } from "./letters.ts";

/**
 * The hold of whoever recovered their account, in each of their orgs, and in those that they join
 * or make while it would last. Owners are told by letters of their own.
 */

const HOUR = 60 * 60 * 1000;

const KIND = "recovery_hold";

/**
 * Puts the hold of a recovery into force in every org of the account, and returns when it is. Before
 * it, the account gets no new passkey.
 */
export async function holdEverywhere(services: Services, account: string): Promise<void> {
  const { deps } = services;
  const row = await readRecord(deps.kv, recoveryKey(account), recoveryRecord);
  if (row === null) return;
  const { waiting, redeemed_at: at } = row.value;
  for (const org of waiting) await holdRecovered(services, { kind: KIND, at, org, id: account });
}

/** Has each org of an account hold its member, in commits of their own; `work` of one of them. */
export function scheduleHolds(transaction: Transaction, account: string, orgs: readonly string[]) {
  for (const org of orgs) {
    schedule(transaction, { kind: KIND, at: transaction.now, id: account, org });
  }
}

/** Holds the member of one org who recovered their account, tells its log and its owners: once. */
export async function holdRecovered(
  { ledgers }: Pick<Services, "ledgers">,
  { kind, at, org, id: account }: DueWork,
): Promise<void> {
  const key = recoveryKey(account);
  await ledgers.transact(org, {
    async load(reader) {
      const recovery = (await reader.get(key, recoveryRecord))?.value ?? null;
      const id = reader.snapshot.exists ? reader.snapshot.memberOf(account)?.id : undefined;
      const passkeys = id === undefined ? [] : await knownPasskeysOf(reader, id);
      return { recovery, passkeys };
    },
    plan(transaction, { recovery, passkeys }) {
      transaction.delete(dueKey(at, kind, org, account));
      // A later recovery has work of its own.
      if (recovery?.redeemed_at !== at || !recovery.waiting.includes(org)) return;
      const waiting = recovery.waiting.filter((other) => other !== org);
      transaction.set(key, { ...recovery, waiting });
      const { snapshot } = transaction;
      const member = snapshot.exists ? snapshot.memberOf(account) : undefined;
      if (member === undefined) return;
      hold(transaction, member, recovery);
      // All of before are gone, and none comes until every org holds its member.
      for (const credential of passkeys) forgetPasskey(transaction, member.id, credential);
    },
  });
}

/** Until when an org holds whoever recovered their account then, milliseconds. */
function holdEnd(snapshot: Snapshot, recoveredAt: number): number {
  // One that this very commit makes is in no snapshot yet.
  const hours = snapshot.exists ? snapshot.org.recovery_hold_hours : NEW_ORG_HOLD_HOURS;
  return recoveredAt + hours * HOUR;
}

/**
 * The membership of somebody who joins, with the hold that the org has for a recovery of before: or a
 * new org would be the way around the hold of the others.
 */
export function heldFromBefore(
  { snapshot, now }: Transaction,
  member: MemberRecord,
  { recovered_at }: Pick<AccountRecord, "recovered_at">,
): MemberRecord {
  const until = recovered_at === null ? 0 : holdEnd(snapshot, recovered_at);
  if (until <= now) return member;
  return { ...member, held_until: Math.max(until, member.held_until ?? 0) };
}

function hold(
  transaction: Transaction,
  member: MemberRecord,
  { by, redeemed_at, request_id }: RecoveryRecord,
): void {
  const { snapshot, now } = transaction;
  const held_until = Math.max(holdEnd(snapshot, redeemed_at), member.held_until ?? 0);
  transaction.setPolicy(memberKey(snapshot.orgId, member.email), { ...member, held_until });
  // Whoever has something of theirs now may be who they had to recover from.
  const actor = { type: "member", id: member.id } as const;
  endLeftInOrg(transaction, member, { because: "recovery", actor, request_id });
  transaction.append({
    type: "recovery.redeemed",
    actor,
    subject: { member: member.id },
    data: { by, held_until: new Date(held_until).toISOString(), request_id },
    private: { email: member.email },
  });
  for (const other of snapshot.members.values()) {
    if (other.role !== "owner" || other.account === null || other.id === member.id) continue;
    schedule(transaction, { kind: "recovery_letter", at: now, id: letterId(member.id, other.id) });
  }
}
