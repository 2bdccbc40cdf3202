import { z } from "zod";
import type { SeenApproval } from "../../lib/approvals/seen.ts";
import type { JsonObject } from "../../lib/base/json.ts";
import type { CallStatus } from "../../lib/calls/read_call.ts";
import { renderFindings } from "../../lib/decisions/guarded.ts";
import { type AnyRefusal, Refusal, type RefusalCode } from "../../lib/refusal.ts";
import type { Settings } from "../../lib/services.ts";
import type { CallRecord, ToldRefusal } from "../../lib/store/records/call.ts";
import { PERMISSIONS } from "../../lib/store/records/vocabulary.ts";
import { actionFields, mandateFields, reasonField } from "./action.ts";
import { findingAnswer, redactionAnswer } from "./guards.ts";
import { approvalAnswer, renderApproval } from "./approval.ts";

/** Calls on the wire. */

/** Most seconds that a call is held. */
export const MAX_CALL_WAIT = 45;

export const callBody = z.strictObject({
  ...actionFields,
  ...mandateFields,
  reason: reasonField.nullish(),
  wait: z.int().min(0).max(MAX_CALL_WAIT).default(0)
    .describe("Seconds to hold the answer while people decide, or the call runs"),
  call_key: z.string().regex(/^[\x21-\x7e]{1,255}$/, "has 1 to 255 visible ASCII characters")
    .nullish()
    .describe("Names this call for its caller: asked again under it, it is never sent again"),
});

export const callAnswer = z.object({
  call_id: z.string(),
  status: z.enum(["completed", "pending", "running", "refused", "returned", "unknown"]),
  tool_name: z.string(),
  permission: z.enum(PERMISSIONS),
  resolved_from: z.string(),
  decision_id: z.string(),
  token_id: z.string().nullable(),
  execution_id: z.string().nullable(),
  approval: approvalAnswer.optional().describe("What it waits for"),
  result: z.object({
    content: z.array(z.record(z.string(), z.unknown())),
    structured_content: z.unknown().optional(),
    is_error: z.boolean(),
  }).nullable().optional()
    .describe(
      "As the upstream sent it, but for what `redactions` counts; null where it is withheld",
    ),
  withheld: z.object({ guard: z.string(), kind: z.string() }).optional()
    .describe("The guard because of which the result of a run that happened is told to nobody"),
  result_gone: z.literal(true).optional().describe(
    "There was a result, and it is not kept any more",
  ),
  refusal: z.string().optional().describe("The code of what was told in place of a result"),
  redactions: z.array(redactionAnswer).describe("What was replaced in the result, by kind"),
  findings: z.array(findingAnswer)
    .describe("What guards found in the arguments and in the result: never the text"),
});

/** The wire form of a call, its result aside. */
export function renderCall(
  call: CallRecord,
  { status = call.status, approval, settings }: {
    readonly status?: CallStatus;
    readonly approval: SeenApproval | null;
    readonly settings: Pick<Settings, "url">;
  },
): JsonObject {
  const told = "refusal" in call ? call.refusal : null;
  return {
    call_id: call.id,
    status,
    tool_name: call.tool,
    permission: call.permission,
    resolved_from: call.resolved_from,
    decision_id: call.decision_id,
    token_id: "token_id" in call ? call.token_id : null,
    execution_id: "execution_id" in call ? call.execution_id : null,
    ...(approval === null ? {} : { approval: renderApproval(approval, settings) }),
    ...(told === null ? {} : { refusal: told.code }),
    ...("withheld" in call && call.withheld !== undefined
      ? { result: null, withheld: { ...call.withheld } }
      : {}),
    redactions: "redactions" in call ? (call.redactions ?? []).map((one) => ({ ...one })) : [],
    findings: renderFindings(call.findings ?? []),
  };
}

/** A refusal that a call was told, to be told again. */
export function refusalOfCall({ code, data }: ToldRefusal): AnyRefusal {
  return new Refusal(code as RefusalCode, data as never) as AnyRefusal;
}

/** The JSON of a call with its result, whose bytes go in as they are, without a copy. */
export function withResult(
  rendered: JsonObject,
  result: readonly Uint8Array<ArrayBuffer>[],
): Uint8Array<ArrayBuffer>[] {
  const encoder = new TextEncoder();
  const head = `${JSON.stringify(rendered).slice(0, -1)},"result":`;
  return [encoder.encode(head), ...result, encoder.encode("}")];
}
