import type { Deps } from "../deps.ts";
import type { HeadClock, LogHead } from "../store/records/log.ts";

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

/**
 * Why the clock is not to be believed: the log is `ahead` of it, or it has `drifted` from the clock
 * that only counts on since this process last committed.
 */
export type ClockDoubt = "ahead" | "drifted";

/**
 * For operations that somebody needs who is to say which clock is right: to sign in and to show their
 * passkey, where the log itself gives no reason to doubt.
 */
export const DESPITE_DRIFT: readonly ClockDoubt[] = ["drifted"];

/** The time of a commit, and whether the clock that it is from is believed. */
export interface CommitTime extends Clocks {
  /** Why nothing is to be committed by it; null for no reason. */
  readonly doubt: ClockDoubt | null;
}

/** Nothing is committed while the clock may be wrong. */
export class ClockRefused extends Error {
  readonly code = "clock";

  constructor(readonly doubt: ClockDoubt) {
    super(
      doubt === "ahead"
        ? "The log's newest entry lies more than 5 minutes ahead of the clock."
        : "The clock was set by more than 5 minutes while this process ran.",
    );
  }
}

/** The clock of this process, and what is known of its having jumped. */
export class ProcessClock {
  #wall = 0;
  #monotonic = 0;
  /** The start lay far from when the store was last in use; null when it did not, or is accepted. */
  jumped: ClockJump | null = null;

  constructor(readonly deps: Pick<Deps, "now" | "monotonic">) {
    this.trust();
  }

  /** What the clock shows now counts as right: a commit stands that was made by it. */
  trust(): void {
    this.#wall = this.deps.now();
    this.#monotonic = this.deps.monotonic();
  }

  /** Somebody says that the clock is right. */
  accept(): void {
    this.trust();
    this.jumped = null;
  }

  /** What the clock would show if nobody had set it since it was last trusted, milliseconds. */
  get expected(): number {
    return this.#wall + this.deps.monotonic() - this.#monotonic;
  }

  get hasDrifted(): boolean {
    return Math.abs(this.deps.now() - this.expected) > CLOCK_TOLERANCE_MS;
  }
}

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
