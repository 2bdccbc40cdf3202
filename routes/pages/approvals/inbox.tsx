import { z } from "zod";
import { ApprovalList } from "../../../components/approval_list.tsx";
import { statusWords } from "../../../components/badges.tsx";
import { SelectField, TextField } from "../../../components/fields.tsx";
import { Filters } from "../../../components/form.tsx";
import { EmptyState, Tabs } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Pagination } from "../../../components/table.tsx";
import Inbox from "../../../islands/inbox.tsx";
import type { Waiting } from "../../../islands/inbox.tsx";
import { type ApprovalFilter, listApprovals, NO_FILTER } from "../../../lib/approvals/list.ts";
import { approvalRow } from "../../../lib/approvals/row.ts";
import { APPROVAL_STATUSES } from "../../../lib/approvals/state.ts";
import type { JsonValue } from "../../../lib/base/json.ts";
import { pagePath } from "../../../lib/base/page_path.ts";
import { approvalsTopic } from "../../../lib/ledger/due.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import { approvalOrgCountKey, logHeadKey } from "../../../lib/store/keys.ts";
import { readRecord } from "../../../lib/store/kv.ts";
import { orgCount } from "../../../lib/store/records/approval.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { type Endpoint, memberEndpoint } from "../../dashboard/endpoint.ts";
import { liveStream } from "../../dashboard/live.ts";
import { memberPage } from "../../dashboard/page.ts";
import { decodeCursor, encodeCursor } from "../../fields/paging.ts";

/** As many as may wait in an org at once are on few pages; the newest are what is looked at. */
const INBOX_ROWS = 200;

const HISTORY_ROWS = 50;

const VIEWS = ["mine", "waiting", "all"] as const;

type ViewName = (typeof VIEWS)[number];

const text = z.string().max(256);

const query = z.object({
  view: z.enum(VIEWS).optional(),
  status: z.union([z.enum(APPROVAL_STATUSES), z.literal("")]).optional(),
  tool_name: text.optional(),
  tenant_id: text.optional(),
  since: text.optional(),
  until: text.optional(),
  cursor: z.string().max(2048).optional(),
});

type Query = z.output<typeof query>;

type Call = MemberCall<undefined, Query>;

const afterId = z.tuple([z.string()]);

/** The inbox: what waits, live, and everything that was asked before. */
export const approvalsPage = memberPage({
  path: "/approvals",
  title: "Approvals",
  section: "approvals",
  needs: "see_requests",
  query,
  load: async (call: Call) => {
    const view = viewOf(call);
    return view === "all"
      ? { view, decides: decides(call), query: call.query, ...await history(call) }
      : { view, decides: decides(call), query: call.query, waiting: await waiting(call, view) };
  },
  view: ({ data, now }) => (
    <>
      <PageHeader title="Approvals" />
      <Tabs
        label="Which requests"
        tabs={[
          ...(data.decides ? [tab("mine", "For you", data.view)] : []),
          tab("waiting", "All waiting", data.view),
          tab("all", "History", data.view),
        ]}
      />
      {"waiting" in data
        ? (
          <Inbox
            start={data.waiting}
            stream={pagePath("/approvals/live", { view: data.view })}
            now={now}
            mine={data.view === "mine"}
          />
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
              newer={data.query.cursor === undefined ? null : hrefOf(data.query, null)}
              older={data.next === null ? null : hrefOf(data.query, data.next)}
              newerLabel="Newest"
            />
          </>
        )}
    </>
  ),
});

export const approvalsEndpoints: readonly Endpoint[] = [
  memberEndpoint({
    method: "get",
    path: "/approvals/live",
    isWatch: true,
    needs: "see_requests",
    query: z.object({ view: z.enum(["mine", "waiting"]) }),
    handle: (call) => {
      let until: number | null = null;
      const look = async () => {
        const seen = await waiting(call, call.query.view);
        until = seen.rows.length === 0 ? null : Math.min(...seen.rows.map((row) => row.expires_at));
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

function HistoryFilters({ query }: { readonly query: Query }) {
  const { status = "", tool_name = "", tenant_id = "", since = "", until = "" } = query;
  const active = [status, tool_name, tenant_id, since, until].filter((value) => value !== "");
  return (
    <Filters action="/approvals?view=all" active={active.length} keep={{ view: "all" }}>
      <SelectField
        name="status"
        label="Status"
        value={status}
        options={[
          { value: "", label: "Any" },
          ...APPROVAL_STATUSES.map((value) => ({ value, label: statusWords(value) })),
        ]}
      />
      <TextField name="tool_name" label="Tool" value={tool_name} mono />
      <TextField name="tenant_id" label="Tenant" value={tenant_id} mono />
      <TextField name="since" label="From (UTC)" type="date" value={since} />
      <TextField name="until" label="Before (UTC)" type="date" value={until} />
    </Filters>
  );
}

function tab(view: ViewName, label: string, current: ViewName) {
  return { label, href: pagePath("/approvals", { view }), current: view === current };
}

function decides({ caller }: Call): boolean {
  return hasRight(caller.role, "decide");
}

function viewOf(call: Call): ViewName {
  return call.query.view ?? (decides(call) ? "mine" : "waiting");
}

/** Requests that wait: those that the member can decide, or all of them. */
async function waiting(
  call: MemberCall<undefined, { readonly view?: ViewName | undefined }>,
  view: "mine" | "waiting",
): Promise<Waiting> {
  const filter: ApprovalFilter = {
    ...NO_FILTER,
    status: "pending",
    waits_for_me: view === "mine",
  };
  const [{ items }, count] = await Promise.all([
    listed(call, filter, INBOX_ROWS, null),
    readRecord(call.services.deps.kv, approvalOrgCountKey(call.org), orgCount),
  ]);
  return {
    rows: items.map(approvalRow),
    pending: (count?.value.deadlines ?? []).filter((at) => at > call.now).length,
  };
}

async function history(call: Call) {
  const { status, tool_name, tenant_id, since, until, cursor } = call.query;
  const filter: ApprovalFilter = {
    ...NO_FILTER,
    status: status || null,
    tool: tool_name || null,
    tenant: tenant_id || null,
    since: dayOf(since),
    until: dayOf(until),
  };
  const after = cursor === undefined ? null : decodeCursor(cursor, afterId)[0];
  const { items, next } = await listed(call, filter, HISTORY_ROWS, after);
  return { rows: items.map(approvalRow), next: next === null ? null : encodeCursor([next]) };
}

async function listed(
  call: MemberCall<undefined, unknown>,
  filter: ApprovalFilter,
  limit: number,
  after: string | null,
) {
  const { snapshot, caller } = await call.transact({
    plan: (transaction, caller) => ({ snapshot: transaction.snapshot, caller }),
  });
  return await listApprovals(call.services, caller, snapshot, {
    filter,
    limit,
    after,
    withArguments: false,
  });
}

/** The beginning of a day, milliseconds; null for none, or none that can be read. */
function dayOf(text: string | undefined): number | null {
  const at = /^\d{4}-\d\d-\d\d$/.test(text ?? "") ? Date.parse(`${text}T00:00Z`) : NaN;
  return Number.isNaN(at) ? null : at;
}

function hrefOf(query: Query, cursor: string | null): string {
  return pagePath("/approvals", { ...query, view: "all", cursor });
}
