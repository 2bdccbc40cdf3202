import { z } from "zod";
import { ButtonLink } from "../../../components/button.tsx";
import { FindingList, GUARD_WORDS } from "../../../components/findings.tsx";
import { Definitions, Section } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Time } from "../../../components/time.tsx";
import { UntrustedText, Words } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import {
  callEntries,
  type CallStep,
  type CallStory,
  lookAtCall,
} from "../../../lib/calls/call_story.ts";
import { namesOf } from "../../../lib/evidence/telling.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { memberPage } from "../../dashboard/page.ts";
import { toolPath } from "../tools/form.tsx";
import { NextStep, type Shown, type ShownProps } from "./advice.tsx";
import { CallBadge, CallerName, namedParty, placeOf, tookWords } from "./parts.tsx";

const byId = z.object({ id: z.string().max(64) });

type Call = MemberCall<z.output<typeof byId>>;

/** One call: asked, decided, sent, answered, and what is to be done about it. */
export const callPage = memberPage({
  path: "/calls/:id",
  section: "upstreams",
  needs: "see_requests",
  params: byId,
  load: async (call: Call): Promise<Shown> => {
    const { services, org, params: { id } } = call;
    const looking = lookAtCall(id);
    const looked = await call.transact({
      ...looking,
      plan(transaction, caller, loaded) {
        const story = looking.plan(transaction, caller, loaded);
        const { snapshot } = transaction;
        return {
          story,
          names: namesOf(snapshot),
          who: namedParty(snapshot, story.call.requester),
          upstream: snapshot.upstreams.get(story.call.upstream) ?? null,
        };
      },
    }, "see_requests");
    return { ...looked, entries: await callEntries(services.deps.kv, org, looked.story) };
  },
  title: ({ story: { call } }) => `Call of ${call.tool}`,
  view: ({ data, now }) => {
    const { story } = data;
    const { call, status } = story;
    return (
      <>
        <PageHeader
          title={<UntrustedText text={call.tool} mono />}
          breadcrumb={[{ label: "Calls", href: "/calls" }]}
          badges={<CallBadge call={call} status={status} />}
          actions={status === "running" && (
            <ButtonLink href={pagePath("/calls/:id", { id: call.id })} icon="refresh">
              Load again
            </ButtonLink>
          )}
        />
        <NextStep data={data} now={now} />
        <Section title="What happened">
          <Timeline data={data} now={now} />
        </Section>
        <Section title="What it is">
          <Facts data={data} />
        </Section>
      </>
    );
  },
});

/** From the asking to the answer, with what waits at the end. */
function Timeline({ data, now }: ShownProps) {
  const { steps, status, due_at, approval } = data.story;
  const awaited = status === "running"
    ? due_at
    : status !== "pending" || approval === null
    ? null
    : approval.progress.state === "approved"
    ? approval.progress.use_before
    : approval.expires_at;
  return (
    <ol class="timeline" aria-label="From asking to answer">
      {steps.map((step, index) => (
        <li key={`${step.kind} ${index}`} class={`timeline-${lookOf(step)}`}>
          <StepWords step={step} data={data} />, <Time at={step.at} now={now} show="absolute" />
          <Since step={step} before={steps[index - 1]} story={data.story} />
        </li>
      ))}
      {awaited !== null && (
        <li class="timeline-awaits">
          {status === "running"
            ? "Waits for the server, until "
            : approval?.progress.state === "approved"
            ? "Waits to be asked for again, until "
            : "Waits for a decision, until "}
          <Time at={awaited} now={now} show="absolute" />
        </li>
      )}
    </ol>
  );
}

/** How a step looks: good, bad, or neither. */
function lookOf(step: CallStep): string {
  if (step.kind === "approved" || step.kind === "denied") return step.kind;
  return step.kind === "given_up" || (step.kind === "answered" && step.result === "unknown")
    ? "denied"
    : "step";
}

/** How long it was since the step before, where that says something. */
function Since({ step, before, story: { ran_ms } }: {
  readonly step: CallStep;
  readonly before: CallStep | undefined;
  readonly story: CallStory;
}) {
  const span = step.kind === "answered" && ran_ms !== null
    ? ran_ms
    : before === undefined
    ? 0
    : step.at - before.at;
  return span > 0 ? <span class="quiet">{` after ${tookWords(span)}`}</span> : null;
}

function StepWords({ step, data: { story, names, who, upstream } }: {
  readonly step: CallStep;
  readonly data: Shown;
}) {
  const { call } = story;
  const member = "member" in step ? names.of(step.member) ?? "a former member" : "";
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
          Allowed without a person: <code>{call.resolved_from}</code>
        </>
      );
    case "refused":
      return (
        <>
          Refused: <code>{call.resolved_from}</code>
        </>
      );
    case "approved":
    case "denied":
      return (
        <>
          {step.kind === "approved" ? "Approved" : "Denied"} by <Words text={member} />
        </>
      );
    case "over":
      return <>{OVER[step.state] ?? "Ended"}</>;
    case "sent":
      return (
        <>
          Sent to {upstream === null || story.moved
            ? <UntrustedText text={call.upstream} mono />
            : <UntrustedText text={placeOf(upstream)} mono />}
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
function Guarded({ call }: { readonly call: CallStory["call"] }) {
  const { findings = [] } = call;
  const redactions = "redactions" in call ? call.redactions ?? [] : [];
  const withheld = "withheld" in call ? call.withheld : undefined;
  if (findings.length === 0) return <span class="quiet">Nothing</span>;
  return (
    <>
      {withheld !== undefined && (
        <p>
          The result is withheld: {GUARD_WORDS[withheld.guard] ?? withheld.guard}
        </p>
      )}
      {redactions.length > 0 && (
        <p>
          Replaced: {redactions.map(({ kind, count }) => `${kind} ${count}\u00d7`).join(", ")}
        </p>
      )}
      <FindingList findings={findings} />
    </>
  );
}

function Facts({ data: { story, upstream, entries } }: { readonly data: Shown }) {
  const { call, approval, execution, waited_ms, ran_ms, moved } = story;
  const cost = execution?.cost_micros ?? null;
  return (
    <Definitions
      items={[
        {
          term: "Tool",
          value: (
            <a href={toolPath(call.tool)}>
              <UntrustedText text={call.tool} mono />
            </a>
          ),
        },
        ...call.upstream === "" ? [] : [{
          term: "Runs at",
          value: (
            <>
              {upstream !== null && !moved && (
                <>
                  <UntrustedText text={placeOf(upstream)} mono />, upstream{" "}
                </>
              )}
              {upstream === null
                ? <UntrustedText text={call.upstream} mono />
                : (
                  <a href={pagePath("/upstreams/:name", { name: call.upstream })}>
                    <UntrustedText text={call.upstream} mono />
                  </a>
                )}
              {upstream === null && " (removed since)"}
              {moved && " (moved somewhere else since)"}
            </>
          ),
        }],
        ...approval === null ? [] : [{
          term: "Request",
          value: (
            <a href={pagePath("/approvals/:id", { id: approval.id })}>
              <span class="mono">{approval.reference}</span>
            </a>
          ),
        }],
        ...call.mandate_id === null ? [] : [{
          term: "Mandate",
          value: (
            <a href={pagePath("/mandates/:id", { id: call.mandate_id })}>
              <span class="mono">{call.mandate_id}</span>
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
          value: <Guarded call={call} />,
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
        { term: "Id", value: call.id, mono: true },
      ]}
    />
  );
}
