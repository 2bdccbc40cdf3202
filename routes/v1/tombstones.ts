import { z } from "zod";
import {
  putTombstone,
  removeTombstone,
  type WrittenTombstone,
} from "../../lib/mandates/tombstones.ts";
import { resourceId } from "../fields/action.ts";
import { timeText } from "../fields/machine.ts";
import { guarded, type Route } from "../http/route.ts";

const group = "Mandates";

const PATH = "/v1/tombstones/:resource_id";

const byResource = z.object({ resource_id: resourceId });

const tombstoneAnswer = z.object({
  resource_id: z.string(),
  created_at: z.iso.datetime(),
  created_by: z.object({ type: z.string(), id: z.string() }),
  audit: z.object({ index: z.int(), leaf_hash: z.string() }).nullable(),
});

function render({ record, audit }: WrittenTombstone) {
  const { resource, created_at, by } = record;
  return {
    resource_id: resource,
    created_at: timeText(created_at),
    created_by: { ...by },
    audit: audit === null ? null : { ...audit },
  };
}

export const tombstoneRoutes: readonly Route[] = [
  guarded({
    method: "put",
    path: PATH,
    group,
    summary: "Close a resource to all mandates",
    description:
      "Whatever a mandate says, nothing under it may touch the resource from then on: checks are " +
      "`disabled` (`mandate_resource`), unspent run tokens `token_revoked`. One that is closed " +
      "stays so, and `audit` is null.",
    callers: ["management"],
    params: byResource,
    answers: { 200: tombstoneAnswer, 201: tombstoneAnswer },
    handle: (call) =>
      call.commit(putTombstone(call.params.resource_id, call.id), (written) => ({
        status: written.audit === null ? 200 : 201,
        body: render(written),
      })),
  }),
  guarded({
    method: "delete",
    path: PATH,
    group,
    summary: "Open a resource to mandates again",
    callers: ["management"],
    params: byResource,
    answers: { 200: tombstoneAnswer.extend({ removed: z.boolean() }) },
    refusals: ["not_found"],
    handle: (call) =>
      call.commit(removeTombstone(call.params.resource_id, call.id), (written) => ({
        status: 200,
        body: { ...render(written), removed: true },
      })),
  }),
];
