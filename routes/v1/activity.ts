import { z } from "zod";
import type { JsonObject } from "../../lib/base/json.ts";
import { type MachineCaller, tenantWithin } from "../../lib/identity/caller.ts";
import type { Facet } from "../../lib/ledger/entry.ts";
import { type LoggedEntry, readActivity } from "../../lib/ledger/log_reader.ts";
import { permission } from "../../lib/store/records/policy.ts";
import { mandateId, tenantId, toolName } from "../fields/action.ts";
import { activityEntry, timeRange } from "../fields/log.ts";
import { decodeCursor, encodeCursor, pageAnswer, pageQuery } from "../fields/paging.ts";
import { guarded, type Route } from "../http/route.ts";

const name = (what: string) =>
  z.string().min(1, "must not be empty").max(128, "has at most 128 characters").describe(what);

const activityQuery = z.strictObject({
  ...pageQuery,
  ...timeRange,
  type: name("Type of the entries, such as `approval.decided`").optional(),
  tool_name: toolName.optional(),
  tenant_id: tenantId.optional(),
  actor: name("Id of who did it").optional(),
  permission: permission.optional(),
  mandate_id: mandateId.optional().describe("Entries about this mandate"),
  order: z.enum(["asc", "desc"]).default("desc").describe("By time; the newest first by default"),
});

type ActivityFields = z.output<typeof activityQuery>;

const position = z.tuple([z.number().int().nonnegative()]);

/** The values that an entry must have for this caller to get it. */
function facetsFor(
  caller: MachineCaller,
  query: ActivityFields,
): { facet: Facet; value: string }[] {
  const isAgent = caller.tier === "agent";
  // What an agent did itself is its own to see; it names a tenant only to narrow that.
  const tenant = isAgent && query.tenant_id === undefined
    ? null
    : tenantWithin(caller, query.tenant_id ?? null);
  const facets: [Facet, string | null | undefined][] = [
    ["actor", isAgent ? caller.id : null],
    ["actor", query.actor],
    ["type", query.type],
    ["tool", query.tool_name],
    ["tenant", tenant],
    ["permission", query.permission],
    ["mandate", query.mandate_id],
  ];
  return facets.flatMap(([facet, value]) => (value == null ? [] : [{ facet, value }]));
}

function renderEntry({ index, leaf_hash, entry }: LoggedEntry): JsonObject {
  const { id, at, type, actor, subject, data } = entry;
  return { index, id, at, type, actor, subject, data, leaf_hash };
}

export const activityRoutes: readonly Route[] = [
  guarded({
    method: "get",
    path: "/v1/activity",
    group: "Audit log",
    summary: "List entries of the audit log",
    description:
      "A page may hold fewer entries than `limit`, none even, while `next_cursor` says " +
      "that there is more to look through: go on until it is null. Agents see their own entries.",
    callers: ["standard", "management", "agent"],
    query: activityQuery,
    answers: { 200: pageAnswer(activityEntry) },
    refusals: ["tenant_not_permitted"],
    async handle(call) {
      const { query } = call;
      const facets = await call.transact({ plan: (_, caller) => facetsFor(caller, query) });
      const cursor = query.cursor === undefined ? null : decodeCursor(query.cursor, position);
      const { entries, next } = await readActivity(call.services.deps.kv, call.org, {
        facets,
        since: query.since ?? null,
        until: query.until ?? null,
        order: query.order,
        limit: query.limit,
        position: cursor?.[0] ?? null,
      });
      const next_cursor = next === null ? null : encodeCursor([next]);
      return { status: 200, body: { data: entries.map(renderEntry), next_cursor } };
    },
  }),
];
