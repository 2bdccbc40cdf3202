import type { ComponentChildren } from "preact";
import { pagePath } from "../lib/base/page_path.ts";
import { ButtonLink } from "./button.tsx";
import type { CallSheet } from "./call_sheet.ts";
import { Notice, type NoticeProps } from "./layout.tsx";
import { Time } from "./time.tsx";
import { UntrustedText, Words } from "./untrusted.tsx";

/** What the state of a call means, and what to do about it. */

interface SheetProps {
  readonly sheet: CallSheet;
  readonly now: number;
}

interface Advice {
  readonly tone: NoticeProps["tone"];
  readonly title: string;
  readonly text: ComponentChildren;
}

/** What a state means, and what to do about it. A call that went well needs no words. */
export function NextStep({ sheet, now }: SheetProps) {
  const advice = adviceOn(sheet, now);
  if (advice === null) return null;
  const { approval, status, said } = sheet;
  return (
    <Notice
      tone={advice.tone}
      live={false}
      title={advice.title}
      actions={approval !== null && status === "pending" && (
        <ButtonLink href={pagePath("/approvals/:id", { id: approval.id })}>
          Open the request
        </ButtonLink>
      )}
    >
      <p>{advice.text}</p>
      {said !== null && (
        <p>
          In its own words: <UntrustedText text={said} />
        </p>
      )}
    </Notice>
  );
}

function adviceOn(sheet: CallSheet, now: number): Advice | null {
  const { status, approval, result, due_at, told, who } = sheet;
  switch (status) {
    case "pending":
      return approval?.state === "approved"
        ? {
          tone: "info",
          title: "Approved, and not run yet",
          text: (
            <>
              It runs when <Words text={who.name} /> asks for the same again, until{" "}
              <Time at={approval.until} now={now} show="absolute" />.
            </>
          ),
        }
        : {
          tone: "info",
          title: "Waits for a person",
          text: (
            <>
              Once somebody approves it, it runs when <Words text={who.name} />{" "}
              asks for the same again. Nothing was sent.
            </>
          ),
        };
    case "running":
      return {
        tone: "info",
        title: "Sent, not answered yet",
        text: due_at === null ? "Nothing to do: it waits for the server." : (
          <>
            Nothing to do. If nobody knows by <Time at={due_at} now={now} show="absolute" />{" "}
            what came of it, it counts as unknown.
          </>
        ),
      };
    case "unknown":
      return {
        tone: "warning",
        title: "Nobody knows whether it ran",
        text: <Unknown sheet={sheet} />,
      };
    case "completed":
      if (told !== null) return { tone: "warning", ...TOLD[told] ?? OTHERWISE };
      return result === "failed"
        ? {
          tone: "info",
          title: "The tool says that it failed",
          text: "The agent has its answer. The permission is used: another try is a new call.",
        }
        : null;
    case "returned":
      return { tone: "warning", ...TOLD[told ?? ""] ?? NOT_SENT };
    case "refused":
      return approval !== null || told === "approval_not_approved"
        ? {
          tone: "info",
          title: "No one said yes",
          text: "Nothing was sent. The agent has to ask anew, as far as it may.",
        }
        : { tone: "warning", ...TOLD[told ?? ""] ?? REFUSED };
  }
}

/** What unknown means, and how it is found out. */
function Unknown({ sheet: { tool, place } }: Pick<SheetProps, "sheet">) {
  return (
    <>
      It was sent, and no whole answer came: it may have run, or run still. Its permission is used,
      and Countersign never sends it again. Look at{" "}
      {place === null ? "the server" : <UntrustedText text={place} mono />}{" "}
      whether it happened, such as by what <UntrustedText text={tool} mono />{" "}
      would have changed there. Only if it didn't, have the agent ask again: that is a new call.
    </>
  );
}

type Told = Omit<Advice, "tone">;

const OTHERWISE: Told = {
  title: "The agent got no result",
  text: "It was told why. The permission is used: another try is a new call.",
};

const NOT_SENT: Told = {
  title: "Nothing was sent",
  text: "The permission was given back: the agent can ask for the same again.",
};

const REFUSED: Told = {
  title: "Refused",
  text: "Nothing was sent. The agent was told why.",
};

/** What was told in place of a result, and what to do about it. */
const TOLD: Readonly<Record<string, Told>> = {
  result_too_large: {
    title: "It ran, and its result was too large to pass on",
    text:
      "Don't have it run again for the same. The agent can ask for less, or raise the largest " +
      "result on the upstream's page.",
  },
  upstream_asks: {
    title: "The server asked something back",
    text:
      "That isn't passed on, so it counts as failed. The agent has to say all of it in one call.",
  },
  upstream_failed: {
    title: "The server refused it",
    text:
      "It didn't run the tool. The agent knows what the server said; another try is a new call.",
  },
  upstream_unreachable: {
    title: "The server wasn't reached, so nothing was sent",
    text:
      "The permission was given back. See on the upstream's page what keeps it away; then the " +
      "agent can ask for the same again.",
  },
  upstream_busy: {
    title: "The server had no time, so nothing was sent",
    text: "The permission was given back, and the agent was told to try again in a while.",
  },
  credential_missing: {
    title: "The server wants to know who calls, so nothing was sent",
    text:
      "The permission was given back. Put a credential for it into the vault, or rotate the one " +
      "that is there; then the agent can ask for the same again.",
  },
  credential_needs_reconnect: {
    title: "The account behind it has to be connected again, so nothing was sent",
    text:
      "The permission was given back. Connect it under Credentials, and the agent can ask again.",
  },
  credential_not_for_origin: {
    title: "The credential is of another address, so nothing was sent",
    text: "Have the upstream name a credential that was put in for where it is.",
  },
  upstream_paused: {
    title: "The upstream is paused",
    text: "Nothing was sent. Let it go on, on its own page, and the agent can ask again.",
  },
  tool_disabled: {
    title: "The rules say no",
    text: "Nothing was sent. Which rule it was stands below.",
  },
  guard_blocked: {
    title: "A guard says no",
    text: "Nothing was sent. What it found, and where, stands below.",
  },
  invalid_arguments: {
    title: "The arguments don't fit the tool",
    text: "Nothing was sent. The agent was told where they don't, and can mend them.",
  },
};
