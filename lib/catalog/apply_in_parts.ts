import { demand } from "../identity/acting.ts";
import { actorOf } from "../identity/caller.ts";
import type { CallerOperation } from "../identity/caller_operation.ts";
import { schedule } from "../ledger/due.ts";
import { TransactionTooLarge } from "../ledger/transaction.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { Refusal } from "../refusal.ts";
import { StoreUnavailable } from "../store/kv.ts";
import type { DocumentChanges } from "./policy_document.ts";
import type { Described, PolicyEdit } from "./policy_edit.ts";
import {
  type AppliedPolicy,
  type ApplyOptions,
  assertMay,
  assertVersion,
  loadDescribed,
  plannedChanges,
  type Transact,
} from "./policy_plan.ts";
import { stageChange } from "./record_change.ts";
import {
  beginStaging,
  endStaging,
  loadStaging,
  stagedParts,
  type StagedRow,
  type Staging,
} from "./staging.ts";

/** How long a policy that was replaced may still be read by who began before, milliseconds. */
const SWEPT_AFTER_MS = 60_000;

/**
 * Applies an edit that is larger than a commit: all rows are written under a generation of their own,
 * which the last commit makes the one that is read. An entry for each change is in the log before.
 * @throws what `applyPolicy` throws; then what was written is dropped
 */
export async function applyInParts(
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
