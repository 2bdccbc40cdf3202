import type { ComponentChildren } from "preact";
import type { ApprovalRow } from "../lib/approvals/row.ts";
import { pagePath } from "../lib/base/page_path.ts";
import { requestSentence } from "../lib/sheet/sentence.ts";
import { Badge, type Status, StatusBadge } from "./badges.tsx";
import { Countdown, Time } from "./time.tsx";
import { Name, UntrustedText } from "./untrusted.tsx";

/**
 * Requests as a list of sentences, each leading to its page. There is nothing here to decide with:
 * whoever decides has looked at the request itself.
 */
export function ApprovalList({ rows, now, allWait = false }: {
  readonly rows: readonly ApprovalRow[];
  readonly now: number;
  /** Whether the list holds only what waits, so that no row has to say so. */
  readonly allWait?: boolean;
}) {
  return (
    <ol class="approval-list">
      {rows.map((row) => (
        <li key={row.id} class="approval-row">
          <p class="approval-row-head">
            {!allWait && <StatusBadge status={row.state as Status} />}
            {row.levels > 1 && <Badge>Level {row.level} of {row.levels}</Badge>}
            {row.stuck && <Badge tone="warning" icon="warning">Nobody can decide it</Badge>}
            {row.state === "pending"
              ? <Countdown until={row.expires_at} now={now} />
              : <Time at={row.decided_at ?? row.created_at} now={now} show="relative" />}
          </p>
          <p class="approval-row-sentence">
            <a class="row-link" href={pagePath("/approvals/:id", { id: row.id })}>
              <Sentence row={row} />
            </a>
          </p>
          <p class="approval-row-reason">
            <UntrustedText text={row.reason} />
          </p>
          <p class="approval-row-facts">
            <span class="mono">{row.reference}</span> ·{" "}
            <Time at={row.created_at} now={now} show="relative" />
          </p>
        </li>
      ))}
    </ol>
  );
}

function Sentence({ row }: { readonly row: ApprovalRow }) {
  const { requester, tool_name: tool, resource, tenant, method } = row;
  return (
    <>
      {requestSentence({ requester, tool, resource, tenant, method }).map(({ kind, text }, index) =>
        kind === "text"
          ? text
          : <Name key={index} kind={kind === "requester" ? requester.type : kind} text={text} />
      )}
    </>
  );
}

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
