import { startAuthentication } from "@simplewebauthn/browser";
import { useEffect, useRef, useState } from "preact/hooks";
import { StatusBadge } from "../components/badges.tsx";
import { Button, ButtonLink } from "../components/button.tsx";
import { DecisionBar, nextPath, Outcome, type Rest } from "../components/decision.tsx";
import { DenySheet } from "../components/deny_sheet.tsx";
import { island } from "../components/island.tsx";
import { Disclosure, Notice } from "../components/layout.tsx";
import { Breadcrumb, LiveMark } from "../components/page_header.tsx";
import { RequestSheet } from "../components/request.tsx";
import { KeysSheet, useShortcuts } from "../components/shortcuts.tsx";
import { absoluteWords, Countdown } from "../components/time.tsx";
import { MachineName, UntrustedText } from "../components/untrusted.tsx";
import { ReadingContext } from "../components/value_viewer.tsx";
import type { FrozenView } from "../lib/approvals/frozen_view.ts";
import { pagePath } from "../lib/base/page_path.ts";
import { type ApprovalFacts, approvalStatement } from "../lib/passkeys/statement.ts";
import type { ApprovalSheet } from "../lib/sheet/sheet.ts";
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
import { useWayBack, wayBack } from "./way_back.ts";

/** How long Approve stays locked after anything has changed, milliseconds. */
const SETTLE_MS = 1000;

const BAR = "decision-bar";

/** What the page shows, and what its stream brings anew. */
export interface ApprovalNews {
  readonly sheet: ApprovalSheet;
  /** What else waits; null while this one does, and for who decides nothing. */
  readonly rest: Rest | null;
}

export interface ApprovalProps {
  readonly start: ApprovalNews;
  /** The server's time, milliseconds. */
  readonly now: number;
  /** Whether this member may stop the agent that asked. */
  readonly mayPause: boolean;
  /** Whether the member sent it to themselves, from the Quickstart, which then runs it. */
  readonly isSample: boolean;
  /** What was typed as a note where a form was refused. */
  readonly note: string;
  /** Whether the member has decided it this moment, and is told so first. */
  readonly hasDecided: boolean;
}

const NOT_LIVE = "This page isn't live, trying again: it may show an older state of the request. " +
  "What you sign counts only for what is shown here.";

export default island("approval", Approval);

/** One request, kept up to date, and the decision about it. */
function Approval(props: ApprovalProps) {
  const { start, now: from, mayPause, isSample, hasDecided } = props;
  const { id } = start.sheet;
  const now = useClock(from);
  const live = useLive(pagePath("/approvals/:id/live", { id }), start);
  const { sheet, rest } = live.value;
  const content = contentOf(sheet);
  const first = useRef(content);
  const body = useRef<HTMLDivElement>(null);
  const seen = useSeen(body, content, coveredHeight);
  const settled = useSettled(content);
  const [note, setNote] = useState("");
  const [busy, setBusy] = useState(false);
  const [message, setMessage] = useState("");
  const [over, setOver] = useState<"deny" | "keys" | null>(null);
  const { view } = sheet;
  const open = sheet.state === "pending" && now < sheet.expires_at;
  const decides = open && sheet.barred === null && view !== null;
  const locked = !seen.all || !settled || busy;
  const list = useWayBack();

  // A dialog tells of its end a moment later, when another may be open.
  const close = (ended: "deny" | "keys") => setOver((now) => now === ended ? null : now);

  useShortcuts({
    "?": () => setOver("keys"),
    u: () => location.assign(wayBack()),
    ...(decides ? { d: () => setOver("deny") } : {}),
    ...(!decides && rest !== null ? { n: () => location.assign(nextPath(rest)) } : {}),
  });

  async function approve() {
    if (view === null || busy || !settled) return;
    if (!seen.all) return seen.showRest();
    setBusy(true);
    const isLost = live.state === "lost";
    setMessage(isLost ? NOT_LIVE : "");
    const signed = await signApproval(sheet, view, note === "" ? null : note);
    setBusy(false);
    if (!signed.ok) setMessage(isLost ? `${signed.message} ${NOT_LIVE}` : signed.message);
    else location.replace(pagePath("/approvals/:id", { id, decided: 1 }));
  }

  return (
    <div class="approval">
      <header class="page-header approval-head">
        <Breadcrumb crumbs={[{ label: "Approvals", href: list }]} />
        <div class="page-title">
          {!open && <StatusBadge status={statusOf(sheet)} />}
          {open && <Countdown until={sheet.expires_at} now={now} />}
        </div>
        <LiveMark state={live.state} />
      </header>
      <div class="outcome" role="status" tabIndex={-1} autofocus={hasDecided}>
        {!decides && <Outcome sheet={sheet} now={now} rest={isSample ? null : rest} />}
      </div>
      {isSample && open && sheet.barred === null && <SampleAsked />}
      {isSample && !open && <SampleNext state={sheet.state} />}
      <div ref={body}>
        <ReadingContext.Provider value={seen.progress}>
          <RequestSheet sheet={sheet} now={now} />
        </ReadingContext.Provider>
      </div>
      {decides && (
        <div class="approve-note needs-script">
          <Disclosure summary="Note for the record">
            <label class="field-label" for="note">
              Note <span class="field-optional">kept with your approval</span>
            </label>
            <textarea
              id="note"
              class="input"
              rows={2}
              maxLength={1000}
              value={note}
              onInput={(event) => setNote(event.currentTarget.value)}
            />
          </Disclosure>
        </div>
      )}
      {decides && (
        <div id={BAR}>
          <DecisionBar
            deny={
              <form
                method="get"
                action={pagePath("/approvals/:id/deny", { id })}
                onSubmit={(event) => {
                  // Without script it leads to the page of the same sheet.
                  event.preventDefault();
                  setOver("deny");
                }}
              >
                <Button
                  variant="danger"
                  size="large"
                  aria-haspopup="dialog"
                  aria-keyshortcuts="d"
                >
                  Deny <kbd aria-hidden="true">D</kbd>
                </Button>
              </form>
            }
            approve={
              <Button
                variant="primary"
                size="large"
                type="button"
                icon="passkey"
                aria-disabled={locked}
                aria-describedby="approve-status"
                onClick={approve}
              >
                Approve
              </Button>
            }
            status={
              <>
                <div id="approve-status" class="needs-script" role="status">
                  {message !== ""
                    ? <p class="field-error" role="alert">{message}</p>
                    : busy
                    ? <p>Waiting for your passkey…</p>
                    : !seen.all
                    ? (
                      <p>
                        Not all seen yet.{" "}
                        <button type="button" class="link-button" onClick={seen.showRest}>
                          Show {seen.rest ?? "what is left"}
                        </button>
                      </p>
                    )
                    : settled || content === first.current
                    ? <p>You have seen all of it.</p>
                    : <p>Something changed: look again.</p>}
                </div>
                <noscript>
                  <p>
                    Approving needs a passkey and script. Denying works without, until{" "}
                    {absoluteWords(sheet.expires_at)}.
                  </p>
                </noscript>
              </>
            }
          />
        </div>
      )}
      {over === "deny" && decides && (
        <DenySheet
          title={
            <>
              Deny <UntrustedText text={sheet.tool_name} mono /> for{" "}
              <MachineName {...sheet.requester} />
            </>
          }
          lead={DENY_LEAD}
          action={pagePath("/approvals/:id", { id })}
          count={1}
          mayPause={mayPause && sheet.requester.type === "agent"}
          note={props.note}
          onClose={() => close("deny")}
        >
          <input type="hidden" name="do" value="deny" />
        </DenySheet>
      )}
      {over === "keys" && <KeysSheet keys={KEYS} onClose={() => close("keys")} />}
    </div>
  );
}

/** What follows from a denial. */
export const DENY_LEAD = "The agent gets the reason. It can't ask for this again for 10 minutes.";

const KEYS = [
  ["d", "Deny: opens the sheet"],
  ["1 – 6", "In the sheet: choose a reason"],
  ["Enter", "In the sheet: deny; in its note with Ctrl"],
  ["Esc", "Back"],
  ["n", "Next request, after a decision"],
  ["u", "Up to the list"],
  ["?", "This list"],
] as const;

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
