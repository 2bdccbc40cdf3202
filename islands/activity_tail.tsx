import { useEffect, useRef, useState } from "preact/hooks";
import { EntryList } from "../components/entry_list.tsx";
import { LiveMark } from "../components/live_mark.tsx";
import type { EntryRow } from "../lib/activity/entry_row.ts";
import { island } from "./island.tsx";
import { useClock } from "./use_clock.ts";
import { useLive } from "./use_live.ts";
import { useReading } from "./use_reading.ts";

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
  return (
    <div class="stack">
      <div class="row">
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
        {!isOn && <span class="live">Off: new entries are not shown.</span>}
      </div>
      {isOn
        ? <Followed start={rows} stream={stream} now={now} keep={setRows} />
        : <Rows rows={rows} now={now} />}
    </div>
  );
}

function Followed({ start, stream, now, keep }: {
  readonly start: readonly EntryRow[];
  readonly stream: string;
  readonly now: number;
  readonly keep: (rows: readonly EntryRow[]) => void;
}) {
  const list = useRef<HTMLDivElement>(null);
  const reading = useReading(list);
  const { value: newest, state, message } = useLive(stream, start);
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
      <div class="row">
        <LiveMark state={state} message={message} />
        <span class="live" role="status">
          {reading && waiting > 0 && `${waiting} new, shown when you leave the list`}
        </span>
      </div>
      <div ref={list}>
        <Rows rows={shown} now={now} />
      </div>
    </>
  );
}

function Rows({ rows, now }: { readonly rows: readonly EntryRow[]; readonly now: number }) {
  return rows.length === 0
    ? <p class="quiet">No entry fits yet. New ones appear here by themselves.</p>
    : <EntryList rows={rows} now={now} />;
}
