import type { Ledgers } from "../ledger/ledgers.ts";
import { DEPLOYMENT_ORG, logHeadPrefix, probeKey } from "../store/keys.ts";
import { listRecords } from "../store/kv.ts";
import { logHead } from "../store/records/log.ts";

/** What a probe learns: enough to act on, nothing about who uses this deployment. */
export interface ReadinessReport {
  readonly ready: boolean;
  readonly store: "ok" | "failing";
  readonly policy: "ok" | "failing";
  readonly clock: "ok" | "behind" | "unknown";
  /** What wakes work that is due: messages of the store, or the sweep each minute. */
  readonly waking: "queue" | "sweep";
}

/** How long a report stands, so that strangers who probe make at most one write a second. */
const REPORT_MS = 1000;
/** How far the clock may lie behind the newest entry of a log. */
const CLOCK_MS = 5000;
/** How many logs are looked at for the newest entry. */
const MAX_LOGS = 1000;
const STORE_ANSWERS_WITHIN_MS = 5000;

/** Finds out whether this process can decide: the store takes a write, policy reads, time runs. */
export class Readiness {
  #report: { at: number; answer: Promise<ReadinessReport> } | null = null;

  constructor(readonly ledgers: Ledgers) {}

  /** The report of now, or of at most a second ago. Never fails. */
  report(): Promise<ReadinessReport> {
    const now = this.ledgers.deps.now();
    const known = this.#report;
    if (known !== null && now >= known.at && now - known.at < REPORT_MS) return known.answer;
    const answer = this.#look();
    this.#report = { at: now, answer };
    return answer;
  }

  async #look(): Promise<ReadinessReport> {
    const [store, policy, newest] = await Promise.all([
      this.#tried(() => this.#takesWrite()),
      this.#tried(() => this.ledgers.transact(DEPLOYMENT_ORG, { plan: () => true })),
      this.#tried(() => this.#newestEntry()),
    ]);
    const clock = newest === null
      ? "unknown"
      : this.ledgers.deps.now() < newest - CLOCK_MS
      ? "behind"
      : "ok";
    return {
      ready: store !== null && policy !== null && clock === "ok",
      store: store === null ? "failing" : "ok",
      policy: policy === null ? "failing" : "ok",
      clock,
      waking: this.ledgers.deps.queues ? "queue" : "sweep",
    };
  }

  async #takesWrite(): Promise<true> {
    const { kv, now } = this.ledgers.deps;
    await kv.set([...probeKey()], { at: now() });
    return true;
  }

  async #newestEntry(): Promise<number> {
    const { kv } = this.ledgers.deps;
    let newest = 0;
    const heads = { prefix: [...logHeadPrefix()] };
    for await (const { value } of listRecords(kv, heads, logHead, { limit: MAX_LOGS })) {
      newest = Math.max(newest, value.at);
    }
    return newest;
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
