import type { StoreKey } from "./keys.ts";
import { KEYS_A_READ, type StoreDeps } from "./kv.ts";

/**
 * Rows that somebody looks at for a while, read once a second however many look: the store tells no
 * other process of a change.
 */

/** How often the rows that somebody watches are read, milliseconds. */
const READ_EVERY_MS = 1000;

/** Some rows that somebody watches. */
export interface Watch {
  /**
   * Resolves at the next change of a row, on whatever node, that was not told of by the promise of
   * the call before; or once `due` has come. At first, before a row was read, it resolves in any case.
   */
  moved(): Promise<void>;
  /** When it resolves without a change, milliseconds since 1970. */
  due: number;
  stop(): void;
}

/** A row, as it was when it was read last. */
interface Row {
  readonly key: StoreKey;
  /** Undefined before the first reading. */
  stamp: string | null | undefined;
  /** How many watch it. */
  count: number;
}

class Watcher implements Watch {
  due = Infinity;
  #next = Promise.withResolvers<void>();
  #isTold = false;

  constructor(readonly rows: readonly Row[], readonly stop: () => void) {}

  moved(): Promise<void> {
    if (this.#isTold) this.#next = Promise.withResolvers<void>();
    this.#isTold = false;
    return this.#next.promise;
  }

  tell(): void {
    this.#isTold = true;
    this.#next.resolve();
  }
}

/**
 * Tells whoever watches rows when they change. Each row is read once a second however many watch it,
 * and none while nobody does: hundreds of open pages cost a few reads, not an operation each.
 */
export class WatchedRows {
  readonly #rows = new Map<string, Row>();
  readonly #watchers = new Set<Watcher>();
  #running = false;
  #nobody = Promise.withResolvers<void>();

  constructor(readonly deps: Pick<StoreDeps, "kv" | "now" | "timer">) {}

  watch(keys: readonly StoreKey[]): Watch {
    const watcher = new Watcher(keys.map((key) => this.#row(key)), () => this.#stop(watcher));
    this.#watchers.add(watcher);
    if (!this.#running) void this.#run();
    return watcher;
  }

  #row(key: StoreKey): Row {
    const text = JSON.stringify(key);
    const row = this.#rows.get(text) ?? { key, stamp: undefined, count: 0 };
    this.#rows.set(text, row);
    row.count++;
    return row;
  }

  #stop(watcher: Watcher): void {
    if (!this.#watchers.delete(watcher)) return;
    for (const row of watcher.rows) {
      if (--row.count === 0) this.#rows.delete(JSON.stringify(row.key));
    }
    if (this.#watchers.size === 0) this.#nobody.resolve();
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#watchers.size > 0) {
      this.#nobody = Promise.withResolvers<void>();
      const tick = this.deps.timer(READ_EVERY_MS);
      await Promise.race([tick.elapsed, this.#nobody.promise]);
      tick.cancel();
      if (this.#watchers.size > 0) await this.#look();
    }
    this.#running = false;
  }

  async #look(): Promise<void> {
    const changed = await this.#changed();
    const now = this.deps.now();
    for (const watcher of this.#watchers) {
      // Where the store does not say, any may have changed: each looks by itself, and fails by itself.
      const isMoved = changed === null || watcher.rows.some((row) => changed.has(row));
      if (isMoved || now >= watcher.due) watcher.tell();
    }
  }

  /** The rows that are not as they were; null where the store does not say. */
  async #changed(): Promise<ReadonlySet<Row> | null> {
    const rows = [...this.#rows.values()];
    const changed = new Set<Row>();
    for (let from = 0; from < rows.length; from += KEYS_A_READ) {
      const some = rows.slice(from, from + KEYS_A_READ);
      try {
        const entries = await this.deps.kv.getMany(some.map(keyOf));
        some.forEach((row, i) => {
          const stamp = entries[i]?.versionstamp ?? null;
          if (row.stamp !== stamp) changed.add(row);
          row.stamp = stamp;
        });
      } catch {
        return null;
      }
    }
    return changed;
  }
}

function keyOf({ key }: Row): Deno.KvKey {
  return key as Deno.KvKey;
}
