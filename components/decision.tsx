import type { ComponentChildren } from "preact";
import { pagePath } from "../lib/base/page_path.ts";
import { CANCELLED_WORDS, quickReasonText } from "../lib/sheet/sentence.ts";
import type { ApprovalSheet } from "../lib/sheet/sheet.ts";
import { Button, ButtonLink } from "./button.tsx";
import { Notice, type NoticeTone } from "./layout.tsx";
import { Time } from "./time.tsx";
import { MachineName, UntrustedText } from "./untrusted.tsx";

/** A decision: the two buttons, what came of it, and what is next. */

export interface DecisionBarProps {
  /** The button that denies. */
  readonly deny: ComponentChildren;
  /** The button that approves. */
  readonly approve: ComponentChildren;
  /** Why it is locked, how long it waits. */
  readonly status?: ComponentChildren;
}

/** The two decisions, at the bottom edge, under the thumb, apart from each other. */
export function DecisionBar({ deny, approve, status }: DecisionBarProps) {
  return (
    <div class="decision-bar" role="group" aria-label="Decision">
      {status !== undefined && <div class="decision-status">{status}</div>}
      <div class="decision-buttons">
        <div class="decision-deny">{deny}</div>
        <div class="decision-approve">{approve}</div>
      </div>
    </div>
  );
}

/** What else waits for a member who decides. */
export interface Rest {
  readonly left: number;
  /** The one that expires first; null where none is left. */
  readonly next: string | null;
}

/** Where the next request is, or the list where none is left. */
export function nextPath(rest: Rest | null): string {
  return rest === null || rest.next === null
    ? "/approvals"
    : pagePath("/approvals/:id", { id: rest.next });
}

const BARRED: Readonly<Record<NonNullable<ApprovalSheet["barred"]>, string>> = {
  self_approval: "You answer for who asks, so somebody else has to decide this.",
  not_an_approver: "Your role and groups don't include deciding at this level.",
  already_decided_level: "You have decided a level of this already: the next needs someone else.",
  recovery_held: "Your account was recovered a short while ago; you can decide once the hold ends.",
  not_inside: "Who may not see the arguments may not decide.",
};

interface OutcomeProps {
  readonly sheet: ApprovalSheet;
  readonly now: number;
  readonly rest: Rest | null;
}

/** What became of a request, or why this member has nothing to decide here; null while they have. */
export function Outcome({ sheet, now, rest }: OutcomeProps) {
  const words = outcomeWords(sheet, now);
  if (words === null) return null;
  const last = sheet.decisions.at(-1);
  const isDone = last?.mine === true || words.tone === "success";
  return (
    <>
      <Notice
        tone={words.tone}
        live={false}
        actions={
          <>
            {sheet.revocable && (
              <form method="post" action={pagePath("/approvals/:id", { id: sheet.id })}>
                <input type="hidden" name="do" value="revoke" />
                <Button variant="quiet">Revoke</Button>
              </form>
            )}
            {rest !== null && (
              <ButtonLink
                href={nextPath(rest)}
                variant={isDone ? "primary" : "secondary"}
                aria-keyshortcuts="n"
              >
                {rest.next === null ? "Approvals" : `${rest.left} more: Next`}{" "}
                <kbd aria-hidden="true">N</kbd>
              </ButtonLink>
            )}
          </>
        }
      >
        {words.text}
      </Notice>
      <Said sheet={sheet} />
    </>
  );
}

interface OutcomeWords {
  readonly tone: NoticeTone;
  readonly text: ComponentChildren;
}

function outcomeWords(sheet: ApprovalSheet, now: number): OutcomeWords | null {
  const { state, because, requester, barred } = sheet;
  const who = <MachineName {...requester} />;
  const tone = "info";
  switch (state) {
    case "pending":
      if (now >= sheet.expires_at) return { tone, text: EXPIRED };
      if (barred === null) return null;
      return { tone: barred === "already_decided_level" ? "success" : tone, text: BARRED[barred] };
    case "approved":
      return {
        tone: "success",
        text: (
          <>
            <DoneBy sheet={sheet} what="Approved" /> {sheet.awaits?.what === "mint"
              ? (
                <span class="quiet">
                  {who} has until <Time at={sheet.awaits.until} now={now} show="absolute" />{" "}
                  to run it, once.
                </span>
              )
              : null}
          </>
        ),
      };
    case "used":
      return {
        tone: "success",
        text: (
          <>
            <DoneBy sheet={sheet} what="Approved" />{" "}
            <span class="quiet">{who} has taken its run token.</span>
          </>
        ),
      };
    case "denied":
      return {
        tone: "success",
        text: (
          <>
            <DoneBy sheet={sheet} what="Denied" />{" "}
            <span class="quiet">
              {who} {isReasoned(sheet) ? "has the reason" : "is told"}
              {sheet.paused
                ? " and is paused: all it asks is refused until an owner resumes it"
                : ""}.
            </span>
          </>
        ),
      };
    case "expired":
      return { tone, text: EXPIRED };
    case "lapsed":
      return { tone, text: "Approved, but not used in time. The agent has to ask again." };
    case "cancelled":
      return {
        tone,
        text: because === null || because === "withdrawn"
          ? "The requester withdrew it."
          : `It was cancelled, because ${CANCELLED_WORDS[because]}. The agent has to ask again.`,
      };
    case "revoked":
      return { tone, text: "The approval was revoked: nothing can be run with it any more." };
    default:
      return null;
  }
}

const EXPIRED = "Expired: nobody decided in time. The agent can ask again.";

function DoneBy({ sheet, what }: { readonly sheet: ApprovalSheet; readonly what: string }) {
  const last = sheet.decisions.at(-1);
  if (last === undefined || last.mine) return <>{what}.</>;
  return (
    <>
      {what} by <UntrustedText text={last.who} />.
    </>
  );
}

function isReasoned({ decisions }: ApprovalSheet): boolean {
  return decisions.some(({ note, quick_reason }) => note !== null || quick_reason !== null);
}

/** What was said with the decisions. */
function Said({ sheet }: { readonly sheet: ApprovalSheet }) {
  return (
    <>
      {sheet.decisions.map(({ level, who, note, quick_reason }) => {
        const words = [quick_reason === null ? null : quickReasonText(quick_reason), note]
          .filter((part) => part !== null);
        if (words.length === 0) return null;
        return (
          <blockquote key={level} class="decision-note">
            <UntrustedText text={words.join(": ")} />
            <footer>
              <UntrustedText text={who} />
            </footer>
          </blockquote>
        );
      })}
    </>
  );
}
