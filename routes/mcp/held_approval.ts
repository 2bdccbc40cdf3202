import { z } from "zod";
import { lookAtApproval } from "../../lib/approvals/end.ts";
import { holdUntil } from "../../lib/approvals/hold.ts";
import type { SeenApproval } from "../../lib/approvals/seen_approval.ts";
import { statusOf } from "../../lib/approvals/state.ts";
import { approvalTopic } from "../../lib/approvals/topics.ts";
import { approvalData, nextOf } from "./approval_output.ts";
import type { ToolAnswer } from "./tool.ts";
import type { ToolCall } from "./tool_call.ts";

/** Most seconds that a call is held: hosts give up after 60, whatever they are told meanwhile. */
export const MAX_WAIT_SECONDS = 45;

export const waitSeconds = z.int().min(0).max(MAX_WAIT_SECONDS)
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
export async function heldApproval(
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
