import type { PublicKeyCredentialRequestOptionsJSON } from "@simplewebauthn/server";
import { asAccount } from "../identity/acting.ts";
import type { Client } from "../identity/caller.ts";
import { tellIdentityEvent } from "../identity/events.ts";
import { usablePasskeysOf } from "../identity/passkeys.ts";
import { beginSession, endSession, FRESH_MS, type PresentedSession } from "../identity/sessions.ts";
import { DESPITE_DRIFT } from "../ledger/clock.ts";
import type { Reader } from "../ledger/transaction.ts";
import { requestOptions } from "../passkeys/challenge.ts";
import { credentialDigest } from "../passkeys/evidence.ts";
import { type RecordedRefusal, Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import { DEPLOYMENT_ORG, passkeyKey, sessionKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import { passkeyRecord, type SessionRecord, sessionRecord } from "../store/records/people.ts";
import {
  ceremonyChallenge,
  flowBound,
  type GivenAnswer,
  type Handout,
  handOut,
  loadAssertion,
  refuseAssertion,
  storeUse,
  useCeremony,
} from "./ceremonies.ts";
import { counted } from "./email_codes.ts";
import { crowdedOut, orgsOf, putSession } from "./sessions.ts";

/**
 * Signing in, and showing the passkey once more (a step-up), which makes a session fresh for a
 * while. Both go on while the clock is doubted: or nobody could come in to say that it is right.
 */

/** Somebody who got in. */
export interface Entered {
  /** What the session's cookie is to hold: made for this session, whatever the browser sent. */
  readonly secret: string;
  readonly session: SessionRecord;
  /** Whether the passkey was on another device: time to offer one on this one. */
  readonly cross_device: boolean;
}

/** An answer to a sign-in, and what the browser held when it came. */
interface SignInAttempt extends GivenAnswer {
  /** The secret of the browser's cookie from before sign-in. */
  readonly flow: string;
  /** The session that the browser has already, which ends. */
  readonly replaces: PresentedSession | null;
}

/** Begins a sign-in: the person says by the passkey they choose who they are. */
export function beginSignIn(
  { ledgers, settings }: Services,
  flow: string,
): Promise<Handout<PublicKeyCredentialRequestOptionsJSON>> {
  return ledgers.transact(DEPLOYMENT_ORG, {
    despite: DESPITE_DRIFT,
    plan(transaction) {
      const handed = handOut(transaction, {
        purpose: "sign-in",
        bound: flowBound(flow),
        account: null,
        data: null,
      });
      const challenge = ceremonyChallenge(settings, "sign-in", handed.nonce);
      const rpId = settings.url.hostname;
      return { ...handed, options: requestOptions({ rpId, challenge, passkeys: [] }) };
    },
  });
}

/**
 * Signs a person in by a passkey. They get a new session under a new secret, in the org that they
 * used last.
 * @throws {Refusal} assertion_not_accepted
 */
export async function signIn(
  services: Services,
  attempt: SignInAttempt,
  client: Client,
): Promise<Entered> {
  const { deps, settings, ledgers } = services;
  const org = await orgOfPasskey(services, attempt.response.id);
  return await counted(services, client, () =>
    ledgers.transact(DEPLOYMENT_ORG, {
      despite: DESPITE_DRIFT,
      async load(reader) {
        const assertion = await loadAssertion(reader, settings, "sign-in", attempt);
        return {
          assertion,
          old: await currentSession(reader, attempt.replaces),
          crowded: assertion.ok ? await crowdedOut(deps, assertion.account.id) : [],
        };
      },
      plan(transaction, { assertion, old, crowded }) {
        const bound = flowBound(attempt.flow);
        useCeremony(transaction, assertion.ceremony, { purpose: "sign-in", bound });
        if (!assertion.ok) return refuseAssertion(transaction, assertion, client);
        const { passkey: { credential_id }, account } = assertion;
        if (old !== null) endSession(transaction, old);
        for (const ending of crowded) endSession(transaction, ending);
        storeUse(transaction, assertion);
        const begun = beginSession(transaction, {
          account: account.id,
          org: org !== null && account.orgs.includes(org) ? org : null,
          credential_id,
          user_agent: client.user_agent,
        });
        tellIdentityEvent(transaction, account, {
          type: "session.begun",
          data: { session: begun.record.id, credential: credentialDigest(credential_id) },
        }, client);
        return {
          secret: begun.secret,
          session: begun.record,
          cross_device: attempt.response.authenticatorAttachment === "cross-platform",
        };
      },
    }));
}

async function currentSession(
  reader: Reader,
  replaces: PresentedSession | null,
): Promise<PresentedSession | null> {
  if (replaces === null) return null;
  const row = await reader.get(sessionKey(replaces.hash), sessionRecord);
  return row === null ? null : { hash: replaces.hash, record: row.value };
}

/** The org that whoever has this passkey used last, of those that they are a member of still. */
async function orgOfPasskey(services: Services, credentialId: string): Promise<string | null> {
  const { deps } = services;
  const key = passkeyKey(credentialId);
  const passkey = await readRecord(deps.kv, key, passkeyRecord);
  if (passkey === null) return null;
  const [first] = await orgsOf(services, passkey.value.account);
  return first?.id ?? null;
}

/** Ends a session. One that has ended already is no reason to refuse. */
export async function signOut(
  { ledgers }: Services,
  session: PresentedSession,
  client: Client,
): Promise<void> {
  try {
    await ledgers.transact(
      DEPLOYMENT_ORG,
      asAccount(session, {
        plan(transaction, caller) {
          endSession(transaction, caller.session);
          tellIdentityEvent(transaction, caller.account, {
            type: "session.ended",
            data: { session: caller.session.record.id, by: "sign_out" },
          }, client);
        },
      }),
    );
  } catch (error) {
    if (!(error instanceof Refusal && error.code === "session_ended")) throw error;
  }
}

/**
 * Asks whoever is signed in for one of their passkeys once more.
 * @throws {Refusal} session_ended; assertion_not_accepted when none of them works under this address
 */
export async function beginStepUp(
  services: Services,
  session: PresentedSession,
): Promise<Handout<PublicKeyCredentialRequestOptionsJSON>> {
  const { ledgers, settings } = services;
  const passkeys = await usablePasskeysOf(services, session.record.account);
  if (passkeys.length === 0) {
    throw new Refusal("assertion_not_accepted", { why: "made_for_other_address" });
  }
  return await ledgers.transact(
    DEPLOYMENT_ORG,
    asAccount(session, {
      despite: DESPITE_DRIFT,
      plan(transaction, { account }) {
        const handed = handOut(transaction, {
          purpose: "step-up",
          bound: session.hash,
          account: account.id,
          data: null,
        });
        const challenge = ceremonyChallenge(settings, "step-up", handed.nonce);
        const rpId = settings.url.hostname;
        return { ...handed, options: requestOptions({ rpId, challenge, passkeys }) };
      },
    }),
  );
}

/**
 * Takes a fresh assertion: for five minutes the session may do what widens. Its secret stays.
 * @throws {Refusal} session_ended, assertion_not_accepted
 */
export async function stepUp(
  services: Services,
  session: PresentedSession,
  answer: GivenAnswer,
  client: Client,
): Promise<{ fresh_until: number }> {
  const { ledgers, settings } = services;
  return await counted(services, client, () =>
    ledgers.transact(
      DEPLOYMENT_ORG,
      asAccount(session, {
        despite: DESPITE_DRIFT,
        load: (reader) => loadAssertion(reader, settings, "step-up", answer),
        plan(transaction, caller, assertion): { fresh_until: number } | RecordedRefusal {
          const { hash, record } = caller.session;
          useCeremony(transaction, assertion.ceremony, { purpose: "step-up", bound: hash });
          if (!assertion.ok) return refuseAssertion(transaction, assertion, client);
          if (assertion.account.id !== caller.account.id) {
            throw new Refusal("assertion_not_accepted", { why: "wrong_user" });
          }
          const { now } = transaction;
          const { credential_id } = assertion.passkey;
          const fresh_until = now + FRESH_MS;
          const next: SessionRecord = { ...record, fresh_until, credential_id };
          storeUse(transaction, assertion);
          putSession(transaction, { hash, record: next });
          // Where it counts is the org that the session looks at.
          const concerned = {
            id: caller.account.id,
            orgs: record.org === null ? [] : [record.org],
          };
          tellIdentityEvent(transaction, concerned, {
            type: "session.confirmed",
            data: { session: record.id, credential: credentialDigest(credential_id) },
          }, client);
          return { fresh_until };
        },
      }),
    ));
}
