/** Errors that an authorization request is answered with (RFC 6749 section 4.1.2.1, RFC 8707). */
export type AuthorizeError =
  | "invalid_request"
  | "unsupported_response_type"
  | "access_denied"
  | "invalid_target"
  | "server_error"
  | "temporarily_unavailable";

/** What every answer goes by. */
export interface AnswerTo {
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
