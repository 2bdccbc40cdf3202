import { z } from "zod";
import { ApprovalList } from "../../../components/approval_list.tsx";
import { statusWords } from "../../../components/badges.tsx";
import { TextField } from "../../../components/fields.tsx";
import { type Filter, Filters } from "../../../components/filters.tsx";
import { EmptyState, Tabs } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Pagination } from "../../../components/table.tsx";
import Inbox from "../../../islands/inbox.tsx";
import type { Inboxed } from "../../../islands/inbox.tsx";
import { listApprovals } from "../../../lib/approvals/list.ts";
import { APPROVAL_STATUSES } from "../../../lib/approvals/state.ts";
import { readSeen, readWaiting, type Waiting } from "../../../lib/approvals/waiting.ts";
import type { JsonValue } from "../../../lib/base/json.ts";
import { pagePath } from "../../../lib/base/page_path.ts";
import { approvalsTopic } from "../../../lib/ledger/commit.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import { inboxChoices, inboxPage, type InboxQuery } from "../../../lib/sheet/inbox.ts";
import { approvalRows } from "../../../lib/sheet/row.ts";
import { logHeadKey } from "../../../lib/store/keys.ts";
import { queryText } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { type Endpoint, memberEndpoint } from "../../dashboard/endpoint.ts";
import { liveStream } from "../../dashboard/live.ts";
import { memberPage } from "../../dashboard/page.ts";
import { decodeCursor, encodeCursor } from "../../fields/paging.ts";
import { denyActions } from "./deny_many.tsx";

const HISTORY_ROWS = 50;

const VIEWS = ["mine", "waiting", "all"] as const;

type ViewName = (typeof VIEWS)[number];

/** One of a few words, or none. */
function word<T extends string>(...words: readonly [T, ...T[]]) {
  return z.enum([...words, ""]).optional()
    .transform((value) => value === undefined || value === "" ? null : value as T);
}

/** What narrows and orders an inbox, as its address says it. */
const inboxQuery = {
  q: queryText,
  risk: word("high"),
  requester: queryText,
  tool_name: queryText,
  tenant_id: queryText,
  group: word("none"),
  sort: word("newest"),
  page: z.string().regex(/^[1-9][0-9]{0,3}$/, "must be a number from 1").default("1")
    .transform(Number),
};

const query = z.object({
  view: z.enum(VIEWS).optional(),
  ...inboxQuery,
  status: word(...APPROVAL_STATUSES),
  since: queryText,
  until: queryText,
  cursor: z.string().max(2048).optional(),
});

const streamQuery = z.object({ view: z.enum(["mine", "waiting"]), ...inboxQuery });

type Call = MemberCall<undefined, z.output<typeof query>>;

type WaitingCall = MemberCall<undefined, Omit<z.output<typeof streamQuery>, "view">>;

const afterId = z.tuple([z.string()]);

/** The inbox: what waits, live, and everything that was asked before. */
export const approvalsPage = memberPage({
  path: "/approvals",
  title: "Approvals",
  section: "approvals",
  needs: "see_requests",
  query,
  load: async (call: Call) => {
    const { caller } = call;
    const view = viewOf(call);
    const shared = {
      view,
      decides: hasRight(caller.role, "decide"),
      mayPause: hasRight(caller.role, "kill_switch_on"),
      query: call.query,
    };
    return view === "all"
      ? { ...shared, ...await history(call) }
      : { ...shared, ...await inboxed(call, view) };
  },
  view: ({ data, now }) => {
    const { view, decides } = data;
    const counts = "inboxed" in data ? data.inboxed.counts : undefined;
    return (
      <>
        <PageHeader
          title="Approvals"
          tabs={
            <Tabs
              label="Which requests"
              tabs={[
                ...(decides ? [tab("mine", "For you", view, counts?.mine)] : []),
                tab("waiting", "All waiting", view, counts?.waiting),
                tab("all", "History", view),
              ]}
            />
          }
        />
        {"inboxed" in data
          ? (
            <>
              <InboxFilters call={data.query} view={view} choices={data.choices} />
              <Inbox
                start={data.inboxed}
                stream={pagePath("/approvals/live", addressOf(data.query, view))}
                now={now}
                query={{ ...addressOf(data.query, view), page: null }}
                isNarrowed={isNarrowed(data.query)}
                isMine={view === "mine"}
                mayPause={data.mayPause}
              />
            </>
          )
          : (
            <>
              <HistoryFilters query={data.query} />
              {data.rows.length === 0
                ? (
                  <EmptyState icon="approvals" title="No request matches">
                    <a href="/approvals?view=all">Clear filters</a>
                  </EmptyState>
                )
                : <ApprovalList rows={data.rows} now={now} />}
              <Pagination
                newer={data.query.cursor === undefined ? null : historyPath(data.query, null)}
                older={data.next === null ? null : historyPath(data.query, data.next)}
                newerLabel="Newest"
              />
            </>
          )}
      </>
    );
  },
  actions: denyActions((call: Call) => pagePath("/approvals", addressOf(call.query, viewOf(call)))),
});

export const approvalsEndpoints: readonly Endpoint[] = [
  memberEndpoint({
    method: "get",
    path: "/approvals/live",
    isWatch: true,
    needs: "see_requests",
    query: streamQuery,
    handle: (call) => {
      let until: number | null = null;
      const look = async () => {
        const { inboxed: seen, waiting } = await inboxed(call, call.query.view);
        const ends = waiting.map(({ facts }) => facts.expires_at);
        until = ends.length === 0 ? null : Math.min(...ends);
        return seen as unknown as JsonValue;
      };
      return Promise.resolve(liveStream(call, {
        topics: [approvalsTopic(call.org)],
        rows: [logHeadKey(call.org)],
        due: () => until,
      }, look));
    },
  }),
];

/** One page of what waits: those that the member can decide, or all of them. */
async function inboxed(call: WaitingCall, view: "mine" | "waiting") {
  const { services, query } = call;
  const { snapshot, caller } = await lookingAt(call);
  const all = await readWaiting(services, caller, snapshot);
  const mine = all.filter((one) => one.mine);
  const waiting: readonly Waiting[] = view === "mine" ? mine : all;
  const riskOf = (tool: string) => snapshot.tool(tool)?.risk_level ?? "critical";
  const page = inboxPage(waiting, inboxQueryOf(query), riskOf);
  const ids = page.parts.flatMap((part) => part.ids);
  const decidable = new Set(mine.map(({ facts }) => facts.id));
  const rows = await approvalRows(
    services,
    snapshot,
    await readSeen(services, caller, snapshot, ids),
  );
  const seen: Inboxed = {
    page,
    rows,
    mine: ids.filter((id) => decidable.has(id)),
    counts: { mine: mine.length, waiting: all.length },
  };
  return { inboxed: seen, waiting, choices: inboxChoices(waiting) };
}

async function history(call: Call) {
  const { status, tool_name, tenant_id, since, until, cursor } = call.query;
  const { snapshot, caller } = await lookingAt(call);
  const { items, next } = await listApprovals(call.services, caller, snapshot, {
    filter: {
      status,
      tool: tool_name,
      tenant: tenant_id,
      requester: call.query.requester,
      since: dayOf(since),
      until: dayOf(until),
      waits_for_me: false,
    },
    limit: HISTORY_ROWS,
    after: cursor === undefined ? null : decodeCursor(cursor, afterId)[0],
  });
  return {
    rows: await approvalRows(call.services, snapshot, items),
    next: next === null ? null : encodeCursor([next]),
  };
}

async function lookingAt(call: MemberCall<undefined, unknown>) {
  return await call.transact({
    plan: (transaction, caller) => ({ snapshot: transaction.snapshot, caller }),
  });
}

type Query = Call["query"];

function InboxFilters({ call, view, choices }: {
  readonly call: Query;
  readonly view: ViewName;
  readonly choices: ReturnType<typeof inboxChoices>;
}) {
  const { requesters, tools, tenants } = choices;
  const only = (name: string, label: string, value: string): Filter => ({
    name,
    label,
    choices: [{ value, label }],
  });
  return (
    <Filters
      path="/approvals"
      query={{ ...addressOf(call, view), page: null }}
      keep={["view"]}
      search={{ name: "q", label: "Agent, tool, tenant, REF" }}
      filters={[
        only("risk", "High and critical", "high"),
        {
          name: "requester",
          label: "Agent",
          choices: requesters,
          words: requesters.find(({ value }) => value === call.requester)?.label,
        },
        { name: "tool_name", label: "Tool", choices: tools },
        { name: "tenant_id", label: "Tenant", choices: tenants },
        only("group", "One by one", "none"),
        only("sort", "Newest first", "newest"),
      ].filter(({ name, choices }) =>
        choices?.length !== 0 || addressOf(call, view)[name] !== null
      )}
    />
  );
}

function HistoryFilters({ query }: { readonly query: Query }) {
  const { status, tool_name, tenant_id, since, until } = query;
  return (
    <Filters
      path="/approvals"
      query={{ view: "all", status, tool_name, tenant_id, since, until }}
      keep={["view"]}
      filters={[
        {
          name: "status",
          label: "Status",
          words: status === null ? undefined : statusWords(status),
          choices: APPROVAL_STATUSES.map((value) => ({ value, label: statusWords(value) })),
        },
        {
          name: "tool_name",
          label: "Tool",
          field: <TextField name="tool_name" label="Tool" mono />,
        },
        {
          name: "tenant_id",
          label: "Tenant",
          field: <TextField name="tenant_id" label="Tenant" mono />,
        },
        {
          name: "since",
          label: "From",
          field: <TextField name="since" label="From (UTC)" type="date" />,
        },
        {
          name: "until",
          label: "Before",
          field: <TextField name="until" label="Before (UTC)" type="date" />,
        },
      ]}
    />
  );
}

function tab(view: ViewName, label: string, current: ViewName, count?: number) {
  const href = pagePath("/approvals", { view });
  return { label, href, current: view === current, count, name: view };
}

function viewOf({ query, caller }: Call): ViewName {
  return query.view ?? (hasRight(caller.role, "decide") ? "mine" : "waiting");
}

/** The address of an inbox's view, field by field; null for what it does not say. */
function addressOf(query: WaitingCall["query"], view: ViewName): Record<string, string | null> {
  const { q, risk, requester, tool_name, tenant_id, group, sort, page } = query;
  const number = page === 1 ? null : String(page);
  return { view, q, risk, requester, tool_name, tenant_id, group, sort, page: number };
}

function inboxQueryOf(query: WaitingCall["query"]): InboxQuery {
  const { q, risk, requester, tool_name, tenant_id, group, sort, page } = query;
  return { q, risk, requester, tool: tool_name, tenant: tenant_id, group, sort, page };
}

function isNarrowed({ q, risk, requester, tool_name, tenant_id }: Query): boolean {
  return [q, risk, requester, tool_name, tenant_id].some((value) => value !== null);
}

/** The beginning of a day, milliseconds; null for none, or none that can be read. */
function dayOf(text: string | null): number | null {
  const at = /^\d{4}-\d\d-\d\d$/.test(text ?? "") ? Date.parse(`${text}T00:00Z`) : NaN;
  return Number.isNaN(at) ? null : at;
}

function historyPath(query: Query, cursor: string | null): string {
  const { status, requester, tool_name, tenant_id, since, until } = query;
  return pagePath("/approvals", {
    view: "all",
    ...{ status, requester, tool_name, tenant_id, since, until },
    cursor,
  });
}
