import { z } from "zod";
import { EmptyState } from "../../../components/layout.tsx";
import { BudgetBar, BudgetWords, MandateAgent } from "../../../components/mandate.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Pagination, Table } from "../../../components/table.tsx";
import { Time } from "../../../components/time.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { namesOf } from "../../../lib/evidence/telling.ts";
import { windowEnd } from "../../../lib/mandates/budget.ts";
import { listBudgets, type OrgBudget } from "../../../lib/mandates/org_budgets.ts";
import { memberPage } from "../../dashboard/page.ts";
import { pageById, pageQuery } from "../../fields/paging.ts";

interface Row extends OrgBudget {
  readonly kind: string;
  /** Whose it is; empty for the organization's. */
  readonly id: string;
  readonly agentName: string | null;
}

/** What may be spent under mandates by a user, an agent, a tenant, or all together. */
export const budgetsPage = memberPage({
  path: "/budgets",
  title: "Budgets",
  section: "mandates",
  needs: "read",
  query: z.strictObject(pageQuery),
  load: async (call) => {
    const { items, next_cursor } = await pageById(
      (span) =>
        call.transact({
          load: (reader, caller) => listBudgets(reader, caller, span),
          plan: ({ snapshot }, _caller, budgets) => {
            const names = namesOf(snapshot);
            return budgets.map(({ scope, row }) => {
              const [kind = scope] = scope.split(":", 1);
              const id = scope.slice(kind.length + 1);
              const shown: Row = { scope, row, kind, id, agentName: names.of(id) };
              return { id: scope, shown };
            });
          },
        }),
      call.query,
    );
    return {
      rows: items.map(({ shown }) => shown),
      next_cursor,
      isFirst: call.query.cursor === undefined,
    };
  },
  view: ({ data: { rows, next_cursor, isFirst }, now }) => (
    <>
      <PageHeader
        title="Budgets"
        description="What may be spent under mandates, beside the budget that each has itself. All
          that speak of an action count."
        breadcrumb={[{ label: "Mandates", href: "/mandates" }]}
      />
      <Table<Row>
        caption="Budgets"
        rows={rows}
        rowKey={({ scope }) => scope}
        columns={[
          { key: "scope", label: "Of", kind: "title", cell: (row) => <Whose row={row} /> },
          {
            key: "left",
            label: "Left",
            cell: ({ row }) => <BudgetBar row={row} now={now} short />,
          },
          {
            key: "limit",
            label: "Limit",
            cell: ({ row: { limit, period, ask_above } }) => (
              <BudgetWords
                terms={{ limit_micros: limit, period, ask_above_micros: ask_above }}
              />
            ),
          },
          {
            key: "anew",
            label: "Begins anew",
            cell: ({ row: { period, window } }) => {
              const ends = windowEnd(period, window);
              return ends === null
                ? <span class="quiet">Never</span>
                : <Time at={ends} now={now} show="absolute" />;
            },
          },
        ]}
        empty={
          <EmptyState icon="mandate" title={isFirst ? "No budgets yet" : "No more budgets"}>
            A management key sets one with <code>PUT /v1/budgets/org</code>, or for{" "}
            <code>user:</code>, <code>agent:</code> or <code>tenant:</code> and an id.
          </EmptyState>
        }
      />
      <Pagination
        newer={isFirst ? null : "/budgets"}
        older={next_cursor === null ? null : pagePath("/budgets", { cursor: next_cursor })}
        newerLabel="First page"
        olderLabel="More"
      />
    </>
  ),
});

const KINDS: Readonly<Record<string, string>> = {
  agent: "Agent",
  tenant: "Tenant",
  user: "User",
};

function Whose({ row: { kind, id, agentName } }: { readonly row: Row }) {
  if (kind === "org") return <>The organization</>;
  return (
    <>
      {KINDS[kind]} {kind === "agent"
        ? <MandateAgent agent={id} name={agentName} />
        : <UntrustedText text={id} mono />}
    </>
  );
}
