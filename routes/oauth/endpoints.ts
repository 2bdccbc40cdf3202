import { refreshTokens } from "../../lib/oauth/refresh.ts";
import { scopeText } from "../../lib/oauth/scopes.ts";
import type { TokenFault } from "../../lib/oauth/token_fault.ts";
import { exchangeCode, type TokenAnswer } from "../../lib/oauth/tokens.ts";
import {
  faultAnswer,
  FormParameters,
  formParameters,
  presentsSecret,
  secretAnswer,
} from "./form_parameters.ts";
import { OAUTH_PATHS } from "./metadata.ts";
import type { OAuthAnswer, OAuthCall, OAuthEndpoint } from "./oauth_endpoint.ts";

/** Gives tokens for a code or a refresh token (RFC 6749 sections 4.1.3 and 6). */
export const tokenEndpoint: OAuthEndpoint = {
  method: "post",
  path: OAUTH_PATHS.token,
  async handle(call) {
    if (presentsSecret(call.request)) return secretAnswer();
    const form = await formParameters(call);
    if (!(form instanceof FormParameters)) return faultAnswer(form);
    const answer = await answerFor(call, form);
    return "error" in answer ? refused(call, answer) : issued(call, answer);
  },
};

async function answerFor(
  { services, client }: OAuthCall,
  form: FormParameters,
): Promise<TokenAnswer> {
  const client_id = form.get("client_id");
  const resource = form.get("resource");
  const missing = (name: string): TokenFault => ({
    error: "invalid_request",
    error_description: `${name} is missing.`,
  });
  const type = form.get("grant_type");
  if (type === null) return missing("grant_type");
  if (type !== "authorization_code" && type !== "refresh_token") {
    const error_description = "grant_type must be authorization_code or refresh_token.";
    return { error: "unsupported_grant_type", error_description };
  }
  if (client_id === null) return missing("client_id");
  if (type === "refresh_token") {
    const refresh_token = form.get("refresh_token");
    if (refresh_token === null) return missing("refresh_token");
    const scope = form.get("scope");
    return await refreshTokens(services, { client_id, refresh_token, scope, resource }, client);
  }
  const code = form.get("code");
  const code_verifier = form.get("code_verifier");
  if (code === null) return missing("code");
  if (code_verifier === null) return missing("code_verifier");
  const redirect_uri = form.get("redirect_uri");
  const presented = { client_id, code, code_verifier, redirect_uri, resource };
  return await exchangeCode(services, presented, client);
}

function issued(
  { services }: OAuthCall,
  { access_token, access_expires_at, refresh_token, scopes }: Exclude<TokenAnswer, TokenFault>,
): OAuthAnswer {
  const left = Math.floor((access_expires_at - services.deps.now()) / 1000);
  return {
    status: 200,
    body: {
      access_token,
      token_type: "Bearer",
      expires_in: Math.max(1, left),
      refresh_token,
      scope: scopeText(scopes),
    },
  };
}

/** Wrong codes and tokens are counted like any other credential that is not accepted. */
function refused({ services, client }: OAuthCall, fault: TokenFault): OAuthAnswer {
  if (fault.error === "invalid_grant" || fault.error === "invalid_client") {
    services.failedAttempts.note(client.ip, services.deps.now());
  }
  return faultAnswer(fault);
}
