import { z } from "zod";
import {
  Badge,
  PermissionBadge,
  RiskBadge,
  statusWords,
  ToolStateBadges,
} from "../../../components/badges.tsx";
import { ButtonLink } from "../../../components/button.tsx";
import { Suggestions, TextField } from "../../../components/fields.tsx";
import { Filters } from "../../../components/filters.tsx";
import { EmptyState, Section } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Pagination, RowLink, Table } from "../../../components/table.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import { TOOL_STATUSES, type ToolRecord } from "../../../lib/store/records/policy.ts";
import { queryText } from "../../dashboard/attempted.ts";
import { memberPage } from "../../dashboard/page.ts";
import { pageByName, pageQuery } from "../../fields/paging.ts";
import { categoryNames } from "./categories.tsx";
import { toolPath } from "./form.tsx";
import { discovered, discoveredDrafts, triageAction, TriageList } from "./triage.tsx";

const PATH = "/tools";

/** More of the discovered ones are on their own page. */
const DISCOVERED_SHOWN = 3;

const MAX_SUGGESTIONS = 500;

const query = z.object({
  cursor: pageQuery.cursor,
  name: queryText,
  category: queryText,
  status: z.enum([...TOOL_STATUSES, ""]).optional().transform((status) => status || null),
  unacknowledged: z.string().optional().transform((ticked) => ticked ? "on" : null),
});

type Query = z.output<typeof query>;

/** Every tool of the org; above it those that were discovered and wait for somebody to look. */
export const toolsPage = memberPage({
  path: PATH,
  title: "Tools",
  section: "tools",
  needs: "read",
  query,
  width: "wide",
  load: async (call) => {
    const { query, caller } = call;
    const mayConfigure = hasRight(caller.role, "configure");
    const { snapshot, ...listed } = await call.transact({
      plan: ({ snapshot }) => {
        const matching = [...snapshot.tools.values()].filter((tool) => isWanted(tool, query))
          .sort((a, b) => (a.name < b.name ? -1 : 1));
        const drafts = discoveredDrafts(snapshot);
        return {
          snapshot,
          ...pageByName(matching, ({ name }) => name, { limit: 50, cursor: query.cursor }),
          total: snapshot.tools.size,
          waiting: drafts.length,
          drafts: drafts.slice(0, DISCOVERED_SHOWN),
          categories: categoryNames(snapshot).slice(0, MAX_SUGGESTIONS),
        };
      },
    });
    const active = [query.name, query.category, query.status, query.unacknowledged]
      .filter((value) => value !== null).length;
    // Whoever looks for something, or at a later page, is not here to work off the drafts.
    const isStart = active === 0 && query.cursor === undefined;
    return {
      ...listed,
      query,
      found: mayConfigure && isStart ? await discovered(call, snapshot, listed.drafts) : null,
      mayConfigure,
      defaultOf: (tool: ToolRecord) =>
        tool.default_permission ??
          snapshot.category(tool.category ?? "")?.default_permission ?? null,
    };
  },
  view: ({ data, attempt, now }) => (
    <>
      <PageHeader
        title="Tools"
        description="A tool that an agent asks for and that isn't here becomes a draft: every call of it
          needs approval until somebody describes it."
        actions={
          <>
            <ButtonLink href="/tools/categories">Categories</ButtonLink>
            <ButtonLink href="/guards">Guards</ButtonLink>
            {data.mayConfigure && (
              <ButtonLink href="/tools/new" variant="primary" icon="plus">
                Register a tool
              </ButtonLink>
            )}
          </>
        }
      />
      {data.found !== null && data.waiting > 0 && (
        <Section
          title="Recently discovered"
          description="Agents asked about these, and nobody has described them."
          actions={data.waiting > DISCOVERED_SHOWN && (
            <ButtonLink href="/tools/discovered">All {data.waiting}</ButtonLink>
          )}
        >
          <TriageList found={data.found} attempt={attempt} now={now} />
        </Section>
      )}
      <ToolFilters query={data.query} categories={data.categories} />
      <Table<ToolRecord>
        caption="Tools"
        rows={data.items}
        rowKey={({ id }) => id}
        columns={[
          {
            key: "name",
            label: "Tool",
            kind: "title",
            cell: ({ name, description }) => (
              <>
                <RowLink href={toolPath(name)}>
                  <UntrustedText text={name} mono />
                </RowLink>
                {description !== "" && (
                  <span class="tool-summary clamp quiet small">
                    <UntrustedText text={beginning(description)} />
                  </span>
                )}
              </>
            ),
          },
          { key: "status", label: "Status", cell: (tool) => <ToolStateBadges tool={tool} /> },
          {
            key: "permission",
            label: "Default",
            cell: (tool) => {
              const permission = data.defaultOf(tool);
              const inherited = tool.default_permission === null && permission !== null;
              return (
                <span class="badges">
                  <PermissionBadge permission={permission} />
                  {inherited && <Badge>By category</Badge>}
                </span>
              );
            },
          },
          { key: "risk", label: "Risk", cell: (tool) => <RiskBadge risk={tool.risk_level} /> },
          {
            key: "category",
            label: "Category",
            cell: ({ category }) =>
              category === null ? <span class="quiet">–</span> : <UntrustedText text={category} />,
          },
        ]}
        empty={
          <EmptyState
            icon="tool"
            title={data.total === 0 ? "No tools yet" : "No tool matches"}
            action={data.total === 0
              ? data.mayConfigure && <ButtonLink href="/tools/new">Register a tool</ButtonLink>
              : <ButtonLink href={PATH}>Clear filters</ButtonLink>}
          >
            {data.total === 0
              ? "Register what your agents can call, or let one ask: its tool appears here as a draft."
              : "Search for a part of the name, or take a filter away."}
          </EmptyState>
        }
      />
      <Pagination
        newer={data.query.cursor === undefined ? null : hrefOf(data.query, null)}
        older={data.next_cursor === null ? null : hrefOf(data.query, data.next_cursor)}
        newerLabel="First page"
        olderLabel="More"
      />
    </>
  ),
  actions: { triage: triageAction(() => PATH) },
});

function ToolFilters({ query, categories }: {
  readonly query: Query;
  readonly categories: readonly string[];
}) {
  const { name, category, status, unacknowledged } = query;
  return (
    <Filters
      path={PATH}
      query={{ name, category, status, unacknowledged }}
      search={{ name: "name", label: "Name contains" }}
      filters={[
        {
          name: "status",
          label: "Status",
          words: status === null ? undefined : statusWords(status),
          choices: TOOL_STATUSES.map((value) => ({ value, label: statusWords(value) })),
        },
        {
          name: "category",
          label: "Category",
          field: (
            <>
              <TextField name="category" label="Category" list="tool-categories" />
              <Suggestions id="tool-categories" values={categories} />
            </>
          ),
        },
        { name: "unacknowledged", label: UNACKNOWLEDGED, choices: [UNACKNOWLEDGED_CHOICE] },
      ]}
    />
  );
}

const UNACKNOWLEDGED = "Needs annotations";

const UNACKNOWLEDGED_CHOICE = { value: "on", label: UNACKNOWLEDGED };

function isWanted(tool: ToolRecord, { name, category, status, unacknowledged }: Query): boolean {
  return (name === null || tool.name.toLowerCase().includes(name.toLowerCase())) &&
    (category === null || tool.category === category) &&
    (status === null || tool.status === status) &&
    (unacknowledged === null || !tool.annotations_acknowledged);
}

function hrefOf({ name, category, status, unacknowledged }: Query, cursor: string | null): string {
  return pagePath(PATH, { name, category, status, unacknowledged, cursor });
}

/** As much of a description as a list has room for; the whole is on the tool's page. */
function beginning(description: string): string {
  const characters = Array.from(description.slice(0, 250));
  return characters.length > 100 ? `${characters.slice(0, 100).join("").trimEnd()}…` : description;
}
