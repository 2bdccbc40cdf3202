import { isJsonObject } from "../base/json.ts";
import type { Finding } from "./finding.ts";
import type { StoryEntry } from "./story_entry.ts";

/**
 * Whether approver keys may answer, as a log tells of the settings of its organization: that only people
 * decide, and that only their own passkey says yes for a user.
 */
export class KeyAnswers {
  /** The entry that leaves decisions to people; null where none does, or it is not told. */
  #people: number | null = null;
  /** The entry that leaves yeses of users to their passkeys. */
  #passkeys: number | null = null;

  /** The entry that leaves decisions to people; null where keys may take them. */
  get people(): number | null {
    return this.#people;
  }

  /** Takes in what an entry says of the settings. */
  note({ type, data, index }: StoryEntry): void {
    if (type !== "org.set" || !isJsonObject(data.changed)) return;
    const { api_decisions, confirm_by } = data.changed;
    if (api_decisions !== undefined) this.#people = api_decisions === false ? index : null;
    if (confirm_by !== undefined) this.#passkeys = confirm_by === "passkey" ? index : null;
  }

  /** What is wrong with a decision by a key. */
  judge(entry: StoryEntry): Finding | null {
    const { type, actor, data: { level } } = entry;
    if (type !== "approval.decided" || actor.type !== "api_key") return null;
    const earlier = this.#people ?? (level === 0 ? this.#passkeys : null);
    if (earlier === null) return null;
    const to = this.#people === null ? "the passkeys of users" : "people";
    const what = `is an answer by key ${actor.id}; entry ${earlier} leaves it to ${to}`;
    return entry.finding("actor_not_entitled", what, earlier);
  }
}
