/** Why the token endpoint refuses (RFC 6749 section 5.2, RFC 8707 section 2). */
export interface TokenFault {
  readonly error:
    | "invalid_request"
    | "invalid_client"
    | "invalid_grant"
    | "invalid_scope"
    | "invalid_target"
    | "unsupported_grant_type";
  /** For who builds the client: visible ASCII without quotes. */
  readonly error_description: string;
}

/** A code, token or client that is not good: which of the reasons it is tells a thief nothing. */
export const NOT_GOOD: TokenFault = {
  error: "invalid_grant",
  error_description: "It is unknown, expired, used, revoked, or was issued to another client.",
};

/** For a client whose registration ended: by this hosts know that they have to register anew. */
export const NO_CLIENT: TokenFault = {
  error: "invalid_client",
  error_description: "The client is not registered, or its registration ended. Register it again.",
};
