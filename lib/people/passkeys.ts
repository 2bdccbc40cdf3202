import type { PublicKeyCredentialCreationOptionsJSON } from "@simplewebauthn/server";
import { externalIdProblem } from "../base/text.ts";
import type { Client } from "../identity/client.ts";
import { tellPasskey } from "../identity/events.ts";
import type { PresentedSession } from "../identity/sessions.ts";
import { invalidRequest, Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import { accountKey, DEPLOYMENT_ORG } from "../store/keys.ts";
import type { PasskeyRecord } from "../store/records/people.ts";
import { asAccount, requireFreshAccount } from "./account_operation.ts";
import type { Handout } from "./ceremonies.ts";
import { counted } from "./counted.ts";
import {
  type GivenPasskey,
  handOutEnrolment,
  loadEnrolment,
  storePasskey,
  takeEnrolment,
} from "./enrolment.ts";
import { passkeysOf, usablePasskeysOf } from "./passkeys_of.ts";

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
export function typedPasskeyName(text: string | null): string | null {
  const name = text?.trim() ?? "";
  if (name === "") return null;
  const problem = name.length > MAX_NAME
    ? `has at most ${MAX_NAME} characters`
    : externalIdProblem(name);
  if (problem !== null) throw invalidRequest("/name", problem);
  return name;
}
