import type { HeadClock, LogHead } from "../store/records/log.ts";
import { CLOCK_TOLERANCE_MS, type ClockJump, type Clocks } from "./clock.ts";

/** Most jumps that a head remembers, and for how long it does after their time has come. */
const MAX_JUMPS = 16;

const JUMPS_KEPT_MS = 400 * 24 * 60 * 60 * 1000;

type Timed = Pick<LogHead, "at" | "clock">;

/**
 * What both clocks show in the next commit. While the log is ahead of the time, and somebody accepted
 * that, each commit takes the next millisecond: a decision is found by the time of its entry.
 */
export function clocksBehind(head: Timed, now: number): Clocks {
  const waits = now < head.at && isAccepted(head);
  return {
    now,
    at: waits ? head.at + 1 : Math.max(now, head.at),
    jumps: head.clock?.jumps ?? [],
  };
}

/** Whether the newest entry is further ahead of the time than a clock may be wrong. */
export function isAhead(head: Timed, now: number): boolean {
  return head.at - now > CLOCK_TOLERANCE_MS && !isAccepted(head);
}

/** What the head of the next commit says of the clock. @param jump accepted by that commit */
export function clockOfNext(
  head: Timed,
  { now, at }: Pick<Clocks, "now" | "at">,
  jump: ClockJump | null,
): HeadClock | undefined {
  const isBack = jump !== null && jump.from > jump.to;
  const known = [...head.clock?.jumps ?? [], ...(isBack ? [jump] : [])];
  const jumps = known.filter(({ from }) => now - from < JUMPS_KEPT_MS).slice(-MAX_JUMPS);
  // The log goes on to be as far ahead as was accepted; a clock that takes it further is not.
  const accepted_until = jump !== null || (isAccepted(head) && now < at) ? at : 0;
  return jumps.length === 0 ? undefined : { accepted_until, jumps };
}

function isAccepted({ at, clock }: Timed): boolean {
  return clock !== undefined && at <= clock.accepted_until;
}
