import type { PublicKeyCredentialCreationOptionsJSON } from "@simplewebauthn/server";
import type { JsonObject } from "../base/json.ts";
import type { Client } from "../identity/caller.ts";
import { tellIdentityEvent } from "../identity/events.ts";
import { knowPasskey } from "../identity/passkeys.ts";
import { beginSession } from "../identity/sessions.ts";
import { stillLasts } from "../ledger/clock.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { CEREMONY_MS, creationOptions } from "../passkeys/challenge.ts";
import { credentialDigest } from "../passkeys/evidence.ts";
import type { RegistrationResponse } from "../passkeys/responses.ts";
import {
  type EnrolledCredential,
  type EnrolmentVerdict,
  verifyEnrolment,
} from "../passkeys/verify.ts";
import { Refusal } from "../refusal.ts";
import type { Services, Settings } from "../services.ts";
import { accountByEmailKey, accountKey, accountPasskeyKey, passkeyKey } from "../store/keys.ts";
import type { MemberRecord } from "../store/records/identity.ts";
import {
  accountPointer,
  type AccountRecord,
  accountRecord,
  type CeremonyRecord,
  type PasskeyRecord,
  passkeyRecord,
} from "../store/records/people.ts";
import {
  ceremonyChallenge,
  flowBound,
  type Handout,
  handOut,
  loadCeremony,
  type LoadedCeremony,
  peekCeremony,
  useCeremony,
} from "./ceremonies.ts";
import type { CodeSent } from "./email_codes.ts";
import { makeRecoveryCodes } from "./recovery_codes.ts";
import type { Entered } from "./sign_in.ts";

/**
 * A new passkey: asked for, verified, stored, and how far a browser is on the way to one. With the
 * first of a person comes the account (`openAccount`); what allows another stands in
 * `passkeys.ts`, and in `recovery.ts` what allows one in place of those that were lost.
 */

/** A new passkey as a browser answers with it. */
export interface GivenPasskey {
  readonly nonce: string;
  readonly response: RegistrationResponse;
}

/** A new passkey as it was verified, and whether its id is in use. */
interface LoadedEnrolment {
  readonly ceremony: LoadedCeremony;
  readonly verdict: EnrolmentVerdict;
  readonly taken: boolean;
}

/** Somebody who got in for the first time. */
export interface FirstEntered extends Entered {
  readonly org: string;
  /** Shown once. */
  readonly recovery_codes: readonly string[];
}

/** Asks a browser for a new passkey. */
export function handOutEnrolment(
  transaction: Transaction,
  { url }: Pick<Settings, "url">,
  { bound, account, data, passkeys }: {
    /** Whom it is handed to. */
    readonly bound: string;
    readonly account: Pick<AccountRecord, "id" | "email">;
    /** What the passkey will open. */
    readonly data: JsonObject | null;
    /** Those that the account has already. */
    readonly passkeys: readonly PasskeyRecord[];
  },
): Handout<PublicKeyCredentialCreationOptionsJSON> {
  const handed = handOut(transaction, { purpose: "enrolment", bound, account: account.id, data });
  const challenge = ceremonyChallenge({ url }, "enrolment", handed.nonce);
  const options = creationOptions({ rpId: url.hostname, challenge, account, passkeys });
  return { ...handed, options };
}

/**
 * How far a browser is on its way to a passkey: known from what the server keeps for its cookie, so
 * that a page that is loaded again, or gone back to, shows what can be done now.
 */
export type EnrolmentStep =
  | { readonly at: "start" }
  | { readonly at: "code"; readonly sent: CodeSent }
  | {
    readonly at: "passkey";
    readonly email: string;
    readonly handout: Handout<PublicKeyCredentialCreationOptionsJSON>;
  };

/**
 * The ceremony of a nonce for whoever has the cookie it was handed to; null when it has ended.
 * @param emailOf whose passkey it asks for; null where it was begun for something else
 */
export async function passkeyStep(
  services: Services,
  { flow, nonce }: { readonly flow: string; readonly nonce: string },
  emailOf: (data: JsonObject | null) => string | null,
): Promise<Extract<EnrolmentStep, { at: "passkey" }> | null> {
  const { deps, settings } = services;
  const ceremony = await peekCeremony(services, nonce);
  const counts = ceremony !== null && stillLasts(ceremony.expires_at, CEREMONY_MS, deps.now()) &&
    ceremony.purpose === "enrolment" && ceremony.bound === flowBound(flow);
  const email = counts ? emailOf(ceremony.data) : null;
  if (!counts || ceremony.account === null || email === null) return null;
  const options = creationOptions({
    rpId: settings.url.hostname,
    challenge: ceremonyChallenge(settings, "enrolment", nonce),
    account: { id: ceremony.account, email },
    passkeys: [],
  });
  return { at: "passkey", email, handout: { nonce, expires_at: ceremony.expires_at, options } };
}

/** Reads what a new passkey is checked against, and checks it. */
export async function loadEnrolment(
  reader: Reader,
  { url }: Pick<Settings, "url">,
  { nonce, response }: GivenPasskey,
): Promise<LoadedEnrolment> {
  const ceremony = await loadCeremony(reader, nonce);
  const challenge = ceremonyChallenge({ url }, "enrolment", nonce);
  const given = { response, challenge, origin: url.origin, rpId: url.hostname };
  const verdict = await verifyEnrolment(given);
  const taken = await reader.get(passkeyKey(response.id), passkeyRecord) !== null;
  return { ceremony, verdict, taken };
}

/**
 * Uses a nonce up for a new passkey.
 * @throws {Refusal} assertion_not_accepted
 */
export function takeEnrolment(
  transaction: Transaction,
  { ceremony, verdict, taken }: LoadedEnrolment,
  bound: string,
): { readonly ceremony: CeremonyRecord; readonly credential: EnrolledCredential } {
  const record = useCeremony(transaction, ceremony, { purpose: "enrolment", bound });
  if (!verdict.ok) throw new Refusal("assertion_not_accepted", { why: verdict.why });
  // Whoever has another's credential id must not put a key of their own under it.
  if (taken) throw new Refusal("assertion_not_accepted", { why: "passkey_taken" });
  return { ceremony: record, credential: verdict.credential };
}

/** Stores a new passkey of an account and says so in the log of the deployment. */
export function storePasskey(
  transaction: Transaction,
  { url }: Pick<Settings, "url">,
  { account, credential, name }: {
    readonly account: string;
    readonly credential: EnrolledCredential;
    readonly name: string;
  },
  client: Client,
): PasskeyRecord {
  const { credential_id, public_key, counter, transports, backed_up, device_type } = credential;
  const { at } = transaction;
  const passkey: PasskeyRecord = {
    credential_id,
    account,
    public_key,
    counter,
    transports: [...transports],
    backed_up,
    device_type,
    name,
    rp_id: url.hostname,
    created_at: at,
    last_used_at: null,
  };
  transaction.set(passkeyKey(credential_id), passkey);
  transaction.set(accountPasskeyKey(account, credential_id), { created_at: at });
  // In the log of an org it is `passkey.enrolled`, with the key that its decisions are checked by.
  tellIdentityEvent(transaction, { id: account, orgs: [] }, {
    type: "passkey.added",
    data: { credential: credentialDigest(credential_id), device_type, backed_up },
  }, client);
  return passkey;
}

/** The account of an address; null when it has none. */
export async function loadAccountOf(reader: Reader, email: string): Promise<AccountRecord | null> {
  const pointer = await reader.get(accountByEmailKey(email), accountPointer);
  // Reads as often for an unknown address as for a known one.
  const id = pointer?.value.account ?? "";
  return (await reader.get(accountKey(id), accountRecord))?.value ?? null;
}

/**
 * Opens an account with its first passkey, codes and session, and accepts a membership by it: all of
 * it is one commit of that org.
 * @param member the membership, as it is to be
 */
export function openAccount(
  transaction: Transaction,
  settings: Pick<Settings, "url">,
  { account: id, email, credential, member }: {
    readonly account: string;
    readonly email: string;
    readonly credential: EnrolledCredential;
    readonly member: MemberRecord;
  },
  client: Client,
): Omit<FirstEntered, "cross_device"> {
  const { at, snapshot } = transaction;
  const org = snapshot.orgId;
  const account: AccountRecord = {
    id,
    email,
    orgs: [org],
    had_passkey: true,
    recovered_at: null,
    orgless_since: null,
    orgs_made: [],
    created_at: at,
  };
  transaction.set(accountKey(id), account);
  transaction.set(accountByEmailKey(email), { account: id });
  // What was made before anybody may decide here concerns the deployment only.
  const alone = { id, orgs: [] };
  tellIdentityEvent(
    transaction,
    alone,
    { type: "account.created", private: { email } },
    client,
  );
  const name = "Passkey 1";
  const passkey = storePasskey(transaction, settings, { account: id, credential, name }, client);
  knowPasskey(transaction, member, passkey, null);
  const { credential_id } = passkey;
  const { user_agent } = client;
  const begun = beginSession(transaction, { account: id, org, credential_id, user_agent });
  tellIdentityEvent(
    transaction,
    account,
    {
      type: "session.begun",
      data: { session: begun.record.id, credential: credentialDigest(credential_id) },
    },
    client,
    member,
  );
  const recovery_codes = makeRecoveryCodes(transaction, id);
  return { secret: begun.secret, session: begun.record, org, recovery_codes };
}
