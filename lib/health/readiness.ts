import type { Ledgers } from "../ledger/ledgers.ts";
import { DEPLOYMENT_ORG, probeKey } from "../store/keys.ts";
import { logsAhead } from "./logs_ahead.ts";

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

/** How long a report stands, so that strangers who probe make at most one write a second. */
const REPORT_MS = 1000;
/** How many logs are looked at for one that is ahead of the clock. */
const MAX_LOGS = 1000;
const STORE_ANSWERS_WITHIN_MS = 5000;

/** Finds out whether this process can decide: the store takes a write, policy reads, time runs. */
export class Readiness {
  #isDraining = false;
  #report: { at: number; answer: Promise<ReadinessReport> } | null = null;

  constructor(readonly ledgers: Ledgers) {}

  /** From now on every report says that the process is not ready, for it is about to stop. */
  drain(): void {
    this.#isDraining = true;
    this.#report = null;
  }

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

  async #takesWrite(): Promise<true> {
    const { kv, now } = this.ledgers.deps;
    await kv.set([...probeKey()], { at: now() });
    return true;
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
