import { z } from "zod";
import type { JsonObject } from "../../lib/base/json.ts";
import { changeOrg } from "../../lib/catalog/org_settings.ts";
import { type OrgRecord, orgRecord } from "../../lib/store/records/policy.ts";
import { writtenAnswer } from "../fields/catalog.ts";
import { timeText, versionAnswer } from "../fields/machine.ts";
import { orgChange } from "../fields/policy.ts";
import { guarded, type Route } from "../http/route.ts";

const orgAnswer = orgRecord.omit({ created_at: true, deleted_at: true, guards: true }).extend({
  created_at: z.iso.datetime(),
  ...versionAnswer,
});

/** Its guards are at a path of their own. */
function renderOrg({ created_at, guards: _guards, ...org }: OrgRecord): JsonObject {
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
