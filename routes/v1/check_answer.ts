import { z } from "zod";
import type { Checked } from "../../lib/decisions/check.ts";
import type { JsonObject } from "../../lib/json/json_value.ts";
import { RESOLVED_FROM } from "../../lib/policy/levels.ts";
import { PERMISSIONS } from "../../lib/policy/permission.ts";
import { TOOL_STATUSES } from "../../lib/store/records/policy.ts";
import { renderWarnings, ruleWarning } from "./rule_fields.ts";

/** A decision about one action. */
export const checkAnswer = z.object({
  decision_id: z.string(),
  permission: z.enum(PERMISSIONS),
  resolved_from: z.enum(RESOLVED_FROM),
  rule_id: z.string().nullable(),
  policy_version: z.int(),
  action_digest: z.string(),
  tool: z.object({ id: z.string(), name: z.string(), status: z.enum(TOOL_STATUSES) }).nullable(),
  decided_at: z.iso.datetime(),
  audit: z.object({ index: z.int(), leaf_hash: z.string() }),
  next: z.record(z.string(), z.string()),
  trace: z.array(z.object({
    level: z.string(),
    key: z.string(),
    outcome: z.enum(["no_rule", "skipped", "matched"]),
    rule_id: z.string().optional(),
  })).optional(),
  warnings: z.array(ruleWarning).optional().describe("Of the rule that decided; with `explain`"),
});

const NEXT: Record<(typeof PERMISSIONS)[number], JsonObject> = {
  allowed: { mint: "/v1/tokens/mint" },
  requires_approval: { request_approval: "/v1/approvals" },
  disabled: {},
};

/** The wire form of a decision. */
export function renderChecked({ decision, tool, warnings }: Checked): JsonObject {
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
    next: NEXT[permission],
    ...(trace === undefined ? {} : { trace: trace.map((step) => ({ ...step })) }),
    ...(warnings === undefined ? {} : { warnings: renderWarnings(warnings) }),
  };
}
