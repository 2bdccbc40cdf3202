import type { PublicKeyCredentialRequestOptionsJSON } from "@simplewebauthn/server";
import type { Client } from "../identity/client.ts";
import { tellIdentityEvent } from "../identity/events.ts";
import { FRESH_MS, type PresentedSession } from "../identity/sessions.ts";
import { DESPITE_DRIFT } from "../ledger/process_clock.ts";
import { credentialDigest } from "../passkeys/evidence.ts";
import { requestOptions } from "../passkeys/options.ts";
import { type RecordedRefusal, Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import { DEPLOYMENT_ORG, sessionKey } from "../store/keys.ts";
import type { SessionRecord } from "../store/records/people.ts";
import { asAccount } from "./account_operation.ts";
import { type GivenAnswer, loadAssertion, refuseAssertion, storeUse } from "./assertion.ts";
import { ceremonyChallenge, type Handout, handOut, useCeremony } from "./ceremonies.ts";
import { counted } from "./counted.ts";
import { usablePasskeysOf } from "./passkeys_of.ts";

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
          transaction.set(sessionKey(hash), next, {
            expireIn: Math.max(1, record.expires_at - now),
          });
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
