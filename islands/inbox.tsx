import { useEffect } from "preact/hooks";
import { ApprovalList } from "../components/approval_list.tsx";
import { island } from "../components/island.tsx";
import { EmptyState } from "../components/layout.tsx";
import { LiveMark } from "../components/page_header.tsx";
import type { ApprovalRow } from "../lib/approvals/row.ts";
import { useClock, useLive } from "./live.ts";

/** What waits, and how much of it there is in all. */
export interface Waiting {
  readonly rows: readonly ApprovalRow[];
  readonly pending: number;
}

export interface InboxProps {
  readonly start: Waiting;
  /** Where the stream is. */
  readonly stream: string;
  readonly now: number;
  /** Whether the list is what the reader can decide, not everything that waits. */
  readonly mine: boolean;
}

export default island("inbox", Inbox);

/** The requests that wait, kept up to date. */
function Inbox({ start, stream, now: from, mine }: InboxProps) {
  const now = useClock(from);
  const { value: { rows, pending }, state } = useLive(stream, start);
  useEffect(() => {
    for (const count of document.querySelectorAll<HTMLElement>("[data-pending]")) {
      count.hidden = pending === 0;
      count.dataset.pending = String(pending);
      const [number] = count.childNodes;
      if (number !== undefined) number.nodeValue = pending > 99 ? "99+" : String(pending);
    }
  }, [pending]);
  return (
    <div class="inbox">
      <LiveMark state={state} />
      <div aria-live="polite">
        {rows.length === 0
          ? (
            <EmptyState
              icon="approvals"
              title={mine ? "Nothing waits for you" : "Nothing waits"}
            >
              Requests appear here by themselves as soon as an agent asks. To see one, send yourself
              a request from the <a href="/quickstart">Quickstart</a>.
            </EmptyState>
          )
          : <ApprovalList rows={rows} now={now} allWait />}
      </div>
    </div>
  );
}
