import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { EntryList } from "../components/entries.tsx";
import { island } from "../components/island.tsx";
import { EmptyState } from "../components/layout.tsx";
import { LiveMark } from "../components/page_header.tsx";
import type { EntryRow } from "../lib/evidence/sentences.ts";
import { useClock, useLive, useReading } from "./live.ts";

export interface ActivityTailProps {
  /** The newest entries, the newest first. */
  readonly start: readonly EntryRow[];
  /** Where the stream of the same filters is. */
  readonly stream: string;
  readonly now: number;
}

export default island("activity_tail", ActivityTail);

/** The newest entries; while the switch is on, new ones are put on top. */
function ActivityTail({ start, stream, now: from }: ActivityTailProps) {
  const now = useClock(from);
  const [isOn, setOn] = useState(true);
  const [rows, setRows] = useState(start);
  const control = (
    <button
      type="button"
      class="switch"
      role="switch"
      aria-checked={isOn}
      onClick={() => setOn(!isOn)}
    >
      <span class="switch-track" aria-hidden="true"></span>
      Live
    </button>
  );
  return (
    <div class="tail">
      {isOn
        ? <Followed start={rows} stream={stream} now={now} keep={setRows} control={control} />
        : (
          <>
            <div class="tail-live">{control}</div>
            <span class="live">New entries aren't shown.</span>
            <Rows rows={rows} now={now} />
          </>
        )}
    </div>
  );
}

function Followed({ start, stream, now, keep, control }: {
  readonly start: readonly EntryRow[];
  readonly stream: string;
  readonly now: number;
  readonly keep: (rows: readonly EntryRow[]) => void;
  readonly control: VNode;
}) {
  const list = useRef<HTMLDivElement>(null);
  const reading = useReading(list);
  const { value: newest, state } = useLive(stream, start);
  const [shown, setShown] = useState(start);
  useEffect(() => {
    if (reading) return;
    setShown(newest);
    keep(newest);
  }, [newest, reading]);
  const last = shown[0]?.index ?? -1;
  const waiting = newest.filter(({ index }) => index > last).length;
  return (
    <>
      <div class="tail-live">
        {state !== "live" && <LiveMark state={state} />}
        {control}
      </div>
      <span class="live" role="status">
        {reading && waiting > 0 && `${waiting} new, shown when you leave the list`}
      </span>
      <div ref={list}>
        <Rows rows={shown} now={now} />
      </div>
    </>
  );
}

function Rows({ rows, now }: { readonly rows: readonly EntryRow[]; readonly now: number }) {
  return rows.length === 0
    ? (
      <EmptyState icon="activity" title="No entry matches yet">
        <a href="/activity">Clear filters</a>, or wait: new entries appear here by themselves.
      </EmptyState>
    )
    : <EntryList rows={rows} now={now} />;
}
