import { z } from "zod";
import {
  listTombstones,
  putTombstone,
  removeTombstone,
  type WrittenTombstone,
} from "../../lib/mandates/tombstones.ts";
import { registeredResourceId, resourceId } from "../fields/action.ts";
import { timeText } from "../fields/machine.ts";
import { pageAnswer, pageById, pageQuery } from "../fields/paging.ts";
import { guarded, type Route } from "../http/route.ts";

const group = "Mandates";

const PATH = "/v1/tombstones/:resource_id";

const byResource = z.object({ resource_id: resourceId });

const listedTombstone = z.object({
  resource_id: z.string(),
  created_at: z.iso.datetime(),
  created_by: z.object({ type: z.string(), id: z.string() }),
});

const tombstoneAnswer = listedTombstone.extend({
  audit: z.object({ index: z.int(), leaf_hash: z.string() }).nullable(),
});

function renderListed({ resource, created_at, by }: WrittenTombstone["record"]) {
  return { resource_id: resource, created_at: timeText(created_at), created_by: { ...by } };
}

function render({ record, audit }: WrittenTombstone) {
  return { ...renderListed(record), audit: audit === null ? null : { ...audit } };
}

export const tombstoneRoutes: readonly Route[] = [
  guarded({
    method: "get",
    path: "/v1/tombstones",
    group,
    summary: "List the resources that are closed to all mandates",
    description: "By their ids.",
    callers: ["management"],
    query: z.strictObject(pageQuery),
    answers: { 200: pageAnswer(listedTombstone) },
    handle: async (call) => {
      const { items, next_cursor } = await pageById(async (span) => {
        const found = await call.transact({
          load: (reader) => listTombstones(reader, span),
          plan: (_transaction, _caller, found) => found,
        });
        return found.map((record) => ({ id: record.resource, record }));
      }, call.query);
      const data = items.map(({ record }) => renderListed(record));
      return { status: 200, body: { data, next_cursor } };
    },
  }),
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
    params: z.object({ resource_id: registeredResourceId }),
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
