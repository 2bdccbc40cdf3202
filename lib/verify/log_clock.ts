import type { StoryEntry } from "./story_entry.ts";

/** How far the log may be ahead of the clock of whoever writes it without a word about it. */
const TOLERANCE_MS = 5 * 60 * 1000;

/**
 * What the times of a log tell of the clock that it was written by. Times never go back, so while a
 * clock that was ahead is waited for, they are later than it: an entry says when that was accepted,
 * and from it on the log takes a millisecond for each commit until the clock has caught up.
 */
export class LogClock {
  #at = "";
  #previous = "";
  #ahead: { readonly from: number; readonly index: number } | null = null;
  /** How often something had ended by the log's time, which was ahead of the clock. */
  unclear = 0;

  /** Takes in the next entry, about which `hasPassed` is asked. */
  take(entry: StoryEntry): void {
    this.#previous = this.#at;
    this.#at = entry.at;
    const now = Date.parse(entry.at);
    const { from, index } = this.#ahead ?? { from: 0, index: 0 };
    if (this.#ahead !== null && now > from + entry.index - index) this.#ahead = null;
    if (entry.type !== "clock.accepted") return;
    const to = entry.time("to");
    if (to !== null && to < entry.at) this.#ahead = { from: now, index: entry.index };
  }

  /**
   * Whether the clock had passed a time when the entry was written. Where it moved the log on past
   * that, the entry's time is the clock's; else it may lie behind by the tolerance.
   */
  hasPassed(time: string): boolean {
    if (this.#at < time) return false;
    if (this.#ahead !== null) {
      this.unclear++;
      return false;
    }
    return this.#previous < time || Date.parse(this.#at) >= Date.parse(time) + TOLERANCE_MS;
  }
}
