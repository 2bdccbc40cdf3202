import { isJsonObject } from "../base/json.ts";
import { type Finding, shown } from "./finding.ts";
import { Lines } from "./mandate_lines.ts";
import { type LogClock, type StoryEntry, type Told } from "./story_entry.ts";

/**
 * Mandates as a log tells of them: their entries are numbered without a gap, they only ever narrow what
 * the policy said, and nothing is allowed or begun under one that is over.
 */

/** A mandate as the log has told of it so far. */
interface KnownMandate {
  readonly seq: number;
  /** The newest entry about it. */
  readonly index: number;
  /** When it is over by itself; null where the log does not tell. */
  readonly expires_at: string | null;
  /** The entry that ended it. */
  readonly ended: number | null;
}

/** From the widest answer to the strictest. */
const WIDTHS = ["allowed", "requires_approval", "disabled"];

export class Mandates {
  readonly #known = new Map<string, KnownMandate>();
  readonly #lines: Lines;
  /** Resources that nothing under a mandate may touch, with the entries that say so. */
  readonly #buried = new Map<string, number>();

  constructor(readonly told: Told, readonly clock: LogClock) {
    this.#lines = new Lines(told, clock);
  }

  /** The number of the newest entry about a mandate; 0 for none. */
  seqOf(id: string): number {
    return this.#known.get(id)?.seq ?? 0;
  }

  /** Takes in an entry about a mandate, or says what is wrong with it. */
  take(entry: StoryEntry): Finding | null {
    const resource = entry.subject("resource");
    if (entry.type === "tombstone.set" && resource !== null) {
      this.#buried.set(resource, entry.index);
    }
    if (entry.type === "tombstone.removed" && resource !== null) this.#buried.delete(resource);
    return this.#narrows(entry) ?? this.#lines.take(entry);
  }

  #narrows(entry: StoryEntry): Finding | null {
    const { mandate_seq: seq } = entry.data;
    const id = entry.subject("mandate");
    if (id === null || typeof seq !== "number") return null;
    const known = this.#known.get(id);
    const finding = this.#gap(entry, id, seq, known) ?? judgeWidth(entry, id) ??
      this.#passed(entry, id, known);
    if (finding !== null) return finding;
    const { type, index } = entry;
    const isEnd = type === "mandate.revoked" || type === "mandate.superseded";
    this.#known.set(id, {
      seq,
      index,
      expires_at: type === "mandate.granted" ? entry.time("expires_at") : known?.expires_at ?? null,
      ended: isEnd ? index : known?.ended ?? null,
    });
    return null;
  }

  #gap(
    entry: StoryEntry,
    id: string,
    seq: number,
    known: KnownMandate | undefined,
  ): Finding | null {
    if (known === undefined) {
      if (entry.type === "mandate.granted" && seq === 1) return null;
      const what = `is number ${seq} about the mandate ${shown(id)}, which no entry grants`;
      return this.told.miss(entry.finding("mandate_gap", what));
    }
    if (seq === known.seq + 1) return null;
    const what = `is number ${seq} about the mandate ${
      shown(id)
    }; entry ${known.index} is ${known.seq}`;
    return entry.finding("mandate_gap", what, known.index);
  }

  #passed(entry: StoryEntry, id: string, known: KnownMandate | undefined): Finding | null {
    const { type, data } = entry;
    const isAllowed = type === "permission.checked" && data.permission === "allowed";
    if (!isAllowed && type !== "token.minted" && type !== "token.consumed") return null;
    const does = isAllowed ? "allows something" : "has something run";
    const buried = this.#buried.get(entry.subject("resource") ?? "");
    if (buried !== undefined) {
      const what = `${does} under a mandate on a resource that entry ${buried} closed to all`;
      return entry.finding("mandate_resource_closed", what, buried);
    }
    const ended = known?.ended ?? null;
    if (ended !== null) {
      const what = `${does} under the mandate ${shown(id)}, which entry ${ended} ended`;
      return entry.finding("mandate_over", what, ended);
    }
    const expires_at = known?.expires_at ?? null;
    if (expires_at === null || !this.clock.hasPassed(expires_at)) return null;
    const what = `${does} under the mandate ${shown(id)}, which was over at ${expires_at}`;
    return entry.finding("mandate_over", what);
  }
}

/** What is wrong with an answer that is wider than what the policy alone said. */
function judgeWidth(entry: StoryEntry, id: string): Finding | null {
  if (entry.type !== "permission.checked") return null;
  const { chain, permission } = entry.data;
  const policy = isJsonObject(chain) ? WIDTHS.indexOf(String(chain.permission)) : -1;
  if (policy !== -1 && WIDTHS.indexOf(String(permission)) >= policy) return null;
  const said = isJsonObject(chain) ? shown(chain.permission) : "nothing";
  const what = `answers ${shown(permission)} under the mandate ${
    shown(id)
  }; the policy said ${said}`;
  return entry.finding("mandate_widened", what);
}
