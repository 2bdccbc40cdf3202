import { z } from "zod";
import { ButtonLink } from "../../../components/button.tsx";
import { EmptyState } from "../../../components/empty_state.tsx";
import { EntryList } from "../../../components/entry_list.tsx";
import { PageHeader } from "../../../components/layout.tsx";
import { Pagination } from "../../../components/pagination.tsx";
import ActivityTail from "../../../islands/activity_tail.tsx";
import { entryRow } from "../../../lib/activity/entry_row.ts";
import { namesOf } from "../../../lib/activity/names.ts";
import {
  type ActivityFilters,
  facetsOf,
  filterParams,
  parseFilters,
} from "../../../lib/evidence/filters.ts";
import { NewestEntries } from "../../../lib/evidence/newest.ts";
import type { JsonValue } from "../../../lib/json/json_value.ts";
import { readActivity } from "../../../lib/ledger/activity.ts";
import { logHeadKey } from "../../../lib/store/keys.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { liveStream } from "../../dashboard/live.ts";
import { memberPage } from "../../dashboard/page.ts";
import { type Endpoint, memberEndpoint } from "../../endpoint.ts";
import { decodeCursor, encodeCursor } from "../../fields/paging.ts";
import { withQuery } from "../../page_query.ts";
import { ActivityFields, FIELDS } from "../activity_fields.tsx";

const ROWS = 50;

const text = z.string().max(256).default("");

const fields = {
  since: text,
  until: text,
  type: text,
  tool_name: text,
  tenant_id: text,
  actor: text,
  permission: text,
  order: text,
};

const query = z.object({ ...fields, cursor: z.string().max(2048).optional() });

const streamQuery = z.object(fields);

type Given = z.output<typeof streamQuery>;

type Call = MemberCall<undefined, z.output<typeof query>>;

const position = z.tuple([z.number().int().nonnegative()]);

/** The audit log: what happened, one sentence an entry, the newest live. */
export const activityPage = memberPage({
  path: "/activity",
  title: "Activity",
  section: "activity",
  needs: "read",
  query,
  load: async (call: Call) => {
    const { services, org, query: { cursor, ...given } } = call;
    const names = await currentNames(call);
    const { filters, problems } = parseFilters(new URLSearchParams(given), names);
    const { entries, next } = await readActivity(services.deps.kv, org, {
      facets: facetsOf(filters),
      since: filters.since,
      until: filters.until,
      order: filters.order,
      limit: ROWS,
      position: cursor === undefined ? null : decodeCursor(cursor, position)[0],
    });
    return {
      given,
      problems,
      rows: entries.map((entry) => entryRow(entry, names)),
      next: next === null ? null : encodeCursor([next]),
      isFirst: cursor === undefined,
      stream: cursor === undefined && isOpenEnded(filters)
        ? withQuery("/activity/live", Object.fromEntries(filterParams(filters)))
        : null,
    };
  },
  view: ({ data: { given, problems, rows, next, isFirst, stream }, now }) => (
    <>
      <PageHeader
        title="Activity"
        description="Everything that agents asked and people did, in a log that nobody can rewrite."
        actions={
          <ButtonLink href="/activity/evidence" icon="shield">Checkpoint and export</ButtonLink>
        }
      />
      <ActivityFields given={given} problems={problems} />
      {stream !== null && (rows.length > 0 || next === null)
        ? <ActivityTail start={rows} stream={stream} now={now} />
        : rows.length > 0
        ? <EntryList rows={rows} now={now} />
        : <Nothing more={next !== null} />}
      <Pagination
        newer={isFirst ? null : pagePath(given, null)}
        older={next === null ? null : pagePath(given, next)}
        newerLabel={given.order === "asc" ? "Oldest" : "Newest"}
        olderLabel={given.order === "asc" ? "Newer" : "Older"}
      />
      {stream !== null && (
        <noscript>
          <p>
            New entries need JavaScript to appear by themselves. <a href="">Load again</a>
          </p>
        </noscript>
      )}
    </>
  ),
});

export const activityEndpoints: readonly Endpoint[] = [
  memberEndpoint({
    method: "get",
    path: "/activity/live",
    isWatch: true,
    needs: "read",
    query: streamQuery,
    handle: async (call) => {
      const { services, org } = call;
      const given = new URLSearchParams(call.query);
      const { filters } = parseFilters(given, await currentNames(call));
      const newest = new NewestEntries(services.deps.kv, org, filters, ROWS);
      // No topic: a log may grow a thousand times a second, and nobody reads as fast.
      return liveStream(call, { rows: [logHeadKey(org)] }, async () => {
        const names = await currentNames(call);
        const rows = (await newest.look()).map((entry) => entryRow(entry, names));
        return rows as unknown as JsonValue;
      });
    },
  }),
];

function Nothing({ more }: { readonly more: boolean }) {
  return more
    ? (
      <EmptyState icon="search" title="Nothing found so far">
        This part of the log has no such entry. Go on with “Older” below.
      </EmptyState>
    )
    : (
      <EmptyState icon="activity" title="No such entry">
        Nothing in the log fits these filters. Clear some of them.
      </EmptyState>
    );
}

async function currentNames(call: MemberCall<undefined, unknown>) {
  return await call.transact({ plan: ({ snapshot }) => namesOf(snapshot) });
}

/** Whether new entries belong on top of what is shown. */
function isOpenEnded({ order, until }: ActivityFilters): boolean {
  return order === "desc" && until === null;
}

function pagePath(given: Given, cursor: string | null): string {
  const kept = Object.fromEntries(FIELDS.map((field) => [field, given[field]]));
  return withQuery("/activity", { ...kept, cursor });
}
