import { z } from "zod";
import type { CheckRequest } from "../../lib/decisions/decide.ts";
import { type Checked, checkOperation } from "../../lib/decisions/check.ts";
import { guarded, type Route } from "../route.ts";
import type { JsonObject } from "../../lib/json/json_value.ts";
import { actionFields, actionOf, reasonField, referenceField } from "./action_fields.ts";

const checkFields = z.strictObject({
  ...actionFields,
  reason: reasonField.nullish(),
  reference_id: referenceField.nullish(),
  explain: z.boolean().default(false),
});

const checkAnswer = z.object({ decision_id: z.string() });

function checkRequest(body: z.output<typeof checkFields>): CheckRequest {
  return {
    action: actionOf(body),
    reason: body.reason ?? null,
    reference_id: body.reference_id ?? null,
    explain: body.explain,
  };
}

/** The wire form of a decision. */
export function renderChecked({ decision, tool }: Checked): JsonObject {
  const { permission, resolved_from, rule, trace } = decision.resolution;
  return {
    decision_id: decision.id,
    permission,
    resolved_from,
    rule_id: rule?.id ?? null,
    policy_version: decision.policy_version,
    action_digest: decision.action_digest,
    tool: tool === null ? null : { id: tool.id, name: tool.name, status: tool.status },
    decided_at: new Date(decision.decided_at).toISOString(),
    audit: { index: decision.audit.index, leaf_hash: decision.audit.leaf_hash },
    next: permission === "allowed"
      ? { mint: "/v1/tokens/mint" }
      : permission === "requires_approval"
      ? { request_approval: "/v1/approvals" }
      : {},
    ...(trace === undefined ? {} : { trace: trace.map((step) => ({ ...step })) }),
  };
}

export const checkRoutes: readonly Route[] = [
  guarded({
    method: "post",
    path: "/v1/permissions/check",
    group: "Permissions",
    summary: "Decide about one action",
    callers: ["standard", "agent"],
    body: checkFields,
    answers: { 200: checkAnswer },
    handle: (call) =>
      call.commit(checkOperation(checkRequest(call.body), call.client), (checked) => ({
        status: 200,
        body: renderChecked(checked),
      })),
  }),
];
