import type { PublicKeyCredentialRequestOptionsJSON } from "@simplewebauthn/server";
import type { Client } from "../identity/client.ts";
import { tellIdentityEvent } from "../identity/events.ts";
import { beginSession, endSession, type PresentedSession } from "../identity/sessions.ts";
import { DESPITE_DRIFT } from "../ledger/process_clock.ts";
import type { Reader } from "../ledger/transaction.ts";
import { credentialDigest } from "../passkeys/evidence.ts";
import { requestOptions } from "../passkeys/options.ts";
import type { Services } from "../services.ts";
import { DEPLOYMENT_ORG, passkeyKey, sessionKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import { passkeyRecord, type SessionRecord, sessionRecord } from "../store/records/people.ts";
import { type GivenAnswer, loadAssertion, refuseAssertion, storeUse } from "./assertion.ts";
import { ceremonyChallenge, flowBound, type Handout, handOut, useCeremony } from "./ceremonies.ts";
import { counted } from "./counted.ts";
import { crowdedOut } from "./sessions_of.ts";
import { orgsOf } from "./switch_org.ts";

/** Somebody who got in. */
export interface Entered {
  /** What the session's cookie is to hold: made for this session, whatever the browser sent. */
  readonly secret: string;
  readonly session: SessionRecord;
  /** Whether the passkey was on another device: time to offer one on this one. */
  readonly cross_device: boolean;
}

/** An answer to a sign-in, and what the browser held when it came. */
export interface SignInAttempt extends GivenAnswer {
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
