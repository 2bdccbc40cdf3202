import { isWithin, stillLasts } from "../ledger/clock.ts";
import type { RefreshTokenRecord } from "../store/records/oauth.ts";
import { REFRESH_TOKEN_MS } from "./issue_tokens.ts";

/**
 * How long a refresh token that was used gives the same successor, milliseconds: two requests of one
 * honest client at the same moment, or one whose answer got lost, are no theft.
 */
export const GRACE_MS = 30_000;

/** What a refresh token that is presented comes to. */
export type RefreshUse =
  /** The first use: it is exchanged. */
  | "rotates"
  /** Used a moment ago: the same successor once more. */
  | "repeats"
  /** Used long ago: two parties hold it, and nobody knows which of them is the thief. */
  | "reuses"
  /** Good for nothing, and tells nothing. */
  | "refused";

/**
 * The states of a refresh token (RFC 9700 section 4.14.2), `now` in milliseconds:
 *
 * | token               | its own client | another client |
 * | ------------------- | -------------- | -------------- |
 * | expired             | refused        | refused        |
 * | not used            | rotates        | refused        |
 * | used within 30 s    | repeats        | refused        |
 * | used before         | reuses         | refused        |
 */
export function useOfRefreshToken(
  { client_id, expires_at, successor }: Pick<
    RefreshTokenRecord,
    "client_id" | "expires_at" | "successor"
  >,
  presented: { readonly client_id: string },
  now: number,
): RefreshUse {
  if (presented.client_id !== client_id || !stillLasts(expires_at, REFRESH_TOKEN_MS, now)) {
    return "refused";
  }
  if (successor === null) return "rotates";
  return isWithin(GRACE_MS, successor.at, now) ? "repeats" : "reuses";
}
