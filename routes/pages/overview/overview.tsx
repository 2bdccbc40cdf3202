import { z } from "zod";
import { ApprovalList } from "../../../components/approval_list.tsx";
import { ButtonLink } from "../../../components/button.tsx";
import { DangerSection, EmptyState, Notice, Section } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { relativeWords } from "../../../components/time.tsx";
import { readSeen, readWaiting } from "../../../lib/approvals/waiting.ts";
import { pagePath } from "../../../lib/base/page_path.ts";
import { stopOrg } from "../../../lib/catalog/org_settings.ts";
import { readInsights } from "../../../lib/evidence/read_insights.ts";
import { usablePasskeysOf } from "../../../lib/identity/passkeys.ts";
import { readActivity } from "../../../lib/ledger/log_reader.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import { type ApprovalRow, approvalRows } from "../../../lib/sheet/row.ts";
import type { Kv } from "../../../lib/store/kv.ts";
import type { OrgRecord } from "../../../lib/store/records/policy.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { optional } from "../../dashboard/form.ts";
import { StopForm, StopReason } from "../../dashboard/kill_switch.tsx";
import { action, type Attempt, memberPage } from "../../dashboard/page.ts";
import { killSwitchField } from "../../fields/catalog.ts";
import { NumbersSection, SPANS } from "./numbers.tsx";

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
    const decides = hasRight(caller.role, "decide");
    const [insights, all, passkeys] = await Promise.all([
      readInsights(services, snapshot, { days: Number(days) }),
      readWaiting(services, caller, snapshot),
      usablePasskeysOf(services, account),
    ]);
    const waiting = all.filter(({ mine }) => mine || !decides).map(({ facts }) => facts);
    const next = waiting.toSorted((a, b) => a.expires_at - b.expires_at).slice(0, SHOWN);
    const seen = await readSeen(services, caller, snapshot, next.map(({ id }) => id));
    const { allowed, requires_approval, disabled } = insights.totals;
    const silent = allowed + requires_approval + disabled === 0;
    return {
      insights,
      days,
      waiting: {
        rows: await approvalRows(services, snapshot, seen),
        count: waiting.length,
        oldest: waiting[0]?.created_at ?? null,
      },
      neverChecked: silent && await neverChecked(kv, org),
      onePasskey: passkeys.length === 1,
      killSwitch: snapshot.org.kill_switch,
      decides,
      mayStop: hasRight(caller.role, "kill_switch_on"),
    };
  },
  view: ({ data, attempt, now }) => (
    <>
      <PageHeader title="Overview" />
      <Nudges neverChecked={data.neverChecked} onePasskey={data.onePasskey} />
      <WaitingSection waiting={data.waiting} decides={data.decides} now={now} />
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
          title="You have one passkey. Add one on a second device."
          actions={
            <ButtonLink href="/security" size="small" icon="passkey">Add another</ButtonLink>
          }
        >
          If you lose that device, you need a recovery code to get back in, and can't decide for a
          while.
        </Notice>
      )}
    </>
  );
}

function WaitingSection({ waiting: { rows, count, oldest }, decides, now }: {
  readonly waiting: {
    /** Those that expire first. */
    readonly rows: readonly ApprovalRow[];
    readonly count: number;
    /** When the oldest was asked, milliseconds. */
    readonly oldest: number | null;
  };
  readonly decides: boolean;
  readonly now: number;
}) {
  const inbox = pagePath("/approvals", { view: decides ? "mine" : "waiting" });
  return (
    <Section
      title={decides ? "Waiting for you" : "Waiting for a decision"}
      description={oldest !== null &&
        `${count} ${count === 1 ? "request" : "requests"}; the oldest came ${
          relativeWords(oldest, now)
        }.`}
      actions={count > SHOWN && (
        <ButtonLink href={inbox} size="small" icon="inbox">All {count}</ButtonLink>
      )}
    >
      {rows.length === 0
        ? (
          <EmptyState icon="approvals" title={decides ? "Nothing waits for you" : "Nothing waits"}>
            What an agent may not do without a person appears here.
          </EmptyState>
        )
        : <ApprovalList rows={rows} now={now} allWait />}
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
      id="stop"
      state="Kill switch off"
      title="Stop everything"
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
