import { Actors } from "./actors.ts";
import { KillSwitches } from "./entitlements.ts";
import { KeyAnswers } from "./key_answers.ts";
import { Makers } from "./makers.ts";
import type { JsonObject } from "../base/json.ts";
import type { CheckedEntry } from "./export_lines.ts";
import type { Finding } from "./finding.ts";
import type { Standing } from "./limits.ts";
import { Mandates } from "./mandates.ts";
import { Requests } from "./requests.ts";
import { RunTokens } from "./run_tokens.ts";
import { Spending, type SpendingCounts } from "./spending.ts";
import { LogClock, StoryEntry, Told } from "./story_entry.ts";
import { SubTokens } from "./sub_tokens.ts";

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

/** What a log tells of one mandate up to its end. */
export interface MandateStanding {
  readonly id: string;
  /** The number of the last entry about it; 0 where there is none. */
  readonly seq: number;
  readonly standings: readonly Standing[];
}

/** Who makes an org in the service itself; from then on its log tells of everybody in it. */
const MAKERS: ReadonlySet<string> = new Set(["bootstrap", "set_up"]);

/**
 * Checks what a log tells against itself: who acts was let in before and not shut out, levels are
 * decided in order by two people, tokens come from decisions and approvals and are used once, and
 * nothing passes a kill switch, mandates and sub-tokens only narrow, and no budget is passed. In one pass; who may act
 * stays in memory, and of requests, tokens and reservations those that can still be of effect.
 */
export class Story {
  readonly #told = new Told();
  readonly #clock = new LogClock();
  readonly #actors = new Actors(this.#told, this.#clock);
  readonly #subTokens = new SubTokens(this.#told, this.#clock, this.#actors);
  readonly #switches = new KillSwitches();
  readonly #keyAnswers = new KeyAnswers();
  #at = "";
  readonly #policies = new StagedPolicies();
  readonly #mandates = new Mandates(this.#told, this.#clock);
  readonly #spending = new Spending(this.#told);
  readonly #makers = new Makers();
  readonly #versions = new PolicyVersions();
  readonly #requests = new Requests(
    this.#told,
    this.#actors,
    this.#makers,
    this.#keyAnswers,
  );
  readonly #tokens = new RunTokens(this.#told, this.#actors, this.#switches, this.#requests);

  /** What the log did not tell so far. */
  get untold(): Untold {
    const { untimed } = this.#requests;
    const { unplaced } = this.#tokens;
    const { unclear } = this.#clock;
    return { missing: this.#told.missing, untimed, unplaced, unclear };
  }

  /** How far what is spent under mandates was recounted. */
  get spending(): SpendingCounts {
    return this.#spending.counts;
  }

  /** What was told of one mandate so far. */
  mandate(id: string): MandateStanding {
    const standings = this.#spending.standings(id, this.#at);
    return { id, seq: this.#mandates.seqOf(id), standings };
  }

  /**
   * Takes in the next entry, whose form was checked, or says what is wrong with it.
   * @param parts its private parts, which agree with its digests; null where they are not shown
   */
  take(checked: CheckedEntry, parts: JsonObject | null, index: number): Finding | null {
    const entry = new StoryEntry(checked, index);
    if (index === 0) {
      const { type, id } = entry.actor;
      this.#told.everything = entry.type === "org.created" && type === "system" &&
        MAKERS.has(id);
    }
    this.#clock.take(entry);
    this.#at = entry.at;
    const finding = this.#judge(entry, checked.id, parts);
    if (finding !== null) return finding;
    this.#actors.note(entry);
    this.#switches.note(entry);
    this.#keyAnswers.note(entry);
    this.#makers.note(entry);
    return null;
  }

  #judge(entry: StoryEntry, id: string, parts: JsonObject | null): Finding | null {
    return this.#actors.judge(entry) ??
      this.#subTokens.take(entry) ??
      this.#release(entry) ??
      this.#keyAnswers.judge(entry) ??
      this.#versions.take(entry) ??
      (entry.type === "permission.checked" ? this.#tokens.decide(entry, id) : null) ??
      (ASKING.has(entry.type) ? this.#tokens.judgeAsking(entry) : null) ??
      this.#policies.take(entry) ??
      this.#requests.take(entry) ??
      this.#tokens.take(entry) ??
      this.#mandates.take(entry) ??
      this.#spending.take(entry, id, parts);
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

/** By what a human is asked. */
const ASKING: ReadonlySet<string> = new Set(["approval.created", "approval.asked_again"]);

/** The versions of the policy that entries name: none is decided on after another took its place. */
class PolicyVersions {
  #newest = { version: 0, index: 0 };

  /** Takes in the version that an entry names, or says what is wrong with it. */
  take(entry: StoryEntry): Finding | null {
    const { index, type, data: { policy_version: version } } = entry;
    if (typeof version !== "number") return null;
    const newest = this.#newest;
    if (version > newest.version) this.#newest = { version, index };
    if (type !== "permission.checked" || version >= newest.version) return null;
    const what =
      `decides on policy ${version}; entry ${newest.index} is of policy ${newest.version}`;
    return entry.finding("policy_outdated", what, newest.index);
  }
}

/** A policy that is being written beside the one that is read. */
interface StagedPolicy {
  /** How many entries of changes there are so far. */
  readonly told: number;
}

/**
 * Policies of several commits: `policy.staged`, an entry for each change, and `policy.applied`, which
 * makes all of them hold. Each names the others by the index of the first, the generation.
 */
class StagedPolicies {
  readonly #open = new Map<number, StagedPolicy>();

  /** Takes in an entry of such a policy, or says what is wrong with it. */
  take(entry: StoryEntry): Finding | null {
    const { type, data: { generation, changes } } = entry;
    if (type === "policy.staged") {
      this.#open.set(entry.index, { told: 0 });
      return null;
    }
    const isChange = type.endsWith(".staged");
    if (!isChange && type !== "policy.applied" && type !== "policy.dropped") return null;
    const begun = typeof generation === "number" ? generation : -1;
    const policy = this.#open.get(begun);
    if (policy === undefined) {
      return entry.finding("policy_incomplete", "is of a policy that is not being applied");
    }
    if (isChange) {
      this.#open.set(begun, { told: policy.told + 1 });
      return null;
    }
    this.#open.delete(begun);
    if (type === "policy.dropped" || policy.told === changes) return null;
    const what = `applies the policy of entry ${begun} with ${policy.told} changes, not ${changes}`;
    return entry.finding("policy_incomplete", what, begun);
  }
}
