import { BarChart, dayWords } from "../../../components/charts.tsx";
import {
  Definitions,
  EmptyState,
  Notice,
  Section,
  Stat,
  Stats,
  Tabs,
} from "../../../components/layout.tsx";
import { originWords } from "../../../components/rule.tsx";
import { spanWords } from "../../../components/time.tsx";
import { MachineName, UntrustedText } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import type { Insights } from "../../../lib/evidence/insights.ts";
import { toolPath } from "../tools/form.tsx";

/** Spans to choose from, days. */
export const SPANS = ["7", "30", "90"] as const;

type SpanDays = (typeof SPANS)[number];

/** Of fewer decisions a middle or a share says more of chance than of people. */
const ENOUGH = 20;

/** From this share of quick decisions on the page asks whether requests are read at all. */
const MANY_QUICK = 0.2;

const MOST_ASKING = {
  agent: "Agent that asks most",
  api_key: "Key that asks most",
  oauth_grant: "Program that asks most",
} as const;

/** How the last days went. */
export function NumbersSection({ insights, days }: {
  readonly insights: Insights;
  readonly days: SpanDays;
}) {
  const { truncated } = insights;
  return (
    <Section title="Decisions">
      <Tabs
        label="How far back"
        tabs={SPANS.map((span) => ({
          label: `${span} days`,
          href: span === "30" ? "/" : `/?days=${span}`,
          current: span === days,
        }))}
      />
      {(truncated.checks || truncated.approvals) && (
        <Notice tone="info" live={false} title="Not everything is counted">
          {truncated.checks && "There are so many checks that the oldest days are missing below. "}
          {truncated.approvals &&
            "Only the newest 5,000 requests are counted: times and shares are of those."}
        </Notice>
      )}
      <Checks insights={insights} />
      <Requests insights={insights} />
      <Noisiest insights={insights} />
    </Section>
  );
}

function Checks({ insights: { days, totals } }: { readonly insights: Insights }) {
  const { allowed, requires_approval, disabled } = totals;
  if (allowed + requires_approval + disabled === 0) {
    return <EmptyState icon="activity" title="No checks in these days" />;
  }
  return (
    <BarChart
      id="checks"
      title="Answers to agents by day"
      description={`${allowed} allowed, ${requires_approval} held for a person, ${disabled} refused.`}
      series={[
        { label: "allowed", tone: "neutral" },
        { label: "held for a person", tone: "warning" },
        { label: "refused", tone: "danger" },
      ]}
      rows={days.map((day) => ({
        label: dayWords(day.at),
        values: [day.allowed, day.requires_approval, day.disabled],
      }))}
    />
  );
}

function Requests({ insights }: { readonly insights: Insights }) {
  const { totals, made, tried_out, median_seconds, quick_share, expiry_rate } = insights;
  const decided = totals.approved + totals.denied;
  const isEnough = decided >= ENOUGH;
  const rushed = isEnough && (quick_share ?? 0) >= MANY_QUICK;
  const ended = decided + totals.expired;
  return (
    <>
      <Stats>
        <Stat
          label="Requests to people"
          value={made}
          note={`${totals.approved} approved, ${totals.denied} denied, ${totals.expired} expired`}
          href="/approvals?view=all"
        />
        <Stat
          label="Time to a decision"
          value={known(isEnough && median_seconds !== null && spanWords(median_seconds * 1000))}
          note={isEnough ? `half of ${decided} took longer` : soFar(decided, "decided")}
        />
        <Stat
          label="Decided in under 3 seconds"
          value={known(isEnough && `${Math.round((quick_share ?? 0) * decided)} of ${decided}`)}
          note={rushed
            ? "Nobody reads a request that fast. A rule can allow what is always approved."
            : isEnough
            ? "Nobody reads a request that fast"
            : soFar(decided, "decided")}
        />
        <Stat
          label="Expired unanswered"
          value={known(ended >= ENOUGH && percentOf(expiry_rate))}
          note={ended < ENOUGH
            ? soFar(ended, "ended")
            : (expiry_rate ?? 0) > 0
            ? "An agent waited for nothing. More approvers, or alerts, help."
            : "of all that was decided or expired"}
        />
      </Stats>
      {tried_out > 0 && (
        <p class="quiet small">
          {tried_out === 1 ? "One request" : `${tried_out} requests`} from the Quickstart{" "}
          {tried_out === 1 ? "is" : "are"} not counted here.
        </p>
      )}
    </>
  );
}

function known(words: string | false) {
  return words === false ? <span class="stat-none">Not enough yet</span> : words;
}

function soFar(count: number, what: string): string {
  return `${count} ${what}; shown from ${ENOUGH} on`;
}

/** Where the requests came from: what a better rule would do most about. */
function Noisiest({ insights }: { readonly insights: Insights }) {
  const { noisiest_requester: requester, noisiest_rule: rule } = insights;
  if (requester === null || rule === null) return null;
  return (
    <Section
      title="Where most requests come from"
      description="A rule for the common case spares people these, and keeps their eye for the rest."
    >
      <Definitions
        items={[
          {
            term: MOST_ASKING[requester.type],
            value: (
              <>
                <a href={pagePath("/activity", { actor: requester.id, type: "approval.created" })}>
                  <MachineName {...requester} />
                </a>, {requestWords(requester.count)}
              </>
            ),
          },
          {
            term: "Rule that holds most",
            value: (
              <>
                <RuleLink rule={rule} />, {requestWords(rule.count)}
              </>
            ),
          },
        ]}
      />
    </Section>
  );
}

function RuleLink({ rule }: { readonly rule: NonNullable<Insights["noisiest_rule"]> }) {
  const { resolved_from, rule_id, tool_name } = rule;
  const { title } = originWords(resolved_from);
  if (rule_id !== null) return <a href={pagePath("/rules/:id", { id: rule_id })}>{title}</a>;
  return tool_name === null ? <>{title}</> : (
    <>
      {title} of{" "}
      <a href={toolPath(tool_name)}>
        <UntrustedText text={tool_name} />
      </a>
    </>
  );
}

function requestWords(count: number): string {
  return `${count} ${count === 1 ? "request" : "requests"}`;
}

function percentOf(share: number | null): string {
  return share === null ? "–" : `${Math.round(share * 100)} %`;
}
