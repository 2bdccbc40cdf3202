import { demand } from "../identity/acting.ts";
import { requireAllTenants } from "../identity/caller.ts";
import type { CallerOperation } from "../identity/caller_operation.ts";
import { type Transaction, TransactionTooLarge } from "../ledger/transaction.ts";
import type { CategoryRecord, RuleRecord, ToolRecord } from "../store/records/policy.ts";
import { applyInParts } from "./apply_in_parts.ts";
import type { RowChange } from "./policy_document.ts";
import type { Described, PolicyEdit } from "./policy_edit.ts";
import {
  type AppliedPolicy,
  type ApplyOptions,
  assertDocument,
  assertReleases,
  demandWidening,
  loadDescribed,
  plannedChanges,
  type Transact,
} from "./policy_plan.ts";
import { type Author, writeChange } from "./record_change.ts";
import { writeTool } from "./tools.ts";

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
 * was made from. What is larger than a commit is written beside the policy first, and becomes it in
 * the last commit: nobody ever reads a part of it.
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
