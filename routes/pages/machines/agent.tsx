import { z } from "zod";
import { ApprovalList } from "../../../components/approval_list.tsx";
import { ButtonLink } from "../../../components/button.tsx";
import { Definitions, EmptyState, Section } from "../../../components/layout.tsx";
import { machineFacts } from "../../../components/machine.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { MachineName } from "../../../components/untrusted.tsx";
import { listApprovals, NO_FILTER } from "../../../lib/approvals/list.ts";
import { canonicalJson } from "../../../lib/base/canonical.ts";
import { pagePath } from "../../../lib/base/page_path.ts";
import {
  type AgentChange,
  changeAgent,
  existingAgent,
  pauseAgent,
  removeAgent,
  rotateAgent,
} from "../../../lib/catalog/agents.ts";
import { namesOf } from "../../../lib/evidence/telling.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import { approvalRows } from "../../../lib/sheet/row.ts";
import { requesterWords } from "../../../lib/sheet/sentence.ts";
import type { AgentRecord } from "../../../lib/store/records/identity.ts";
import { asShown, attempted, changedFrom, shownField } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { checkbox, optional } from "../../dashboard/form.ts";
import { action, memberPage } from "../../dashboard/page.ts";
import { killSwitchField } from "../../fields/catalog.ts";
import { firstTool } from "../quickstart/sample.tsx";
import {
  AgentForm,
  AgentState,
  agentState,
  agentToken,
  PausedNotice,
  PauseSection,
  RemoveSection,
  RotateSection,
} from "./agent_parts.tsx";
import { byId, machineFormFields } from "./api_keys_parts.tsx";

const REQUESTS_SHOWN = 5;

type Call = MemberCall<z.output<typeof byId>>;

const changeFields = z.strictObject(machineFormFields);

const change = changeFields.extend({ shown: shownField });

const pausing = z.strictObject({
  reason: optional(killSwitchField.shape.reason.unwrap().unwrap()),
});

const rotating = z.strictObject({ keep_requests: checkbox });

const nothing = z.strictObject({});

/** One agent: what it may do, what it asked, and how it is stopped. */
export const agentPage = memberPage({
  path: "/agents/:id",
  section: "agents",
  needs: "read",
  params: byId,
  load: async (call: Call) => {
    const { params: { id }, services, org } = call;
    const { agent, names, snapshot, caller } = await call.transact({
      plan: (transaction, caller) => ({
        agent: existingAgent(transaction, id),
        names: namesOf(transaction.snapshot),
        snapshot: transaction.snapshot,
        caller,
      }),
    });
    const [used, requests] = await Promise.all([
      services.lastUsed.of(org, [id]),
      listApprovals(services, caller, snapshot, {
        filter: { ...NO_FILTER, requester: id },
        limit: REQUESTS_SHOWN,
        after: null,
      }),
    ]);
    return {
      agent,
      behind: agent.members_behind.flatMap((id) => names.of(id) ?? []),
      lastUsed: used.get(id) ?? null,
      requests: await approvalRows(services, snapshot, requests.items),
      mayConfigure: hasRight(caller.role, "configure"),
      mayPause: hasRight(caller.role, "kill_switch_on"),
      mayRelease: hasRight(caller.role, "kill_switch_off"),
    };
  },
  title: ({ agent }) => `Agent ${requesterWords({ type: "agent", ...agent })}`,
  view: ({ data, attempt, now }) => {
    const { agent, mayConfigure } = data;
    return (
      <>
        <PageHeader
          title={<MachineName type="agent" id={agent.id} name={agent.name} />}
          breadcrumb={[{ label: "Agents", href: "/agents" }]}
          badges={<AgentState agent={agent} now={now} />}
          actions={
            <>
              <ButtonLink href={pagePath("/sub-tokens", { maker: agent.id })}>
                Sub-tokens
              </ButtonLink>
              <ButtonLink href={pagePath("/calls", { actor: agent.id })}>Calls</ButtonLink>
              <ButtonLink href={pagePath("/activity", { actor: agent.id })} icon="activity">
                Activity of this agent
              </ButtonLink>
            </>
          }
        />
        <PausedNotice agent={agent} mayRelease={data.mayRelease} attempt={attempt} />
        <Section title="Details">
          <Definitions items={machineFacts({ ...data, machine: agent, now })} />
        </Section>
        <Section title="Last requests">
          {data.requests.length === 0
            ? (
              <EmptyState icon="inbox" title="It hasn't asked for approval yet">
                What it asks for approval shows here; every check of it is under its activity.
              </EmptyState>
            )
            : <ApprovalList rows={data.requests} now={now} />}
        </Section>
        {mayConfigure && (
          <Section title="Name and bounds">
            <AgentForm form={attempted(attempt, "change")} agent={agent} />
          </Section>
        )}
        {data.mayPause && <PauseSection agent={agent} attempt={attempt} />}
        {mayConfigure && <RotateSection attempt={attempt} />}
        {mayConfigure && <RemoveSection attempt={attempt} />}
      </>
    );
  },
  actions: {
    change: action(change, async (call: Call, { shown, ...fields }) => {
      const { id } = call.params;
      const agent = await call.transact({ plan: (tx) => existingAgent(tx, id) });
      const wanted = differing(agent, fields);
      if (Object.keys(wanted).length === 0) {
        return { to: pagePath("/agents/:id", { id: agent.id }), notice: "It was so already." };
      }
      const changed = asShown(
        changeAgent(id, wanted, call.id),
        (transaction) => changedFrom(agentState(existingAgent(transaction, id)), shown),
      );
      const { record } = await call.transact(changed, "configure");
      return {
        to: pagePath("/agents/:id", { id: record.id }),
        notice: "Saved. It holds from its next call on.",
      };
    }, "configure"),
    pause: action(pausing, async (call: Call, { reason }) => {
      const { record } = await call.transact(
        pauseAgent(call.params.id, reason, call.id),
        "kill_switch_on",
      );
      return {
        to: pagePath("/agents/:id", { id: record.id }),
        notice: `${
          requesterWords({ type: "agent", ...record })
        } is paused: everything it asks is refused.`,
      };
    }, "kill_switch_on"),
    release: action(nothing, async (call: Call) => {
      const kill_switch = { active: false, reason: null };
      const { record } = await call.transact(
        changeAgent(call.params.id, { kill_switch }, call.id),
        "kill_switch_off",
      );
      return {
        to: pagePath("/agents/:id", { id: record.id }),
        notice: `${requesterWords({ type: "agent", ...record })} goes on: rules decide again.`,
      };
    }, "kill_switch_off"),
    rotate: action(rotating, async (call: Call, { keep_requests }) => {
      const made = await call.transact(
        rotateAgent(call.params.id, { keep_requests }, call.id),
        "configure",
      );
      const tool = await call.transact({ plan: ({ snapshot }) => firstTool(snapshot) });
      const { origin } = call.services.settings.url;
      return agentToken(made, { origin, tool, rotated: { keep_requests } });
    }, "configure"),
    remove: action(nothing, async (call: Call) => {
      const { record } = await call.transact(removeAgent(call.params.id, call.id), "configure");
      return {
        to: "/agents",
        notice: `${requesterWords({ type: "agent", ...record })} is removed, and its token void.`,
      };
    }, "configure"),
  },
});

/** What of an agent a form wants to be another way. Its field of the expiry tells minutes only. */
function differing(agent: AgentRecord, fields: z.output<typeof changeFields>): AgentChange {
  const { expires_at, ...rest } = fields;
  const minute = agent.expires_at === null ? null : agent.expires_at - agent.expires_at % 60_000;
  return {
    ...Object.fromEntries(
      Object.entries(rest).filter(([name, value]) =>
        canonicalJson(value) !== canonicalJson(agent[name as keyof typeof rest])
      ),
    ),
    ...(expires_at === minute ? {} : { expires_at }),
  };
}
