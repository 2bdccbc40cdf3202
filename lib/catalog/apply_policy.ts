import type { CallerOperation } from "../identity/acting.ts";
import { actorOf, requireAllTenants } from "../identity/caller.ts";
import { demand } from "../identity/deeds.ts";
import { schedule } from "../ledger/commit.ts";
import { TransactionTooLarge } from "../ledger/commit_limits.ts";
import type { Transaction } from "../ledger/transaction.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { Refusal } from "../refusal.ts";
import { StoreUnavailable } from "../store/kv.ts";
import type { CategoryRecord, RuleRecord, ToolRecord } from "../store/records/policy.ts";
import type { DocumentChanges, RowChange } from "./policy_document.ts";
import type { Described, PolicyEdit } from "./policy_edit.ts";
import {
  type AppliedPolicy,
  type ApplyOptions,
  assertDocument,
  assertMay,
  assertReleases,
  assertVersion,
  demandWidening,
  loadDescribed,
  plannedChanges,
  type Transact,
} from "./policy_plan.ts";
import { type Author, stageChange, writeChange } from "./record_change.ts";
import {
  beginStaging,
  endStaging,
  loadStaging,
  stagedParts,
  type StagedRow,
  type Staging,
} from "./staging.ts";
import { tellOfToolSwitch, writeTool } from "./tools.ts";

/**
 * A whole policy that becomes what an edit wants, in one version. What fits a commit is one; what
 * is larger is written beside the policy that is read, and takes its place in the last commit.
 * Whichever it is, nobody decides by a part of it.
 */

/** Most rows that one commit changes. */
const MAX_CHANGED_ROWS = 800;

/** A whole policy as it stands. */
export interface Policy extends Described {
  readonly tools: readonly ToolRecord[];
  readonly categories: readonly CategoryRecord[];
  readonly rules: readonly RuleRecord[];
  readonly policy_version: number;
}

/** Reads the whole policy of the caller's org. */
export function readPolicy(): CallerOperation<Described, Policy> {
  return {
    load: (reader) => loadDescribed(reader),
    plan({ snapshot }, caller, described) {
      requireAllTenants(caller);
      return {
        ...described,
        tools: byName(snapshot.tools.values()),
        categories: byName(snapshot.categories.values()),
        rules: [...snapshot.rules],
        policy_version: snapshot.version,
      };
    },
  };
}

/**
 * Makes the policy what an edit wants, in one version, when it still is at the version that the edit
 * was made from.
 * @param version of the policy that the caller has seen; null when what they sent is no version
 * @throws {Refusal} precondition_failed, invalid_request, invalid_selector, owner_required; of a
 *   member role_required, recovery_held, fresh_assertion_required unless it is a dry run
 */
export async function applyPolicy(
  transact: Transact,
  edit: PolicyEdit,
  version: number | null,
  options: ApplyOptions,
): Promise<AppliedPolicy> {
  try {
    return await transact(applyAtOnce(edit, version, options));
  } catch (error) {
    if (!(error instanceof TransactionTooLarge)) throw error;
    return await applyInParts(transact, edit, version, options);
  }
}

/**
 * The same in a single commit.
 * @throws {TransactionTooLarge} when it does not fit one, and what `applyPolicy` refuses
 */
export function applyAtOnce(
  edit: PolicyEdit,
  version: number | null,
  { dry_run, request_id }: ApplyOptions,
): CallerOperation<Described, AppliedPolicy> {
  assertDocument(edit);
  return {
    load: (reader) => loadDescribed(reader),
    plan(transaction, caller, described) {
      const changes = plannedChanges(transaction, edit, version, described);
      const { rows, warnings } = changes;
      demand(caller, "configure");
      // A member looks at what would be without their passkey.
      if (!dry_run || caller.type !== "member") {
        assertReleases(transaction.snapshot, caller, changes);
      }
      if (!dry_run) {
        demandWidening(caller, changes);
        if (rows.length > MAX_CHANGED_ROWS) throw new TransactionTooLarge();
        for (const row of rows) writeRow(transaction, { caller, request_id }, row);
      }
      return { rows, warnings, dry_run, policy_version: transaction.policyVersion };
    },
  };
}

function writeRow(transaction: Transaction, author: Author, { change, tool }: RowChange): void {
  if (tool === undefined) writeChange(transaction, author, change);
  else writeTool(transaction, author, tool.old, tool.next);
}

function byName<T extends { readonly name: string }>(records: Iterable<T>): T[] {
  return [...records].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** How long a policy that was replaced may still be read by who began before, milliseconds. */
const SWEPT_AFTER_MS = 60_000;

/**
 * Applies an edit that is larger than a commit: all rows are written under a generation of their own,
 * which the last commit makes the one that is read. An entry for each change is in the log before.
 * @throws what `applyPolicy` throws; then what was written is dropped
 */
async function applyInParts(
  transact: Transact,
  edit: PolicyEdit,
  version: number | null,
  { request_id }: ApplyOptions,
): Promise<AppliedPolicy> {
  const staged = await transact(beginning(edit, version, request_id));
  try {
    for (const part of staged.parts) await stageRows(transact, staged, part, request_id);
    return await transact(ending(staged, request_id));
  } catch (error) {
    await dropped(transact, staged, request_id, error);
    throw error;
  }
}

/** A policy that is being written beside the one that is read. */
interface Staged {
  readonly generation: number;
  /** Of the policy that it was made from, which has to be there still in the end. */
  readonly version: number;
  readonly changes: DocumentChanges;
  readonly parts: readonly (readonly StagedRow[])[];
}

function beginning(
  edit: PolicyEdit,
  version: number | null,
  request_id: string,
): CallerOperation<Described, Staged> {
  return {
    load: (reader) => loadDescribed(reader),
    plan(transaction, caller, described) {
      const { snapshot } = transaction;
      const changes = plannedChanges(transaction, edit, version, described);
      assertMay(snapshot, caller, changes);
      const { index: generation } = transaction.append({
        type: "policy.staged",
        actor: actorOf(caller),
        subject: {},
        data: { policy_version: snapshot.version, changes: changes.rows.length, request_id },
      });
      beginStaging(transaction, generation);
      const parts = stagedParts(snapshot, described, changes.rows.map(({ change }) => change));
      return { generation, version: snapshot.version, changes, parts };
    },
  };
}

/** Writes some rows; in two halves when they turn out to be too many for a commit. */
async function stageRows(
  transact: Transact,
  staged: Staged,
  rows: readonly StagedRow[],
  request_id: string,
): Promise<void> {
  const { generation } = staged;
  try {
    await transact<Staging | null, void>({
      load: (reader) => loadStaging(reader, generation),
      plan(transaction, caller, staging) {
        assertStaging(transaction.snapshot, staged, staging);
        demand(caller, "configure");
        for (const { key, value, change } of rows) {
          if (change !== null) {
            stageChange(transaction, { caller, request_id }, change, generation);
          } else if (value !== null) {
            transaction.stagePolicy(generation, key, value);
          }
        }
      },
    });
  } catch (error) {
    if (!(error instanceof TransactionTooLarge) || rows.length === 1) throw error;
    const half = Math.ceil(rows.length / 2);
    await stageRows(transact, staged, rows.slice(0, half), request_id);
    await stageRows(transact, staged, rows.slice(half), request_id);
  }
}

function ending(
  staged: Staged,
  request_id: string,
): CallerOperation<Staging | null, AppliedPolicy> {
  const { generation, changes: { rows, warnings } } = staged;
  return {
    load: (reader) => loadStaging(reader, generation),
    plan(transaction, caller, loaded) {
      const { snapshot, now } = transaction;
      const staging = assertStaging(snapshot, staged, loaded);
      // Asked again: only now anything changes.
      assertMay(snapshot, caller, staged.changes);
      endStaging(transaction, generation, staging);
      transaction.makeCurrent(generation);
      for (const { tool } of rows) {
        if (tool !== undefined) tellOfToolSwitch(transaction, tool.old, tool.next);
      }
      const policy_version = transaction.policyVersion;
      transaction.append({
        type: "policy.applied",
        actor: actorOf(caller),
        subject: {},
        data: { generation, changes: rows.length, policy_version, request_id },
      });
      schedule(transaction, { kind: "policy_applied", at: now, id: String(generation) });
      const replaced = String(snapshot.generation);
      schedule(transaction, { kind: "policy_sweep", at: now + SWEPT_AFTER_MS, id: replaced });
      return { rows, warnings, dry_run: false, policy_version };
    },
  };
}

/** Gives up what was written. Where that fails too, the work that the beginning scheduled does it. */
async function dropped(
  transact: Transact,
  { generation }: Staged,
  request_id: string,
  error: unknown,
): Promise<void> {
  const because = error instanceof Refusal ? error.code : "failed";
  const dropping: CallerOperation<Staging | null, void> = {
    load: (reader) => loadStaging(reader, generation),
    plan(transaction, caller, staging) {
      if (staging === null) return;
      demand(caller, "configure");
      endStaging(transaction, generation, staging);
      transaction.append({
        type: "policy.dropped",
        actor: actorOf(caller),
        subject: {},
        data: { generation, because, request_id },
      });
      const at = transaction.now;
      schedule(transaction, { kind: "policy_sweep", at, id: String(generation) });
    },
  };
  await transact(dropping).catch(() => {});
}

/** @throws {Refusal} precondition_failed {StoreUnavailable} when it took so long that it was given up */
function assertStaging(
  snapshot: Snapshot,
  { version }: Staged,
  staging: Staging | null,
): Staging {
  assertVersion(snapshot, version);
  if (staging === null) throw new StoreUnavailable("a policy that took too long to be written");
  return staging;
}
