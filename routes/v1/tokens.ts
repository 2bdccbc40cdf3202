import { z } from "zod";
import { mintOperation } from "../../lib/authorize/mint.ts";
import type { JsonObject } from "../../lib/base/json.ts";
import { invalidRequest } from "../../lib/refusal.ts";
import { REVOCATION_REASONS } from "../../lib/store/records/vocabulary.ts";
import {
  type Consumed,
  consumeOperation,
  INVALID_TOKEN_CODES,
  verifyOperation,
} from "../../lib/tokens/consume.ts";
import { TOKEN_TTL } from "../../lib/tokens/mint.ts";
import { tokenClaims } from "../../lib/tokens/token_text.ts";
import {
  actionFields,
  actionOf,
  givenAction,
  mandateFields,
  namingOf,
  toolName,
} from "../fields/action.ts";
import { mintAnswer, renderMinted, tokenField } from "../fields/token.ts";
import { guarded, type Route } from "../http/route.ts";

/** How long a token may be used. */
export const ttlField = z.int().min(TOKEN_TTL.min).max(TOKEN_TTL.max).default(TOKEN_TTL.default)
  .describe("Seconds until the token expires");

const mintBody = z.strictObject({
  ...actionFields,
  ...mandateFields,
  approval_id: z.string().min(1).max(64).nullish().describe("The approval to use, by id"),
  decision_id: z.string().min(1).max(64).nullish().describe(
    "The check of this action whose reservation against budgets the token takes over; what the " +
      "check allowed stays spent where the token is never used",
  ),
  ttl_seconds: ttlField,
});

const verifyBody = z.strictObject({
  token: tokenField,
  ...actionFields,
  tool_name: toolName.optional(),
});

const consumeBody = z.strictObject({ token: tokenField, ...actionFields });

const verifyAnswer = z.union([
  z.object({ valid: z.literal(true), claims: tokenClaims }),
  z.object({
    valid: z.literal(false),
    code: z.enum(INVALID_TOKEN_CODES),
    reason: z.enum(REVOCATION_REASONS).optional().describe("Of `token_revoked`: why"),
  }),
]);

/** A token that was consumed. */
export const consumeAnswer = z.object({
  token_id: z.string(),
  consumed_at: z.iso.datetime(),
  claims: tokenClaims,
});

/** The wire form of a token that was consumed. */
export function renderConsumed({ token: { id, consumed_at }, claims }: Consumed): JsonObject {
  return { token_id: id, consumed_at: new Date(consumed_at).toISOString(), claims };
}

export const tokenRoutes: readonly Route[] = [
  guarded({
    method: "post",
    path: "/v1/tokens/mint",
    group: "Run tokens",
    summary: "Mint the single-use token of one action",
    description: "Decides anew. An approval named in `approval_id` is used up by it.",
    callers: ["standard", "agent"],
    body: mintBody,
    answers: { 201: mintAnswer },
    refusals: [
      "approval_required",
      "approval_not_approved",
      "approval_used",
      "approval_lapsed",
      "action_mismatch",
      "not_the_requester",
      "tool_disabled",
      "guard_blocked",
      "invalid_arguments",
      "not_found",
      "tenant_not_permitted",
      "estimate_required",
      "reservation_not_found",
      "already_settled",
    ],
    handle: (call) => {
      const { approval_id = null, decision_id = null, ttl_seconds } = call.body;
      if (approval_id !== null && decision_id !== null) {
        throw invalidRequest(
          "/decision_id",
          "has no meaning with an approval: what needs one reserved nothing when it was asked",
        );
      }
      const request = {
        ...namingOf(call.body),
        action: actionOf(call.body),
        approval_id,
        decision_id,
        ttl_seconds,
      };
      return call.commit(mintOperation(request, call.client), (minted) => ({
        status: 201,
        body: renderMinted(minted),
        granted: { token_id: minted.record.id },
      }));
    },
  }),
  guarded({
    method: "post",
    path: "/v1/tokens/verify",
    group: "Run tokens",
    summary: "Look whether a token would be consumed",
    description: "Changes nothing. Fields of the action that are given have to match.",
    callers: ["standard", "agent"],
    body: verifyBody,
    answers: { 200: verifyAnswer },
    refusals: ["tenant_not_permitted"],
    handle: (call) => {
      const { sealer } = call.services.deps;
      const operation = verifyOperation(sealer, call.body.token, givenAction(call.body));
      return call.commit(operation, (verified) => ({
        status: 200,
        body: verified,
        ...(verified.valid ? { granted: { token_id: verified.claims.token_id } } : {}),
      }));
    },
  }),
  guarded({
    method: "post",
    path: "/v1/tokens/consume",
    group: "Run tokens",
    summary: "Consume a token for the call that is about to run",
    description: "Of any number of attempts one succeeds. Run the call only after a 200. A token " +
      "that would not be minted any more is refused as `token_revoked`.",
    callers: ["standard", "agent"],
    body: consumeBody,
    answers: { 200: consumeAnswer },
    refusals: [
      "token_used",
      "token_expired",
      "action_mismatch",
      "token_invalid",
      "token_revoked",
      "tenant_not_permitted",
    ],
    handle: (call) => {
      const { sealer } = call.services.deps;
      const { token, ...fields } = call.body;
      const operation = consumeOperation(sealer, token, actionOf(fields), call.client);
      return call.commit(operation, (consumed) => ({
        status: 200,
        body: renderConsumed(consumed),
        // Whoever repeats it learns that it was theirs, unless the policy moved meanwhile.
        granted: { token_id: null },
      }));
    },
  }),
];
