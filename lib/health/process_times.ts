import { z } from "zod";
import { CLOCK_TOLERANCE_MS } from "../ledger/clock.ts";
import type { Ledgers } from "../ledger/ledgers.ts";
import { type Periodic, periodically } from "../periodic.ts";
import { clockAcceptedKey, clockSeenKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import { SCHEMA_VERSION, schemaVersion } from "../store/schema_version.ts";
import type { StoreHealth } from "../store/store_health.ts";

const EVERY_MS = 60_000;

/** How long no process may have run before a start says so. */
const LONG_MS = 24 * 60 * 60 * 1000;

/** A time that the clock of some process showed, milliseconds. */
const clockTime = z.object({ at: z.number().int().nonnegative() });

/**
 * Writes once a minute what the clock shows, so that a start can tell that the clock has jumped since,
 * or that the store lay idle for long: which of the two, only a human can say.
 */
export class ProcessTimes {
  #periodic: Periodic | null = null;

  constructor(readonly ledgers: Ledgers, readonly store: StoreHealth) {}

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
    this.#periodic ??= periodically(this.ledgers.deps, EVERY_MS, () => this.beat());
  }

  async stop(): Promise<void> {
    await this.#periodic?.stop();
    this.#periodic = null;
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
