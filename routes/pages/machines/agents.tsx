import { z } from "zod";
import { ButtonLink } from "../../../components/button.tsx";
import { EmptyState, Section } from "../../../components/layout.tsx";
import { Behind, LastUsed, TenantsCell } from "../../../components/machine.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Pagination, RowLink, Table } from "../../../components/table.tsx";
import { MachineName } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { createAgent } from "../../../lib/catalog/agents.ts";
import { namesOf } from "../../../lib/evidence/telling.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import type { AgentRecord } from "../../../lib/store/records/identity.ts";
import { attempted } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { action, memberPage } from "../../dashboard/page.ts";
import { pageByName, pageQuery } from "../../fields/paging.ts";
import { firstTool } from "../quickstart/sample.tsx";
import { AgentForm, AgentState, agentToken } from "./agent_parts.tsx";
import { machineFormFields } from "./api_keys_parts.tsx";

const creation = z.strictObject(machineFormFields);

interface Row {
  readonly agent: AgentRecord;
  readonly behind: readonly string[];
  readonly lastUsed: number | null;
}

/** The agents: what asks, within which bounds, and who answers for it. */
export const agentsPage = memberPage({
  path: "/agents",
  title: "Agents",
  section: "agents",
  needs: "read",
  query: z.strictObject(pageQuery),
  load: async (call) => {
    const { services, org, query, caller } = call;
    const { items, next_cursor, names } = await call.transact({
      plan: ({ snapshot }) => {
        const ids = [...snapshot.agents.keys()].sort();
        const agents = ids.flatMap((id) => snapshot.agents.get(id) ?? []);
        return { ...pageByName(agents, ({ id }) => id, query), names: namesOf(snapshot) };
      },
    });
    const used = await services.lastUsed.of(org, items.map(({ id }) => id));
    return {
      rows: items.map((agent): Row => ({
        agent,
        behind: agent.members_behind.flatMap((id) => names.of(id) ?? []),
        lastUsed: used.get(agent.id) ?? null,
      })),
      next_cursor,
      isFirst: query.cursor === undefined,
      mayConfigure: hasRight(caller.role, "configure"),
    };
  },
  view: ({ data: { rows, next_cursor, isFirst, mayConfigure }, attempt, now }) => (
    <>
      <PageHeader
        title="Agents"
        description="Programs that ask before they act. An agent sees its own requests only, and
          never decides."
        actions={
          <>
            <ButtonLink href="/sub-tokens">Sub-tokens</ButtonLink>
            {mayConfigure && (
              <>
                <ButtonLink href={pagePath("/device")}>Let a computer in</ButtonLink>
                <ButtonLink href="#new" icon="plus">New agent</ButtonLink>
              </>
            )}
          </>
        }
      />
      <Table<Row>
        caption="Agents"
        rows={rows}
        rowKey={({ agent }) => agent.id}
        columns={[
          {
            key: "name",
            label: "Name",
            kind: "title",
            cell: ({ agent }) => (
              <RowLink href={pagePath("/agents/:id", { id: agent.id })}>
                <MachineName type="agent" id={agent.id} name={agent.name} />
              </RowLink>
            ),
          },
          {
            key: "state",
            label: "State",
            kind: "badge",
            cell: ({ agent }) => <AgentState agent={agent} now={now} />,
          },
          { key: "tier", label: "Tier", cell: ({ agent }) => agent.trust_tier },
          {
            key: "tenants",
            label: "Tenants",
            cell: ({ agent }) => <TenantsCell tenants={agent.tenant_ids} />,
          },
          {
            key: "behind",
            label: "Answered for by",
            cell: ({ behind }) => <Behind behind={behind} />,
          },
          {
            key: "used",
            label: "Last used",
            cell: ({ lastUsed }) => <LastUsed at={lastUsed} now={now} />,
          },
        ]}
        empty={
          <EmptyState icon="agent" title={isFirst ? "No agents yet" : "No more agents"}>
            {mayConfigure
              ? "Make one for each program that acts on its own, so that each can be paused alone."
              : "An owner or admin makes one for each program that acts on its own."}
          </EmptyState>
        }
      />
      <Pagination
        newer={isFirst ? null : "/agents"}
        older={next_cursor === null ? null : pagePath("/agents", { cursor: next_cursor })}
        newerLabel="First page"
        olderLabel="More"
      />
      {mayConfigure && (
        <Section title="New agent" id="new">
          <AgentForm form={attempted(attempt, "create")} agent={null} />
        </Section>
      )}
    </>
  ),
  actions: {
    create: action(creation, async (call: MemberCall<unknown, unknown>, fields) => {
      const kill_switch = { active: false, reason: null };
      const made = await call.transact(
        createAgent({ ...fields, kill_switch }, call.id),
        "configure",
      );
      const tool = await call.transact({ plan: ({ snapshot }) => firstTool(snapshot) });
      const { origin } = call.services.settings.url;
      return agentToken(made, { origin, tool, rotated: null });
    }, "configure"),
  },
});
