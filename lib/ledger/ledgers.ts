import type { Deps } from "../deps.ts";
import { OrgLedger } from "./ledger.ts";
import type { Operation } from "./operation.ts";
import { ProcessClock } from "./process_clock.ts";
import { type CommitLimits, KV_LIMITS } from "./transaction.ts";

/** A wait for news of one topic. */
export interface Listening {
  /** Resolves at the first news after `listen` was called. */
  readonly news: Promise<void>;
  stop(): void;
}

/** The ledgers of all orgs in this process, and who waits here for what they commit. */
export class Ledgers {
  readonly #orgs = new Map<string, OrgLedger>();
  readonly #listeners = new Map<string, Set<() => void>>();

  readonly clock: ProcessClock;

  constructor(readonly deps: Deps, readonly limits: CommitLimits = KV_LIMITS) {
    this.clock = new ProcessClock(deps);
  }

  of(org: string): OrgLedger {
    let ledger = this.#orgs.get(org);
    if (ledger === undefined) {
      const announce = (topics: readonly string[]) => this.#announce(topics);
      ledger = new OrgLedger(this.deps, org, announce, this.clock, this.limits);
      this.#orgs.set(org, ledger);
    }
    return ledger;
  }

  /** See `OrgLedger.transact`. */
  transact<L, R>(org: string, operation: Operation<L, R>, since?: number): Promise<R> {
    return this.of(org).transact(operation, since);
  }

  /**
   * Listens for a topic that this process commits. News from other nodes do not come here: whoever
   * waits also looks by itself from time to time.
   */
  listen(topic: string): Listening {
    const { promise, resolve } = Promise.withResolvers<void>();
    let listeners = this.#listeners.get(topic);
    if (listeners === undefined) this.#listeners.set(topic, listeners = new Set());
    listeners.add(resolve);
    const stop = () => {
      listeners.delete(resolve);
      const current = this.#listeners.get(topic);
      if (current === listeners && listeners.size === 0) this.#listeners.delete(topic);
    };
    return { news: promise, stop };
  }

  #announce(topics: readonly string[]): void {
    for (const topic of topics) {
      for (const listener of this.#listeners.get(topic) ?? []) listener();
    }
  }
}
