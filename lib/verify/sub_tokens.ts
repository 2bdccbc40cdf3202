import { isJsonObject, type JsonValue } from "../base/json.ts";
import type { Actors } from "./actors.ts";
import type { Finding } from "./finding.ts";
import { type LogClock, Remembered, type StoryEntry, type Told } from "./story_entry.ts";

/**
 * What is done through sub-tokens, as a log tells of it: by whom each was made, that nothing is done
 * through one that has ended or beyond what it names, and how often it was used, recounted.
 */

/** What may be done through a sub-token: asking, and running what was let through. */
const DONE_THROUGH: ReadonlySet<string> = new Set([
  "permission.checked",
  "tool.auto_created",
  "guard.found",
  "approval.created",
  "approval.asked_again",
  "approval.level_skipped",
  "approval.cancelled",
  "token.minted",
  "token.consumed",
  "token.refused",
  "execution.logged",
  "budget.settled",
]);

/** What a sub-token names of an action, by where its entry has that. */
const FACTS = [
  ["tools", "tool"],
  ["resources", "resource"],
  ["tenant_ids", "tenant"],
  ["methods", "method"],
] as const;

interface SubToken {
  /** The entry that made it. */
  readonly made: number;
  readonly maker: StoryEntry["actor"];
  readonly expires: string;
  readonly most: number | null;
  readonly scope: Readonly<Record<string, JsonValue>>;
  /** How many decisions were made with it so far. */
  readonly used: number;
  /** Digests of the actions that it asked for and that people have to approve. */
  readonly waits: ReadonlySet<string>;
  /** The entry that ended it; null for none. */
  readonly ended: number | null;
}

/** The sub-tokens of a log that can still be used, or were a while ago. */
export class SubTokens {
  readonly #known = new Remembered<SubToken>();

  constructor(readonly told: Told, readonly clock: LogClock, readonly actors: Actors) {}

  /** Takes in an entry, or says what is wrong with it. */
  take(entry: StoryEntry): Finding | null {
    if (entry.type === "sub_token.created") return this.#make(entry);
    const { sub_token } = entry.actor;
    if (sub_token !== null) return this.#use(entry, sub_token);
    return entry.type === "sub_token.revoked" ? this.#revoke(entry) : null;
  }

  #make(entry: StoryEntry): Finding | null {
    const { actor, data } = entry;
    if (actor.sub_token !== null) {
      const what = `makes a sub-token through the sub-token ${actor.sub_token}`;
      return entry.finding("actor_not_entitled", what);
    }
    this.#known.forget(entry.at);
    const expires = entry.time("expires_at") ?? entry.at;
    this.#known.set(entry.subject("sub_token") ?? "", {
      made: entry.index,
      maker: actor,
      expires,
      most: typeof data.max_uses === "number" ? data.max_uses : null,
      scope: isJsonObject(data.scope) ? data.scope : {},
      used: 0,
      waits: new Set(),
      ended: null,
      // What is told of it after its end is told within a day by any clock.
    }, new Date(Date.parse(expires) + DAY_MS).toISOString());
    return null;
  }

  /** Who configures the org may, and whoever made it. */
  #revoke(entry: StoryEntry): Finding | null {
    const id = entry.subject("sub_token") ?? "";
    const known = this.#known.get(id);
    if (known === undefined) return null;
    const { type, id: by } = entry.actor;
    const isMaker = type === known.maker.type && by === known.maker.id;
    if (!isMaker && type === "agent") {
      const what = `revokes the sub-token ${id} by agent ${by}, which did not make it`;
      return entry.finding("actor_not_entitled", what, known.made);
    }
    this.#known.set(id, { ...known, ended: entry.index });
    return null;
  }

  #use(entry: StoryEntry, id: string): Finding | null {
    const { actor, type } = entry;
    const known = this.#known.get(id);
    if (known === undefined) {
      const what = `is through the sub-token ${id}, which no entry makes, or was over long before`;
      return this.told.miss(entry.finding("actor_unknown", what));
    }
    const { maker, made, ended, expires } = known;
    if (actor.type !== maker.type || actor.id !== maker.id) {
      const what =
        `is by ${actor.type} ${actor.id} through a sub-token of ${maker.type} ${maker.id}`;
      return entry.finding("actor_not_entitled", what, made);
    }
    if (!DONE_THROUGH.has(type)) {
      return entry.finding("actor_not_entitled", `is through the sub-token ${id}`, made);
    }
    if (ended !== null) {
      const what = `is through the sub-token ${id}, which entry ${ended} revoked`;
      return entry.finding("actor_ended", what, ended);
    }
    if (this.clock.hasPassed(expires)) {
      const what = `is through the sub-token ${id}, which by entry ${made} expired at ${expires}`;
      return entry.finding("actor_ended", what, made);
    }
    const voided = this.actors.voidedSince(maker, made);
    if (voided !== null) {
      const what = `is through the sub-token ${id}, which the rotation of entry ${voided} voided`;
      return entry.finding("actor_ended", what, voided);
    }
    return type === "permission.checked" ? this.#decide(entry, id, known) : null;
  }

  /** Counts a decision, and holds it against what the sub-token names. */
  #decide(entry: StoryEntry, id: string, known: SubToken): Finding | null {
    const { data } = entry;
    const { most, used, made, waits } = known;
    const { sub_token_use: use, action_digest } = data;
    const digest = String(action_digest);
    const goesOn = use === null && waits.has(digest);
    if (!goesOn && use !== used + 1) {
      const what = `says to be use ${use} of the sub-token ${id}, after ${used}`;
      return entry.finding("sub_token_overused", what, made);
    }
    if (!goesOn && most !== null && used >= most) {
      const what = `is made with the sub-token ${id}, whose ${most} uses are over`;
      return entry.finding("sub_token_overused", what, made);
    }
    if (data.permission !== "disabled" && !isWithin(known.scope, entry)) {
      const what = `lets something through that the sub-token ${id} of entry ${made} does not name`;
      return entry.finding("sub_token_widened", what, made);
    }
    const waiting = data.permission === "requires_approval" ? new Set([...waits, digest]) : waits;
    this.#known.set(id, { ...known, used: goesOn ? used : used + 1, waits: waiting });
    return null;
  }
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** Whether an entry's action is named, as far as a log tells: it does not tell the tags of a tool. */
function isWithin(scope: SubToken["scope"], entry: StoryEntry): boolean {
  return FACTS.every(([list, fact]) => {
    const named = scope[list];
    const value = entry.subject(fact);
    if (!Array.isArray(named)) return true;
    if (value === null) return false;
    return list === "methods"
      ? named.some((one) => String(one).toLowerCase() === value.toLowerCase())
      : named.includes(value);
  });
}
