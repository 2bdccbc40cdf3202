import { z } from "zod";
import { ApprovalList } from "../../../components/approval_list.tsx";
import { ButtonLink } from "../../../components/button.tsx";
import { DangerSection, EmptyState, Notice, Section } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { relativeWords } from "../../../components/time.tsx";
import { listApprovals, NO_FILTER } from "../../../lib/approvals/list.ts";
import { type ApprovalRow, approvalRow } from "../../../lib/approvals/row.ts";
import { pagePath } from "../../../lib/base/page_path.ts";
import { stopOrg } from "../../../lib/catalog/org_settings.ts";
import { readInsights } from "../../../lib/evidence/read_insights.ts";
import { usablePasskeysOf } from "../../../lib/identity/passkeys.ts";
import { readActivity } from "../../../lib/ledger/log_reader.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import type { Kv } from "../../../lib/store/kv.ts";
import type { OrgRecord } from "../../../lib/store/records/policy.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { optional } from "../../dashboard/form.ts";
import { StopForm, StopReason } from "../../dashboard/kill_switch.tsx";
import { action, type Attempt, memberPage } from "../../dashboard/page.ts";
import { killSwitchField } from "../../fields/catalog.ts";
import { NumbersSection, SPANS } from "./numbers.tsx";

/** As many as the inbox shows. */
const MAX_WAITING = 200;

const SHOWN = 3;

const query = z.object({
  days: z.enum(SPANS).default("30").catch("30"),
});

type Call = MemberCall<undefined, z.output<typeof query>>;

const reason = killSwitchField.shape.reason.unwrap().unwrap();

/** The first page: what waits, whether everything is stopped, and how the last days went. */
export const overviewPage = memberPage({
  path: "/",
  title: "Overview",
  section: "overview",
  needs: "see_requests",
  query,
  load: async (call: Call) => {
    const { services, org, account } = call;
    const { kv } = services.deps;
    const { snapshot, caller } = await call.transact({
      plan: (transaction, caller) => ({ snapshot: transaction.snapshot, caller }),
    });
    const { days } = call.query;
    const [insights, { items }, passkeys] = await Promise.all([
      readInsights(services, snapshot, { days: Number(days) }),
      listApprovals(services, caller, snapshot, {
        filter: { ...NO_FILTER, status: "pending", waits_for_me: hasRight(caller.role, "decide") },
        limit: MAX_WAITING,
        after: null,
        withArguments: false,
      }),
      usablePasskeysOf(services, account),
    ]);
    const { allowed, requires_approval, disabled } = insights.totals;
    const silent = allowed + requires_approval + disabled === 0;
    return {
      insights,
      days,
      waiting: items.map(approvalRow),
      neverChecked: silent && await neverChecked(kv, org),
      onePasskey: passkeys.length === 1,
      killSwitch: snapshot.org.kill_switch,
      decides: hasRight(caller.role, "decide"),
      mayStop: hasRight(caller.role, "kill_switch_on"),
    };
  },
  view: ({ data, attempt, now }) => (
    <>
      <PageHeader title="Overview" />
      <Nudges neverChecked={data.neverChecked} onePasskey={data.onePasskey} />
      <WaitingSection rows={data.waiting} decides={data.decides} now={now} />
      <NumbersSection insights={data.insights} days={data.days} />
      {data.mayStop && <StopSection killSwitch={data.killSwitch} attempt={attempt} />}
    </>
  ),
  actions: {
    stop: action(z.strictObject({ reason: optional(reason) }), async (call: Call, form) => {
      await call.transact(stopOrg(form.reason, call.id), "kill_switch_on");
      return { to: "/", notice: "Everything is stopped: every action is refused." };
    }, "kill_switch_on"),
  },
});

/** Whether no agent ever asked, as far back as the log's summaries are quick to tell. */
async function neverChecked(kv: Kv, org: string): Promise<boolean> {
  const { entries, next } = await readActivity(kv, org, {
    facets: [{ facet: "type", value: "permission.checked" }],
    since: null,
    until: null,
    order: "desc",
    limit: 1,
    position: null,
  });
  return entries.length === 0 && next === null;
}

function Nudges({ neverChecked, onePasskey }: {
  readonly neverChecked: boolean;
  readonly onePasskey: boolean;
}) {
  return (
    <>
      {neverChecked && (
        <Notice
          tone="info"
          live={false}
          title="No agent has asked yet"
          actions={<ButtonLink href="/quickstart" size="small" icon="bolt">Quickstart</ButtonLink>}
        >
          Send yourself a request, approve it, and see what an agent gets: about a minute.
        </Notice>
      )}
      {onePasskey && (
        <Notice
          tone="warning"
          live={false}
          title="You have one passkey only"
          actions={
            <ButtonLink href="/security" size="small" icon="passkey">Add another</ButtonLink>
          }
        >
          If you lose that device, you need a recovery code to get back in, and cannot decide for a
          while. A second passkey, on another device, spares you both.
        </Notice>
      )}
    </>
  );
}

function WaitingSection({ rows, decides, now }: {
  readonly rows: readonly ApprovalRow[];
  readonly decides: boolean;
  readonly now: number;
}) {
  const oldest = rows.at(-1);
  const count = rows.length < MAX_WAITING ? String(rows.length) : `${MAX_WAITING} or more`;
  const inbox = pagePath("/approvals", { view: decides ? "mine" : "waiting" });
  return (
    <Section
      title={decides ? "Waiting for you" : "Waiting for a decision"}
      description={oldest !== undefined &&
        `${count} ${rows.length === 1 ? "request" : "requests"}; the oldest came ${
          relativeWords(oldest.created_at, now)
        }.`}
      actions={rows.length > SHOWN && (
        <ButtonLink href={inbox} size="small" icon="inbox">All {count}</ButtonLink>
      )}
    >
      {rows.length === 0
        ? (
          <EmptyState icon="approvals" title={decides ? "Nothing waits for you" : "Nothing waits"}>
            What an agent may not do without a person appears here.
          </EmptyState>
        )
        : <ApprovalList rows={rows.slice(0, SHOWN)} now={now} />}
    </Section>
  );
}

function StopSection({ killSwitch, attempt }: {
  readonly killSwitch: OrgRecord["kill_switch"];
  readonly attempt: Attempt | null;
}) {
  if (killSwitch.active) {
    return (
      <Section
        title="Kill switch: on"
        description="Every action of every agent is refused, unspent run tokens too. An owner releases
          it under Settings."
        actions={<ButtonLink href="/settings">Settings</ButtonLink>}
      >
        <StopReason reason={killSwitch.reason} />
      </Section>
    );
  }
  return (
    <DangerSection
      title="Kill switch off: stop everything…"
      open={attempt?.do === "stop"}
      description="Stops everything at once: from the next call on every action of every agent is
        refused, unspent run tokens too. Only an owner can release it, with their passkey."
    >
      <StopForm
        does="stop"
        attempt={attempt}
        label="Stop everything"
        shown="here and in the log"
      />
    </DangerSection>
  );
}
