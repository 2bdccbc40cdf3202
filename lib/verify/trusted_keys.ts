import type { LogKey } from "../checkpoint/log_key.ts";
import { verifyRotation } from "../checkpoint/rotation.ts";
import type { JsonObject } from "../json/json_value.ts";
import { entryFinding, type Finding } from "./finding.ts";

/** One hand-over in the log from a trusted key to the next. */
export interface Handover {
  readonly index: number;
  readonly fromKid: string;
  readonly toKid: string;
}

/** The type of the entries that hand the log over to a new key. */
export const ROTATION_TYPE = "log_key.rotated";

/**
 * The keys that a verifier trusts: the pinned ones, and those that the log hands itself over to,
 * each signed for by a key trusted already.
 */
export class TrustedKeys {
  readonly #keys: Map<string, LogKey>;
  readonly #handovers = new Map<string, Handover>();

  constructor(readonly origin: string, pinned: readonly LogKey[]) {
    this.#keys = new Map(
      pinned.filter((key) => key.origin === origin).map((key) => [key.kid, key]),
    );
  }

  /** Every trusted key of this log, the pinned ones first. */
  get all(): LogKey[] {
    return [...this.#keys.values()];
  }

  /**
   * Takes in a `log_key.rotated` entry, or says what is wrong with it.
   *
   * One that starts from a key not trusted here proves nothing and is passed over: whoever pinned
   * only the latest key cannot judge older ones. A second one from the same key is wrong: a key
   * hands over once, and a thief of the old key must not do it again.
   */
  async rotate(data: JsonObject, index: number): Promise<Finding | null> {
    const old = typeof data.old_kid === "string" ? this.#keys.get(data.old_kid) : undefined;
    if (old === undefined) return null;
    const rotation = await verifyRotation(data, old);
    if (!rotation.ok) {
      return entryFinding(
        "key_rotation_invalid",
        index,
        `Entry ${index} gives the log a new key, but ${rotation.message}`,
      );
    }
    const earlier = this.#handovers.get(old.kid);
    if (earlier !== undefined) {
      return entryFinding(
        "key_rotation_invalid",
        index,
        `Entry ${index} gives the log a new key by the old key ${old.kid}, which entry ` +
          `${earlier.index} already replaced`,
      );
    }
    const { newKey } = rotation;
    this.#handovers.set(old.kid, { index, fromKid: old.kid, toKid: newKey.kid });
    if (!this.#keys.has(newKey.kid)) this.#keys.set(newKey.kid, newKey);
    return null;
  }

  /** The entry by which a key was replaced, if the log tells of it. */
  replacedAt(kid: string): number | null {
    return this.#handovers.get(kid)?.index ?? null;
  }

  /** The hand-overs that lead to a key from a pinned one, first to last; none for a pinned key. */
  pathTo(kid: string, pinned: readonly LogKey[]): Handover[] {
    const path: Handover[] = [];
    let at = kid;
    while (!pinned.some((key) => key.kid === at && key.origin === this.origin)) {
      const step = [...this.#handovers.values()].find((handover) => handover.toKid === at);
      if (step === undefined || path.includes(step)) break;
      path.unshift(step);
      at = step.fromKid;
    }
    return path;
  }
}
