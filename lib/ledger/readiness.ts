import type { Deps } from "../deps.ts";
import { DEPLOYMENT_ORG, logHeadPrefix, probeKey } from "../store/keys.ts";
import { commitOnce, listRecords, type StoreHealth } from "../store/kv.ts";
import { logHead } from "../store/records/log.ts";
import { isAhead } from "./clock.ts";
import type { Ledgers } from "./ledgers.ts";

/**
 * Whether this process can decide: a look at the store, the policy, the clock and the commits of
 * late, told to whatever watches it.
 */

/** What a probe learns: enough to act on, nothing about who uses this deployment. */
export interface ReadinessReport {
  readonly ready: boolean;
  /** `stopping`: it serves what comes, and wants nothing new. */
  readonly process: "serving" | "stopping";
  readonly store: "ok" | "failing";
  readonly policy: "ok" | "failing";
  /**
   * `behind` a log, or `drifted` while this process ran: nothing is committed by it. `jumped`: it lay
   * far from when the store was last in use; that alone refuses nothing.
   */
  readonly clock: "ok" | "jumped" | "behind" | "drifted" | "unknown";
  /** What wakes work that is due: messages of the store, or the sweep each minute. */
  readonly waking: "queue" | "sweep";
}

/** A report that stands for a while; what it says of the store once it is there. */
interface Kept {
  readonly at: number;
  failing: boolean | null;
  readonly answer: Promise<ReadinessReport>;
}

/** How long a report stands, so that strangers who probe make at most one write a second. */
const REPORT_MS = 1000;

/** What a look writes after a commit has failed: a disk that is full may still take a small row. */
const LARGE_ROW = 60_000;

/** How many logs are looked at for one that is ahead of the clock. */
const MAX_LOGS = 1000;

const STORE_ANSWERS_WITHIN_MS = 5000;

/** Finds out whether this process can decide: the store takes a write, policy reads, time runs. */
export class Readiness {
  #isDraining = false;
  #report: Kept | null = null;

  constructor(readonly ledgers: Ledgers, readonly store: StoreHealth) {}

  /** From now on every report says that the process is not ready, for it is about to stop. */
  drain(): void {
    this.#isDraining = true;
    this.#report = null;
  }

  /**
   * The report of now, or of at most a second ago unless commits fail since, or no longer do. Never
   * fails.
   */
  report(): Promise<ReadinessReport> {
    const now = this.ledgers.deps.now();
    const known = this.#report;
    const stands = known !== null && now >= known.at && now - known.at < REPORT_MS &&
      (known.failing === null || known.failing === this.store.isFailing);
    if (stands) return known.answer;
    const kept: Kept = { at: now, failing: null, answer: this.#look() };
    this.#report = kept;
    void kept.answer.then(({ store }) => kept.failing = store === "failing");
    return kept.answer;
  }

  async #look(): Promise<ReadinessReport> {
    const [store, policy, ahead] = await Promise.all([
      this.#tried(() => this.#takesWrite()),
      this.#tried(() => this.ledgers.transact(DEPLOYMENT_ORG, { plan: () => true })),
      this.#tried(() => this.#isLogAhead()),
    ]);
    const clock = this.#clock(ahead);
    return {
      ready: !this.#isDraining && store !== null && policy !== null &&
        (clock === "ok" || clock === "jumped"),
      process: this.#isDraining ? "stopping" : "serving",
      store: store === null ? "failing" : "ok",
      policy: policy === null ? "failing" : "ok",
      clock,
      waking: this.ledgers.deps.queues ? "queue" : "sweep",
    };
  }

  /**
   * Makes a small write, and where a commit has failed a commit that needs room. Null where the store
   * takes them and is not to be trusted all the same.
   */
  async #takesWrite(): Promise<true | null> {
    const { deps } = this.ledgers;
    const key = [...probeKey()];
    const at = deps.now();
    await deps.kv.set(key, { at });
    if (!this.store.isFailing) return true;
    const room = new Uint8Array(LARGE_ROW);
    await commitOnce(deps, deps.kv.atomic().set(key, { at, room }));
    return this.store.isFailing ? null : true;
  }

  #clock(isLogAhead: boolean | null): ReadinessReport["clock"] {
    const { clock } = this.ledgers;
    if (isLogAhead === null) return "unknown";
    if (clock.hasDrifted) return "drifted";
    if (isLogAhead) return "behind";
    return clock.jumped === null ? "ok" : "jumped";
  }

  async #isLogAhead(): Promise<boolean> {
    for await (const _ of logsAhead(this.ledgers.deps, MAX_LOGS)) return true;
    return false;
  }

  /** What an attempt gives; null when it fails or takes too long. */
  async #tried<T>(attempt: () => Promise<T>): Promise<T | null> {
    const timer = this.ledgers.deps.timer(STORE_ANSWERS_WITHIN_MS);
    try {
      return await Promise.race([attempt(), timer.elapsed.then(() => null)]);
    } catch {
      return null;
    } finally {
      timer.cancel();
    }
  }
}

/**
 * The orgs whose log lies further ahead of the clock than a clock may be wrong, and the time of their
 * newest entry, milliseconds. @param limit how many logs are looked at
 */
export async function* logsAhead(
  { kv, now }: Pick<Deps, "kv" | "now">,
  limit = Infinity,
): AsyncGenerator<{ readonly org: string; readonly at: number }> {
  const heads = { prefix: [...logHeadPrefix()] };
  const options = limit === Infinity ? {} : { limit };
  for await (const { key, value } of listRecords(kv, heads, logHead, options)) {
    if (isAhead(value, now())) yield { org: String(key[1]), at: value.at };
  }
}
