import type { ComponentChildren } from "preact";
import { Badge, StatusBadge } from "../../../components/badges.tsx";
import { Button } from "../../../components/button.tsx";
import { TextField } from "../../../components/fields.tsx";
import { FieldErrors, Form } from "../../../components/form.tsx";
import { Notice, Section, Tabs } from "../../../components/layout.tsx";
import { type Column, Pagination, RowLink, Table } from "../../../components/table.tsx";
import { spanWords, Time } from "../../../components/time.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { deliveryId, SCHEDULE_MS } from "../../../lib/endpoints/delivery.ts";
import type {
  Attempt,
  EndpointDelivery,
  EndpointFields,
} from "../../../lib/store/records/endpoint.ts";
import { attempted } from "../../dashboard/attempted.ts";
import type { Attempt as Attempted } from "../../dashboard/page.ts";

/** What pages show of webhooks and channels alike: whether they take what is sent, and what was. */

type Health = Pick<
  EndpointFields,
  "status" | "disabled_why" | "failing_since" | "failures" | "last_success_at"
>;

/** Whether somebody has to do something about it. */
export function isBroken({ status, disabled_why, failures }: Health): boolean {
  return status === "disabled" ? disabled_why !== null : failures > 0;
}

/** A list in which what is broken stands first. */
export function brokenFirst<E extends Health>(endpoints: readonly E[]): E[] {
  return endpoints.toSorted((a, b) => Number(isBroken(b)) - Number(isBroken(a)));
}

/** The columns of a list that say how endpoints are. */
export function healthColumns(now: number): Record<"state" | "arrived", Column<Health>> {
  return {
    state: {
      key: "state",
      label: "State",
      kind: "badge",
      cell: (endpoint) => <EndpointState endpoint={endpoint} now={now} />,
    },
    arrived: {
      key: "arrived",
      label: "Last arrived",
      cell: ({ last_success_at }) =>
        last_success_at === null
          ? "Never"
          : <Time at={last_success_at} now={now} show="relative" />,
    },
  };
}

/** Whether an endpoint takes what it is sent, in a word. */
export function EndpointState({ endpoint, now }: {
  readonly endpoint: Health;
  readonly now: number;
}) {
  const { status, disabled_why, failing_since } = endpoint;
  if (status === "disabled") {
    if (disabled_why === null) return <Badge icon="pause">Off</Badge>;
    const why = disabled_why === "gone" ? "it is gone" : "nothing arrived";
    return <Badge tone="danger" icon="ban">Stopped: {why}</Badge>;
  }
  if (!isBroken(endpoint)) return <StatusBadge status="active" />;
  return (
    <Badge tone="danger" icon="warning">
      Failing for {spanWords(Math.max(0, now - (failing_since ?? now)))}
    </Badge>
  );
}

/** What is wrong with an endpoint, and what to do about it; nothing while it is well. */
export function BrokenNotice({ endpoint, last, gone, mend, now }: {
  readonly endpoint: Health;
  /** The newest try that failed; null where it is not kept. */
  readonly last: Attempt | null;
  /** What it means that the other side said it is no more, and what to do. */
  readonly gone: ComponentChildren;
  /** What to look at where tries fail. */
  readonly mend: ComponentChildren;
  readonly now: number;
}) {
  if (!isBroken(endpoint)) return null;
  const { status, disabled_why, failing_since, failures } = endpoint;
  const said = last !== null && last.error !== null && (
    <>
      {" "}The newest try: <UntrustedText text={last.error} />
    </>
  );
  if (disabled_why === "gone") {
    return (
      <Notice tone="danger" live={false} title="Stopped: the other side says that it is gone">
        {gone}
        {said}
      </Notice>
    );
  }
  const since = spanWords(Math.max(0, now - (failing_since ?? now)));
  return (
    <Notice
      tone="danger"
      live={false}
      title={status === "disabled"
        ? `Stopped: nothing arrived for ${since}`
        : `Failing for ${since}, ${failures} ${failures === 1 ? "try" : "tries"}`}
    >
      {mend}
      {status === "disabled" && " Then turn it on again, and send what it missed."}
      {said}
    </Notice>
  );
}

/** What came of a test. */
export interface Tested {
  readonly outcome: "sent" | "failed";
  /** HTTP status; null where nothing answered. */
  readonly status: number | null;
  /** Why it is no success. */
  readonly error: string | null;
  /** The beginning of what the other side said, scrubbed. */
  readonly answer: string | null;
}

/** The outcome of a test, on the page that it was asked for on. */
export function TestOutcome({ tested }: { readonly tested: Tested | null }) {
  if (tested === null) return null;
  const { outcome, status, error, answer } = tested;
  const sent = outcome === "sent";
  const answered = status === null ? "" : `, answered ${status}`;
  return (
    <Notice
      tone={sent ? "success" : "danger"}
      title={sent ? `Sent${answered}` : `It didn't arrive${answered}`}
    >
      {error !== null && (
        <>
          <UntrustedText text={error} />
          {" "}
        </>
      )}
      {answer !== null && answer !== "" && (
        <>
          It said: <UntrustedText text={answer} />
          {" "}
        </>
      )}
      {sent ? "See that it is there." : "Look at the details, and try again."}
    </Notice>
  );
}

/** Tries of a delivery, counted, with what comes next. */
function triesWords({ tries, ...delivery }: EndpointDelivery, now: number): string {
  if (delivery.state !== "queued") return String(tries);
  const left = delivery.next_at - now;
  const next = delivery.under_way || left <= 0 ? "now" : `in ${spanWords(left)}`;
  return `${tries} of ${SCHEDULE_MS.length}, next ${next}`;
}

/** Where a delivery stands. */
export function DeliveryState({ delivery }: { readonly delivery: EndpointDelivery }) {
  switch (delivery.state) {
    case "sent":
      return <StatusBadge status="success" label="Sent" />;
    case "failed":
      return <StatusBadge status="failed" />;
    case "queued":
      return delivery.attempts.length === 0
        ? <StatusBadge status="pending" label="Waits" />
        : <Badge tone="warning" icon="repeat">Tried again</Badge>;
  }
}

/** What a try was answered, in few words. */
export function AnswerWords({ attempt }: { readonly attempt: Attempt | undefined }) {
  if (attempt === undefined) return <span class="quiet">None yet</span>;
  if (attempt.error !== null) return <UntrustedText text={attempt.error} />;
  return <>{attempt.status}</>;
}

/** What was sent to an endpoint within the last 30 days, as a page shows it. */
export interface ShownDeliveries {
  readonly deliveries: readonly EndpointDelivery[];
  readonly next_cursor: string | null;
  readonly isFirst: boolean;
  readonly failedOnly: boolean;
  /** The newest try that failed among those shown. */
  readonly lastFailed: Attempt | null;
}

/** What was sent to an endpoint, one row each; and what can be sent again. */
export function DeliveriesSection(
  { deliveries, next_cursor, isFirst, failedOnly, attempt, now, pathOf, deliveryPath }:
    & Omit<ShownDeliveries, "lastFailed">
    & {
      readonly attempt: Attempted | null;
      readonly now: number;
      /** The page of the endpoint, with this in its query. */
      readonly pathOf: (query: { show?: string | null; cursor?: string | null }) => string;
      readonly deliveryPath: (delivery: EndpointDelivery) => string;
    },
) {
  const show = failedOnly ? "failed" : null;
  const recover = attempted(attempt, "recover");
  return (
    <Section
      title="Deliveries"
      id="deliveries"
      description="Of the last 30 days, the newest first. Replay sends one again, whatever became of
        it."
    >
      <Tabs
        label="Deliveries"
        tabs={[
          { label: "All", href: `${pathOf({})}#deliveries`, current: !failedOnly },
          {
            label: "Failed",
            href: `${pathOf({ show: "failed" })}#deliveries`,
            current: failedOnly,
          },
        ]}
      />
      <FieldErrors errors={attempted(attempt, "replay").errors} />
      <Deliveries
        rows={deliveries}
        hrefOf={deliveryPath}
        failedOnly={failedOnly}
        now={now}
      />
      <Pagination
        newer={isFirst ? null : `${pathOf({ show })}#deliveries`}
        older={next_cursor === null ? null : `${pathOf({ show, cursor: next_cursor })}#deliveries`}
        newerLabel="Newest"
      />
      <Form do="recover" layout="inline">
        <FieldErrors errors={recover.errors} />
        <TextField
          name="since"
          label="Send again what didn't arrive since (UTC)"
          type="datetime-local"
          value={recover.value("since")}
          error={recover.error("since")}
          required
        />
        <Button icon="repeat">Recover</Button>
      </Form>
    </Section>
  );
}

/** Sends what has ended once more. */
const REPLAY: Column<EndpointDelivery> = {
  key: "replay",
  label: "Replay",
  kind: "actions",
  cell: (delivery) =>
    delivery.state !== "queued" && (
      <Form do="replay" hidden={{ delivery: deliveryId(delivery) }}>
        <Button size="small" variant="quiet">Replay</Button>
      </Form>
    ),
};

/** What was sent to an endpoint, the newest first. */
function Deliveries({ rows, hrefOf, failedOnly, now }: {
  readonly rows: readonly EndpointDelivery[];
  /** The page of a delivery. */
  readonly hrefOf: (delivery: EndpointDelivery) => string;
  readonly failedOnly: boolean;
  readonly now: number;
}) {
  return (
    <Table<EndpointDelivery>
      caption="Deliveries"
      rows={rows}
      rowKey={({ event }) => event}
      columns={[
        {
          key: "event",
          label: "Event",
          kind: "title",
          cell: (delivery) => (
            <RowLink href={hrefOf(delivery)}>
              <code>{delivery.type}</code>
            </RowLink>
          ),
        },
        {
          key: "state",
          label: "State",
          kind: "badge",
          cell: (delivery) => <DeliveryState delivery={delivery} />,
        },
        {
          key: "answer",
          label: "Answer",
          cell: ({ attempts }) => <AnswerWords attempt={attempts.at(-1)} />,
        },
        { key: "tries", label: "Tries", cell: (delivery) => triesWords(delivery, now) },
        {
          key: "when",
          label: "Queued",
          cell: ({ created_at }) => <Time at={created_at} now={now} show="relative" />,
        },
        REPLAY,
      ]}
      empty={
        <p class="quiet">
          {failedOnly
            ? "No delivery failed within the last 30 days."
            : "Nothing was sent within the last 30 days. Test it, or wait for the first event."}
        </p>
      }
    />
  );
}

/** Each try of a delivery, the newest first. */
export function Tries({ attempts, now }: {
  readonly attempts: readonly Attempt[];
  readonly now: number;
}) {
  if (attempts.length === 0) return <p class="quiet">It wasn't tried yet.</p>;
  return (
    <ol class="tries">
      {attempts.toReversed().map(({ at, status, error }, index) => (
        <li key={index}>
          <Time at={at} now={now} />
          <StatusBadge
            status={error === null ? "success" : "failed"}
            label={status === null ? "No answer" : `Answered ${status}`}
          />
          {error !== null && (
            <p>
              <UntrustedText text={error} />
            </p>
          )}
        </li>
      ))}
    </ol>
  );
}

/** Where an endpoint is tried out. */
export function TestSection({ attempt, children }: {
  readonly attempt: Attempted | null;
  /** What is sent. */
  readonly children: ComponentChildren;
}) {
  return (
    <Section title="Test" description={children}>
      <Form do="test">
        <FieldErrors errors={attempted(attempt, "test").errors} />
        <Button icon="bell">Send a test</Button>
      </Form>
    </Section>
  );
}

/** On or off, without losing anything of it. */
export function PowerSection({ endpoint: { status }, attempt, what }: {
  readonly endpoint: Pick<EndpointFields, "status">;
  readonly attempt: Attempted | null;
  readonly what: "webhook" | "channel";
}) {
  const isOn = status === "active";
  return (
    <Section
      title={isOn ? "Turn it off" : "Turn it on again"}
      description={isOn
        ? "Nothing is sent to it while it is off. What it misses can be sent later, for 30 days."
        : `It asks for your passkey. What the ${what} missed isn't sent by itself: recover it under ` +
          "Deliveries."}
    >
      <Form do={isOn ? "off" : "on"}>
        <FieldErrors errors={attempted(attempt, isOn ? "off" : "on").errors} />
        <Button icon="power">{isOn ? "Turn off" : "Turn on"}</Button>
      </Form>
    </Section>
  );
}
