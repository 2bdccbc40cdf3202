import { StatusBadge } from "../../../components/badges.tsx";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { CodeBlock } from "../../../components/code.tsx";
import CopyButton from "../../../components/copy_button.tsx";
import { FieldErrors, Form } from "../../../components/form.tsx";
import { Definitions, Disclosure, Notice } from "../../../components/layout.tsx";
import { Time } from "../../../components/time.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import type { IssuedReceipt } from "../../../lib/evidence/receipts.ts";
import { SAMPLE_TOOL, type SampleRun, type SampleState } from "../../../lib/onboarding/sample.ts";
import type { Snapshot } from "../../../lib/policy/snapshot.ts";
import { attempted } from "../../dashboard/attempted.ts";
import type { Attempt } from "../../dashboard/page.ts";
import { renderReceipt } from "../../fields/log.ts";
import type { QuickstartData } from "./data.ts";
import { AnyOf } from "./skill.tsx";

/** The first step: a request that is real in all but what it would run. */
export function SampleStep({ data, attempt, now }: {
  readonly data: QuickstartData;
  readonly attempt: Attempt | null;
  readonly now: number;
}) {
  const { sample, mayConfigure, paused } = data;
  const errors = [...attempted(attempt, "sample").errors, ...attempted(attempt, "run").errors];
  return (
    <>
      <FieldErrors errors={errors} />
      {paused !== null && (
        <Notice
          tone="warning"
          live={false}
          title="Your sample agent is paused"
          actions={
            <ButtonLink href={pagePath("/agents/:id", { id: paused })} size="small">
              To the agent
            </ButtonLink>
          }
        >
          Everything that it asks is refused until an owner lets it go on.
        </Notice>
      )}
      {sample === null
        ? <Explained data={data} />
        : <Sample sample={sample} data={data} now={now} />}
      {mayConfigure && <SendForm sample={sample} />}
    </>
  );
}

function Explained({ data: { mayConfigure, askWhom } }: { readonly data: QuickstartData }) {
  return (
    <>
      <p>
        A sample agent asks to run{" "}
        <code class="mono">{SAMPLE_TOOL}</code>, and has to wait for you. You approve it with your
        passkey, run it, and see the token and the receipt that come of it. Nothing runs behind it;
        all else is as it will be with your agents.
      </p>
      {!mayConfigure && (
        <Notice tone="info" live={false}>
          Your role doesn't make tools and agents, so you can't send one yourself.{" "}
          {askWhom.length > 0 && (
            <>
              Ask <AnyOf people={askWhom} />: what they send comes to Approvals.
            </>
          )}
        </Notice>
      )}
    </>
  );
}

/** The button that sends one; beside a sample that still waits it would be in the way. */
function SendForm({ sample }: { readonly sample: SampleState | null }) {
  const state = sample?.approval.record.progress.state;
  if (state === "pending" || state === "approved") return null;
  return (
    <Form do="sample">
      <Button
        variant={sample === null ? "primary" : "secondary"}
        icon={sample === null ? "bolt" : "repeat"}
      >
        {sample === null ? "Send yourself a request" : "Send another"}
      </Button>
    </Form>
  );
}

function Sample({ sample, data, now }: {
  readonly sample: SampleState;
  readonly data: QuickstartData;
  readonly now: number;
}) {
  const { approval: { record }, run, receipt } = sample;
  const { progress } = record;
  const page = pagePath("/approvals/:id", { id: record.id });
  return (
    <>
      <div class="row">
        <StatusBadge status={progress.state} />
        <a class="mono" href={page}>{record.reference}</a>
        <Time at={record.created_at} now={now} show="relative" />
      </div>
      {progress.state === "pending" && <Pending page={page} data={data} />}
      {progress.state === "approved" && (
        <>
          <p>
            It is approved. Now the agent turns the approval into a token, and whoever runs the tool
            consumes that token: once, for exactly this action.
          </p>
          <Form do="run">
            <Button variant="primary" icon="bolt">Run it</Button>
          </Form>
        </>
      )}
      {run !== null && <Run run={run} now={now} />}
      {receipt !== null && <Receipt receipt={receipt} />}
    </>
  );
}

function Pending({ page, data: { othersDecide } }: {
  readonly page: string;
  readonly data: QuickstartData;
}) {
  if (othersDecide === null) {
    return (
      <>
        <p>It waits for a human. That may be you: your passkey is what makes you one.</p>
        <ButtonLink href={page} variant="primary" icon="approvals">
          Look at it and decide
        </ButtonLink>
      </>
    );
  }
  return (
    <>
      <p>
        Duties are separated here: you answer for the sample agent, so somebody else has to decide.
        {" "}
        {othersDecide.length > 0
          ? (
            <>
              Ask <AnyOf people={othersDecide} />.
            </>
          )
          : "There is nobody who could: invite somebody under Team."}
      </p>
      <ButtonLink href={page}>Look at it</ButtonLink>
    </>
  );
}

function Run({ run: { status, claims }, now }: {
  readonly run: SampleRun;
  readonly now: number;
}) {
  const spent = status === "reported" || status === "reported_late";
  return (
    <Disclosure summary="The token">
      <div class="stack">
        <p>
          {spent
            ? "It was consumed and its run was reported, so it counts no more. This is what it said, under a signature:"
            : "This is what it says, under a signature:"}
        </p>
        <Definitions
          items={[
            { term: "Token", value: claims.token_id, mono: true },
            { term: "For", value: claims.tool, mono: true },
            { term: "Exactly this action", value: claims.action_digest, mono: true },
            { term: "From approval", value: claims.approval_id ?? "none", mono: true },
            { term: "Decided on policy version", value: claims.policy_version },
            { term: "Issued", value: <Time at={claims.issued_at} now={now} /> },
            { term: "Would have expired", value: <Time at={claims.expires_at} now={now} /> },
          ]}
        />
      </div>
    </Disclosure>
  );
}

function Receipt({ receipt }: { readonly receipt: IssuedReceipt }) {
  const text = JSON.stringify(renderReceipt(receipt), null, 2);
  return (
    <Disclosure summary="The receipt">
      <div class="stack">
        <p>
          Proof of the decision for somebody who doesn't trust this server: the entry of the log,
          the way from it to the log's signed head, and the key. It is checked without a network.
        </p>
        <div class="row">
          <ButtonLink
            href={pagePath("/activity/:index", { index: receipt.index })}
            size="small"
            icon="activity"
          >
            Its entry in the log
          </ButtonLink>
          <ButtonLink href="/verify" size="small" icon="shield">Check a receipt</ButtonLink>
          <ButtonLink
            href={`data:application/json;charset=utf-8,${encodeURIComponent(text)}`}
            download="receipt.json"
            size="small"
            icon="download"
          >
            Download
          </ButtonLink>
        </div>
        <CodeBlock
          code={text}
          label="receipt.json"
          copy={<CopyButton text={text} label="Copy the receipt" />}
        />
      </div>
    </Disclosure>
  );
}

/** The name of a tool that an example can ask about; null while none is approved. */
export function firstTool({ tools }: Pick<Snapshot, "tools">): string | null {
  const approved = [...tools.values()].filter(({ status }) => status === "approved");
  return approved.map(({ name }) => name).sort()[0] ?? null;
}
