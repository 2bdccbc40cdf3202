import { z } from "zod";
import { changeOrg } from "../../lib/catalog/org_settings.ts";
import type { JsonObject } from "../../lib/json/json_value.ts";
import { type OrgRecord, orgRecord } from "../../lib/store/records/policy.ts";
import { timeText, versionAnswer } from "../fields/machine.ts";
import { guarded, type Route } from "../http/route.ts";
import { killSwitchField, orgName, seconds, writtenAnswer } from "./catalog_fields.ts";

const WEEK = 7 * 24 * 60 * 60;

const DAY = 24 * 60 * 60;

/** 30 days. */
const MAX_HOLD_HOURS = 720;

export const orgChange = z.strictObject({
  name: orgName.exactOptional(),
  approval_timeout_seconds: seconds(60, WEEK, "How long a request waits for its decision")
    .exactOptional(),
  approval_use_seconds: seconds(60, DAY, "How long an approval may wait to be used")
    .exactOptional(),
  report_within_seconds: seconds(60, WEEK, "When a run that was not reported counts as unknown")
    .exactOptional(),
  discovery: z.enum(["all", "mcp", "off"]).exactOptional()
    .describe("By which way in an unknown tool becomes a draft"),
  retain_arguments: z.boolean().exactOptional(),
  separation_of_duties: z.boolean().exactOptional()
    .describe("Whether those who answer for a requester may not decide; off is for an owner"),
  strict_levels: z.boolean().exactOptional()
    .describe("Whether a second approval that nobody could give is refused; off is for an owner"),
  api_decisions: z.boolean().exactOptional()
    .describe("Whether approver keys decide; on is for an owner"),
  allow_personal_ids: z.boolean().exactOptional().describe("On is for an owner"),
  recovery_hold_hours: z.number().int().min(0).max(MAX_HOLD_HOURS).exactOptional()
    .describe("How long a member who recovered their account may not rule others"),
  kill_switch: killSwitchField.exactOptional(),
});

const orgAnswer = orgRecord.omit({ created_at: true, deleted_at: true }).extend({
  created_at: z.iso.datetime(),
  ...versionAnswer,
});

function renderOrg({ created_at, ...org }: OrgRecord): JsonObject {
  return { ...org, created_at: timeText(created_at) };
}

export const orgRoutes: readonly Route[] = [
  guarded({
    method: "get",
    path: "/v1/org",
    group: "Configuration",
    summary: "Read the organization's settings",
    callers: ["management", "standard"],
    answers: { 200: orgAnswer },
    handle: (call) =>
      call.transact({
        plan: ({ snapshot }) => ({
          status: 200,
          body: { ...renderOrg(snapshot.org), policy_version: snapshot.version },
        }),
      }),
  }),
  guarded({
    method: "patch",
    path: "/v1/org",
    group: "Configuration",
    summary: "Change the organization's settings",
    description:
      "Members that are absent stay. A key sets what narrows; what lets more through is " +
      "for an owner under a passkey. It switches the kill switch off until an owner has a passkey.",
    callers: ["management"],
    body: orgChange,
    answers: { 200: orgAnswer },
    refusals: ["owner_required"],
    handle: (call) =>
      call.commit(changeOrg(call.body, call.id), (written) => writtenAnswer(written, renderOrg)),
  }),
];
