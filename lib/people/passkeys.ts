import type { PublicKeyCredentialCreationOptionsJSON } from "@simplewebauthn/server";
import { externalIdProblem } from "../base/text.ts";
import { asAccount, requireFreshAccount } from "../identity/acting.ts";
import type { Client } from "../identity/caller.ts";
import { tellIdentityEvent, tellPasskey } from "../identity/events.ts";
import {
  forgetPasskey,
  loadKnownPasskey,
  passkeysOf,
  usablePasskeysOf,
} from "../identity/passkeys.ts";
import { endSession, type PresentedSession } from "../identity/sessions.ts";
import { schedule } from "../ledger/commit.ts";
import { credentialDigest } from "../passkeys/evidence.ts";
import { invalidRequest, Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import {
  accountKey,
  accountPasskeyKey,
  DEPLOYMENT_ORG,
  dueKey,
  passkeyKey,
} from "../store/keys.ts";
import type { DueWork } from "../store/records/log.ts";
import { type PasskeyRecord, passkeyRecord } from "../store/records/people.ts";
import type { Handout } from "./ceremonies.ts";
import { counted } from "./email_codes.ts";
import {
  type GivenPasskey,
  handOutEnrolment,
  loadEnrolment,
  storePasskey,
  takeEnrolment,
} from "./enrolment.ts";
import { sessionsOf } from "./sessions.ts";

/**
 * The passkeys of whoever is signed in: a further one, one less, another name. The last one
 * that works stays, and the logs of the person's orgs say which are there.
 */

const ADDING = "Adding a passkey";

const MAX_NAME = 60;

/**
 * Passkeys of one person. A recovery ends all of them in one commit: whoever has a stolen session
 * must not be able to add so many that it does not fit.
 */
export const MAX_PASSKEYS = 20;

/**
 * Asks whoever is signed in for a further passkey.
 * @throws {Refusal} session_ended, fresh_assertion_required, too_many_passkeys
 */
export async function beginAddPasskey(
  services: Services,
  session: PresentedSession,
): Promise<Handout<PublicKeyCredentialCreationOptionsJSON>> {
  const { deps, ledgers, settings } = services;
  const { account: id } = session.record;
  const passkeys = await usablePasskeysOf(services, id);
  const count = (await passkeysOf(deps.kv, id)).length;
  return await ledgers.transact(
    DEPLOYMENT_ORG,
    asAccount(session, {
      plan(transaction, caller) {
        requireFreshAccount(caller, ADDING);
        assertRoom(count);
        const { account } = caller;
        const bound = session.hash;
        return handOutEnrolment(transaction, settings, { bound, account, data: null, passkeys });
      },
    }),
  );
}

/**
 * Adds a passkey to the account of whoever is signed in; the logs of their orgs come to name it.
 * @param added.name what its person calls it; null for a name by its number
 * @throws {Refusal} session_ended, fresh_assertion_required, assertion_not_accepted,
 *   invalid_request, too_many_passkeys
 */
export async function addPasskey(
  services: Services,
  session: PresentedSession,
  added: GivenPasskey & { readonly name: string | null },
  client: Client,
): Promise<PasskeyRecord> {
  const { deps, ledgers, settings } = services;
  const chosen = typedPasskeyName(added.name);
  return await counted(services, client, () =>
    ledgers.transact(
      DEPLOYMENT_ORG,
      asAccount(session, {
        load: async (reader, { account }) => ({
          enrolment: await loadEnrolment(reader, settings, added),
          count: (await passkeysOf(deps.kv, account.id)).length,
        }),
        plan(transaction, caller, { enrolment, count }) {
          requireFreshAccount(caller, ADDING);
          assertRoom(count);
          const { account } = caller;
          const { credential } = takeEnrolment(transaction, enrolment, session.hash);
          // Of two who add at once the second counts again.
          transaction.set(accountKey(account.id), account);
          const name = chosen ?? `Passkey ${count + 1}`;
          const stored = { account: account.id, credential, name };
          const passkey = storePasskey(transaction, settings, stored, client);
          tellPasskey(transaction, account, passkey.credential_id);
          return passkey;
        },
      }),
    ));
}

/** @throws {Refusal} too_many_passkeys */
function assertRoom(count: number): void {
  if (count >= MAX_PASSKEYS) throw new Refusal("too_many_passkeys", { most: MAX_PASSKEYS });
}

/** What a person calls a passkey; null where they left it out. @throws {Refusal} invalid_request */
function typedPasskeyName(text: string | null): string | null {
  const name = text?.trim() ?? "";
  if (name === "") return null;
  const problem = name.length > MAX_NAME
    ? `has at most ${MAX_NAME} characters`
    : externalIdProblem(name);
  if (problem !== null) throw invalidRequest("/name", problem);
  return name;
}

/**
 * Removes a passkey of whoever is signed in. The sessions that it began or last confirmed end in the
 * same commit; the logs of the person's orgs come to say that it is gone.
 * @returns whether the session that asked was one of them
 * @throws {Refusal} session_ended, fresh_assertion_required, not_found; last_passkey when no other
 *   works under this address
 */
export async function removePasskey(
  services: Services,
  session: PresentedSession,
  credential_id: string,
  client: Client,
): Promise<{ readonly ended_own: boolean }> {
  const { deps, ledgers } = services;
  return await ledgers.transact(
    DEPLOYMENT_ORG,
    asAccount(session, {
      async load(reader, { account }) {
        // Read under a check: whoever signs in by it at this moment stores that use.
        const passkey = (await reader.get(passkeyKey(credential_id), passkeyRecord))?.value ?? null;
        const usable = await usablePasskeysOf(services, account.id);
        const sessions = await sessionsOf(deps, account.id);
        return {
          passkey,
          others: usable.filter((other) => other.credential_id !== credential_id).length,
          ending: sessions.filter(({ record }) => record.credential_id === credential_id),
        };
      },
      plan(transaction, caller, { passkey, others, ending }) {
        requireFreshAccount(caller, "Removing a passkey");
        const { account, session: { hash } } = caller;
        if (passkey?.account !== account.id) {
          throw new Refusal("not_found", { what: "such a passkey of yours" });
        }
        if (others === 0) throw new Refusal("last_passkey", {});
        // Of two who remove at once the second looks again: it could take the last one.
        transaction.set(accountKey(account.id), account);
        transaction.delete(passkeyKey(credential_id));
        transaction.delete(accountPasskeyKey(account.id, credential_id));
        for (const ended of ending) endSession(transaction, ended);
        tellIdentityEvent(transaction, { id: account.id, orgs: [] }, {
          // The logs of orgs have a type of their own for it, which names a member.
          type: "passkey.dropped",
          data: {
            credential: credentialDigest(credential_id),
            sessions_ended: ending.length,
          },
        }, client);
        for (const org of account.orgs) {
          const at = transaction.now;
          schedule(transaction, { kind: "passkey_removed", at, id: credential_id, org });
        }
        return { ended_own: ending.some((ended) => ended.hash === hash) };
      },
    }),
  );
}

/** Has the log of one org say that a passkey is gone, where it names it: exactly once. */
export async function deliverRemovedPasskey(
  { ledgers }: Pick<Services, "ledgers">,
  { kind, at, org, id }: DueWork,
): Promise<void> {
  await ledgers.transact(org, {
    load: (reader) => loadKnownPasskey(reader, id),
    plan(transaction, known) {
      transaction.delete(dueKey(at, kind, org, id));
      if (known === null) return;
      forgetPasskey(transaction, known.member, id);
    },
  });
}

/**
 * Gives a passkey of whoever is signed in another name.
 * @throws {Refusal} session_ended, not_found, invalid_request at /name
 */
export async function renamePasskey(
  { ledgers }: Pick<Services, "ledgers">,
  session: PresentedSession,
  { credential_id, name: typed }: { readonly credential_id: string; readonly name: string },
  client: Client,
): Promise<void> {
  const name = typedPasskeyName(typed);
  if (name === null) throw invalidRequest("/name", "must not be empty");
  await ledgers.transact(
    DEPLOYMENT_ORG,
    asAccount(session, {
      load: async (reader) =>
        (await reader.get(passkeyKey(credential_id), passkeyRecord))?.value ?? null,
      plan(transaction, { account }, passkey) {
        if (passkey?.account !== account.id) {
          throw new Refusal("not_found", { what: "such a passkey of yours" });
        }
        transaction.set(passkeyKey(credential_id), { ...passkey, name });
        tellIdentityEvent(transaction, { id: account.id, orgs: [] }, {
          type: "passkey.renamed",
          data: { credential: credentialDigest(credential_id) },
        }, client);
      },
    }),
  );
}
