import { z } from "zod";
import { scrubbedAsk } from "../../lib/approvals/ask.ts";
import type { Asked } from "../../lib/approvals/asking.ts";
import { cancelApproval, lookAtApproval } from "../../lib/approvals/end.ts";
import { holdUntil } from "../../lib/approvals/hold.ts";
import { listApprovals, NO_FILTER } from "../../lib/approvals/list.ts";
import type { SeenApproval } from "../../lib/approvals/seen.ts";
import { statusOf } from "../../lib/approvals/state.ts";
import { joiningReady, requestApproval } from "../../lib/authorize/request.ts";
import type { JsonObject } from "../../lib/base/json.ts";
import { approvalTopic } from "../../lib/ledger/commit.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { Settings } from "../../lib/services.ts";
import { CANCELLED_WORDS } from "../../lib/sheet/sentence.ts";
import { actionOf, namingOf } from "../fields/action.ts";
import {
  afterId,
  approvalAnswer,
  idParams,
  renderApproval,
  requestBody,
} from "../fields/approval.ts";
import { decodeCursor, DEFAULT_PAGE, encodeCursor, pageQuery } from "../fields/paging.ts";
import { mcpTool, READ, type ToolAnswer, type ToolCall, type ToolHints, WRITE } from "./tool.ts";

/** Most seconds that a call is held: hosts give up after 60, whatever they are told meanwhile. */
const MAX_WAIT_SECONDS = 45;

const waitSeconds = z.int().min(0).max(MAX_WAIT_SECONDS)
  .describe("Seconds to hold the answer while nobody has decided");

/** A held call looks once a second; its client is told of every fifth look. */
const LOOKS_A_PROGRESS = 5;

const isDecided = ({ record }: SeenApproval) => statusOf(record.progress) !== "pending";

/**
 * Waits until a pending request is decided or the seconds are over. That the client goes away ends
 * the waiting and leaves the request as it is: agents lose connections, and come back.
 * @throws {Refusal} too_many_pending when the caller holds as many calls as it may; what reading
 *   the request throws
 */
async function heldApproval(
  call: ToolCall,
  approval: SeenApproval,
  seconds: number,
): Promise<SeenApproval> {
  const { services, org, underWay: { gone, progress, takesTask } } = call;
  if (seconds === 0 || takesTask || isDecided(approval)) return approval;
  const { id, reference } = approval.record;
  let looks = 0;
  const look = async () => {
    if (looks % LOOKS_A_PROGRESS === 0) {
      await progress?.(
        1 + looks / LOOKS_A_PROGRESS,
        `Waiting for a person to decide ${reference}`,
      );
    }
    looks++;
    return await call.transact(lookAtApproval(id));
  };
  return await holdUntil(
    services,
    { credential: call.request.caller.id, topic: approvalTopic(org, id), seconds, gone },
    look,
    isDecided,
  );
}

/** A request as a result; one that the call was to wait for can be waited for by a task. */
export function approvalResult(
  { services: { settings } }: Pick<ToolCall, "services">,
  approval: SeenApproval,
  seconds = 0,
): ToolAnswer {
  const data = approvalData(approval, settings);
  return {
    data,
    next: nextOf(approval, String(data.review_url)),
    ...(seconds === 0 || isDecided(approval) ? {} : { waitsFor: approval }),
  };
}

/** A request over MCP: without arguments, which its caller has, and which are long. */
export const approvalOutput = approvalAnswer.omit({ arguments: true, review: true });

/** The request as `approvalOutput` has it. */
export function approvalData(
  approval: SeenApproval,
  settings: Pick<Settings, "url">,
): JsonObject {
  const { arguments: _arguments, ...data } = renderApproval(approval, settings);
  return data;
}

/** What a requester should do about a request as it stands. */
export function nextOf({ record, decisions, warning }: SeenApproval, reviewUrl: string): string {
  const { reference, progress } = record;
  switch (progress.state) {
    case "pending": {
      const until = new Date(record.expires_at).toISOString();
      const nobody = warning === null
        ? ""
        : " Nobody in the organization can decide it as it stands: tell the person you work for.";
      return "Not decided yet; do not run the action. Call check_approval_status with " +
        `reference ${reference} and wait_seconds 45 to go on waiting; do not ask in ` +
        `another way. A person decides at ${reviewUrl} until ${until}.${nobody}`;
    }
    case "approved": {
      const until = new Date(progress.use_before).toISOString();
      return `Approved. Call mint_run_token with the same action and reference ${reference} ` +
        `before ${until}, run exactly that action once, then call log_execution.`;
    }
    case "used":
      return "Approved, and turned into a run token already: it counts once. Use that token; " +
        "for another run, begin with check_permission.";
    case "lapsed":
      return "Approved, and not used in time. If the action is still wanted, call " +
        "request_approval again.";
    case "denied": {
      const noted = decisions.some(({ note, quick_reason }) =>
        note !== null || quick_reason !== null
      );
      return `Denied: do not run the action, in this or another form. Tell the person you work for${
        noted ? ", with what was noted under decisions" : ""
      }.`;
    }
    case "expired":
      return "Nobody decided in time: do not run the action. Tell the person you work for; if " +
        "it is still wanted, call request_approval again.";
    case "cancelled":
      return progress.because !== "withdrawn"
        ? `Cancelled, because ${CANCELLED_WORDS[progress.because]}: do not run the action. ` +
          "Begin again with check_permission."
        : "Withdrawn: do not run the action. If it is wanted after all, call " +
          "request_approval again.";
    case "revoked":
      return "The approval was taken back: do not run the action, and use no token that came " +
        "of it. Tell the person you work for.";
  }
}

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
    const naming = namingOf(body);
    const { approval } = await call.transact(joiningReady(
      { action, ...naming },
      requestApproval(action, ask, call.client, naming),
      { plan: () => null },
      (_, approval): Asked => ({ approval, joined: true, nonce: null }),
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
