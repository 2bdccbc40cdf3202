import { switchIn } from "./entitlements.ts";
import type { Finding } from "./finding.ts";
import type { StoryEntry } from "./story_entry.ts";

const ORG = "org";

/** The kill switches that are on, each with the entry that threw it. */
export class KillSwitches {
  readonly #on = new Map<string, number>();

  /** What is wrong with an entry that lets something through, asked by this actor about its tool. */
  judge(entry: StoryEntry, asker: StoryEntry["actor"], what: string): Finding | null {
    const covers: [string, string][] = [
      [ORG, "the organization's kill switch"],
      [`tool ${entry.subject("tool")}`, "the kill switch of its tool"],
    ];
    if (asker.type === "agent") covers.push([`agent ${asker.id}`, "the kill switch of its agent"]);
    for (const [name, label] of covers) {
      const thrown = this.#on.get(name);
      if (thrown === undefined) continue;
      const passed = `${what}, though entry ${thrown} threw ${label}`;
      return entry.finding("kill_switch_passed", passed, thrown);
    }
    return null;
  }

  /** The entry that threw the switch which this one releases; null where it releases none. */
  released(entry: StoryEntry): number | null {
    const name = switchOf(entry);
    return name !== null && switchIn(entry) === false ? this.#on.get(name) ?? null : null;
  }

  /** Takes in what an entry does to a switch. */
  note(entry: StoryEntry): void {
    const name = switchOf(entry);
    if (name === null) return;
    const active = switchIn(entry);
    if (active === true && !this.#on.has(name)) this.#on.set(name, entry.index);
    // A tool that is removed comes back, if it does, as a draft with its switch off.
    if (active === false || entry.type === "tool.removed") this.#on.delete(name);
  }
}

/** The switch that an entry can be about. */
function switchOf(entry: StoryEntry): string | null {
  switch (entry.noun) {
    case "org":
      return ORG;
    case "tool":
    case "agent":
      return `${entry.noun} ${entry.subject(entry.noun)}`;
    default:
      return null;
  }
}
