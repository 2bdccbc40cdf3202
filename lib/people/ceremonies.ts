import { secretHash } from "../identity/secret.ts";
import { stillLasts } from "../ledger/clock.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { challengeText } from "../passkeys/challenge.ts";
import { CEREMONY_MS } from "../passkeys/options.ts";
import { type CeremonyPurpose, ceremonyStatement } from "../passkeys/statement.ts";
import { Refusal } from "../refusal.ts";
import type { Settings } from "../server/settings.ts";
import type { Services } from "../services.ts";
import { ceremonyKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import { type CeremonyRecord, ceremonyRecord } from "../store/records/ceremonies.ts";

/** What a browser gets to begin a ceremony with. */
export interface Handout<Options> {
  /** base64url. The page makes the statement anew from it, and the challenge from that. */
  readonly nonce: string;
  /** Milliseconds since 1970. */
  readonly expires_at: number;
  readonly options: Options;
}

/** A ceremony as it was read: its record is null when there is none. */
export interface LoadedCeremony {
  readonly nonce: string;
  readonly record: CeremonyRecord | null;
}

const NONCE = /^[A-Za-z0-9_-]{43}$/;

/** Whom a challenge is handed to before sign-in: the browser whose cookie holds this secret. */
export function flowBound(flow: string): string {
  return secretHash(flow);
}

/** Hands out a nonce, which counts once and for five minutes, for whoever it is bound to. */
export function handOut(
  transaction: Transaction,
  { purpose, bound, account, data }: Omit<CeremonyRecord, "expires_at">,
): { nonce: string; expires_at: number } {
  const { now, deps } = transaction;
  const nonce = deps.random(32).toBase64({ alphabet: "base64url", omitPadding: true });
  const expires_at = now + CEREMONY_MS;
  const record: CeremonyRecord = { purpose, bound, account, data, expires_at };
  transaction.set(ceremonyKey(secretHash(nonce)), record, { expireIn: CEREMONY_MS });
  return { nonce, expires_at };
}

/** What the passkey must have signed, base64url. */
export function ceremonyChallenge(
  { url }: Pick<Settings, "url">,
  purpose: CeremonyPurpose,
  nonce: string,
): string {
  return challengeText(ceremonyStatement(purpose, url.origin, nonce));
}

/** Looks at what a nonce was handed out for, ahead of the commit that uses it. */
export async function peekCeremony(
  { deps }: Pick<Services, "deps">,
  nonce: string,
): Promise<CeremonyRecord | null> {
  if (!NONCE.test(nonce)) return null;
  const key = ceremonyKey(secretHash(nonce));
  return (await readRecord(deps.kv, key, ceremonyRecord))?.value ?? null;
}

/** Reads what a nonce was handed out for; the commit checks that it is still there. */
export async function loadCeremony(reader: Reader, nonce: string): Promise<LoadedCeremony> {
  if (!NONCE.test(nonce)) return { nonce, record: null };
  const row = await reader.get(ceremonyKey(secretHash(nonce)), ceremonyRecord);
  return { nonce, record: row?.value ?? null };
}

/**
 * Uses a nonce up, in the commit of what it is used for: of any number of answers to it one counts.
 * @throws {Refusal} assertion_not_accepted when it has ended, was used, or was handed to another
 *   browser or for another purpose; which of these is not said
 */
export function useCeremony(
  transaction: Transaction,
  { nonce, record }: LoadedCeremony,
  { purpose, bound }: Pick<CeremonyRecord, "purpose" | "bound">,
): CeremonyRecord {
  const counts = record !== null && stillLasts(record.expires_at, CEREMONY_MS, transaction.now) &&
    record.purpose === purpose && record.bound === bound;
  if (!counts) throw new Refusal("assertion_not_accepted", { why: "ceremony_ended" });
  transaction.delete(ceremonyKey(secretHash(nonce)));
  return record;
}
