import type { VNode } from "preact";
import { z } from "zod";
import { permissionWords } from "../../../components/badges.tsx";
import { EntryList } from "../../../components/entries.tsx";
import { SelectField, TextField } from "../../../components/fields.tsx";
import { type Filter, Filters } from "../../../components/filters.tsx";
import { EmptyState } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Pagination } from "../../../components/table.tsx";
import { Time } from "../../../components/time.tsx";
import ActivityTail from "../../../islands/activity_tail.tsx";
import type { JsonValue } from "../../../lib/base/json.ts";
import { pagePath } from "../../../lib/base/page_path.ts";
import {
  type ActivityFilters,
  facetsOf,
  filterParams,
  type FilterProblem,
  parseFilters,
} from "../../../lib/evidence/filters.ts";
import { NewestEntries } from "../../../lib/evidence/newest.ts";
import { ENTRY_TYPES, entryRow } from "../../../lib/evidence/sentences.ts";
import { namesOf } from "../../../lib/evidence/telling.ts";
import { currentCheckpoint } from "../../../lib/ledger/checkpoints.ts";
import { readActivity } from "../../../lib/ledger/log_reader.ts";
import { logHeadKey } from "../../../lib/store/keys.ts";
import { PERMISSIONS } from "../../../lib/store/records/vocabulary.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { type Endpoint, memberEndpoint } from "../../dashboard/endpoint.ts";
import { liveStream } from "../../dashboard/live.ts";
import { memberPage } from "../../dashboard/page.ts";
import { decodeCursor, encodeCursor } from "../../fields/paging.ts";

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
  mandate: text,
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
    const { names, origin } = await call.transact({
      plan: ({ snapshot }) => ({ names: namesOf(snapshot), origin: snapshot.org.log_origin }),
    });
    const { size } = await currentCheckpoint(services.deps, org, origin);
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
      /** The newest entry that the checkpoint of now covers. */
      sealed: size - 1,
      rows: entries.map((entry) => entryRow(entry, names)),
      next: next === null ? null : encodeCursor([next]),
      isFirst: cursor === undefined,
      stream: cursor === undefined && isOpenEnded(filters)
        ? pagePath("/activity/live", Object.fromEntries(filterParams(filters)))
        : null,
    };
  },
  view: ({ data: { given, problems, rows, next, isFirst, stream, sealed }, now }) => (
    <>
      <PageHeader
        title="Activity"
        description={
          <>
            {`Sealed up to #${sealed} at `}
            <Time at={now} now={now} show="absolute" />.{" "}
            <a href="/activity/evidence">Checkpoint and export</a>, <a href="/calls">calls</a>
          </>
        }
      />
      <ActivityFields given={given} problems={problems} />
      {stream !== null && (rows.length > 0 || next === null)
        ? <ActivityTail start={rows} stream={stream} now={now} />
        : rows.length > 0
        ? <EntryList rows={rows} now={now} />
        : <Nothing more={next !== null} />}
      <Pagination
        newer={isFirst ? null : listPath(given, null)}
        older={next === null ? null : listPath(given, next)}
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
      <EmptyState icon="activity" title="No entry matches">
        <a href="/activity">Clear filters</a>
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

function listPath(given: Given, cursor: string | null): string {
  const kept = Object.fromEntries(FIELDS.map((field) => [field, given[field]]));
  return pagePath("/activity", { ...kept, cursor });
}

/** What the list can be narrowed by, as the address names it. */
const FIELDS = [
  "since",
  "until",
  "type",
  "tool_name",
  "tenant_id",
  "actor",
  "permission",
  "mandate",
  "order",
] as const;

type GivenFields = Readonly<Record<(typeof FIELDS)[number], string>>;

/** The filters of the log, as they were given. */
function ActivityFields({ given, problems }: {
  readonly given: GivenFields;
  readonly problems: readonly FilterProblem[];
}) {
  const problem = (field: string) => problems.find((one) => one.field === field)?.message;
  const typed = (name: keyof GivenFields, label: string, field: VNode): Filter => ({
    name,
    label,
    field,
    problem: problem(name),
  });
  const text = (
    name: "actor" | "tool_name" | "tenant_id" | "mandate",
    label: string,
    hint = "",
  ) => (
    <TextField
      name={name}
      label={label}
      placeholder={hint}
      value={given[name]}
      error={problem(name)}
      mono={name !== "actor"}
    />
  );
  const day = (name: "since" | "until", label: string) => (
    <DayField name={name} label={label} given={given[name]} error={problem(name)} />
  );
  return (
    <Filters
      path="/activity"
      query={Object.fromEntries(FIELDS.map((field) => [field, given[field] || null]))}
      filters={[
        typed(
          "type",
          "What happened",
          <SelectField
            name="type"
            label="What happened"
            value={given.type}
            options={[
              { value: "", label: "Anything" },
              ...withGiven(ENTRY_TYPES, given.type).map((value) => ({ value, label: value })),
            ]}
          />,
        ),
        typed("actor", "Who", text("actor", "Who", "Name, e-mail or id")),
        typed("tool_name", "Tool", text("tool_name", "Tool")),
        typed("tenant_id", "Tenant", text("tenant_id", "Tenant")),
        {
          name: "permission",
          label: "Answer",
          words: given.permission === "" ? undefined : answerWords(given.permission),
          choices: PERMISSIONS.map((value) => ({ value, label: permissionWords(value) })),
          problem: problem("permission"),
        },
        typed("mandate", "Mandate", text("mandate", "Mandate", "mdt_…")),
        typed("since", "From", day("since", "From (UTC)")),
        typed("until", "To", day("until", "To (UTC)")),
        { name: "order", label: OLDEST, choices: [{ value: "asc", label: OLDEST }] },
      ]}
    />
  );
}

const OLDEST = "Oldest first";

function answerWords(given: string): string {
  const permission = PERMISSIONS.find((one) => one === given);
  return permission === undefined ? given : permissionWords(permission);
}

/** A day to pick. A time to the minute, as a link may carry it, stays in sight as text. */
function DayField({ name, label, given, error }: {
  readonly name: string;
  readonly label: string;
  readonly given: string;
  readonly error: string | undefined;
}) {
  const type = /^(\d{4}-\d\d-\d\d)?$/.test(given) ? "date" : "text";
  return <TextField name={name} label={label} type={type} value={given} error={error} />;
}

/** The list with what was asked for, though it is not one of them. */
function withGiven(values: readonly string[], given: string): readonly string[] {
  return given === "" || values.includes(given) ? values : [...values, given];
}
