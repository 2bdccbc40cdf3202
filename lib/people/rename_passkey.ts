import type { Client } from "../identity/client.ts";
import { tellIdentityEvent } from "../identity/events.ts";
import type { PresentedSession } from "../identity/sessions.ts";
import { credentialDigest } from "../passkeys/evidence.ts";
import { invalidRequest, Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import { DEPLOYMENT_ORG, passkeyKey } from "../store/keys.ts";
import { passkeyRecord } from "../store/records/people.ts";
import { asAccount } from "./account_operation.ts";
import { typedPasskeyName } from "./passkeys.ts";

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
