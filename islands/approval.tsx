import { startAuthentication } from "@simplewebauthn/browser";
import { useEffect, useRef, useState } from "preact/hooks";
import { DecisionBar } from "../components/approval_list.tsx";
import { StatusBadge } from "../components/badges.tsx";
import { Button, ButtonLink } from "../components/button.tsx";
import { island } from "../components/island.tsx";
import { Notice } from "../components/layout.tsx";
import { Breadcrumb, LiveMark } from "../components/page_header.tsx";
import { RequestSheet } from "../components/request.tsx";
import { Countdown } from "../components/time.tsx";
import type { FrozenView } from "../lib/approvals/frozen_view.ts";
import { pagePath } from "../lib/base/page_path.ts";
import { type ApprovalFacts, approvalStatement } from "../lib/passkeys/statement.ts";
import { quickReasonText } from "../lib/sheet/sentence.ts";
import type { ApprovalSheet } from "../lib/sheet/sheet.ts";
import { QUICK_REASONS } from "../lib/store/records/vocabulary.ts";
import { useClock, useLive } from "./live.ts";
import { useSeen } from "./seen.ts";
import {
  actionDigest,
  ceremonyMessage,
  challengeText,
  noteDigest,
  type Posted,
  postJson,
  viewDigest,
} from "./signing.ts";

/** How long Approve stays locked after anything has changed, milliseconds. */
const SETTLE_MS = 1000;

const DENY_FORM = "deny";

const BAR = "decision-bar";

const BARRED: Readonly<Record<NonNullable<ApprovalSheet["barred"]>, string>> = {
  self_approval: "You answer for who asks, so somebody else has to decide this.",
  not_an_approver: "Your role and groups do not include deciding at this level.",
  already_decided_level: "You have decided a level of this already: the next needs someone else.",
  recovery_held: "Your account was recovered a short while ago; you can decide once the hold ends.",
  not_inside: "Who may not see the arguments may not decide.",
};

export interface ApprovalProps {
  readonly start: ApprovalSheet;
  /** The server's time, milliseconds. */
  readonly now: number;
  /** Whether this member may stop the agent that asked. */
  readonly mayPause: boolean;
  /** Whether the member sent it to themselves, from the Quickstart, which then runs it. */
  readonly isSample: boolean;
  /** What was typed as a note where a form was refused. */
  readonly note: string;
}

const NOT_LIVE =
  "This page is not live, trying again: it may show an older state of the request. " +
  "What you sign counts only for what is shown here.";

export default island("approval", Approval);

/** One request, kept up to date, and the decision about it. */
function Approval({ start, now: from, mayPause, isSample, note: typed }: ApprovalProps) {
  const now = useClock(from);
  const live = useLive(pagePath("/approvals/:id/live", { id: start.id }), start);
  const sheet = live.value;
  const content = contentOf(sheet);
  const body = useRef<HTMLDivElement>(null);
  const seen = useSeen(body, content, coveredHeight);
  const settled = useSettled(content);
  const [note, setNote] = useState(typed);
  const [busy, setBusy] = useState(false);
  const [message, setMessage] = useState("");
  const { view } = sheet;
  const open = sheet.state === "pending" && now < sheet.expires_at;
  const decides = open && sheet.barred === null && view !== null;

  async function approve() {
    if (view === null) return;
    setBusy(true);
    const isLost = live.state === "lost";
    setMessage(isLost ? NOT_LIVE : "");
    const signed = await signApproval(sheet, view, note === "" ? null : note);
    setBusy(false);
    if (!signed.ok) setMessage(isLost ? `${signed.message} ${NOT_LIVE}` : signed.message);
    else location.reload();
  }

  return (
    <div class="approval">
      <header class="page-header approval-head">
        <Breadcrumb crumbs={[{ label: "Approvals", href: "/approvals" }]} />
        <div class="page-title">
          <StatusBadge status={statusOf(sheet)} />
          {open && <Countdown until={sheet.expires_at} now={now} />}
          <span class="mono quiet">{sheet.reference}</span>
        </div>
        <LiveMark state={live.state} />
      </header>
      {isSample && open && sheet.barred === null && <SampleAsked />}
      {isSample && !open && <SampleNext state={sheet.state} />}
      <div ref={body}>
        <RequestSheet sheet={sheet} now={now} />
      </div>
      {open && sheet.barred !== null && (
        <Notice tone="info" live={false}>{BARRED[sheet.barred]}</Notice>
      )}
      {decides && (
        <form id={DENY_FORM} method="post" class="form form-stack deny-form">
          <label class="field-label" for="note">
            Note <span class="field-optional">optional</span>
          </label>
          <textarea
            id="note"
            name="note"
            class="input"
            rows={2}
            maxLength={1000}
            value={note}
            onInput={(event) => setNote(event.currentTarget.value)}
            aria-describedby="note-hint"
          />
          <p class="field-hint" id="note-hint">
            The agent gets it with a denial; it is kept with the decision.
          </p>
          <fieldset class="quick-reasons">
            <legend>Deny, because…</legend>
            <input type="hidden" name="do" value="deny" />
            {QUICK_REASONS.map((reason) => (
              <Button key={reason} size="small" name="quick_reason" value={reason}>
                {quickReasonText(reason)}
              </Button>
            ))}
          </fieldset>
          {mayPause && sheet.requester.type === "agent" && (
            <Button variant="danger" size="small" name="pause" value="on" icon="pause">
              Deny and pause this agent
            </Button>
          )}
        </form>
      )}
      {decides && (
        <div id={BAR}>
          <DecisionBar
            deny={
              <Button variant="danger" size="large" form={DENY_FORM} icon="cross">
                Deny
              </Button>
            }
            approve={
              <Button
                variant="primary"
                size="large"
                type="button"
                icon="check"
                disabled={!seen.all || !settled || busy}
                aria-describedby="approve-status"
                onClick={approve}
              >
                {busy ? "Waiting for your passkey…" : "Approve"}
              </Button>
            }
            status={
              <div id="approve-status" role="status">
                {message !== "" && <p class="field-error" role="alert">{message}</p>}
                {message === "" && !seen.all && (
                  <p>
                    Approve unlocks once you have seen all of it.{" "}
                    <button type="button" class="link-button" onClick={seen.showRest}>
                      Show what is left
                    </button>
                  </p>
                )}
                {message === "" && seen.all && !settled && <p>Something changed: look again.</p>}
              </div>
            }
          />
        </div>
      )}
      {sheet.revocable && (
        <form method="post" class="form">
          <input type="hidden" name="do" value="revoke" />
          <Button icon="undo">Revoke</Button>
        </form>
      )}
      <noscript>
        <p>
          Approving needs a passkey and script. Denying works without.
        </p>
      </noscript>
    </div>
  );
}

/** What to do with a sample that waits. */
function SampleAsked() {
  return (
    <Notice tone="info" live={false} title="You sent this to yourself">
      This is the page that an approver gets. Read it to its end, then approve it with your passkey,
      or deny it.
    </Notice>
  );
}

/** What comes after a sample: an agent of one's own would go on by itself. */
function SampleNext({ state }: { readonly state: string }) {
  if (state !== "approved") {
    return <ButtonLink href="/quickstart">Back to the Quickstart</ButtonLink>;
  }
  return (
    <Notice
      tone="success"
      live={false}
      title="Approved"
      actions={
        <form method="post" action="/quickstart" class="form">
          <input type="hidden" name="do" value="run" />
          <Button variant="primary" icon="bolt">Run it</Button>
        </form>
      }
    >
      An agent of your own would go on by itself now. This one is a sample, and waits for you.
    </Notice>
  );
}

/** What the decision is about: another text is another thing to look at. */
function contentOf({ view, state, level, asked_again }: ApprovalSheet): string {
  return JSON.stringify([view, state, level, asked_again.length]);
}

/** False for a moment after what is shown has changed, so that no tap lands on something new. */
function useSettled(content: string): boolean {
  const [settledOn, setSettledOn] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => setSettledOn(content), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [content]);
  return settledOn === content;
}

/** How much of the window the decision bar and the menu below it cover, pixels. */
function coveredHeight(): number {
  const bar = document.getElementById(BAR)?.firstElementChild;
  return bar instanceof HTMLElement ? innerHeight - bar.getBoundingClientRect().top : 0;
}

function statusOf({ state }: ApprovalSheet): Parameters<typeof StatusBadge>[0]["status"] {
  switch (state) {
    case "approved":
    case "used":
    case "denied":
    case "expired":
    case "lapsed":
    case "cancelled":
    case "revoked":
      return state;
    default:
      return "pending";
  }
}

type Facts = Omit<ApprovalFacts, "action_digest" | "view_digest" | "note_digest">;

interface Opened {
  readonly facts: Facts;
  readonly options: Parameters<typeof startAuthentication>[0]["optionsJSON"];
}

/**
 * Approves what this page shows. The passkey signs digests that are computed here, from the very
 * JSON that was rendered: a server that showed one thing and asked to sign another would get a
 * signature that fits neither.
 */
export async function signApproval(
  sheet: ApprovalSheet,
  view: FrozenView,
  note: string | null,
): Promise<Posted<unknown>> {
  const { id } = sheet;
  const opened = await postJson<Opened>(pagePath("/approvals/:id/statement", { id }));
  if (!opened.ok) return opened;
  const { facts, options } = opened.data;
  if (facts.issuer !== location.origin || facts.approval !== sheet.id || facts.org !== sheet.org) {
    return {
      ok: false,
      code: "other_statement",
      message: "The server asked for a signature on something else. Nothing was approved.",
    };
  }
  if (facts.level !== sheet.level) {
    return {
      ok: false,
      code: "next_level",
      message: "This is at another level by now. Load the page again and look at it. " +
        "Nothing was approved.",
    };
  }
  const digests = {
    view_digest: await viewDigest(view),
    action_digest: await actionDigest(sheet.org, {
      tenant: sheet.tenant,
      resource: sheet.resource,
      tool: sheet.tool_name,
      method: sheet.method,
      arguments: view.arguments,
    }),
  };
  const statement = approvalStatement({
    ...facts,
    ...digests,
    note_digest: await noteDigest(note),
  });
  const challenge = await challengeText(statement);
  try {
    const response = await startAuthentication({ optionsJSON: { ...options, challenge } });
    return await postJson(pagePath("/approvals/:id/approve", { id }), {
      nonce: facts.nonce,
      note,
      response,
      ...digests,
    });
  } catch (error) {
    return { ok: false, code: "ceremony_ended", message: ceremonyMessage(error) };
  }
}
