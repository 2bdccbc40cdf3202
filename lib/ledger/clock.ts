/**
 * Two clocks. The time of an entry never goes back within a log, so one entry that was written while
 * a clock was wrong keeps the log ahead of the time until that has caught up. What must end at a time
 * therefore goes by the clock of the process, and the log's is asked only where it can tell.
 */

/** How far two clocks may lie apart, milliseconds, before nothing is committed by either. */
export const CLOCK_TOLERANCE_MS = 5 * 60 * 1000;

/** Log time that a clock which was ahead had written, when somebody accepted that it was wrong. */
export interface ClockJump {
  /** The newest entry's time, milliseconds. */
  readonly from: number;
  /** What the right clock showed then. */
  readonly to: number;
}

/** What both clocks show, milliseconds since 1970. */
export interface Clocks {
  /** The clock of this process. */
  readonly now: number;
  /** The log's: the time of every entry of this commit. Not before `now`. */
  readonly at: number;
  readonly jumps: readonly ClockJump[];
}

/**
 * Whether a deadline is over: what either clock has passed is, so that a clock which is set back
 * brings nothing to life again.
 * @param deadline by the clock of the process that set it
 * @param set the time of the log when it was set
 */
export function isOver(deadline: number, set: number, { now, at, jumps }: Clocks): boolean {
  if (now >= deadline) return true;
  // A log that was past the deadline when it was set was ahead of the time, and tells nothing.
  if (set < deadline && deadline <= at) return true;
  return jumps.some(({ from, to }) => to < set && set <= from);
}

/**
 * Whether what lasts for `lifetime` milliseconds from when it was made is in force still. What would be
 * for longer was made by a clock that was ahead, and is not.
 */
export function stillLasts(expiresAt: number, lifetime: number, now: number): boolean {
  return now < expiresAt && expiresAt - now <= lifetime + CLOCK_TOLERANCE_MS;
}

/** Both clocks where nobody commits: the log is not asked. */
export function clocksAt(now: number): Clocks {
  return { now, at: now, jumps: [] };
}

/**
 * Whether something happened within the last `span` milliseconds. Of a time to come, which a clock
 * that was ahead left behind, as much counts: it must not count until the time has caught up.
 */
export function isWithin(span: number, time: number, now: number): boolean {
  return Math.abs(now - time) < span;
}
