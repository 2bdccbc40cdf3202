import type { PublicKeyCredentialRequestOptionsJSON } from "@simplewebauthn/server";
import { asAccount } from "../identity/acting.ts";
import { usablePasskeysOf } from "../identity/passkeys.ts";
import type { PresentedSession } from "../identity/sessions.ts";
import { requestOptions } from "../passkeys/challenge.ts";
import { type Handout, handOut } from "../people/ceremonies.ts";
import { invalidRequest, Refusal } from "../refusal.ts";
import type { OAuthClient, Services } from "../services.ts";
import { DEPLOYMENT_ORG } from "../store/keys.ts";
import type { ConsentRequest, Scope } from "../store/records/oauth.ts";
import { clientOf } from "./client.ts";
import { matchesRedirectUri } from "./redirect_uri.ts";
import {
  askedScopes,
  gatewayResource,
  knownScopes,
  mcpResource,
  type Resource,
  resourceNamed,
  scopeText,
} from "./scopes.ts";
import { isChallenge } from "./tokens.ts";

/**
 * An authorization request: understood, put before a person, answered. Nothing of it is trusted
 * before its client and the address of its answer are known to belong together.
 */

/** What a client asks a person for. */
export interface AuthorizeRequest extends AnswerTo {
  readonly client: OAuthClient;
  /** What may be ticked; at least one. */
  readonly scopes: readonly Scope[];
  readonly code_challenge: string;
  readonly resource: string;
}

/** An authorization request as it was understood. */
export type Asked =
  | { readonly request: AuthorizeRequest }
  /** The client hears what is wrong. */
  | {
    readonly refused: AuthorizeError;
    readonly description: string;
    readonly answer_to: AnswerTo;
  }
  /** Nobody but the person is told: it is not known to whom an answer could go. */
  | { readonly unanswerable: string };

/**
 * Whether a request names its client by the address of a document, which may have to be fetched
 * before anything else of the request can be told.
 */
export function namesDocument(search: string): boolean {
  return new URLSearchParams(search).get("client_id")?.startsWith("https://") ?? false;
}

/** Longer than any request of a host, and short enough for the address of a page. */
export const MAX_QUERY = 3500;

/**
 * Understands an authorization request (RFC 6749 section 4.1.1 as OAuth 2.1 narrows it). What names
 * no client, or an address that is not the client's, is never answered by a redirect: this server
 * would send people wherever a stranger likes.
 * @param search the query of the URL, with or without `?`
 * @throws {StoreUnavailable}
 */
export async function readAuthorizeRequest(
  services: Pick<Services, "deps" | "settings" | "metadataDocuments">,
  search: string,
): Promise<Asked> {
  if (search.length > MAX_QUERY) {
    return { unanswerable: `The request is longer than ${MAX_QUERY} characters.` };
  }
  const query = new URLSearchParams(search);
  const twice = repeatedName(query);
  if (twice !== null) {
    return { unanswerable: `The request names ${JSON.stringify(twice)} more than once.` };
  }
  // RFC 6749 section 3.1: what has no value counts as absent.
  const value = (name: string) => query.get(name) || null;
  const client_id = value("client_id");
  if (client_id === null) return { unanswerable: "The request names no client (client_id)." };
  const found = await clientOf(services, client_id);
  if ("refused" in found) return { unanswerable: found.why };
  const { client } = found;
  const redirect_uri = value("redirect_uri");
  if (redirect_uri === null) {
    return { unanswerable: "The request does not say where the answer goes (redirect_uri)." };
  }
  if (!matchesRedirectUri(client.redirect_uris, redirect_uri)) {
    return {
      unanswerable: "The request asks to send the answer to an address that the program did not " +
        "declare. Somebody else may have made this link.",
    };
  }
  const answer_to: AnswerTo = { redirect_uri, state: value("state") };
  const wrong = problemOf(value);
  if (wrong !== null) return { ...wrong, answer_to };
  const resource = resourceOf(services.settings, value("resource"), value("scope"));
  if ("refused" in resource) return { ...resource, answer_to };
  const scopes = askedScopes(value("scope"), resource);
  if (scopes === null) {
    const description = `What there is of this resource is: ${scopeText(resource.scopes)}.`;
    return { refused: "invalid_scope", description, answer_to };
  }
  return {
    request: {
      ...answer_to,
      client,
      scopes,
      code_challenge: value("code_challenge") ?? "",
      resource: resource.url,
    },
  };
}

type Problem = { readonly refused: AuthorizeError; readonly description: string };

function problemOf(value: (name: string) => string | null): Problem | null {
  const invalid = (description: string): Problem => ({ refused: "invalid_request", description });
  const type = value("response_type");
  if (type === null) return invalid("response_type is missing: use code.");
  if (type !== "code") {
    return { refused: "unsupported_response_type", description: "response_type must be code." };
  }
  const mode = value("response_mode");
  if (mode !== null && mode !== "query") return invalid("response_mode must be query.");
  const challenge = value("code_challenge");
  if (challenge === null) return invalid("code_challenge is missing: PKCE is required.");
  // Absent it would mean `plain` (RFC 7636 section 4.3), by which a stolen request is a stolen code.
  if (value("code_challenge_method") !== "S256") {
    return invalid("code_challenge_method must be S256.");
  }
  if (!isChallenge(challenge)) {
    return invalid("code_challenge must be a SHA-256 in base64url: 43 characters.");
  }
  return null;
}

/**
 * RFC 8707 section 2. Where it is absent, as older hosts leave it, the scopes tell: what runs tools is
 * of the gateway alone.
 */
function resourceOf(
  settings: Services["settings"],
  named: string | null,
  scope: string | null,
): Resource | Problem {
  const [mcp, gateway] = [mcpResource(settings), gatewayResource(settings, null)];
  if (named === null) {
    const asked = scope === null ? [] : knownScopes(scope);
    const isOfGateway = asked.length > 0 && asked.every((one) => gateway.scopes.includes(one));
    return isOfGateway ? gateway : mcp;
  }
  return resourceNamed(settings, named) ?? {
    refused: "invalid_target",
    description: `resource must be ${mcp.url}, ${gateway.url}, or the latter and an upstream.`,
  };
}

/** A parameter that comes twice means to one reader the first and to another the last. */
function repeatedName(query: URLSearchParams): string | null {
  const names = new Set<string>();
  for (const name of query.keys()) {
    if (names.has(name)) return name;
    names.add(name);
  }
  return null;
}

/** Errors that an authorization request is answered with (RFC 6749 section 4.1.2.1, RFC 8707). */
type AuthorizeError =
  | "invalid_request"
  | "unsupported_response_type"
  | "access_denied"
  | "invalid_scope"
  | "invalid_target"
  | "server_error"
  | "temporarily_unavailable";

/** What every answer goes by. */
interface AnswerTo {
  /** Allowed, and the client's. */
  readonly redirect_uri: string;
  /** As the client sent it; null when it sent none. */
  readonly state: string | null;
}

/**
 * The address that takes an answer to the client, who is told in each whose it is: a client of
 * several servers would else bring a code to the wrong one (mix-up, RFC 9207).
 * @param issuer origin of this deployment
 */
export function answerUrl(
  { redirect_uri, state }: AnswerTo,
  answer: { readonly code: string } | {
    readonly error: AuthorizeError;
    readonly error_description: string;
  },
  issuer: string,
): string {
  const query = new URLSearchParams({ ...answer });
  if (state !== null) query.set("state", state);
  query.set("iss", issuer);
  // The address stays as it was registered, letter by letter; only its query grows.
  const joint = !redirect_uri.includes("?") ? "?" : /[?&]$/.test(redirect_uri) ? "" : "&";
  return redirect_uri + joint + query;
}

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
