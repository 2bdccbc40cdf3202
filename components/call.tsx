import type { CallStatus } from "../lib/calls/read_call.ts";
import { pagePath } from "../lib/base/page_path.ts";
import { StatusBadge } from "./badges.tsx";
import { NextStep } from "./call_advice.tsx";
import { type CallSheet, isOpen, type NamedParty, type NamedStep } from "./call_sheet.ts";
import { FindingList, GUARD_WORDS } from "./findings.tsx";
import { Definitions, Section } from "./layout.tsx";
import { LiveMark, PageHeader } from "./page_header.tsx";
import { spanWords, Time } from "./time.tsx";
import { MachineName, UntrustedText, Words } from "./untrusted.tsx";

/** One call as people look at it: where it stands, what happened, and what is to be done. */

interface SheetProps {
  readonly sheet: CallSheet;
  /** Milliseconds. */
  readonly now: number;
}

/** @param live how its stream stands; null where nothing is followed */
export function CallView({ sheet, now, live }: SheetProps & {
  readonly live: Parameters<typeof LiveMark>[0]["state"] | null;
}) {
  return (
    <>
      <PageHeader
        title={<UntrustedText text={sheet.tool} mono />}
        breadcrumb={[{ label: "Calls", href: "/calls" }]}
        badges={
          <span role="status">
            <CallBadge status={sheet.status} isRefused={sheet.is_refused} />
          </span>
        }
        actions={live !== null && isOpen(sheet) && <LiveMark state={live} />}
      />
      {isOpen(sheet) && (
        <noscript>
          <p>
            <a href={pagePath("/calls/:id", { id: sheet.id })}>Load again</a>{" "}
            to see what became of it.
          </p>
        </noscript>
      )}
      <NextStep sheet={sheet} now={now} />
      <Section title="What happened">
        <Timeline sheet={sheet} now={now} />
      </Section>
      <Section title="What it is">
        <Facts sheet={sheet} />
      </Section>
    </>
  );
}

/** Where a call stands. */
export function CallBadge({ status, isRefused }: {
  readonly status: CallStatus;
  readonly isRefused: boolean;
}) {
  return <StatusBadge status={isRefused ? "failed" : status} />;
}

/** Who made a call, leading to its page where it has one. */
export function CallerName({ who }: { readonly who: NamedParty }) {
  const { type, id, known } = who;
  if (!known) return <UntrustedText text={id} mono />;
  const href = type === "agent"
    ? pagePath("/agents/:id", { id })
    : type === "api_key"
    ? pagePath("/api-keys/:id", { id })
    : pagePath("/connections");
  return (
    <a href={href}>
      <MachineName {...who} />
    </a>
  );
}

/** From the asking to the answer, with what waits at the end. */
function Timeline({ sheet, now }: SheetProps) {
  const { steps, status, due_at, approval } = sheet;
  const awaited = status === "running"
    ? due_at
    : status === "pending"
    ? approval?.until ?? null
    : null;
  return (
    <ol class="timeline" aria-label="From asking to answer">
      {steps.map((step, index) => (
        <li key={`${step.kind} ${index}`} class={`timeline-${lookOf(step)}`}>
          <StepWords step={step} sheet={sheet} />, <Time at={step.at} now={now} show="absolute" />
          <Since step={step} before={steps[index - 1]} ran_ms={sheet.ran_ms} />
        </li>
      ))}
      {awaited !== null && (
        <li class="timeline-awaits">
          {status === "running"
            ? "Waits for the server, until "
            : approval?.state === "approved"
            ? "Waits to be asked for again, until "
            : "Waits for a decision, until "}
          <Time at={awaited} now={now} show="absolute" />
        </li>
      )}
    </ol>
  );
}

/** How a step looks: good, bad, or neither. */
function lookOf(step: NamedStep): string {
  if (step.kind === "approved" || step.kind === "denied") return step.kind;
  return step.kind === "given_up" || (step.kind === "answered" && step.result === "unknown")
    ? "denied"
    : "step";
}

/** How long it was since the step before, where that says something. */
function Since({ step, before, ran_ms }: {
  readonly step: NamedStep;
  readonly before: NamedStep | undefined;
  readonly ran_ms: number | null;
}) {
  const span = step.kind === "answered" && ran_ms !== null
    ? ran_ms
    : before === undefined
    ? 0
    : step.at - before.at;
  return span > 0 ? <span class="quiet">{` after ${tookWords(span)}`}</span> : null;
}

function StepWords({ step, sheet: { who, resolved_from, upstream, place, moved } }: {
  readonly step: NamedStep;
  readonly sheet: CallSheet;
}) {
  switch (step.kind) {
    case "asked":
      return (
        <>
          Asked by <CallerName who={who} />
        </>
      );
    case "allowed":
      return (
        <>
          Allowed without a person: <code>{resolved_from}</code>
        </>
      );
    case "refused":
      return (
        <>
          Refused: <code>{resolved_from}</code>
        </>
      );
    case "approved":
    case "denied":
      return (
        <>
          {step.kind === "approved" ? "Approved" : "Denied"} by <Words text={step.name} />
        </>
      );
    case "over":
      return <>{OVER[step.state] ?? "Ended"}</>;
    case "sent":
      return (
        <>
          Sent to <UntrustedText text={place === null || moved ? upstream : place} mono />
        </>
      );
    case "returned":
      return <>Not sent after all: the permission was given back</>;
    case "answered":
      return <>{ANSWERED[step.result]}</>;
    case "given_up":
      return <>Nobody knew in time what came of it</>;
  }
}

const OVER: Readonly<Record<string, string>> = {
  expired: "Nobody decided in time",
  cancelled: "The request was cancelled",
  revoked: "The approval was taken back",
  lapsed: "The approval wasn't used in time",
};

const ANSWERED = {
  success: "Answered",
  failed: "Answered: it failed",
  error: "Ended with an error",
  unknown: "No whole answer came",
} as const;

/** What guards found in a call and its result, and what they did about it. */
function Guarded({ sheet: { findings, redactions, withheld } }: Pick<SheetProps, "sheet">) {
  if (findings.length === 0) return <span class="quiet">Nothing</span>;
  return (
    <>
      {withheld !== null && <p>The result is withheld: {GUARD_WORDS[withheld] ?? withheld}</p>}
      {redactions.length > 0 && (
        <p>
          Replaced: {redactions.map(({ kind, count }) => `${kind} ${count}\u00d7`).join(", ")}
        </p>
      )}
      <FindingList findings={findings} />
    </>
  );
}

/** The credential that it carries, which nobody who asks ever sees. */
function ActsBy({ acts_as: { id, name, owner } }: {
  readonly acts_as: NonNullable<SheetProps["sheet"]["acts_as"]>;
}) {
  if (name === null) {
    return (
      <>
        <span class="mono">{id}</span> (removed since)
      </>
    );
  }
  return (
    <>
      <a href={pagePath("/credentials/:id", { id })}>
        <UntrustedText text={name} />
      </a>
      {owner === null ? ", of the organization" : (
        <>
          {", the own of "}
          <UntrustedText text={owner} />
        </>
      )}
    </>
  );
}

function Facts({ sheet }: Pick<SheetProps, "sheet">) {
  const { id, tool, upstream, place, moved, approval, mandate_id, entries } = sheet;
  const { waited_ms, ran_ms, cost_micros: cost } = sheet;
  return (
    <Definitions
      items={[
        {
          term: "Tool",
          value: (
            <a href={sheet.tool_page}>
              <UntrustedText text={tool} mono />
            </a>
          ),
        },
        ...upstream === "" ? [] : [{
          term: "Runs at",
          value: (
            <>
              {place !== null && !moved && (
                <>
                  <UntrustedText text={place} mono />, upstream{" "}
                </>
              )}
              {place === null
                ? <UntrustedText text={upstream} mono />
                : (
                  <a href={pagePath("/upstreams/:name", { name: upstream })}>
                    <UntrustedText text={upstream} mono />
                  </a>
                )}
              {place === null && " (removed since)"}
              {moved && " (moved somewhere else since)"}
            </>
          ),
        }],
        ...sheet.acts_as === null
          ? []
          : [{ term: "Acts by", value: <ActsBy acts_as={sheet.acts_as} /> }],
        ...approval === null ? [] : [{
          term: "Request",
          value: (
            <a href={pagePath("/approvals/:id", { id: approval.id })}>
              <span class="mono">{approval.reference}</span>
            </a>
          ),
        }],
        ...mandate_id === null ? [] : [{
          term: "Mandate",
          value: (
            <a href={pagePath("/mandates/:id", { id: mandate_id })}>
              <span class="mono">{mandate_id}</span>
            </a>
          ),
        }],
        ...waited_ms === null || waited_ms === 0
          ? []
          : [{ term: "People took", value: tookWords(waited_ms) }],
        ...ran_ms === null ? [] : [{ term: "The server took", value: tookWords(ran_ms) }],
        ...cost === null ? [] : [{ term: "Cost", value: (cost / 1_000_000).toFixed(2) }],
        {
          term: "Redacted or found",
          value: <Guarded sheet={sheet} />,
        },
        {
          term: "In the log",
          value: entries.length === 0 ? <span class="quiet">Not found</span> : entries.map((
            { type, index },
            at,
          ) => (
            <>
              {at > 0 && ", "}
              <a key={index} href={pagePath("/activity/:index", { index })}>
                {type} <span class="mono">#{index}</span>
              </a>
            </>
          )),
        },
        { term: "Id", value: id, mono: true },
      ]}
    />
  );
}

/** A span as short as it is: `240 ms`, `3.2 s`, `4 min`. */
export function tookWords(ms: number): string {
  if (ms < 1000) return `${ms} ms`;
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : spanWords(ms);
}
