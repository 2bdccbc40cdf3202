import { z } from "zod";
import { ButtonLink } from "../../../components/button.tsx";
import { TextField } from "../../../components/fields.tsx";
import { Filters } from "../../../components/filters.tsx";
import { EmptyState } from "../../../components/layout.tsx";
import {
  BudgetBar,
  MANDATE_STATE_CHOICES,
  MandateAgent,
  MandateStateBadge,
} from "../../../components/mandate.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Pagination, RowLink, Table } from "../../../components/table.tsx";
import { Time } from "../../../components/time.tsx";
import { Name, UntrustedText } from "../../../components/untrusted.tsx";
import { idTail } from "../../../lib/base/confusables.ts";
import { pagePath } from "../../../lib/base/page_path.ts";
import { type Names, namesOf } from "../../../lib/evidence/telling.ts";
import { clocksAt } from "../../../lib/ledger/clock.ts";
import { listMandates } from "../../../lib/mandates/listing.ts";
import type { CountedMandate } from "../../../lib/mandates/mandate.ts";
import { isLabel } from "../../../lib/mandates/narrow.ts";
import { queryText } from "../../dashboard/attempted.ts";
import { memberPage } from "../../dashboard/page.ts";
import { afterMandate, MANDATE_STATES, type MandateState, stateOf } from "../../fields/mandate.ts";
import { decodeCursor, encodeCursor } from "../../fields/paging.ts";

const PATH = "/mandates";

const ROWS = 50;

const query = z.object({
  user: queryText,
  agent: queryText,
  state: z.enum(MANDATE_STATES).optional().catch(undefined),
  cursor: z.string().max(2048).optional(),
});

type Query = z.output<typeof query>;

interface Row extends CountedMandate {
  readonly state: MandateState;
  readonly agentName: string | null;
}

/** What users let agents do: by user, by agent, by state, the newest first. */
export const mandatesPage = memberPage({
  path: PATH,
  title: "Mandates",
  section: "mandates",
  needs: "read",
  query,
  load: async (call) => {
    const { user, agent, state = null, cursor } = call.query;
    const after = cursor === undefined ? null : decodeCursor(cursor, afterMandate)[0];
    const { items, next, names } = await call.transact({
      load: async (reader, caller) => {
        const names = namesOf(reader.snapshot);
        const filter = { user_id: user, agent: agentOf(agent, names), state };
        return { ...await listMandates(reader, caller, filter, { limit: ROWS, after }), names };
      },
      plan: (_transaction, _caller, page) => page,
    });
    const clocks = clocksAt(call.now);
    return {
      rows: items.map((counted): Row => ({
        ...counted,
        state: stateOf(counted, clocks),
        agentName: names.of(counted.record.agent),
      })),
      next: next === null ? null : encodeCursor([next]),
      query: call.query,
    };
  },
  view: ({ data: { rows, next, query }, now }) => (
    <>
      <PageHeader
        title="Mandates"
        description="What users let agents do, within what the rules allow. It never lets through
          more than they do."
        actions={
          <>
            <ButtonLink href="/users" icon="passkey">Passkeys of users</ButtonLink>
            <ButtonLink href="/budgets">Budgets</ButtonLink>
            <ButtonLink href="/tombstones">Closed resources</ButtonLink>
          </>
        }
      />
      <MandateFilters query={query} />
      <Table<Row>
        caption="Mandates"
        rows={rows}
        rowKey={({ record }) => record.id}
        columns={[
          {
            key: "user",
            label: "User",
            kind: "title",
            cell: ({ record: { id, user_id } }) => (
              <RowLink href={pagePath("/mandates/:id", { id })}>
                <UntrustedText text={user_id} mono /> <Name kind="id" text={idTail(id)} />
              </RowLink>
            ),
          },
          {
            key: "state",
            label: "State",
            kind: "badge",
            cell: ({ state }) => <MandateStateBadge state={state} />,
          },
          {
            key: "agent",
            label: "Agent",
            cell: ({ record, agentName }) => <MandateAgent agent={record.agent} name={agentName} />,
          },
          {
            key: "bundle",
            label: "Bundle",
            cell: ({ record: { bundle } }) =>
              bundle === null
                ? <span class="quiet">Its own terms</span>
                : `${bundle.id}, edition ${bundle.edition}`,
          },
          {
            key: "budget",
            label: "Budget",
            cell: ({ budget }) =>
              budget === null
                ? <span class="quiet">None</span>
                : <BudgetBar row={budget} now={now} short />,
          },
          {
            key: "ends",
            label: "Ends",
            cell: ({ record: { ended, expires_at } }) => (
              <Time at={ended?.at ?? expires_at} now={now} show="relative" />
            ),
          },
        ]}
        empty={<Nothing query={query} more={next !== null} />}
      />
      <Pagination
        newer={query.cursor === undefined ? null : hrefOf(query, null)}
        older={next === null ? null : hrefOf(query, next)}
        newerLabel="Newest"
        olderLabel="Older"
      />
    </>
  ),
});

function MandateFilters({ query }: { readonly query: Query }) {
  const { user, agent } = query;
  const state = query.state ?? null;
  return (
    <Filters
      path={PATH}
      query={{ user, agent, state }}
      filters={[
        {
          name: "user",
          label: "User",
          field: <TextField name="user" label="User" placeholder="Their whole id" mono />,
        },
        {
          name: "agent",
          label: "Agent",
          field: <TextField name="agent" label="Agent" placeholder="Name, id or label" />,
        },
        {
          name: "state",
          label: "State",
          words: MANDATE_STATE_CHOICES.find(({ value }) => value === state)?.label,
          choices: MANDATE_STATE_CHOICES,
        },
      ]}
    />
  );
}

function Nothing({ query: { user, agent, state, cursor }, more }: {
  readonly query: Query;
  readonly more: boolean;
}) {
  if (more) {
    return (
      <EmptyState icon="search" title="Nothing found so far">
        None of those that were looked at is like that. Go on with “Older” below.
      </EmptyState>
    );
  }
  const isNarrowed = user !== null || agent !== null || state !== undefined;
  if (isNarrowed) {
    return (
      <EmptyState icon="mandate" title="No mandate matches">
        <a href={PATH}>Clear filters</a>
      </EmptyState>
    );
  }
  return (
    <EmptyState
      icon="mandate"
      title={cursor === undefined ? "No mandates yet" : "No more mandates"}
    >
      An app grants one when a user agrees, with <code>POST /v1/mandates</code>.
    </EmptyState>
  );
}

/** The agent that somebody means: by the name of one, else by its id or a label. */
function agentOf(text: string | null, names: Names): string | null {
  if (text === null) return null;
  const named = names.idOf(text);
  return named === null || isLabel(named) ? text : named;
}

function hrefOf({ user, agent, state }: Query, cursor: string | null): string {
  return pagePath(PATH, { user, agent, state, cursor });
}
