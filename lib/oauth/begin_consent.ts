import type { PublicKeyCredentialRequestOptionsJSON } from "@simplewebauthn/server";
import { z } from "zod";
import type { PresentedSession } from "../identity/sessions.ts";
import { requestOptions } from "../passkeys/options.ts";
import { asAccount } from "../people/account_operation.ts";
import { type Handout, handOut } from "../people/ceremonies.ts";
import { usablePasskeysOf } from "../people/passkeys_of.ts";
import { invalidRequest, Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import { DEPLOYMENT_ORG } from "../store/keys.ts";
import { CLIENT_KINDS, SCOPES } from "../store/records/oauth.ts";
import { readAuthorizeRequest } from "./authorize.ts";

/** A request that a person is asked about, as it is kept while they decide. */
export const consentRequest = z.object({
  client_id: z.string(),
  client_name: z.string(),
  client_kind: z.enum(CLIENT_KINDS),
  redirect_uri: z.string(),
  state: z.string().nullable(),
  /** What may be ticked. */
  scopes: z.array(z.enum(SCOPES)),
  code_challenge: z.string(),
  resource: z.string(),
});

export type ConsentRequest = z.infer<typeof consentRequest>;

/**
 * Begins a consent: a nonce that is bound to this session and this very request. The page makes the
 * rest of what the passkey signs from what it shows, so the options have no challenge.
 * @param search the query of the authorization request, which is understood anew
 * @throws {Refusal} session_ended; invalid_request when the request is good no more;
 *   assertion_not_accepted when the account has no passkey for this address
 */
export async function beginConsent(
  services: Services,
  session: PresentedSession,
  search: string,
): Promise<Handout<PublicKeyCredentialRequestOptionsJSON>> {
  const { ledgers, settings } = services;
  const asked = await readAuthorizeRequest(services, search);
  if (!("request" in asked)) {
    const why = "unanswerable" in asked ? asked.unanswerable : asked.description;
    throw invalidRequest("/request", `is not good any more: ${why}`);
  }
  const { client, ...request } = asked.request;
  const data: ConsentRequest = {
    client_id: client.id,
    client_name: client.name,
    client_kind: client.kind,
    ...request,
    scopes: [...request.scopes],
  };
  const passkeys = await usablePasskeysOf(services, session.record.account);
  if (passkeys.length === 0) {
    throw new Refusal("assertion_not_accepted", { why: "made_for_other_address" });
  }
  const rpId = settings.url.hostname;
  return await ledgers.transact(
    DEPLOYMENT_ORG,
    asAccount(session, {
      plan: (transaction, { account }) => ({
        ...handOut(transaction, {
          purpose: "consent",
          bound: session.hash,
          account: account.id,
          data: { ...data },
        }),
        options: requestOptions({ rpId, challenge: "", passkeys }),
      }),
    }),
  );
}
