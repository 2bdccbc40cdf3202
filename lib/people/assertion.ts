import type { Client } from "../identity/client.ts";
import { tellIdentityEvent } from "../identity/events.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { credentialDigest } from "../passkeys/evidence.ts";
import type { AssertionResponse } from "../passkeys/responses.ts";
import type { CeremonyPurpose } from "../passkeys/statement.ts";
import { checkAssertion } from "../passkeys/verify.ts";
import { recorded, type RecordedRefusal, Refusal } from "../refusal.ts";
import type { Settings } from "../server/settings.ts";
import { accountKey, passkeyKey } from "../store/keys.ts";
import {
  type AccountRecord,
  accountRecord,
  type PasskeyRecord,
  passkeyRecord,
} from "../store/records/people.ts";
import type { AssertionFault } from "./assertion_fault.ts";
import { ceremonyChallenge, loadCeremony, type LoadedCeremony } from "./ceremonies.ts";

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
  { passkey, counter, backed_up }: Extract<LoadedAssertion, { ok: true }>,
): void {
  const used: PasskeyRecord = { ...passkey, counter, backed_up, last_used_at: transaction.now };
  transaction.set(passkeyKey(passkey.credential_id), used);
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
