import { z } from "zod";
import type { RunTokenRecord } from "../store/records/token.ts";

/** What a run token says, on the wire and under its signature. */
export const tokenClaims = z.strictObject({
  v: z.literal(1),
  token_id: z.string(),
  org: z.string(),
  action_digest: z.string(),
  tool: z.string(),
  tenant: z.string().nullable(),
  resource: z.string().nullable(),
  method: z.string().nullable(),
  decision_id: z.string(),
  approval_id: z.string().nullable(),
  policy_version: z.number().int(),
  issued_at: z.string(),
  expires_at: z.string(),
  key_id: z.string(),
});

export type TokenClaims = z.infer<typeof tokenClaims>;

/** The claims that the token of this record carries. */
export function claimsOf(org: string, token: RunTokenRecord): TokenClaims {
  return {
    v: 1,
    token_id: token.id,
    org,
    action_digest: token.action_digest,
    tool: token.tool,
    tenant: token.tenant,
    resource: token.resource,
    method: token.method,
    decision_id: token.decision_id,
    approval_id: token.approval_id,
    policy_version: token.policy_version,
    issued_at: new Date(token.minted_at).toISOString(),
    expires_at: new Date(token.expires_at).toISOString(),
    key_id: token.key_id,
  };
}
