import { z } from "zod";
import { type Asked, scrubbedAsk } from "../../lib/approvals/ask.ts";
import { cancelApproval, lookAtApproval } from "../../lib/approvals/end.ts";
import { listApprovals, NO_FILTER } from "../../lib/approvals/list.ts";
import type { SeenApproval } from "../../lib/approvals/seen_approval.ts";
import { requestApproval } from "../../lib/authorize/request.ts";
import { joiningReady } from "../../lib/mcp/joining_ready.ts";
import { Refusal } from "../../lib/refusal.ts";
import { actionOf } from "../fields/action.ts";
import { decodeCursor, DEFAULT_PAGE, encodeCursor, pageQuery } from "../fields/paging.ts";
import { afterId, idParams, requestBody } from "../v1/approval_fields.ts";
import { approvalData, approvalOutput } from "./approval_output.ts";
import { approvalResult, heldApproval, MAX_WAIT_SECONDS, waitSeconds } from "./held_approval.ts";
import { mcpTool, READ, type ToolHints, WRITE } from "./tool.ts";
import type { ToolCall } from "./tool_call.ts";

const LOOKS: ToolHints = {
  readOnlyHint: true,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
};

const ASKS: ToolHints = { ...LOOKS, readOnlyHint: false };

const reference = idParams.shape.id.describe("`reference` or `id` of the request");

/** Waits where there is room to; what was asked stands whether or not there is. */
async function waitedFor(
  call: ToolCall,
  approval: SeenApproval,
  seconds: number,
): Promise<SeenApproval> {
  try {
    return await heldApproval(call, approval, seconds);
  } catch (error) {
    if (error instanceof Refusal && error.code === "too_many_pending") return approval;
    throw error;
  }
}

export const requestApprovalTool = mcpTool({
  name: "request_approval",
  title: "Ask a person to approve an action",
  description:
    "Asks a person to approve one action that the policy holds for approval, and holds " +
    "the call until they decide, for at most 45 seconds. Asking again for the same action joins " +
    "the request that is there. The person decides on Countersign's own page, never here.",
  hints: ASKS,
  scopes: WRITE,
  waits: true,
  input: { ...requestBody.shape, wait_seconds: waitSeconds.default(MAX_WAIT_SECONDS) },
  output: approvalOutput.shape,
  async run(call, { wait_seconds, ...body }) {
    const ask = scrubbedAsk({
      reason: body.reason,
      context: body.context ?? null,
      reference_id: body.reference_id ?? null,
      timeout_seconds: body.timeout_seconds ?? null,
    });
    const action = actionOf(body);
    const { approval } = await call.transact(joiningReady(
      action,
      requestApproval(action, ask, call.client),
      { plan: () => null },
      (_, approval): Asked => ({ approval, joined: true }),
    ));
    return approvalResult(call, await waitedFor(call, approval, wait_seconds), wait_seconds);
  },
});

const pending = approvalOutput.omit({ decisions: true, requested_by: true });

export const listPendingApprovals = mcpTool({
  name: "list_pending_approvals",
  title: "List your pending requests",
  description: "Lists the requests for approval that this connection made and nobody has decided " +
    "yet, the newest first, without their arguments. Changes nothing.",
  hints: LOOKS,
  scopes: READ,
  input: { cursor: pageQuery.cursor.describe("`next_cursor` of the page before") },
  output: { approvals: z.array(pending), next_cursor: z.string().nullable() },
  async run(call, { cursor }) {
    const { services } = call;
    const after = cursor === undefined ? null : decodeCursor(cursor, afterId)[0];
    const { snapshot, caller } = await call.transact({
      plan: ({ snapshot }, caller) => ({ snapshot, caller }),
    });
    const { items, next } = await listApprovals(services, caller, snapshot, {
      filter: { ...NO_FILTER, status: "pending", requester: caller.id },
      limit: DEFAULT_PAGE,
      after,
      withArguments: false,
    });
    const approvals = items.map((approval) => {
      const { decisions: _d, requested_by: _r, ...data } = approvalData(
        approval,
        services.settings,
      );
      return data;
    });
    return {
      data: { approvals, next_cursor: next === null ? null : encodeCursor([next]) },
      next: next !== null
        ? "There may be more: call list_pending_approvals again with cursor set to next_cursor."
        : items.length === 0
        ? "Nothing of yours waits for a decision."
        : "Call check_approval_status with a reference and wait_seconds 45 to wait for " +
          "its decision, or cancel_approval for what is no longer wanted.",
    };
  },
});

export const checkApprovalStatus = mcpTool({
  name: "check_approval_status",
  title: "Check or await a decision",
  description: "Reads one request for approval that this connection made. With wait_seconds the " +
    "call is held until a person decides, for at most 45 seconds. Changes nothing.",
  hints: LOOKS,
  scopes: READ,
  waits: true,
  input: { reference, wait_seconds: waitSeconds.default(0) },
  output: approvalOutput.shape,
  async run(call, { reference, wait_seconds }) {
    const approval = await call.transact(lookAtApproval(reference));
    return approvalResult(call, await heldApproval(call, approval, wait_seconds), wait_seconds);
  },
});

export const cancelApprovalTool = mcpTool({
  name: "cancel_approval",
  title: "Withdraw a request",
  description:
    "Withdraws a pending request for approval that this connection made, so that nobody " +
    "has to decide it any more.",
  hints: ASKS,
  scopes: WRITE,
  input: { reference },
  output: approvalOutput.shape,
  async run(call, { reference }) {
    return approvalResult(call, await call.transact(cancelApproval(reference, call.client)));
  },
});
