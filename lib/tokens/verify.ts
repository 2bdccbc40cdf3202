import type { MachineOperation } from "../identity/caller_operation.ts";
import type { Sealer } from "../store/sealing.ts";
import type { TokenClaims } from "./claims.ts";
import type { GivenAction } from "./differing_action.ts";
import { loadPresentedToken, type PresentedToken } from "./presented.ts";
import type { RevocationReason } from "./revocation.ts";
import { refusalOf } from "./standing.ts";

/** Why consuming a token now would be refused. */
export const INVALID_TOKEN_CODES = [
  "token_expired",
  "token_used",
  "token_invalid",
  "token_revoked",
  "action_mismatch",
] as const;

export type InvalidTokenCode = (typeof INVALID_TOKEN_CODES)[number];

export type Verified =
  | { readonly valid: true; readonly claims: TokenClaims }
  | {
    readonly valid: false;
    readonly code: InvalidTokenCode;
    /** Of `token_revoked`. */
    readonly reason?: RevocationReason;
  };

/**
 * Looks whether consuming a token with the named fields would succeed now, and changes nothing.
 * @throws {Refusal} tenant_not_permitted
 */
export function verifyOperation(
  sealer: Sealer,
  text: string,
  given: GivenAction,
): MachineOperation<PresentedToken, Verified> {
  return {
    load: (reader, caller) => loadPresentedToken(reader, caller, sealer, { text, given }),
    plan(transaction, caller, presented) {
      if (presented.token === null) return { valid: false, code: "token_invalid" };
      const attempt = { event: "consume", given } as const;
      const refusal = refusalOf(transaction.snapshot, caller, presented, attempt, transaction);
      if (refusal === null) return { valid: true, claims: presented.claims };
      const code = INVALID_TOKEN_CODES.find((known) => known === refusal.code);
      if (code === undefined) throw refusal;
      const { data } = refusal;
      return { valid: false, code, ...("reason" in data ? { reason: data.reason } : {}) };
    },
  };
}
