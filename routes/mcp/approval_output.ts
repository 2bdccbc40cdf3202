import { CANCELLED_WORDS } from "../../lib/approvals/cancelled_words.ts";
import type { SeenApproval } from "../../lib/approvals/seen_approval.ts";
import type { JsonObject } from "../../lib/json/json_value.ts";
import type { Settings } from "../../lib/server/settings.ts";
import { approvalAnswer, renderApproval } from "../fields/approval.ts";

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
