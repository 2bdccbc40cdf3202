import { z } from "zod";

/** Records of how an account is recovered whose passkeys are lost. */

const timestamp = z.number().int().nonnegative();

/** By what a person showed that the account is theirs. */
export const RECOVERED_BY = ["code", "operator"] as const;

/** A recovery whose new passkey is still to come. The newest of an account counts. */
export const recoveryRecord = z.object({
  id: z.string(),
  by: z.enum(RECOVERED_BY),
  /** Orgs in which the hold is not in force yet: no new passkey before the last of them. */
  waiting: z.array(z.string()),
  redeemed_at: timestamp,
  /** Of the request that began it. */
  request_id: z.string(),
});

export type RecoveryRecord = z.infer<typeof recoveryRecord>;

/** The link that the operator made for an account. */
export const recoveryLinkRecord = z.object({ hash: z.string(), expires_at: timestamp });
