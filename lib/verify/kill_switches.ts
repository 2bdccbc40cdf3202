import type { JsonValue } from "../json/json_value.ts";
import { switchIn } from "./entitlements.ts";
import type { Finding } from "./finding.ts";
import type { StoryEntry } from "./story_entry.ts";

const ORG = "org";

/** The kill switches that are on, each with the entry that threw it. */
export class KillSwitches {
  readonly #on = new Map<string, number>();
  /** What policies that are not applied yet do to switches, by their generations. */
  readonly #staged = new Map<JsonValue | undefined, Map<string, boolean>>();

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
    for (const [name, active] of this.#changes(entry)) {
      const thrown = this.#on.get(name);
      if (!active && thrown !== undefined) return thrown;
    }
    return null;
  }

  /** Takes in what an entry does to a switch. */
  note(entry: StoryEntry): void {
    for (const [name, active] of this.#changes(entry)) {
      if (!active) this.#on.delete(name);
      else if (!this.#on.has(name)) this.#on.set(name, entry.index);
    }
    this.#noteStaged(entry);
  }

  /** What an entry does to switches: one of a policy that is only prepared does nothing yet. */
  #changes(entry: StoryEntry): Iterable<readonly [string, boolean]> {
    if (entry.type === "policy.applied") return this.#staged.get(entry.data.generation) ?? [];
    const name = switchOf(entry);
    if (name === null || entry.type === "tool.staged") return [];
    // A tool that is removed comes back, if it does, as a draft with its switch off.
    const active = entry.type === "tool.removed" ? false : switchIn(entry);
    return active === null ? [] : [[name, active]];
  }

  #noteStaged(entry: StoryEntry): void {
    const { generation } = entry.data;
    if (entry.type === "policy.applied" || entry.type === "policy.dropped") {
      this.#staged.delete(generation);
      return;
    }
    const active = switchIn(entry);
    const name = switchOf(entry);
    if (entry.type !== "tool.staged" || name === null || active === null) return;
    let staged = this.#staged.get(generation);
    if (staged === undefined) this.#staged.set(generation, staged = new Map());
    staged.set(name, active);
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
