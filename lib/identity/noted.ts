import type { Ledgers } from "../ledger/ledgers.ts";
import { type Periodic, periodically } from "../periodic.ts";
import { commitOnce } from "../store/commit.ts";
import { credentialUsedKey, credentialUsedPrefix } from "../store/keys.ts";
import { listRecords } from "../store/kv.ts";
import { credentialUsed } from "../store/records/identity.ts";

const FLUSH_MS = 60_000;

/** Rows in one write: far below what one commit of the store takes. */
const ROWS_A_WRITE = 100;

/** When one credential was last used. */
interface Use {
  readonly org: string;
  readonly id: string;
  at: number;
}

/**
 * When each key and agent was last used. Requests note it in memory and wait for nothing; once a
 * minute it is stored, so another node sees it up to a minute late. It decides nothing, so a store
 * that does not take it costs no request.
 */
export class LastUsed {
  /** By id: a grant is used in every org of its consent, anything else in one. */
  readonly #unstored = new Map<string, Use[]>();
  #periodic: Periodic | null = null;

  constructor(readonly ledgers: Ledgers) {}

  /** Notes a use. On the path of every request: allocates at the first use a minute only. */
  note(org: string, id: string, now: number): void {
    const uses = this.#unstored.get(id);
    if (uses === undefined) {
      this.#unstored.set(id, [{ org, id, at: now }]);
      return;
    }
    for (const use of uses) {
      if (use.org !== org) continue;
      use.at = now;
      return;
    }
    uses.push({ org, id, at: now });
  }

  /** Stores what was noted since. Never fails: what the store did not take is stored next time. */
  async flush(): Promise<void> {
    const uses = [...this.#unstored.values()].flat().filter((use) => this.#exists(use));
    for (let from = 0; from < uses.length; from += ROWS_A_WRITE) {
      const rows = uses.slice(from, from + ROWS_A_WRITE).map((use) => ({ use, at: use.at }));
      try {
        const write = this.ledgers.deps.kv.atomic();
        for (const { use, at } of rows) write.set(credentialUsedKey(use.org, use.id), { at });
        await commitOnce(this.ledgers.deps, write);
      } catch (error) {
        this.ledgers.deps.log("warn", "Times of last use were not stored", {
          error: String(error),
        });
        return;
      }
      for (const { use, at } of rows) {
        if (use.at === at) this.#forget(use);
      }
    }
  }

  /**
   * When credentials of an org were last used, milliseconds, by id; absent when never.
   * @param ids in ascending order
   */
  async of(org: string, ids: readonly string[]): Promise<Map<string, number>> {
    const times = new Map<string, number>();
    const [first, last] = [ids.at(0), ids.at(-1)];
    if (first === undefined || last === undefined) return times;
    const range = { prefix: credentialUsedPrefix(org), start: credentialUsedKey(org, first) };
    const { kv } = this.ledgers.deps;
    for await (const { key, value } of listRecords(kv, range, credentialUsed)) {
      const id = String(key[2]);
      if (id > last) break;
      times.set(id, value.at);
    }
    for (const id of ids) {
      for (const use of this.#unstored.get(id) ?? []) {
        if (use.org === org) times.set(id, Math.max(use.at, times.get(id) ?? 0));
      }
    }
    return times;
  }

  /** Begins to store once a minute. */
  start(): void {
    this.#periodic ??= periodically(this.ledgers.deps, FLUSH_MS, () => this.flush());
  }

  /** Stores what is left and ends. */
  async stop(): Promise<void> {
    await this.#periodic?.stop();
    this.#periodic = null;
    await this.flush();
  }

  /** False once the credential is gone: a key that revokes itself must leave no row behind. */
  #exists(use: Use): boolean {
    const { org, id } = use;
    const snapshot = this.ledgers.of(org).knownSnapshot;
    const exists = snapshot === null || snapshot.apiKeys.has(id) || snapshot.agents.has(id) ||
      snapshot.grants.has(id);
    if (!exists) this.#forget(use);
    return exists;
  }

  #forget(use: Use): void {
    const others = this.#unstored.get(use.id)?.filter((other) => other !== use) ?? [];
    if (others.length === 0) this.#unstored.delete(use.id);
    else this.#unstored.set(use.id, others);
  }
}
