import type { LogKey } from "../tlog/log_key.ts";
import { verifyRotation } from "../tlog/rotation.ts";
import type { CheckedEntry } from "./export_lines.ts";
import { entryFinding, type Finding, wholeFinding } from "./finding.ts";

/** One hand-over in the log from a trusted key to the next. */
export interface Handover {
  readonly index: number;
  readonly fromKid: string;
  readonly toKid: string;
}

/** The type of the entries that hand the log over to a new key. */
export const ROTATION_TYPE = "log_key.rotated";

/**
 * The keys that a verifier trusts, each as far as it counts: the pinned ones, and those that the log
 * hands itself over to, each signed for by a key trusted already.
 */
export class TrustedKeys {
  readonly #pinned: readonly LogKey[];
  readonly #keys: Map<string, LogKey>;
  readonly #handovers = new Map<string, Handover>();

  constructor(readonly origin: string, pinned: readonly LogKey[]) {
    this.#pinned = pinned.filter((key) => key.origin === origin);
    this.#keys = new Map(this.#pinned.map((key) => [key.kid, key]));
  }

  /** Every trusted key of this log, the pinned ones first. What handed over is retired by that. */
  get all(): LogKey[] {
    return [...this.#keys.values()];
  }

  /**
   * Takes in a `log_key.rotated` entry, or says what is wrong with it.
   *
   * One that starts from a key not trusted here proves nothing and is passed over: whoever pinned
   * only the latest key cannot judge older ones. A key hands over once, and where it is pinned as
   * retired, to its successor and at its size: a thief of the old key must not do it again.
   */
  async rotate({ data, at }: CheckedEntry, index: number): Promise<Finding | null> {
    const old = typeof data.old_kid === "string" ? this.#keys.get(data.old_kid) : undefined;
    if (old === undefined) return null;
    const rotation = await verifyRotation(data, old);
    if (!rotation.ok) return invalid(index, rotation.message);
    const { newKey } = rotation;
    const earlier = this.#handovers.get(old.kid);
    if (earlier !== undefined) {
      const by = `by the old key ${old.kid}, which entry ${earlier.index} already replaced`;
      return invalid(index, by);
    }
    const pinned = this.#pinned.find(({ kid }) => kid === old.kid)?.retirement ?? null;
    if (pinned !== null && (pinned.size !== index || pinned.successor !== newKey.kid)) {
      const what = `Entry ${index} hands the log over from key ${old.kid} to ${newKey.kid}, but ` +
        `that key was retired at size ${pinned.size} and handed over to ${pinned.successor}`;
      return entryFinding("key_retired", index, what);
    }
    const again = this.#handovers.get(newKey.kid);
    if (again !== undefined) {
      return invalid(index, `it is ${newKey.kid}, which entry ${again.index} already replaced`);
    }
    this.#handovers.set(old.kid, { index, fromKid: old.kid, toKid: newKey.kid });
    // A retired key of which nobody said where it ended could have been stolen by now: what it hands
    // over to is trusted no more than it is, which is not at all.
    const speaks = old.status === "active" || old.retirement !== null;
    if (speaks && !this.#keys.has(newKey.kid)) this.#keys.set(newKey.kid, newKey);
    const retirement = old.retirement ?? { size: index, at, successor: newKey.kid };
    this.#keys.set(old.kid, { ...old, status: "retired", retirement });
    return null;
  }

  /**
   * What is wrong with where the log ends, its head being signed by this key: a hand-over that the
   * pinned keys tell of is not in it, or none of the pinned active keys leads to its end.
   */
  endFinding(kid: string, size: number): Finding | null {
    for (const { kid: old, retirement } of this.#pinned) {
      if (retirement === null || retirement.size >= size || this.#handovers.has(old)) continue;
      const what = `Entry ${retirement.size} does not hand the log over from key ${old} to ` +
        `${retirement.successor}, which the pinned keys say it did`;
      return entryFinding("key_rotation_invalid", retirement.size, what);
    }
    const active = this.#pinned.filter(({ status }) => status === "active").map((key) => key.kid);
    if (active.length === 0) return null;
    const path = this.#pathTo(kid, active);
    if (active.includes(path[0]?.fromKid ?? kid)) return null;
    const what = `The log ends with key ${kid}; pinned as active: ${active.join(", ")}`;
    return wholeFinding("key_not_active", what);
  }

  /** The hand-overs that lead to a key from a pinned one, first to last; none for a pinned key. */
  pathTo(kid: string): Handover[] {
    return this.#pathTo(kid, this.#pinned.map((key) => key.kid));
  }

  #pathTo(kid: string, from: readonly string[]): Handover[] {
    const path: Handover[] = [];
    let at = kid;
    while (!from.includes(at)) {
      const step = [...this.#handovers.values()].find((handover) => handover.toKid === at);
      if (step === undefined || path.includes(step)) break;
      path.unshift(step);
      at = step.fromKid;
    }
    return path;
  }
}

function invalid(index: number, why: string): Finding {
  const what = `Entry ${index} gives the log a new key, but ${why}`;
  return entryFinding("key_rotation_invalid", index, what);
}
