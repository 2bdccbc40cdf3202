import { registerClient } from "../../lib/oauth/register.ts";
import { scopeText } from "../../lib/oauth/scopes.ts";
import { type AnyRefusal, Refusal } from "../../lib/refusal.ts";
import { SCOPES } from "../../lib/store/records/oauth.ts";
import { readBody } from "../body.ts";
import { parseBody } from "../http/inputs.ts";
import { OAUTH_PATHS } from "./metadata.ts";
import type { OAuthAnswer, OAuthCall, OAuthEndpoint } from "./oauth_endpoint.ts";

/** Registers a client (RFC 7591), for hosts that have no metadata document. */
export const registrationEndpoint: OAuthEndpoint = {
  method: "post",
  path: OAUTH_PATHS.register,
  async handle(call) {
    const { services, client } = call;
    const body = await bodyOf(call);
    if (body instanceof Refusal) return invalid(`The body is not taken as JSON: ${reasonOf(body)}`);
    const registered = await registerClient(services, body, client);
    if ("retry_after_seconds" in registered) {
      return {
        status: 429,
        body: {
          error: "temporarily_unavailable",
          error_description: "Too many clients registered within the hour. Try again later.",
        },
        headers: { "retry-after": String(registered.retry_after_seconds) },
      };
    }
    if ("error" in registered) return { status: 400, body: { ...registered } };
    return {
      status: 201,
      body: {
        client_id: registered.id,
        client_id_issued_at: Math.floor(registered.created_at / 1000),
        client_name: registered.name,
        redirect_uris: registered.redirect_uris,
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
        token_endpoint_auth_method: "none",
        scope: scopeText(SCOPES),
      },
    };
  },
};

async function bodyOf({ request, services }: OAuthCall) {
  try {
    return parseBody(await readBody(request, services.deps));
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

/** What is wrong with a body, and where; in ASCII (RFC 7591 section 3.2.2). */
function reasonOf({ data }: AnyRefusal): string {
  const [first] = "errors" in data ? data.errors : [];
  const reason = "message" in data
    ? data.message
    : first === undefined
    ? "it does not fit"
    : `${first.path} ${first.message}`.trimStart();
  return reason.replace(/[^\x20-\x7e]/g, "?");
}

function invalid(error_description: string): OAuthAnswer {
  return { status: 400, body: { error: "invalid_client_metadata", error_description } };
}
