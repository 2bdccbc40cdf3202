import { CallView } from "../components/call.tsx";
import type { CallSheet } from "../components/call_sheet.ts";
import { island } from "../components/island.tsx";
import { pagePath } from "../lib/base/page_path.ts";
import { useClock, useLive } from "./live.ts";

export interface LiveCallProps {
  readonly start: CallSheet;
  /** The server's time, milliseconds. */
  readonly now: number;
}

export default island("call", LiveCall);

/** A call that may still become something else, kept up to date. */
function LiveCall({ start, now: from }: LiveCallProps) {
  const now = useClock(from);
  const { value: sheet, state } = useLive(pagePath("/calls/:id/live", { id: start.id }), start);
  return <CallView sheet={sheet} now={now} live={state} />;
}
