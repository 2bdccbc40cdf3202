import { z } from "zod";
import type { Advised, AskedBefore } from "../../lib/authorize/authorize.ts";
import type { JsonObject } from "../../lib/base/json.ts";
import { renderFindings } from "../../lib/decisions/guarded.ts";
import type { DecidedUnder } from "../../lib/decisions/under_mandate.ts";
import type { AskedSeats } from "../../lib/mandates/seats.ts";
import { TOOL_STATUSES } from "../../lib/store/records/policy.ts";
import { PERMISSIONS, RESOLVED_FROM } from "../../lib/store/records/vocabulary.ts";
import { findingAnswer } from "./guards.ts";
import { budgetAnswer, renderBudget } from "./budget.ts";
import { renderWarnings, ruleWarning } from "./catalog.ts";

/** A decision about one action. */
export const checkAnswer = z.object({
  decision_id: z.string(),
  permission: z.enum(PERMISSIONS),
  resolved_from: z.enum(RESOLVED_FROM),
  rule_id: z.string().nullable(),
  policy_version: z.int(),
  action_digest: z.string(),
  mandate: z.object({
    id: z.string(),
    seq: z.int().describe("The number of this decision among the entries about the mandate"),
    self_granted: z.boolean().describe("Whether whoever asks granted the mandate themselves"),
    uses_left: z.int().optional()
      .describe("How often it may still allow something, where that is limited"),
  }).optional().describe("The mandate that it was asked under"),
  budget: budgetAnswer.optional()
    .describe("What is left of the mandate's own budget, with this decision"),
  chain: z.object({
    permission: z.enum(PERMISSIONS),
    resolved_from: z.enum(RESOLVED_FROM),
    rule_id: z.string().nullable(),
  }).optional().describe("What the policy alone says, where a mandate is named"),
  seats: z.array(z.enum(["user", "level_1", "level_2"])).optional()
    .describe("Who has to approve it, in order; under a mandate"),
  tool: z.object({ id: z.string(), name: z.string(), status: z.enum(TOOL_STATUSES) }).nullable(),
  decided_at: z.iso.datetime(),
  audit: z.object({ index: z.int(), leaf_hash: z.string() }),
  findings: z.array(findingAnswer).optional()
    .describe("What guards found in the arguments: kind and place, never the text"),
  next: z.object({
    mint: z.string().optional().describe("Where to take the token"),
    approval_id: z.string().optional().describe("Of your approved request, to mint with"),
    request_approval: z.string().optional().describe("Where to ask for an approval"),
    wait: z.string().optional().describe("Where to wait for the decision of your request"),
    retry_after_seconds: z.int().optional()
      .describe("Your request was denied: until it may be asked again"),
  }).describe("What the caller can do now; empty where nothing helps"),
  trace: z.array(z.object({
    level: z.string(),
    key: z.string(),
    outcome: z.enum(["no_rule", "skipped", "matched"]),
    rule_id: z.string().optional(),
  })).optional(),
  warnings: z.array(ruleWarning).optional().describe("Of the rule that decided; with `explain`"),
});

/** How long a wait that is proposed lasts, seconds: proxies cut what is silent for a minute. */
const WAIT_SECONDS = 50;

const MINT = { mint: "/v1/tokens/mint" };

/** What a caller can do about a decision. */
export function nextAfter(
  permission: (typeof PERMISSIONS)[number],
  before: AskedBefore | null,
): JsonObject {
  if (permission === "allowed") return MINT;
  if (permission === "disabled") return {};
  switch (before?.state) {
    case undefined:
      return { request_approval: "/v1/approvals" };
    case "pending":
      return { wait: `/v1/approvals/${before.approval}?wait=${WAIT_SECONDS}` };
    case "approved":
      return { ...MINT, approval_id: before.approval };
    case "denied":
      return { retry_after_seconds: before.retry_after_seconds };
  }
}

function renderUnder(
  { record, seq, self_granted, chain, budget, uses_left }: DecidedUnder,
): JsonObject {
  const { permission, resolved_from, rule } = chain;
  return {
    ...(record === null ? {} : {
      mandate: {
        id: record.id,
        seq,
        self_granted,
        ...(uses_left === null ? {} : { uses_left }),
      },
    }),
    ...(budget === null ? {} : { budget: renderBudget(budget) }),
    chain: { permission, resolved_from, rule_id: rule?.id ?? null },
  };
}

/** Who has to approve; a tool that wants two members has both. */
function seatsIn({ user, members }: AskedSeats, tool: Advised["checked"]["tool"]): string[] {
  const levels = tool?.requires_second_approval ? ["level_1", "level_2"] : ["level_1"];
  return [...(user ? ["user"] : []), ...(members ? levels : [])];
}

/** The wire form of a decision. */
export function renderChecked(
  { checked: { decision, tool, warnings }, before }: Advised,
): JsonObject {
  const { permission, resolved_from, rule, trace } = decision.resolution;
  return {
    decision_id: decision.id,
    permission,
    resolved_from,
    rule_id: rule?.id ?? null,
    policy_version: decision.policy_version,
    action_digest: decision.action_digest,
    ...(decision.mandate === null ? {} : renderUnder(decision.mandate)),
    ...(decision.mandate?.seats == null ? {} : { seats: seatsIn(decision.mandate.seats, tool) }),
    tool: tool === null ? null : { id: tool.id, name: tool.name, status: tool.status },
    decided_at: decision.decided_at,
    audit: { index: decision.audit.index, leaf_hash: decision.audit.leaf_hash },
    ...(decision.guarded === null ? {} : { findings: renderFindings(decision.guarded.findings) }),
    next: nextAfter(permission, before),
    ...(trace === undefined ? {} : { trace: trace.map((step) => ({ ...step })) }),
    ...(warnings === undefined ? {} : { warnings: renderWarnings(warnings) }),
  };
}
