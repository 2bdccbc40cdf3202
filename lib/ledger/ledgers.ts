import { Buffer } from "node:buffer";
import type { Deps } from "../deps.ts";
import type { StoreKey } from "../store/keys.ts";
import { keyText } from "../store/kv.ts";
import { ProcessClock } from "./clock.ts";
import { OrgLedger } from "./ledger.ts";
import { type CommitLimits, KV_LIMITS, type Operation } from "./transaction.ts";

/**
 * The ledgers of all orgs that this process has to do with, and who listens for what they commit.
 */

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

/** Rows that one commit removes at most, and bytes that their keys have. */
const MAX_ROWS = 200;

const MAX_KEY_BYTES = 50_000;

/**
 * Removes rows that nobody reads any more, as many with a commit as it takes: of a deleted org, whose
 * policy no node has to follow where nobody is let in, or of a policy that was replaced.
 */
export async function removeRows(
  { ledgers }: { readonly ledgers: Ledgers },
  org: string,
  rows: AsyncIterable<StoreKey>,
): Promise<void> {
  let batch: StoreKey[] = [];
  let bytes = 0;
  const remove = async () => {
    const keys = batch;
    batch = [];
    bytes = 0;
    if (keys.length === 0) return;
    await ledgers.transact(org, {
      plan: (transaction) => keys.forEach((key) => transaction.delete(key)),
    });
  };
  for await (const key of rows) {
    const size = Buffer.byteLength(keyText(key));
    if (batch.length === MAX_ROWS || bytes + size > MAX_KEY_BYTES) await remove();
    batch.push(key);
    bytes += size;
  }
  await remove();
}
