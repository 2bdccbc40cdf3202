import { isJsonObject } from "../base/json.ts";
import type { StoryEntry } from "./story_entry.ts";

/**
 * Who answers for what a machine asks, as a log tells: whoever made it or was given its secret anew,
 * and those behind the key that did. And whether they may decide it themselves.
 */

/** Members, each with the entry by which they came to answer. */
type Behind = ReadonlyMap<string, number>;

const NOBODY: Behind = new Map();

/** The members behind each machine, and whether duties are separated. */
export class Makers {
  readonly #behind = new Map<string, Behind>();
  /** The entry that separates duties; null where none does. */
  #separated: number | null = null;

  /** The entry by which nobody decides what they answer for; null while they may. */
  get separated(): number | null {
    return this.#separated;
  }

  /** The entry by which a member came to answer for a machine; null where no entry says so. */
  answersSince(machine: StoryEntry["actor"], member: string): number | null {
    return this.#of(machine).get(member) ?? null;
  }

  /** Takes in what an entry says of who made what. */
  note(entry: StoryEntry): void {
    const { type, data } = entry;
    switch (type) {
      case "api_key.created":
        return this.#make("api_key", entry);
      case "agent.created":
      case "agent.rotated":
        return this.#make("agent", entry);
      case "oauth.authorized":
        return this.#grant(entry);
      case "org.set": {
        const { separation_of_duties } = isJsonObject(data.changed) ? data.changed : {};
        if (typeof separation_of_duties !== "boolean") return;
        this.#separated = separation_of_duties ? entry.index : null;
      }
    }
  }

  #make(kind: "api_key" | "agent", entry: StoryEntry): void {
    const { actor, index, data } = entry;
    const name = nameOf({ type: kind, id: entry.subject(kind) ?? "" });
    const told = Array.isArray(data.members_behind) ? data.members_behind : [];
    const makers = actor.type === "member" ? [actor.id] : [...this.#of(actor).keys()];
    this.#add(name, [...told.filter((id) => typeof id === "string"), ...makers], index);
  }

  #grant(entry: StoryEntry): void {
    const member = entry.subject("member");
    const name = nameOf({ type: "oauth_grant", id: entry.subject("grant") ?? "" });
    if (member !== null) this.#add(name, [member], entry.index);
  }

  /** Nobody ever stops answering for a machine. */
  #add(name: string, members: readonly string[], index: number): void {
    if (members.length === 0) return;
    const added = members.map((member): [string, number] => [member, index]);
    this.#behind.set(name, new Map([...added, ...this.#behind.get(name) ?? NOBODY]));
  }

  #of(machine: Pick<StoryEntry["actor"], "type" | "id">): Behind {
    return this.#behind.get(nameOf(machine)) ?? NOBODY;
  }
}

function nameOf({ type, id }: Pick<StoryEntry["actor"], "type" | "id">): string {
  return `${type} ${id}`;
}
