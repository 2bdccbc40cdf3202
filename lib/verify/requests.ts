import type { Actors } from "./actors.ts";
import type { Finding } from "./finding.ts";
import type { KeyAnswers } from "./key_answers.ts";
import type { Makers } from "./makers.ts";
import { Remembered, type StoryEntry, type Told } from "./story_entry.ts";

/**
 * Requests for approval, as a log tells of them: asked, decided level by level by different people,
 * used once, by their requester and in time.
 */

/** What a log says of a request for approval. */
interface Request {
  /** The entry that made it, and its requester. */
  readonly made: number;
  readonly requester: StoryEntry["actor"];
  readonly action_digest: string | null;
  readonly facts: string;
  readonly expires_at: string;
  readonly levels: number;
  /** Whether its tool wants two people, of whom one may have been skipped: then no key decides it. */
  readonly forTwo: boolean;
  /** Whether those who answer for its requester do not decide it. */
  readonly separated: boolean;
  /** The mandate whose user is asked first, and by whom they answer; null where no user is. */
  readonly user: {
    readonly mandate: string;
    readonly confirm_by: string | null;
    readonly until: string;
  } | null;
  /** The approver key that answered for the user. */
  readonly answered_by: string | null;
  /** Where it stands, and the entry that brought it there. */
  readonly state: "pending" | "approved" | "used" | "over";
  readonly moved: number;
  readonly level: number;
  /** Who approved, at which level, by whom it was said, and in which entry. */
  readonly approvals: readonly Approval[];
  /** Until when an approved one can be used; null where no entry tells. */
  readonly use_before: string | null;
}

interface Approval {
  readonly member: string;
  readonly level: number;
  readonly by: StoryEntry["actor"];
  readonly index: number;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** A request is open for seven days at most, and its approval good for one. */
const LONGEST_OPEN_MS = 7 * DAY_MS;

const LONGEST_KNOWN_MS = 9 * DAY_MS;

/** The requests for approval that can still be of any effect. */
export class Requests {
  readonly #requests = new Remembered<Request>();
  /** Uses of approvals whose entries do not tell until when they were good. */
  untimed = 0;

  constructor(
    readonly told: Told,
    readonly actors: Actors,
    readonly makers: Makers,
    readonly keyAnswers: Pick<KeyAnswers, "people">,
  ) {}

  /** The entry that ended a request, its token or not; null where none did. */
  endOf(id: string): number | null {
    const request = this.#requests.get(id);
    return request?.state === "over" ? request.moved : null;
  }

  /** Takes in an entry about a request, or says what is wrong with it. */
  take(entry: StoryEntry): Finding | null {
    const { type } = entry;
    const id = entry.subject("approval");
    if (id === null) return null;
    this.#requests.forget(entry.at);
    switch (type) {
      case "approval.created":
        return this.#create(entry, id);
      case "approval.asked_again":
        return this.#askAgain(entry, id);
      case "approval.decided":
        return this.#decide(entry, id);
      case "approval.levels_raised":
        return this.#raise(entry, id);
      case "approval.cancelled":
      case "approval.expired":
      case "approval.lapsed":
      case "approval.revoked":
        return this.#end(entry, id);
      default:
        return null;
    }
  }

  /** Uses an approval up for the token of this entry, or says why it is none for it. */
  use(entry: StoryEntry, id: string): Finding | null {
    const request = this.#requests.get(id);
    if (request === undefined) {
      const what = `mints a token from ${id}, which no entry of the days before asks for`;
      return this.told.miss(entry.finding("approval_unknown", what));
    }
    const { state, moved, made, requester, action_digest, facts, use_before } = request;
    const wrong = (what: string, earlier: number) =>
      entry.finding("mint_unapproved", `mints a token from ${id}, ${what}`, earlier);
    if (state === "used") return wrong(`which entry ${moved} used already`, moved);
    if (state === "over") return wrong(`which entry ${moved} ended`, moved);
    if (state === "pending") {
      return wrong(`which nobody approved: it was pending by entry ${moved}`, moved);
    }
    if (action_digest !== entry.text("action_digest")) {
      return wrong(`which entry ${made} asks for another action (${action_digest})`, made);
    }
    if (facts !== entry.facts) {
      return wrong(`which entry ${made} asks for with other facts (${facts})`, made);
    }
    if (requester.type !== entry.actor.type || requester.id !== entry.actor.id) {
      return wrong(`which entry ${made} asks for by ${requester.type} ${requester.id}`, made);
    }
    if (requester.sub_token !== entry.actor.sub_token) {
      const through = requester.sub_token ?? "no sub-token";
      return wrong(`which entry ${made} asks for through ${through}`, made);
    }
    if (use_before !== null && entry.at >= use_before) {
      return wrong(`which by entry ${moved} had to be used before ${use_before}`, moved);
    }
    const voided = this.actors.voidedSince(requester, made);
    if (voided !== null) return wrong(`which the rotation of entry ${voided} voided`, voided);
    for (const approval of request.approvals) {
      const bar = this.#barNow(entry, request, approval);
      if (bar !== null) return wrong(`which ${approval.member} approved, ${bar.why}`, bar.earlier);
    }
    if (use_before === null) this.untimed++;
    this.#requests.set(id, { ...request, state: "used", moved: entry.index });
    return null;
  }

  /** Why somebody who approved could not do so any more, when it comes to be used; null if they could. */
  #barNow(
    entry: StoryEntry,
    request: Request,
    { member, level, by }: Approval,
  ): { readonly why: string; readonly earlier: number } | null {
    if (level === 0) return null;
    const end = by.type === "api_key" ? this.actors.endOf(by) : null;
    if (end !== null) return { why: `by key ${by.id}, ${end.why}`, earlier: end.earlier };
    const { people } = this.keyAnswers;
    if (by.type === "api_key" && people !== null) {
      return { why: `by key ${by.id}; entry ${people} leaves it to people`, earlier: people };
    }
    const bar = this.actors.barNow(entry, member, level);
    if (bar !== null) return bar;
    const since = this.#isSeparated(request)
      ? this.makers.answersSince(request.requester, member)
      : null;
    const why = `who answers for ${request.requester.id} by entry ${since}`;
    return since === null ? null : { why, earlier: since };
  }

  /** Has an approval wait for its use again, whose token was given back. */
  giveBack(entry: StoryEntry, id: string): void {
    const request = this.#requests.get(id);
    if (request?.state !== "used") return;
    this.#requests.set(id, { ...request, state: "approved", moved: entry.index });
  }

  #create(entry: StoryEntry, id: string): Finding | null {
    const known = this.#requests.get(id);
    if (known !== undefined) {
      const what = `asks for ${id}, which entry ${known.made} asked for`;
      return entry.finding("approval_not_open", what, known.made);
    }
    const { index, data } = entry;
    const isUserAsked = Array.isArray(data.seats) && data.seats.includes("user");
    const user = !isUserAsked ? null : {
      mandate: entry.text("mandate_id") ?? "",
      confirm_by: entry.text("confirm_by"),
      until: entry.deadline("user_until", LONGEST_OPEN_MS),
    };
    this.#requests.set(id, {
      made: index,
      requester: entry.actor,
      action_digest: entry.text("action_digest"),
      facts: entry.facts,
      expires_at: entry.deadline("expires_at", LONGEST_OPEN_MS),
      levels: data.levels === 2 || data.levels === 0 ? data.levels : 1,
      forTwo: data.levels === 2 || data.levels_skipped === true,
      separated: this.makers.separated !== null,
      user,
      answered_by: null,
      state: "pending",
      moved: index,
      level: user === null ? 1 : 0,
      approvals: [],
      use_before: null,
    }, entry.later(LONGEST_KNOWN_MS));
    return null;
  }

  #askAgain(entry: StoryEntry, id: string): Finding | null {
    const request = this.#requests.get(id);
    if (request === undefined) return this.#unknown(entry, id);
    const { requester, made } = request;
    if (requester.type !== entry.actor.type || requester.id !== entry.actor.id) {
      const what = `asks again for ${id}, which entry ${made} asks for by ${requester.id}`;
      return entry.finding("approval_not_open", what, made);
    }
    return this.#closed(entry, id, request);
  }

  #decide(entry: StoryEntry, id: string): Finding | null {
    const request = this.#requests.get(id);
    const member = entry.subject("member") ?? "";
    const level = Number(entry.data.level);
    const decider = level === 0 ? null : this.actors.judgeDecider(entry, member, level);
    if (request === undefined) return decider ?? this.#unknown(entry, id);
    const closed = this.#closed(entry, id, request);
    if (closed !== null) return closed;
    const { made, moved, levels } = request;
    if (level !== request.level) {
      const what = `decides level ${level} of ${id}, which stood at level ${request.level} by ` +
        `entry ${moved}`;
      return entry.finding("level_out_of_order", what, moved);
    }
    const before = request.approvals.find((approval) => approval.member === member);
    if (level > 0 && request.answered_by === entry.actor.id) {
      const what = `is a decision by ${entry.actor.id}, which answered for the user in entry ` +
        String(moved);
      return entry.finding("decided_twice", what, moved);
    }
    if (level > 0 && before !== undefined) {
      const what = `is a decision of ${member}, who decided level 1 in entry ${before.index}`;
      return entry.finding("decided_twice", what, before.index);
    }
    if (entry.text("action_digest") !== request.action_digest) {
      const what = `decides ${id} for another action than entry ${made} asks for ` +
        `(${request.action_digest})`;
      return entry.finding("approval_not_open", what, made);
    }
    if (decider !== null) return decider;
    const assertion = request.user !== null && level === 0
      ? userFinding(entry, request.user, made)
      : assertionFinding(entry, member, request.forTwo ? made : null);
    if (assertion !== null) return assertion;
    const own = level === 0 ? null : this.#ownFinding(entry, id, member, request);
    if (own !== null) return own;
    const { index } = entry;
    if (entry.data.decision !== "approve") {
      this.#requests.set(id, { ...request, state: "over", moved: index });
      return null;
    }
    const approvals = [...request.approvals, { member, level, by: entry.actor, index }];
    this.#requests.set(id, {
      ...request,
      approvals,
      answered_by: level === 0 && entry.actor.type === "api_key"
        ? entry.actor.id
        : request.answered_by,
      moved: index,
      ...(level < levels
        ? { level: level + 1 }
        : { state: "approved", use_before: useBefore(entry) }),
    });
    return null;
  }

  /** Where duties are separated, nobody approves what they answer for. */
  #ownFinding(
    entry: StoryEntry,
    id: string,
    member: string,
    request: Request,
  ): Finding | null {
    if (!this.#isSeparated(request) || entry.data.decision !== "approve") return null;
    const { requester } = request;
    const since = this.makers.answersSince(requester, member);
    if (since === null) return null;
    const what = `is an approval of ${id} by ${member}, who answers for ${requester.id} by entry ` +
      String(since);
    return entry.finding("actor_not_entitled", what, since);
  }

  #isSeparated({ forTwo, separated }: Request): boolean {
    return forTwo || separated || this.makers.separated !== null;
  }

  #raise(entry: StoryEntry, id: string): Finding | null {
    const request = this.#requests.get(id);
    if (request === undefined) return this.#unknown(entry, id);
    const closed = this.#closed(entry, id, request);
    if (closed !== null) return closed;
    const { made, levels } = request;
    if (entry.data.levels !== 2) {
      const what =
        `has ${id} decided at fewer levels than the ${levels} that entry ${made} asks for`;
      return entry.finding("level_out_of_order", what, made);
    }
    this.#requests.set(id, { ...request, levels: 2, forTwo: true });
    return null;
  }

  /** Only what can still be of effect has to be known to be ended; a machine ends its own. */
  #end(entry: StoryEntry, id: string): Finding | null {
    const request = this.#requests.get(id);
    if (request === undefined) return null;
    const { requester: { type, id: asker }, made } = request;
    const { actor } = entry;
    if (MACHINES.has(actor.type) && (actor.type !== type || actor.id !== asker)) {
      const what =
        `ends ${id} by ${actor.type} ${actor.id}, which entry ${made} asks for by ${asker}`;
      return entry.finding("actor_not_entitled", what, made);
    }
    if (request.state !== "over") {
      this.#requests.set(id, { ...request, state: "over", moved: entry.index });
    }
    return null;
  }

  /** What is wrong with an entry about a request that has to be pending. */
  #closed(entry: StoryEntry, id: string, request: Request): Finding | null {
    const { state, moved, made, expires_at, requester } = request;
    if (state !== "pending") {
      const what = `is about ${id} as if it were pending, but entry ${moved} ended or decided it`;
      return entry.finding("approval_not_open", what, moved);
    }
    const { user, level } = request;
    if (level === 0 && user !== null && entry.at >= user.until) {
      const what =
        `is about ${id} as if its user were asked, but by entry ${made} that was over at ` +
        user.until;
      return entry.finding("approval_not_open", what, made);
    }
    if (entry.at >= expires_at) {
      const what = `is about ${id} as if it were pending, but by entry ${made} it expired at ` +
        expires_at;
      return entry.finding("approval_not_open", what, made);
    }
    const voided = this.actors.voidedSince(requester, made);
    if (voided === null) return null;
    const what = `is about ${id} as if it were pending, but the rotation of entry ${voided} ` +
      "voided it";
    return entry.finding("approval_not_open", what, voided);
  }

  #unknown(entry: StoryEntry, id: string): Finding | null {
    const what = `is about ${id}, which no entry of the days before asks for`;
    return this.told.miss(entry.finding("approval_unknown", what));
  }
}

/** Who acts by a credential of its own. */
const MACHINES: ReadonlySet<string> = new Set(["api_key", "agent", "oauth_grant"]);

/** Until when an approval can be used; null where its entry, of a log of before, does not tell. */
function useBefore(entry: StoryEntry): string | null {
  return entry.time("use_before") === null ? null : entry.deadline("use_before", DAY_MS);
}

/** For a user answer they themselves, or an approver key where the question leaves it to that. */
function userFinding(
  entry: StoryEntry,
  { mandate, confirm_by }: NonNullable<Request["user"]>,
  made: number,
): Finding | null {
  const { actor } = entry;
  const by = entry.text("asserted_by");
  const isOwn = actor.type === "user" && actor.id === mandate && by === null;
  const isKeys = actor.type === "api_key" && by === actor.id && confirm_by === "app";
  if (isOwn || isKeys) return null;
  const what = `answers for the user of ${mandate} by ${actor.type} ${actor.id}; entry ${made} ` +
    `leaves it to ${confirm_by ?? "nobody"}`;
  return entry.finding("actor_not_entitled", what, made);
}

/**
 * A decision is the member's own, or that of an approver key; of no key where it takes two people.
 * @param forTwo the entry that asks two; null where one decides
 */
function assertionFinding(
  entry: StoryEntry,
  member: string,
  forTwo: number | null,
): Finding | null {
  const { actor } = entry;
  const by = entry.text("asserted_by");
  if (actor.type !== "member" && actor.type !== "api_key") {
    return entry.finding("actor_not_entitled", `is by ${actor.type} ${actor.id}`);
  }
  if (actor.type === "member" ? actor.id !== member || by !== null : by !== actor.id) {
    const what = `is by ${actor.type} ${actor.id}, and says that ${by ?? member} decided`;
    return entry.finding("actor_not_entitled", what);
  }
  if (forTwo === null || actor.type === "member") return null;
  const what = `is a decision by a key; entry ${forTwo} leaves it to two people`;
  return entry.finding("actor_not_entitled", what, forTwo);
}
