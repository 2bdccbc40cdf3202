import { revokeToken } from "../../lib/oauth/revoke_token.ts";
import {
  faultAnswer,
  FormParameters,
  formParameters,
  presentsSecret,
  secretAnswer,
} from "./form_parameters.ts";
import { OAUTH_PATHS } from "./metadata.ts";
import type { OAuthEndpoint } from "./oauth_endpoint.ts";

/** Takes a token back (RFC 7009). The answer does not tell whether it was one. */
export const revocationEndpoint: OAuthEndpoint = {
  method: "post",
  path: OAUTH_PATHS.revoke,
  async handle(call) {
    if (presentsSecret(call.request)) return secretAnswer();
    const form = await formParameters(call);
    if (!(form instanceof FormParameters)) return faultAnswer(form);
    const token = form.get("token");
    if (token === null) {
      return faultAnswer({ error: "invalid_request", error_description: "token is missing." });
    }
    await revokeToken(call.services, { token, client_id: form.get("client_id") }, call.client);
    return { status: 200, body: null };
  },
};
