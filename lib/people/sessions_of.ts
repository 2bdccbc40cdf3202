import type { Deps } from "../deps.ts";
import { type EndingSession, isLive, type PresentedSession } from "../identity/sessions.ts";
import { accountSessionPrefix, sessionKey } from "../store/keys.ts";
import { listRecords, readRecords } from "../store/kv.ts";
import { sessionPointer, sessionRecord } from "../store/records/people.ts";

/**
 * Sessions that one person may have; one more ends the oldest. Whoever has a passkey of theirs could
 * else begin so many that no commit has room to end them, and could be shut out no more.
 */
export const MAX_SESSIONS = 100;

/** How many of too many end at once: more than a moment of parallel sign-ins leaves behind. */
const CROWDED_OUT = 50;

/** The oldest sessions of an account, which end when one more begins. Read without a check. */
export async function crowdedOut(
  { kv }: Pick<Deps, "kv">,
  account: string,
): Promise<EndingSession[]> {
  const sessions: EndingSession[] = [];
  const prefix = [...accountSessionPrefix(account)];
  // An id begins with its time, so the first are the oldest.
  for await (const { key, value } of listRecords(kv, { prefix }, sessionPointer)) {
    sessions.push({ hash: value.hash, record: { id: String(key[2]), account } });
  }
  return sessions.slice(0, Math.max(0, sessions.length - MAX_SESSIONS + 1)).slice(0, CROWDED_OUT);
}

/** The sessions of an account that are in force, the last used first. Read without a check. */
export async function sessionsOf(
  { kv, now }: Pick<Deps, "kv" | "now">,
  account: string,
): Promise<PresentedSession[]> {
  const prefix = [...accountSessionPrefix(account)];
  const hashes: string[] = [];
  for await (const { value } of listRecords(kv, { prefix }, sessionPointer)) {
    hashes.push(value.hash);
  }
  const records = await Array.fromAsync(readRecords(kv, hashes.map(sessionKey), sessionRecord));
  return records.flatMap((record, index) => {
    const hash = hashes[index];
    return record === null || hash === undefined || !isLive(record, now())
      ? []
      : [{ hash, record }];
  }).sort((a, b) => b.record.seen_at - a.record.seen_at);
}
