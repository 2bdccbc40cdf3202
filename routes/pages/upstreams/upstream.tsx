import { z } from "zod";
import { PermissionBadge, ToolStateBadges } from "../../../components/badges.tsx";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { Filters } from "../../../components/filters.tsx";
import { FieldErrors, Form } from "../../../components/form.tsx";
import {
  DangerSection,
  Definitions,
  EmptyState,
  Section,
  SheetActions,
  Tabs,
} from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Pagination } from "../../../components/table.tsx";
import { Time } from "../../../components/time.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { clearUpstream, refreshUpstream } from "../../../lib/gateway/refresh.ts";
import {
  isCurrent,
  removeUpstream,
  type SeenUpstream,
  seeUpstream,
  switchUpstream,
  type UpstreamTool,
} from "../../../lib/gateway/upstreams.ts";
import { demand } from "../../../lib/identity/deeds.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import type { UpstreamRecord } from "../../../lib/store/records/upstream.ts";
import { asShown, attempted, changedSince, queryText } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { whole } from "../../dashboard/form.ts";
import { action, type Attempt, memberPage } from "../../dashboard/page.ts";
import { pageByName, pageQuery } from "../../fields/paging.ts";
import { upstreamName } from "../../fields/upstream.ts";
import { callRows, CallTable } from "../calls/parts.tsx";
import { approveAction, DraftsForm, ToolLines, TOOLS_SHOWN } from "./drafts.tsx";
import { Facts, Troubles } from "./facts.tsx";
import { toolNumbers, UpstreamState } from "./list.tsx";

const byName = z.object({ name: upstreamName });

const VIEWS = ["changed", "drafts", "approved", "others", "refused"] as const;

type View = typeof VIEWS[number];

/** More tools than this are worth a search. */
const LONG = 10;

const CALLS_SHOWN = 5;

const TICK_ALL = "Tick all shown";

const query = z.object({
  view: z.enum(VIEWS).optional(),
  q: queryText,
  select: z.literal("all").optional(),
  cursor: pageQuery.cursor,
});

type Call = MemberCall<z.output<typeof byName>, z.output<typeof query>>;

const seen = z.strictObject({ seen: whole(z.int()) });

/** One upstream: what it offers, what of it is approved, and how it was last found. */
export const upstreamPage = memberPage({
  path: "/upstreams/:name",
  section: "upstreams",
  needs: "read",
  params: byName,
  query,
  load: async (call: Call) => {
    const { params, query: { view: wanted, q, select, cursor }, caller } = call;
    const upstream = await call.transact(seeUpstream(params.name));
    const view = wanted ?? firstView(upstream);
    const all = upstream.tools.filter((tool) => viewOf(tool, upstream.record) === view);
    const found = all.filter((tool) =>
      q === null || tool.upstream.tool.toLowerCase().includes(q.toLowerCase())
    );
    const last = { upstream: params.name, tool: null, actor: null };
    return {
      calls: (await callRows(call, last, { limit: CALLS_SHOWN, after: null })).rows,
      upstream,
      view,
      q,
      select: select ?? null,
      cursor: cursor ?? null,
      isLong: all.length > LONG || q !== null,
      ...pageByName(found, (tool) => tool.name, { limit: TOOLS_SHOWN, cursor }),
      mayConfigure: hasRight(caller.role, "configure"),
    };
  },
  title: ({ upstream }) => `Upstream ${upstream.record.name}`,
  view: ({ data, attempt, now }) => {
    const { upstream, view, items, q, select, mayConfigure } = data;
    const { record, state } = upstream;
    const { name } = record;
    const address = (more: Readonly<Record<string, string | null>>) =>
      pagePath("/upstreams/:name", { ...more, name });
    const picks = view === "drafts" && mayConfigure && items.length > 0;
    return (
      <>
        <PageHeader
          title={<UntrustedText text={name} mono />}
          breadcrumb={[{ label: "Upstreams", href: "/upstreams" }]}
          badges={<UpstreamState seen={upstream} />}
          actions={mayConfigure && record.status === "active" && (
            <Form do="refresh">
              <Button icon="refresh">Ask again</Button>
            </Form>
          )}
        />
        <Troubles upstream={upstream} mayConfigure={mayConfigure} attempt={attempt} now={now} />
        <ViewTabs upstream={upstream} view={view} />
        {(data.isLong || picks) && (
          <Filters
            path={address}
            query={{ view, q, cursor: data.cursor, select }}
            keep={["view"]}
            {...(data.isLong ? { search: { name: "q", label: "Name contains" } } : {})}
            filters={picks
              ? [{ name: "select", label: TICK_ALL, choices: [{ value: "all", label: TICK_ALL }] }]
              : []}
          />
        )}
        {view === "refused"
          ? <Refused upstream={upstream} />
          : picks
          ? <DraftsForm drafts={items} allTicked={select === "all"} attempt={attempt} />
          : items.length === 0
          ? <NoTools upstream={upstream} view={view} isNarrowed={q !== null} />
          : (
            <ToolLines
              tools={items}
              end={(tool) =>
                view === "approved"
                  ? <PermissionBadge permission={tool.default_permission} />
                  : view === "others"
                  ? <ToolStateBadges tool={tool} />
                  : (
                    <span class="quiet small">
                      <Time at={tool.upstream.since} now={now} show="relative" />
                    </span>
                  )}
            />
          )}
        <Pagination
          newer={data.cursor === null ? null : address({ view, q })}
          older={data.next_cursor === null ? null : address({ view, q, cursor: data.next_cursor })}
          newerLabel="First page"
          olderLabel="More"
        />
        {data.calls.length > 0 && (
          <Section
            title="Last calls"
            actions={
              <ButtonLink href={pagePath("/calls", { upstream: name })} size="small">
                All calls
              </ButtonLink>
            }
          >
            <CallTable rows={data.calls} now={now} />
          </Section>
        )}
        <Section
          title="What it is"
          actions={mayConfigure && record.kind !== "mcp_stdio" && (
            <>
              {record.document !== undefined && (
                <>
                  <ButtonLink
                    href={pagePath("/upstreams/:name/document/:document", {
                      name,
                      document: record.document.id,
                    })}
                    size="small"
                  >
                    Pick operations
                  </ButtonLink>
                  <ButtonLink href={pagePath("/upstreams/new/api", { name })} size="small">
                    Another document
                  </ButtonLink>
                </>
              )}
              <ButtonLink href={pagePath("/upstreams/:name/edit", { name })} size="small">
                Edit
              </ButtonLink>
            </>
          )}
        >
          <Facts record={record} state={state} now={now} />
        </Section>
        {mayConfigure && <PauseSection record={record} attempt={attempt} />}
        {mayConfigure && record.kind !== "mcp_stdio" && (
          <RemoveSection record={record} attempt={attempt} />
        )}
      </>
    );
  },
  actions: {
    refresh: action(z.strictObject({}), async (call: Call) => {
      const { services, org, params: { name } } = call;
      const looking = seeUpstream(name);
      await call.transact({
        ...looking,
        plan(transaction, caller, state) {
          demand(caller, "configure");
          return looking.plan(transaction, caller, state);
        },
      }, "configure");
      const done = await refreshUpstream(services, org, name);
      const to = pagePath("/upstreams/:name", { name });
      return done === null || "is" in done ? { to } : { to, notice: refreshedWords(done) };
    }, "configure"),
    approve: approveAction,
    pause: action(seen, (call: Call, form) => switched(call, form.seen, "paused"), "configure"),
    resume: action(seen, (call: Call, form) => switched(call, form.seen, "active"), "configure"),
    remove: action(z.strictObject({}), async (call: Call) => {
      const { services, org, params: { name }, id } = call;
      await call.transact(removeUpstream(name, id), "configure");
      await clearUpstream(services, org, name);
      return { to: "/upstreams", notice: `${name} is removed: nothing of it runs any more.` };
    }, "configure"),
  },
});

async function switched(call: Call, shown: number, status: UpstreamRecord["status"]) {
  const { services, org, params: { name }, id } = call;
  const change = asShown(
    switchUpstream(name, status, id),
    ({ snapshot }) => changedSince(snapshot.upstreams.get(name), shown),
  );
  await call.transact(change, "configure");
  const to = pagePath("/upstreams/:name", { name });
  if (status === "paused") return { to, notice: `${name} is paused: nothing of it runs.` };
  await refreshUpstream(services, org, name);
  return { to, notice: `${name} goes on.` };
}

function refreshedWords(
  { added, removed, changed }: {
    readonly added: readonly string[];
    readonly removed: readonly string[];
    readonly changed: readonly unknown[];
  },
): string {
  const parts = [
    ...added.length > 0 ? [`${added.length} new`] : [],
    ...changed.length > 0 ? [`${changed.length} changed`] : [],
    ...removed.length > 0 ? [`${removed.length} gone`] : [],
  ];
  return parts.length === 0 ? "Nothing has changed." : `Tools: ${parts.join(", ")}.`;
}

/** Among which tools a tool is listed. */
function viewOf(tool: UpstreamTool, record: UpstreamRecord): View {
  if (tool.status === "draft") return tool.upstream.drifted ? "changed" : "drafts";
  return tool.status === "approved" && isCurrent(tool, record) ? "approved" : "others";
}

/** What there is to do first. */
function firstView(upstream: SeenUpstream): View {
  const { changed, drafts, approved, refused } = toolNumbers(upstream);
  if (changed > 0) return "changed";
  if (drafts > 0) return "drafts";
  return approved === 0 && refused > 0 ? "refused" : "approved";
}

const VIEW_LABELS: Readonly<Record<View, string>> = {
  changed: "Changed",
  drafts: "Drafts",
  approved: "Approved",
  others: "Off",
  refused: "Not taken",
};

function ViewTabs({ upstream, view }: { readonly upstream: SeenUpstream; readonly view: View }) {
  const { record: { name }, tools } = upstream;
  const numbers = toolNumbers(upstream);
  const counts: Readonly<Record<View, number>> = {
    ...numbers,
    others: tools.length - numbers.changed - numbers.drafts - numbers.approved,
  };
  const shown = VIEWS.filter((one) =>
    one === view || one === "drafts" || one === "approved" || counts[one] > 0
  );
  return (
    <Tabs
      label="Its tools"
      tabs={shown.map((one) => ({
        label: VIEW_LABELS[one],
        href: pagePath("/upstreams/:name", { name, view: one }),
        current: one === view,
        count: counts[one],
      }))}
    />
  );
}

function NoTools({ upstream, view, isNarrowed }: {
  readonly upstream: SeenUpstream;
  readonly view: View;
  readonly isNarrowed: boolean;
}) {
  const { record: { name }, state, tools } = upstream;
  if (isNarrowed) {
    return (
      <EmptyState
        icon="search"
        title="No tool matches"
        action={
          <ButtonLink href={pagePath("/upstreams/:name", { name, view })}>
            Clear the search
          </ButtonLink>
        }
      />
    );
  }
  const title = tools.length === 0 ? "It offers no tools yet" : VIEW_NONE[view];
  return (
    <EmptyState icon="tool" title={title}>
      {state?.listed_at == null
        ? "It's asked every 15 minutes, and whenever you say so."
        : view === "approved"
        ? "A tool runs from the moment that somebody approves it."
        : "What it offers anew comes here."}
    </EmptyState>
  );
}

const VIEW_NONE: Readonly<Record<View, string>> = {
  changed: "No tool has changed",
  drafts: "No drafts wait",
  approved: "No tool is approved",
  others: "No tool is off",
  refused: "Every tool was taken",
};

/** Tools that it lists and that can't be in the catalog. */
function Refused({ upstream: { state } }: { readonly upstream: SeenUpstream }) {
  return (
    <Definitions
      items={(state?.refused ?? []).map(({ name, why }, index) => ({
        term: `Tool ${index + 1}`,
        value: (
          <>
            <UntrustedText text={name} mono /> <UntrustedText text={why} />
          </>
        ),
      }))}
    />
  );
}

interface SwitchProps {
  readonly record: UpstreamRecord;
  readonly attempt: Attempt | null;
}

function PauseSection({ record, attempt }: SwitchProps) {
  if (record.status === "paused") return null;
  return (
    <DangerSection
      id="pause"
      title="Pause this upstream"
      open={attempt?.do === "pause"}
      description="Nothing of it runs until it goes on. Its tools and what is approved of them stay."
    >
      <FieldErrors errors={attempted(attempt, "pause").errors} />
      <Form do="pause" hidden={{ seen: String(record.updated_at) }}>
        <SheetActions>
          <Button variant="danger" icon="pause">Pause upstream</Button>
        </SheetActions>
      </Form>
    </DangerSection>
  );
}

function RemoveSection({ attempt }: SwitchProps) {
  return (
    <DangerSection
      id="remove"
      title="Remove this upstream"
      open={attempt?.do === "remove"}
      description="Nothing of it runs any more. Its approved tools are archived, its drafts deleted.
        Added again, every tool is a draft."
    >
      <FieldErrors errors={attempted(attempt, "remove").errors} />
      <Form do="remove">
        <SheetActions>
          <Button variant="danger" icon="trash">Remove upstream</Button>
        </SheetActions>
      </Form>
    </DangerSection>
  );
}
