import { Actors } from "./actors.ts";
import type { CheckedEntry } from "./export_lines.ts";
import type { Finding } from "./finding.ts";
import { KillSwitches } from "./kill_switches.ts";
import { LogClock } from "./log_clock.ts";
import { Requests } from "./requests.ts";
import { RunTokens } from "./run_tokens.ts";
import { StagedPolicies } from "./staged_policies.ts";
import { StoryEntry } from "./story_entry.ts";
import { Told } from "./told.ts";

/** What the story of a log could not be held against, because the log does not tell. */
export interface Untold {
  /** How often entries rest on somebody or something that the log, which begins later, does not name. */
  readonly missing: number;
  /** Tokens from approvals whose entries do not tell until when they were good. */
  readonly untimed: number;
  /** Reports of runs so old that their tokens are not kept in mind any more. */
  readonly unplaced: number;
  /** Credentials used past their end by the log's time, while that was ahead of the clock. */
  readonly unclear: number;
}

/** Who makes an org in the service itself; from then on its log tells of everybody in it. */
const MAKERS: ReadonlySet<string> = new Set(["bootstrap", "set_up"]);

/**
 * Checks what a log tells against itself: who acts was let in before and not shut out, levels are
 * decided in order by two people, tokens come from decisions and approvals and are used once, and
 * nothing passes a kill switch. In one pass; who may act stays in memory, and of requests and tokens
 * those that can still be of effect.
 */
export class Story {
  readonly #told = new Told();
  readonly #clock = new LogClock();
  readonly #actors = new Actors(this.#told, this.#clock);
  readonly #switches = new KillSwitches();
  readonly #policies = new StagedPolicies();
  readonly #requests = new Requests(this.#told, this.#actors);
  readonly #tokens = new RunTokens(this.#told, this.#actors, this.#switches, this.#requests);

  /** What the log did not tell so far. */
  get untold(): Untold {
    const { untimed } = this.#requests;
    const { unplaced } = this.#tokens;
    const { unclear } = this.#clock;
    return { missing: this.#told.missing, untimed, unplaced, unclear };
  }

  /** Takes in the next entry, whose form was checked, or says what is wrong with it. */
  take(checked: CheckedEntry, index: number): Finding | null {
    const entry = new StoryEntry(checked, index);
    if (index === 0) {
      const { type, id } = entry.actor;
      this.#told.everything = entry.type === "org.created" && type === "system" &&
        MAKERS.has(id);
    }
    this.#clock.take(entry);
    const finding = this.#judge(entry, checked.id);
    if (finding !== null) return finding;
    this.#actors.note(entry);
    this.#switches.note(entry);
    return null;
  }

  #judge(entry: StoryEntry, id: string): Finding | null {
    return this.#actors.judge(entry) ??
      this.#release(entry) ??
      (entry.type === "permission.checked" ? this.#tokens.decide(entry, id) : null) ??
      this.#policies.take(entry) ??
      this.#requests.take(entry) ??
      this.#tokens.take(entry);
  }

  /** Once an owner has a passkey, no key lets go on what somebody stopped; of members an owner. */
  #release(entry: StoryEntry): Finding | null {
    const thrown = this.#switches.released(entry);
    if (thrown === null || this.#actors.mayRelease(entry)) return null;
    const { type, id } = entry.actor;
    const what = `releases the kill switch of entry ${thrown} by ${type} ${id}, who may not`;
    return entry.finding("actor_not_entitled", what, thrown);
  }
}
