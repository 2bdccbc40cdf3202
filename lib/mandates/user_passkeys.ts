import type { Reader, Transaction } from "../ledger/transaction.ts";
import { mayAppConfirm } from "../identity/deciders.ts";
import { credentialDigest } from "../passkeys/evidence.ts";
import { listRecords } from "../store/kv.ts";
import { userPasskeysKey, userPasskeysPrefix } from "../store/mandate_keys.ts";
import type { ApprovalRecord } from "../store/records/approval.ts";
import {
  type ConfirmBy,
  type UserPasskey,
  type UserPasskeys,
  userPasskeys,
} from "../store/records/user.ts";

/**
 * The passkeys that may speak for a user, and which of them count: those from before the question was
 * asked, and nothing new for a day after one in force was replaced or removed. So whoever gets hold of
 * the application cannot put a key of their own in the place of the user's and answer with it at once;
 * and what a key said yes to counts for as long as that key speaks for the user.
 */

/** For how long nothing newer answers after a passkey in force was replaced or removed, milliseconds. */
export const USER_HOLD_MS = 24 * 60 * 60 * 1000;

const NONE: UserPasskeys = { passkeys: [], held_until: 0 };

/** Reads the passkeys that speak for a user. @throws {MalformedRecord} */
export async function loadUserPasskeys(reader: Reader, user: string): Promise<UserPasskeys> {
  const key = userPasskeysKey(reader.snapshot.orgId, user);
  return (await reader.get(key, userPasskeys))?.value ?? NONE;
}

/** The passkeys of one user. */
export interface PasskeysOfUser {
  readonly user: string;
  readonly record: UserPasskeys;
}

/**
 * Users who have a passkey, or had one until just now, by their ids; one alone where they are named.
 * `next` is whom to go on behind.
 */
export async function listUserPasskeys(
  reader: Reader,
  { user, after, limit }: {
    readonly user: string | null;
    readonly after: string | null;
    readonly limit: number;
  },
): Promise<{ readonly users: readonly PasskeysOfUser[]; readonly next: string | null }> {
  const { kv, now, snapshot: { orgId } } = reader;
  if (user !== null) {
    return { users: [{ user, record: await loadUserPasskeys(reader, user) }], next: null };
  }
  const users: PasskeysOfUser[] = [];
  const prefix = [...userPasskeysPrefix(orgId)];
  const selector = after === null
    ? { prefix }
    : { prefix, start: [...userPasskeysKey(orgId, after), 0] };
  for await (const { key, value: record } of listRecords(kv, selector, userPasskeys)) {
    if (users.length === limit) return { users, next: users.at(-1)?.user ?? null };
    if (record.passkeys.length === 0 && record.held_until <= now) continue;
    users.push({ user: String(key[2]), record });
  }
  return { users, next: null };
}

/** The passkeys that can answer what was asked at a time of the log. @param now milliseconds */
export function answeringPasskeys(
  { passkeys }: UserPasskeys,
  asked_at: number,
  now: number,
): UserPasskey[] {
  return passkeys.filter(({ registered_at, usable_from }) =>
    registered_at < asked_at && usable_from <= now
  );
}

/**
 * Who may say yes for a user now: by the terms of the question, and their passkey alone where the
 * organization leaves it to nobody else by now, or they have one, or had one until just now.
 */
export function confirmedBy(
  { passkeys, held_until }: UserPasskeys,
  wanted: ConfirmBy,
  { now, snapshot: { org } }: Pick<Transaction, "now" | "snapshot">,
): ConfirmBy {
  const isTheirs = passkeys.length > 0 || now < held_until || !mayAppConfirm(org);
  return isTheirs ? "passkey" : wanted;
}

/**
 * Whether the passkey that said yes at the user's seat of a request speaks for them no longer: it was
 * removed or replaced since, as one is that somebody stole. One that came back is another.
 */
export async function isUserKeyGone(
  reader: Reader,
  { user_seat, created_at }: Pick<ApprovalRecord, "user_seat" | "created_at">,
): Promise<boolean> {
  if (user_seat?.answer?.decision !== "approve" || user_seat.answer.asserted_by !== null) {
    return false;
  }
  const { credential } = user_seat.answer;
  const { passkeys, held_until } = await loadUserPasskeys(reader, user_seat.user_id);
  // Of a row of before nobody knows which it was: any that went since could be it.
  if (credential === null) return held_until > reader.now;
  return !passkeys.some(({ credential_id, registered_at }) =>
    credentialDigest(credential_id) === credential && registered_at < created_at
  );
}

/** Puts the use of a user's passkey into the commit that it is used in. */
export function storeUse(
  transaction: Transaction,
  user: string,
  { passkeys, held_until }: UserPasskeys,
  used: UserPasskey,
): void {
  const noted = { ...used, last_used_at: transaction.at };
  const next = passkeys.map((one) => one.credential_id === used.credential_id ? noted : one);
  transaction.set(userPasskeysKey(transaction.snapshot.orgId, user), {
    passkeys: next,
    held_until,
  });
}

/** Who had a passkey speak for a user. */
export type Registration = Pick<UserPasskey, "registered_by" | "by_link">;

/**
 * The passkeys of a user after they are set to these: those that stay keep what is known of them, and
 * nothing that came just now answers for a day where one in force went.
 * @param given without what is known of those that stay
 */
export function replacedBy(
  old: UserPasskeys,
  given: readonly Pick<UserPasskey, "credential_id" | "public_key" | "rp_id" | "origins">[],
  how: Registration,
  { at, now }: { readonly at: number; readonly now: number },
): UserPasskeys {
  const kept = new Map(
    old.passkeys.flatMap((one) => {
      const same = given.find((other) => isSame(one, other));
      return same === undefined ? [] : [[one.credential_id, one] as const];
    }),
  );
  const held_until = kept.size < old.passkeys.length
    ? Math.max(old.held_until, now + USER_HOLD_MS)
    : old.held_until;
  const passkeys = given.map((one): UserPasskey =>
    kept.get(one.credential_id) ??
      {
        ...one,
        ...how,
        counter: 0,
        registered_at: at,
        usable_from: Math.max(held_until, now),
        last_used_at: null,
      }
  );
  return { passkeys, held_until };
}

function isSame(
  a: Pick<UserPasskey, "credential_id" | "public_key" | "rp_id" | "origins">,
  b: typeof a,
): boolean {
  return a.credential_id === b.credential_id && a.rp_id === b.rp_id &&
    a.public_key.toBase64() === b.public_key.toBase64() &&
    a.origins.toSorted().join() === b.origins.toSorted().join();
}
