import type { Services } from "../services.ts";
import type { Scope } from "../store/records/oauth.ts";
import type { AnswerTo, AuthorizeError } from "./authorize_answer.ts";
import { clientOf, type OAuthClient } from "./client.ts";
import { isChallenge } from "./pkce.ts";
import { matchesRedirectUri } from "./redirect_uri.ts";
import { isMcpResource, mcpResource } from "./resource.ts";
import { askedScopes } from "./scopes.ts";

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
  const wrong = problemOf(value) ?? resourceProblem(services, value("resource"));
  if (wrong !== null) return { ...wrong, answer_to };
  return {
    request: {
      ...answer_to,
      client,
      scopes: askedScopes(value("scope")),
      code_challenge: value("code_challenge") ?? "",
      resource: mcpResource(services.settings),
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

/** RFC 8707 section 2. One that is absent stands for the only resource that there is. */
function resourceProblem(
  services: Pick<Services, "settings">,
  resource: string | null,
): Problem | null {
  if (resource === null || isMcpResource(services.settings, resource)) return null;
  const own = mcpResource(services.settings);
  return { refused: "invalid_target", description: `resource must be ${own}.` };
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
