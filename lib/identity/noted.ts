import type { Deps } from "../deps.ts";
import { CLOCK_TOLERANCE_MS } from "../ledger/clock.ts";
import type { Actor } from "../ledger/entry.ts";
import type { Ledgers } from "../ledger/ledgers.ts";
import {
  clockAcceptedKey,
  clockSeenKey,
  credentialUsedKey,
  credentialUsedPrefix,
  DEPLOYMENT_ORG,
} from "../store/keys.ts";
import { commitOnce, listRecords, readRecord, type StoreHealth } from "../store/kv.ts";
import { SCHEMA_VERSION, schemaVersion } from "../store/open_store.ts";
import { credentialUsed } from "../store/records/identity.ts";
import { clockTime } from "../store/records/log.ts";

/**
 * What a process notes in memory and stores once a minute: when credentials were used, attempts
 * that failed, what the clock shows. None of it decides about a request, and none of it makes one
 * wait or fail.
 */

const MINUTE_MS = 60_000;

/** Work that is done once a minute until it is stopped. It must not fail. */
class EveryMinute {
  readonly #stopped = Promise.withResolvers<"stopped">();
  #running: Promise<void> | null = null;

  constructor(readonly deps: Pick<Deps, "timer">, readonly work: () => Promise<void>) {}

  start(): void {
    this.#running ??= this.#run();
  }

  /** Ends the waiting and lets a round under way finish. */
  async stop(): Promise<void> {
    this.#stopped.resolve("stopped");
    await this.#running;
  }

  async #run(): Promise<void> {
    for (;;) {
      const timer = this.deps.timer(MINUTE_MS);
      const ended = await Promise.race([timer.elapsed, this.#stopped.promise]);
      timer.cancel();
      if (ended === "stopped") return;
      await this.work();
    }
  }
}

/** Rows in one write: far below what one commit of the store takes. */
const ROWS_A_WRITE = 100;

/** When one credential was last used. */
interface Use {
  readonly org: string;
  readonly id: string;
  at: number;
}

/**
 * When each key, agent and credential of the vault was last used. Requests note it in memory and wait for nothing; once a
 * minute it is stored, so another node sees it up to a minute late. It decides nothing, so a store
 * that does not take it costs no request.
 */
export class LastUsed {
  /** By id: a grant is used in every org of its consent, anything else in one. */
  readonly #unstored = new Map<string, Use[]>();
  readonly #rounds: EveryMinute;

  constructor(readonly ledgers: Ledgers) {
    this.#rounds = new EveryMinute(ledgers.deps, () => this.flush());
  }

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
    this.#rounds.start();
  }

  /** Stores what is left and ends. */
  async stop(): Promise<void> {
    await this.#rounds.stop();
    await this.flush();
  }

  /** False once the credential is gone: a key that revokes itself must leave no row behind. */
  #exists(use: Use): boolean {
    const { org, id } = use;
    const snapshot = this.ledgers.of(org).knownSnapshot;
    const exists = snapshot === null || snapshot.apiKeys.has(id) || snapshot.agents.has(id) ||
      snapshot.grants.has(id) || snapshot.vault.has(id);
    if (!exists) this.#forget(use);
    return exists;
  }

  #forget(use: Use): void {
    const others = this.#unstored.get(use.id)?.filter((other) => other !== use) ?? [];
    if (others.length === 0) this.#unstored.delete(use.id);
    else this.#unstored.set(use.id, others);
  }
}

/** Sources told apart in one minute; attempts of further ones are counted together. */
export const MAX_SOURCES = 1000;

/** What attempts are counted under that come from no known address, or from too many. */
const OTHER_SOURCES = "other";

/** Entries in one commit: what a flood leaves behind must not crowd out an org's own commits. */
const ENTRIES_A_COMMIT = 200;

const ACTOR: Actor = { type: "system", id: "authentication" };

/** Attempts of one source since the last entry about it. */
interface Attempts {
  count: number;
  since: number;
}

/**
 * Counts requests whose credentials were not accepted. Nothing is stored for one attempt: once a
 * minute each source makes one entry in the deployment's own log, so that strangers cannot grow it.
 */
export class FailedAttempts {
  #sources = new Map<string, Attempts>();
  readonly #rounds: EveryMinute;

  constructor(readonly ledgers: Ledgers) {
    this.#rounds = new EveryMinute(ledgers.deps, () => this.flush());
  }

  /** Counts one attempt. @param source the address it came from, null when not known */
  note(source: string | null, now: number): void {
    this.#add(source ?? OTHER_SOURCES, { count: 1, since: now });
  }

  /** Writes one entry for each source. Never fails: what was not stored is counted on. */
  async flush(): Promise<void> {
    const sources = [...this.#sources];
    this.#sources = new Map();
    for (let from = 0; from < sources.length; from += ENTRIES_A_COMMIT) {
      try {
        await this.#append(sources.slice(from, from + ENTRIES_A_COMMIT));
      } catch (error) {
        for (const [source, attempts] of sources.slice(from)) this.#add(source, attempts);
        this.ledgers.deps.log("warn", "Failed attempts were not recorded", {
          error: String(error),
        });
        return;
      }
    }
  }

  /** Begins to write once a minute. */
  start(): void {
    this.#rounds.start();
  }

  /** Writes what is left and ends. */
  async stop(): Promise<void> {
    await this.#rounds.stop();
    await this.flush();
  }

  #add(source: string, { count, since }: Attempts): void {
    const attempts = this.#sources.get(source);
    if (attempts !== undefined) {
      attempts.count += count;
      attempts.since = Math.min(attempts.since, since);
    } else if (this.#sources.size < MAX_SOURCES || source === OTHER_SOURCES) {
      this.#sources.set(source, { count, since });
    } else {
      this.#add(OTHER_SOURCES, { count, since });
    }
  }

  #append(sources: readonly (readonly [string, Attempts])[]): Promise<void> {
    return this.ledgers.transact(DEPLOYMENT_ORG, {
      plan(transaction) {
        for (const [source, { count, since }] of sources) {
          transaction.append({
            type: "auth.failed",
            actor: ACTOR,
            subject: {},
            data: { count, since: new Date(since).toISOString() },
            private: { source },
          });
        }
      },
    });
  }
}

/** How long no process may have run before a start says so. */
const LONG_MS = 24 * 60 * 60 * 1000;

/**
 * Writes once a minute what the clock shows, so that a start can tell that the clock has jumped since,
 * or that the store lay idle for long: which of the two, only a human can say.
 */
export class ProcessTimes {
  readonly #rounds: EveryMinute;

  constructor(readonly ledgers: Ledgers, readonly store: StoreHealth) {
    this.#rounds = new EveryMinute(ledgers.deps, () => this.beat());
  }

  /** Looks at what was written last, and says so when that was long ago. Refuses nothing. */
  async look(): Promise<void> {
    const { clock, deps } = this.ledgers;
    const times = await Promise.all(
      [clockSeenKey(), clockAcceptedKey()].map((key) => readRecord(deps.kv, key, clockTime)),
    );
    const last = Math.max(...times.map((time) => time?.value.at ?? 0));
    const now = deps.now();
    if (last === 0 || now - last <= LONG_MS) return;
    clock.jumped = { from: last, to: now };
    deps.log("warn", "The clock lies more than a day after the store was last in use", {
      last_in_use: new Date(last).toISOString(),
      clock: new Date(now).toISOString(),
      next:
        "If the clock is wrong, stop, set it right and start again; if not, nothing is to be done",
    });
  }

  /** Begins to write once a minute. */
  start(): void {
    this.#rounds.start();
  }

  async stop(): Promise<void> {
    await this.#rounds.stop();
  }

  /**
   * Writes the time, unless the clock is in doubt, and looks whether the store is still one for this
   * release. Never fails: what is not written is next time.
   */
  async beat(): Promise<void> {
    const { clock, deps } = this.ledgers;
    try {
      await this.#hearAcceptance();
      if (!clock.hasDrifted) {
        await deps.kv.set([...clockSeenKey()], { at: deps.now() });
        clock.trust();
      }
      await this.#lookAtVersion();
    } catch (error) {
      deps.log("warn", "The time was not stored, or the version not read", {
        error: String(error),
      });
    }
  }

  /** Another process may have written that somebody accepted the clock. */
  async #hearAcceptance(): Promise<void> {
    const { clock, deps } = this.ledgers;
    if (!clock.hasDrifted && clock.jumped === null) return;
    const accepted = await readRecord(deps.kv, clockAcceptedKey(), clockTime);
    const isOfNow = accepted !== null &&
      Math.abs(deps.now() - accepted.value.at) <= CLOCK_TOLERANCE_MS;
    if (isOfNow) clock.accept();
  }

  /** Over KV Connect a newer release may have been started beside this process. */
  async #lookAtVersion(): Promise<void> {
    const version = await schemaVersion(this.ledgers.deps);
    if (version > SCHEMA_VERSION) this.store.outgrown(version);
  }
}
