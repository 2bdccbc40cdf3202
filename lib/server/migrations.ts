import { z } from "zod";
import { keepOrgless } from "../leaving/orgless_accounts.ts";
import { ClockRefused } from "../ledger/clock.ts";
import type { Operation } from "../ledger/transaction.ts";
import { findInForce } from "../mandates/in_force.ts";
import type { Services } from "../services.ts";
import { DEPLOYMENT_ORG, orgKey, orgPrefix } from "../store/keys.ts";
import { listRecords } from "../store/kv.ts";
import { schemaVersion, stamp } from "../store/open_store.ts";
import { MalformedRecord } from "../store/record.ts";
import { orgRecord } from "../store/records/policy.ts";

const WHAT = "A second approval that nobody can give is refused from now on, no longer skipped. " +
  "An owner may allow one approval again under Settings, with a passkey.";

/**
 * Switches `strict_levels` on in every org where it is off and nobody chose that, for it was the
 * default once: a step of the store's migration. Does so once, whichever node does, with an entry and
 * a line on the console; what an owner chose under a passkey stays.
 */
export async function makeLevelsStrict({ deps, ledgers }: Services): Promise<void> {
  const orgs = listRecords(deps.kv, { prefix: [...orgPrefix()] }, z.unknown());
  for await (const { key, value } of orgs) {
    const org = String(key[1]);
    const record = orgRecord.safeParse(value);
    if (org === DEPLOYMENT_ORG || !record.success || !isUnchosen(record.data)) continue;
    try {
      if (await ledgers.transact(org, switchOn)) deps.log("warn", WHAT, { org });
    } catch (error) {
      // The org is strict all the same (`isStrict`), and its own requests say what is broken.
      if (!(error instanceof MalformedRecord)) throw error;
      deps.log("error", error.message, { org });
    }
  }
}

const switchOn: Operation<void, boolean> = {
  plan(transaction) {
    const { snapshot } = transaction;
    if (!snapshot.exists || !isUnchosen(snapshot.org)) return false;
    const { orgId: org } = snapshot;
    transaction.setPolicy(orgKey(org), { ...snapshot.org, strict_levels: true });
    transaction.append({
      type: "org.set",
      actor: { type: "system", id: "start" },
      subject: { org },
      data: { changed: { strict_levels: true }, policy_version: transaction.policyVersion },
    });
    return true;
  },
};

function isUnchosen({ strict_levels, strict_levels_by, deleted_at }: {
  readonly strict_levels: boolean;
  readonly strict_levels_by: string | null;
  readonly deleted_at?: number;
}): boolean {
  return !strict_levels && strict_levels_by === null && deleted_at === undefined;
}

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
  {
    from: 2,
    to: 3,
    what: "rows of the log are written in fewer bytes, which earlier releases cannot read",
    run: () => Promise.resolve(),
  },
  {
    from: 3,
    to: 4,
    what: "mandates in force are found without looking through those that ended",
    run: findInForce,
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
