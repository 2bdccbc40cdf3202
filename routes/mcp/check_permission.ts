import { z } from "zod";
import { scrubbedAsk } from "../../lib/approvals/ask.ts";
import type { Ask } from "../../lib/approvals/asking.ts";
import {
  type AskedBefore,
  type Authorized,
  authorizeOperation,
  type AuthorizeRequest,
} from "../../lib/authorize/authorize.ts";
import { joiningReady } from "../../lib/authorize/request.ts";
import type { JsonObject } from "../../lib/base/json.ts";
import type { Resolution } from "../../lib/policy/chain.ts";
import { isUnvouched } from "../../lib/policy/facts.ts";
import { invalidRequest, RecordedRefusal } from "../../lib/refusal.ts";
import {
  actionFields,
  actionOf,
  mandateFields,
  namingOf,
  reasonField,
  referenceField,
} from "../fields/action.ts";
import { askFields } from "../fields/approval.ts";
import { checkAnswer, renderChecked } from "../fields/check.ts";
import { approvalData, approvalOutput, nextOf } from "./approval_tools.ts";
import { mcpTool, type ToolCall } from "./tool.ts";

const input = {
  ...actionFields,
  ...mandateFields,
  reason: reasonField.nullish(),
  reference_id: referenceField.nullish(),
  ...askFields,
  request: z.boolean().default(false).describe(
    "Whether to ask a person when an approval is required; needs `reason` and mcp:write",
  ),
};

type CheckArguments = z.output<z.ZodObject<typeof input>>;

const TELL = "Tell the person you work for.";

const UNREAD = "The tool requires a fact that its upstream is not sent, so that a person decides " +
  "whatever you name.";

/** What to do about a decision that nobody was asked about by this call. */
function nextAfter(
  { permission, resolved_from, tool }: Resolution,
  before: AskedBefore | null,
): string {
  if (resolved_from === "kill_switch") {
    return `Everything is stopped by a kill switch: do not run it. ${TELL}`;
  }
  if (resolved_from === "gate_incomplete") {
    const isUnread = tool?.required_facts.some((fact) => isUnvouched(tool, fact)) ?? false;
    // To name it once more would change nothing.
    if (isUnread) return before === null ? `${UNREAD} ${ASK}` : afterAsking(before);
    return "The action does not name all that the tool requires (required_facts in " +
      "list_my_tools). Name it, in the arguments where facts says so, and check again; as it stands, " +
      "a person has to approve it.";
  }
  if (resolved_from === "gate_method") {
    return "The tool takes only the methods that list_my_tools names for it (methods). Name the " +
      "one that you mean and check again.";
  }
  if (resolved_from === "gate_mandate") {
    return "It needs a mandate of the user that you act for: check again with mandate_id. If you " +
      `have none, do not run it. ${TELL}`;
  }
  if (permission === "disabled" && resolved_from.startsWith("mandate_")) {
    return `What the user lets you do does not cover it: do not run it, in this form. ${TELL}`;
  }
  switch (permission) {
    case "allowed":
      return "Allowed. Call mint_run_token with the same action, run exactly that action " +
        "once, then call log_execution.";
    case "requires_approval":
      return before === null ? ASK : afterAsking(before);
    case "disabled":
      return `The policy forbids it: do not run it, in this or another form. ${TELL}`;
  }
}

const ASK = "A person has to approve it: do not run it yet. Call request_approval with the same " +
  "action and a reason that they can decide by.";

/** What to do where this connection asked about the same action before. */
function afterAsking(before: AskedBefore): string {
  switch (before.state) {
    case "pending":
      return "A person has been asked and has not decided yet: do not run it. Call " +
        `check_approval_status with reference ${before.approval} and wait_seconds 45.`;
    case "approved":
      return "A person has approved it. Call mint_run_token with the same action and reference " +
        `${before.approval}, run exactly that action once, then call log_execution.`;
    case "denied":
      return `A person denied it just now: do not run it, in this or another form. ${TELL} Only ` +
        "if something has changed ask again, not before " +
        `${before.retry_after_seconds} seconds have passed.`;
  }
}

/** Decides and, with something to tell the approver, asks or joins what is there. */
async function decided(call: ToolCall, request: AuthorizeRequest): Promise<Authorized> {
  const looking = authorizeOperation({ ...request, ask: null }, call.client);
  if (request.ask === null) return await call.transact(looking);
  return await call.transact(joiningReady(
    request,
    authorizeOperation(request, call.client),
    looking,
    (looked, approval): Authorized | RecordedRefusal =>
      looked instanceof RecordedRefusal ||
        looked.checked.decision.resolution.permission !== "requires_approval"
        ? looked
        : {
          ...looked,
          before: { state: "approved", approval: approval.record.id },
          asked: { approval, joined: true, nonce: null },
        },
  ));
}

function askOf(args: CheckArguments): Ask | null {
  const { request, reason, reference_id, context, timeout_seconds } = args;
  if (!request) return null;
  if (!reason) throw invalidRequest("/reason", "is required with request: an approver reads it");
  return scrubbedAsk({
    reason,
    context: context ?? null,
    reference_id: reference_id ?? null,
    timeout_seconds: timeout_seconds ?? null,
  });
}

/** What was asked before, for programs. */
function hintOf(before: AskedBefore | null): JsonObject {
  if (before === null) return {};
  return before.state === "denied"
    ? { retry_after_seconds: before.retry_after_seconds }
    : { approval_id: before.approval };
}

export const checkPermission = mcpTool({
  name: "check_permission",
  title: "Check an action",
  description: "Decides whether one action may run: allowed, requires_approval or disabled, with " +
    "the level of the policy that it came from. The decision is recorded. A tool that the " +
    "organization does not know yet is registered as a draft for a person to look at. With " +
    "request, an action that requires approval is put before a person in the same step.",
  hints: {
    readOnlyHint: false,
    destructiveHint: false,
    idempotentHint: true,
    openWorldHint: false,
  },
  scopes: ({ request }) => request === true ? ["mcp:read", "mcp:write"] : ["mcp:read"],
  input,
  output: {
    ...checkAnswer.omit({ next: true, trace: true, warnings: true }).shape,
    approval_id: z.string().optional()
      .describe("Your request for this action that is pending, or approved and not used"),
    retry_after_seconds: z.int().optional()
      .describe("Your request for this action was denied: until it may be asked again"),
    approval: approvalOutput.nullable().describe("What was asked or joined, with `request`"),
  },
  async run(call, args) {
    const { settings } = call.services;
    const ask = askOf(args);
    const request = {
      ...namingOf(args),
      action: actionOf(args),
      reason: args.reason ?? null,
      reference_id: args.reference_id ?? null,
      explain: false,
      mint: false,
      ask,
    };
    const authorized = await decided(call, request);
    const { checked: { decision: { resolution } }, before, asked } = authorized;
    const { next: _next, ...decision } = renderChecked(authorized);
    const approval: JsonObject | null = asked === null
      ? null
      : approvalData(asked.approval, settings);
    return {
      data: { ...decision, ...hintOf(before), approval },
      next: asked === null
        ? nextAfter(resolution, before)
        : nextOf(asked.approval, String(approval?.review_url)),
    };
  },
});
