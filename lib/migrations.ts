import { keepOrgless } from "./leaving/orgless_accounts.ts";
import { ClockRefused } from "./ledger/process_clock.ts";
import { makeLevelsStrict } from "./server/migrations.ts";
import type { Services } from "./services.ts";
import { schemaVersion, stamp } from "./store/schema_version.ts";

/** One step of a store from a version to the next. */
export interface Migration {
  readonly from: number;
  readonly to: number;
  /** What it does, for the line that tells of it. */
  readonly what: string;
  /**
   * Writes the rows anew. May be cut off anywhere and begun again, by several processes at once: what
   * is done already is left alone, and no row has to be of the old shape.
   */
  readonly run: (services: Services) => Promise<void>;
}

/** The steps from a store without a version to `SCHEMA_VERSION`, in order. */
export const MIGRATIONS: readonly Migration[] = [
  {
    from: 0,
    to: 1,
    what: "a second level that nobody can approve is refused, unless an owner chose to skip it",
    run: makeLevelsStrict,
  },
  {
    from: 1,
    to: 2,
    what: "accounts that are in no organization end after a week",
    run: keepOrgless,
  },
];

/**
 * Brings the store to the version of this release, step by step, each told in one line by the process
 * that ended it. A step that the clock keeps from writing is left to a later start.
 * @throws {StoreUnavailable} {MalformedRecord}
 */
export async function migrate(
  services: Services,
  steps: readonly Migration[] = MIGRATIONS,
): Promise<void> {
  const { deps } = services;
  for (const { from, to, what, run } of steps) {
    if (await schemaVersion(deps) !== from) continue;
    try {
      await run(services);
    } catch (error) {
      if (!(error instanceof ClockRefused)) throw error;
      deps.log("warn", "The store keeps its version until a start whose clock is believed", {
        version: from,
        next: "See The clock in docs/operations.md",
      });
      return;
    }
    if (await stamp(deps, { from, to })) {
      deps.log("info", `The store was brought from version ${from} to ${to}`, { what });
    }
  }
}
