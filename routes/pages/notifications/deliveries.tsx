import { StatusBadge } from "../../../components/badges.tsx";
import { ButtonLink } from "../../../components/button.tsx";
import { EmptyState, Section } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Table } from "../../../components/table.tsx";
import { Time } from "../../../components/time.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import type { DeliveryOutcome } from "../../../lib/alerts/delivery.ts";
import type { Destination, TestDelivery } from "../../../lib/alerts/send.ts";
import { pagePath } from "../../../lib/base/page_path.ts";
import type { AlertDelivery, AlertKind, Channel } from "../../../lib/store/records/alert.ts";
import { browserWords } from "../account/security_tables.tsx";

/** Failed deliveries that the page lists, the newest. */
export const FAILED_SHOWN = 50;

/** A delivery that failed for good. */
export interface FailedRow {
  readonly delivery: AlertDelivery;
  readonly isOwn: boolean;
  /** E-mail address of whom it was to; null when they are no member any more. */
  readonly member: string | null;
}

const ABOUT: Readonly<Record<AlertKind, string>> = {
  new_request: "A new request",
  second_level: "A second approval",
  nearing_expiry: "A request that expires",
  decided: "A decision",
};

const ADVICE: Readonly<Record<Channel, string>> = {
  mail: "See that the address takes mails. Whoever runs this deployment checks SMTP_URL and the " +
    "mail server’s log.",
  push: "Turn pushes off and on again in that browser.",
};

/** Alerts that did not arrive, why, and what helps. */
export function FailedDeliveries({ rows, now }: {
  readonly rows: readonly FailedRow[];
  readonly now: number;
}) {
  return (
    <>
      <Table<FailedRow>
        caption="Alerts that didn't arrive"
        rows={rows}
        rowKey={({ delivery }) => delivery.id}
        columns={[
          {
            key: "about",
            label: "About",
            kind: "title",
            cell: ({ delivery: { approval, kind } }) => (
              <a href={pagePath("/approvals/:id", { id: approval })}>{ABOUT[kind]}</a>
            ),
          },
          {
            key: "to",
            label: "To",
            cell: ({ delivery, isOwn, member }) => (
              <span>
                {delivery.channel === "mail" ? "Mail to " : "Push to "}
                {isOwn
                  ? "you"
                  : member === null
                  ? "somebody who left"
                  : <UntrustedText text={member} />}
              </span>
            ),
          },
          {
            key: "why",
            label: "Why",
            cell: ({ delivery: { last_error } }) => (
              <UntrustedText text={last_error ?? "No reason was given."} />
            ),
          },
          {
            key: "advice",
            label: "What to do",
            cell: ({ delivery: { channel } }) => ADVICE[channel],
          },
          {
            key: "when",
            label: "When",
            cell: ({ delivery }) => (
              <Time
                at={"ended_at" in delivery ? delivery.ended_at : delivery.created_at}
                now={now}
                show="relative"
              />
            ),
          },
        ]}
        empty={
          <EmptyState icon="check_circle" title="Nothing failed">
            A delivery that fails is tried again for more than an hour before it is listed here.
          </EmptyState>
        }
      />
      {rows.length === FAILED_SHOWN && (
        <p class="quiet small">These are the newest {FAILED_SHOWN}.</p>
      )}
    </>
  );
}

/** What came of a test, one line a way. */
export function TestResult({ deliveries, mailConfigured }: {
  readonly deliveries: readonly TestDelivery[];
  readonly mailConfigured: boolean;
}) {
  return (
    <>
      <PageHeader
        title="Test"
        description="“Sent” means that the other side took it: see whether it arrives."
        breadcrumb={[{ label: "Notifications", href: "/notifications" }]}
      />
      <Section title="What was sent">
        <Table<TestDelivery>
          caption="What was sent"
          rows={deliveries}
          rowKey={({ to }) => to.channel === "mail" ? "mail" : to.subscription.id}
          columns={[
            {
              key: "to",
              label: "To",
              kind: "title",
              cell: ({ to }) => <DestinationWords to={to} />,
            },
            {
              key: "outcome",
              label: "Outcome",
              cell: ({ to, outcome }) => <Outcome channel={to.channel} outcome={outcome} />,
            },
          ]}
          empty={
            <EmptyState icon="bell" title="There was nowhere to send it">
              No mail server is set up, and no browser takes pushes for you.
            </EmptyState>
          }
        />
        {deliveries.length > 0 && !mailConfigured && (
          <p class="quiet">No mail: this deployment has no mail server.</p>
        )}
      </Section>
      <p>
        <ButtonLink href="/notifications" variant="primary">Back</ButtonLink>
      </p>
    </>
  );
}

function DestinationWords({ to }: { readonly to: Destination }) {
  if (to.channel === "push") return <>{browserWords(to.subscription.user_agent)}</>;
  return (
    <>
      Mail to <UntrustedText text={to.address} />
    </>
  );
}

function Outcome({ channel, outcome }: {
  readonly channel: Channel;
  readonly outcome: DeliveryOutcome;
}) {
  if (outcome.type === "sent") return <StatusBadge status="success" label="Sent" />;
  if (outcome.type === "gone") {
    return <span>{outcome.why} It is off the list now.</span>;
  }
  return (
    <div class="stack">
      <StatusBadge status="failed" />
      <span>
        <UntrustedText text={outcome.error} /> {ADVICE[channel]}
      </span>
    </div>
  );
}
