import type { PushPayload } from "../outside/push.ts";
import type { AlertKind } from "../store/records/alert.ts";
import { visibleLine } from "../text/visible_text.ts";

/** Most characters of a reason in an alert. */
export const MAX_REASON = 200;

/** Agents name the tools that they discover. */
const MAX_TOOL = 100;

/** What an alert may say of a request; the arguments and the context are not among it. */
export interface AlertFacts {
  readonly approval: string;
  readonly reference: string;
  readonly tool: string;
  /** Scrubbed. */
  readonly reason: string;
  readonly outcome: "approved" | "denied" | null;
  /** Milliseconds. */
  readonly expires_at: number;
  /** The origin that the link leads to. */
  readonly origin: string;
}

/** An alert as each channel takes it. */
export interface AlertText {
  readonly mail: { readonly subject: string; readonly text: string };
  readonly push: PushPayload;
}

/** What people are told about a request. */
export function alertText(kind: AlertKind, facts: AlertFacts): AlertText {
  const { approval, reference, outcome, origin } = facts;
  const tool = visibleLine(facts.tool, MAX_TOOL);
  const reason = visibleLine(facts.reason, MAX_REASON);
  const url = `${origin}/approvals/${approval}`;
  const headline = `${HEADLINES[kind] ?? OUTCOMES[outcome ?? "none"]}: ${tool}`;
  const lines = [
    opening(kind, facts),
    "",
    `Tool: ${tool}`,
    `Reference: ${reference}`,
    `The agent says (unverified): ${reason}`,
    "",
    `Open it here: ${url}`,
    "",
  ];
  return {
    mail: { subject: `${headline} (${reference})`, text: lines.join("\n") },
    push: { title: headline, body: `${reference} · ${reason}`, url, tag: approval },
  };
}

const HEADLINES: Readonly<Record<AlertKind, string | null>> = {
  new_request: "Approval wanted",
  second_level: "Second approval wanted",
  nearing_expiry: "Expires soon",
  decided: null,
};

const OUTCOMES = { approved: "Approved", denied: "Denied", none: "Decided" } as const;

function opening(kind: AlertKind, { outcome, expires_at }: AlertFacts): string {
  const until = new Date(expires_at).toISOString().slice(0, 16).replace("T", " ");
  switch (kind) {
    case "new_request":
      return "An agent asks for approval, and you may decide.";
    case "second_level":
      return "A request was approved at Level 1 and waits for Level 2, where you may decide.";
    case "nearing_expiry":
      return `A request that you may decide expires at ${until} UTC.`;
    case "decided":
      return `A request was ${outcome ?? "decided"}.`;
  }
}
