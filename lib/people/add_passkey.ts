import type { PublicKeyCredentialCreationOptionsJSON } from "@simplewebauthn/server";
import type { Client } from "../identity/client.ts";
import type { PresentedSession } from "../identity/sessions.ts";
import { invalidRequest } from "../refusals/refusal.ts";
import type { Services } from "../services.ts";
import { externalIdProblem } from "../json/external_text.ts";
import { DEPLOYMENT_ORG } from "../store/keys.ts";
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
import { tellPasskey } from "./identity_events.ts";
import { passkeysOf, usablePasskeysOf } from "./passkeys_of.ts";

const ADDING = "Adding a passkey";
const MAX_NAME = 60;

/**
 * Asks whoever is signed in for a further passkey.
 * @throws {Refusal} session_ended, fresh_assertion_required
 */
export async function beginAddPasskey(
  services: Services,
  session: PresentedSession,
): Promise<Handout<PublicKeyCredentialCreationOptionsJSON>> {
  const { ledgers, settings } = services;
  const passkeys = await usablePasskeysOf(services, session.record.account);
  return await ledgers.transact(
    DEPLOYMENT_ORG,
    asAccount(session, {
      plan(transaction, caller) {
        requireFreshAccount(caller, ADDING);
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
 * @throws {Refusal} session_ended, fresh_assertion_required, assertion_not_accepted, invalid_request
 */
export async function addPasskey(
  services: Services,
  session: PresentedSession,
  added: GivenPasskey & { readonly name: string | null },
  client: Client,
): Promise<PasskeyRecord> {
  const { deps, ledgers, settings } = services;
  const chosen = typedName(added.name);
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
          const { account } = caller;
          const { credential } = takeEnrolment(transaction, enrolment, session.hash);
          const name = chosen ?? `Passkey ${count + 1}`;
          const stored = { account: account.id, credential, name };
          const passkey = storePasskey(transaction, settings, stored, client);
          tellPasskey(transaction, account, passkey.credential_id);
          return passkey;
        },
      }),
    ));
}

/** What a person calls a passkey; null where they left it out. @throws {Refusal} invalid_request */
function typedName(text: string | null): string | null {
  const name = text?.trim() ?? "";
  if (name === "") return null;
  const problem = name.length > MAX_NAME
    ? `has at most ${MAX_NAME} characters`
    : externalIdProblem(name);
  if (problem !== null) throw invalidRequest("/name", problem);
  return name;
}
