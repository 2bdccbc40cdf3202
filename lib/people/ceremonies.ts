import type { Client } from "../identity/caller.ts";
import { secretHash } from "../identity/credentials.ts";
import { tellIdentityEvent } from "../identity/events.ts";
import { stillLasts } from "../ledger/clock.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { CEREMONY_MS, challengeText } from "../passkeys/challenge.ts";
import { credentialDigest } from "../passkeys/evidence.ts";
import type { AssertionFault } from "../passkeys/fault.ts";
import type { AssertionResponse } from "../passkeys/responses.ts";
import { type CeremonyPurpose, ceremonyStatement } from "../passkeys/statement.ts";
import { checkAssertion } from "../passkeys/verify.ts";
import { recorded, type RecordedRefusal, Refusal } from "../refusal.ts";
import type { Services, Settings } from "../services.ts";
import { accountKey, ceremonyKey, passkeyKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import {
  type AccountRecord,
  accountRecord,
  type CeremonyRecord,
  ceremonyRecord,
  type PasskeyRecord,
  passkeyRecord,
} from "../store/records/people.ts";

/**
 * What a passkey answers to: a nonce that counts once, for five minutes, for one purpose and for
 * whom it was handed to (a browser before sign-in, a session after), and the check of an assertion
 * against it. What the answer opens, its caller decides, in the same commit.
 */

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

/** An answer of a passkey to a nonce. */
export interface GivenAnswer {
  readonly nonce: string;
  readonly response: AssertionResponse;
}

/** An assertion as it was read and verified: of whom it is, or why it counts for nothing. */
export type LoadedAssertion =
  & { readonly ceremony: LoadedCeremony }
  & (
    | {
      readonly ok: true;
      readonly passkey: PasskeyRecord;
      readonly account: AccountRecord;
      readonly counter: number;
      readonly backed_up: boolean;
    }
    | {
      readonly ok: false;
      readonly why: AssertionFault;
      /** Of whom it is all the same: set where the signature is right and only the counter is not. */
      readonly regressed: { passkey: PasskeyRecord; account: AccountRecord } | null;
    }
  );

/** Reads what an assertion is checked against, and checks it. The commit checks what was read. */
export function loadAssertion(
  reader: Reader,
  settings: Pick<Settings, "url">,
  purpose: CeremonyPurpose,
  answer: GivenAnswer,
): Promise<LoadedAssertion> {
  const challenge = ceremonyChallenge(settings, purpose, answer.nonce);
  return loadAnswer(reader, settings, answer, () => challenge);
}

/**
 * The same where what was signed says more than purpose and nonce.
 * @param challengeOf what the passkey must have signed, base64url, by what the nonce was handed out
 *   for; null when it was handed out for nothing that could be signed
 */
export async function loadAnswer(
  reader: Reader,
  settings: Pick<Settings, "url">,
  { nonce, response }: GivenAnswer,
  challengeOf: (ceremony: LoadedCeremony) => string | null,
): Promise<LoadedAssertion> {
  const ceremony = await loadCeremony(reader, nonce);
  const refused = (why: AssertionFault) => ({ ceremony, ok: false, why, regressed: null } as const);
  const challenge = challengeOf(ceremony);
  if (challenge === null) return refused("ceremony_ended");
  const passkey = (await reader.get(passkeyKey(response.id), passkeyRecord))?.value ?? null;
  const account = passkey === null
    ? null
    : (await reader.get(accountKey(passkey.account), accountRecord))?.value ?? null;
  if (account === null) return refused("unknown_passkey");
  const checked = await checkAssertion(settings, passkey, { response, challenge, account: null });
  if (checked.ok) return { ceremony, account, ...checked };
  const { why, regressed } = checked;
  return {
    ceremony,
    ok: false,
    why,
    regressed: regressed === null ? null : { passkey: regressed, account },
  };
}

/** Stores that a passkey was used, in the commit of what it was used for. */
export function storeUse(
  transaction: Transaction,
  { passkey, account, counter, backed_up }: Extract<LoadedAssertion, { ok: true }>,
): void {
  const used: PasskeyRecord = { ...passkey, counter, backed_up, last_used_at: transaction.now };
  transaction.set(passkeyKey(passkey.credential_id), used);
  // An account in no org ends when it was not used for a week. Written, it stands against that at
  // this very moment, in one check for however many passkeys.
  if (account.orgs.length === 0) transaction.set(accountKey(account.id), account);
}

/**
 * Refuses an assertion. One that is rightly signed and whose passkey counts fewer uses than before is
 * written down, as the passkey may have been copied: that refusal is given back, to be returned by
 * the plan so that the entry stays, and the nonce is used up.
 * @throws {Refusal} assertion_not_accepted in all other cases: the person may try again
 */
export function refuseAssertion(
  transaction: Transaction,
  { why, regressed }: Extract<LoadedAssertion, { ok: false }>,
  client: Client,
): RecordedRefusal {
  const refusal = new Refusal("assertion_not_accepted", { why });
  if (regressed === null) throw refusal;
  const { passkey, account } = regressed;
  const credential = credentialDigest(passkey.credential_id);
  tellIdentityEvent(transaction, account, {
    type: "passkey.counter_regressed",
    data: { credential },
  }, client);
  return recorded(refusal);
}
