import type { Deps } from "../deps.ts";
import { isWithin } from "../ledger/clock.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { Refusal, type SessionEnd } from "../refusal.ts";
import { accountSessionKey, sessionKey } from "../store/keys.ts";
import { commitOnce, readRecord } from "../store/kv.ts";
import { type SessionRecord, sessionRecord } from "../store/records/people.ts";
import { secretHash } from "./credentials.ts";

/**
 * Sessions of people in a browser: how they begin, are kept alive, put under a new secret, and end.
 * A cookie holds the secret, the store its hash. Whether one still counts is asked again inside of
 * each operation (`requireLive`).
 */

const HOUR = 60 * 60 * 1000;

/** A session ends when it was not used for so long, milliseconds. */
export const SESSION_IDLE_MS = 12 * HOUR;

/** It ends at last, however much it is used. */
export const SESSION_LIFE_MS = 7 * 24 * HOUR;

/** For how long an assertion lets its member do what widens. */
export const FRESH_MS = 5 * 60 * 1000;

/** How exactly it is known when a session was last used. */
const SEEN_EVERY_MS = 5 * 60 * 1000;

const SECRET = /^[A-Za-z0-9_-]{43}$/;

/** A session whose cookie was presented. */
export interface PresentedSession {
  readonly hash: string;
  readonly record: SessionRecord;
}

/** A session that begins: what its cookie holds is known only now. */
export interface NewSession {
  readonly secret: string;
  readonly record: SessionRecord;
}

/**
 * Whether a session is in force at `now`, milliseconds. One that was seen in a time to come, by a
 * clock that was ahead, is not: it would last until then.
 */
export function isLive({ seen_at, expires_at }: SessionRecord, now: number): boolean {
  return now < expires_at && isWithin(SESSION_IDLE_MS, seen_at, now);
}

/** When a session ends by itself unless it is used meanwhile, milliseconds. */
export function endsAt({ seen_at, expires_at }: SessionRecord): number {
  return Math.min(expires_at, seen_at + SESSION_IDLE_MS);
}

/** @throws {Refusal} session_ended */
export function requireLive(record: SessionRecord, now: number): void {
  if (!isLive(record, now)) throw new Refusal("session_ended", { why: endOf(record, now) });
}

/** Why a session that is not in force is not. */
function endOf({ seen_at, expires_at }: SessionRecord, now: number): SessionEnd {
  if (now >= expires_at) return "expired";
  return now >= seen_at + SESSION_IDLE_MS ? "idle" : "ended";
}

/** Begins a session, in the commit of what allows it. It counts as fresh: a passkey was shown. */
export function beginSession(
  transaction: Transaction,
  { account, org, credential_id, user_agent }: Pick<
    SessionRecord,
    "account" | "org" | "credential_id" | "user_agent"
  >,
): NewSession {
  const { now, deps } = transaction;
  const secret = makeSessionSecret(deps);
  const record: SessionRecord = {
    id: transaction.id("ses"),
    account,
    org,
    created_at: now,
    seen_at: now,
    expires_at: now + SESSION_LIFE_MS,
    fresh_until: now + FRESH_MS,
    credential_id,
    user_agent,
  };
  const hash = secretHash(secret);
  transaction.set(sessionKey(hash), record, { expireIn: SESSION_LIFE_MS });
  transaction.set(accountSessionKey(account, record.id), { hash }, { expireIn: SESSION_LIFE_MS });
  return { secret, record };
}

/** Puts a session under a new secret; what the one until now is copied to has ended. */
export function renewSession(
  transaction: Transaction,
  { hash, record }: PresentedSession,
): NewSession {
  const { now, deps } = transaction;
  const secret = makeSessionSecret(deps);
  const options = { expireIn: Math.max(1, record.expires_at - now) };
  const renewed = secretHash(secret);
  transaction.delete(sessionKey(hash));
  transaction.set(sessionKey(renewed), record, options);
  transaction.set(accountSessionKey(record.account, record.id), { hash: renewed }, options);
  return { secret, record };
}

function makeSessionSecret({ random }: Pick<Deps, "random">): string {
  return random(32).toBase64({ alphabet: "base64url", omitPadding: true });
}

/** A session that is to end: what its rows are found by. */
export interface EndingSession {
  readonly hash: string;
  readonly record: Pick<SessionRecord, "id" | "account">;
}

/** Ends a session, in the commit of what ends it. */
export function endSession(transaction: Transaction, { hash, record }: EndingSession): void {
  transaction.delete(sessionKey(hash));
  transaction.delete(accountSessionKey(record.account, record.id));
}

/**
 * The session that a cookie's value stands for, or why there is none.
 * @param isUse whether its person did something: what a page asks by itself keeps no session alive
 */
export async function findSession(
  deps: Deps,
  secret: string | null,
  isUse = true,
): Promise<PresentedSession | SessionEnd> {
  // Found by its hash, so no comparison of secrets leaks by its time how far they agree.
  if (secret === null || !SECRET.test(secret)) return "none";
  const hash = secretHash(secret);
  const key = sessionKey(hash);
  const row = await readRecord(deps.kv, key, sessionRecord);
  const now = deps.now();
  if (row === null) return "ended";
  if (!isLive(row.value, now)) return endOf(row.value, now);
  if (!isUse || now - row.value.seen_at < SEEN_EVERY_MS) return { hash, record: row.value };
  const record = { ...row.value, seen_at: now };
  const expireIn = Math.max(1, record.expires_at - now);
  // Whoever changed it meanwhile wins: only the time of last use would be lost.
  const touch = deps.kv.atomic().check({ key, versionstamp: row.versionstamp });
  await commitOnce(deps, touch.set(key, record, { expireIn }));
  return { hash, record };
}
