import type { Actor } from "../ledger/entry.ts";
import type { Ledgers } from "../ledger/ledgers.ts";
import { type Periodic, periodically } from "../periodic.ts";
import { DEPLOYMENT_ORG } from "../store/keys.ts";

const FLUSH_MS = 60_000;

/** Sources told apart in one minute; attempts of further ones are counted together. */
export const MAX_SOURCES = 1000;

/** What attempts are counted under that come from no known address, or from too many. */
export const OTHER_SOURCES = "other";

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
  #periodic: Periodic | null = null;

  constructor(readonly ledgers: Ledgers) {}

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
    this.#periodic ??= periodically(this.ledgers.deps, FLUSH_MS, () => this.flush());
  }

  /** Writes what is left and ends. */
  async stop(): Promise<void> {
    await this.#periodic?.stop();
    this.#periodic = null;
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
