import { type Caller, requireAllTenants } from "../identity/caller.ts";
import type { CallerOperation } from "../identity/caller_operation.ts";
import { assertKillSwitch } from "../identity/kill_switch.ts";
import { demand } from "../identity/member_demands.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { Refusal } from "../refusals/refusal.ts";
import { resourcePrefix, tenantPrefix } from "../store/keys.ts";
import { type Kv, listRecords } from "../store/kv.ts";
import { resourceRecord, type RuleRecord, tenantRecord } from "../store/records/policy.ts";
import type { CategoryRecord, ToolRecord } from "../store/records/policy.ts";
import {
  type Described,
  type DocumentChanges,
  documentChanges,
  type DocumentWarning,
  type PolicyDocument,
  type RowChange,
} from "./policy_document.ts";
import { type Author, writeChange } from "./record_change.ts";
import { levelProblems, refuseSelectors } from "./selectors.ts";
import { refuseProblems, schemaProblems } from "./tool_record.ts";
import { writeTool } from "./tools.ts";

/** Most rows that one version of a policy changes. */
export const MAX_CHANGED_ROWS = 800;

/** A whole policy as it stands. */
export interface Policy extends Described {
  readonly tools: readonly ToolRecord[];
  readonly categories: readonly CategoryRecord[];
  readonly rules: readonly RuleRecord[];
  readonly policy_version: number;
}

/** What a document made different, or would. */
export interface AppliedPolicy {
  readonly rows: readonly RowChange[];
  /** What is to be said of the rules that it makes or changes. */
  readonly warnings: readonly DocumentWarning[];
  readonly dry_run: boolean;
  /** The version with the changes; in a dry run the present one. */
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
 * Makes the policy what a document says, in one version, when it still is at the version that the
 * document was made from.
 * @param version of the policy that the caller has seen; null when what they sent is no version
 * @throws {Refusal} precondition_failed, invalid_request, invalid_selector, owner_required,
 *   policy_change_too_large; of a member role_required, recovery_held, fresh_assertion_required
 *   unless it is a dry run
 */
export function applyPolicy(
  document: PolicyDocument,
  version: number | null,
  { dry_run, request_id }: { readonly dry_run: boolean; readonly request_id: string },
): CallerOperation<Described, AppliedPolicy> {
  assertDocument(document);
  return {
    load: (reader) => loadDescribed(reader),
    plan(transaction, caller, described) {
      const { snapshot } = transaction;
      if (version !== snapshot.version) {
        throw new Refusal("precondition_failed", { policy_version: snapshot.version });
      }
      const changes = documentChanges(snapshot, described, document, {
        id: (prefix) => transaction.id(prefix),
        at: transaction.at,
      });
      assertChanges(changes);
      const { rows, warnings } = changes;
      demand(caller, "configure");
      // A member looks at what would be without their passkey.
      if (!dry_run || caller.type !== "member") assertReleases(snapshot, caller, changes);
      if (!dry_run) {
        if (changes.widens) demand(caller, "loosen", "A policy that lets more through");
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

/** Checks what the document alone can tell. */
function assertDocument({ tools = [], rules = [] }: PolicyDocument): void {
  const problems = tools.flatMap(({ parameters }, i) =>
    schemaProblems(parameters).map(({ path, message }) => ({ path: `/tools/${i}${path}`, message }))
  );
  refuseProblems(problems);
  refuseSelectors(
    rules.flatMap(({ selector }, i) => levelProblems(selector, `/rules/${i}/selector`)),
  );
}

function assertReleases(snapshot: Snapshot, caller: Caller, { rows }: DocumentChanges): void {
  for (const { tool } of rows) {
    if (tool !== undefined && tool.old !== null) {
      assertKillSwitch(snapshot, caller, tool.old.kill_switch, tool.next.kill_switch);
    }
  }
}

function assertChanges({ rows, problems, selectorProblems }: DocumentChanges): void {
  refuseSelectors(selectorProblems);
  refuseProblems([...problems]);
  if (rows.length > MAX_CHANGED_ROWS) {
    throw new Refusal("policy_change_too_large", { rows: rows.length });
  }
}

/**
 * Reads what the snapshot does not hold. Any change of these raises the policy version, which the
 * commit checks, so they need no checks of their own.
 */
async function loadDescribed({ kv, snapshot }: Reader): Promise<Described> {
  const org = snapshot.orgId;
  const [tenants, resources] = await Promise.all([
    Array.fromAsync(values(kv, tenantPrefix(org), tenantRecord)),
    Array.fromAsync(values(kv, resourcePrefix(org), resourceRecord)),
  ]);
  return { tenants, resources };
}

async function* values<T>(
  kv: Kv,
  prefix: readonly string[],
  schema: Parameters<typeof listRecords<T>>[2],
): AsyncGenerator<T> {
  for await (const { value } of listRecords(kv, { prefix: [...prefix] }, schema)) yield value;
}

function byName<T extends { readonly name: string }>(records: Iterable<T>): T[] {
  return [...records].sort((a, b) => (a.name < b.name ? -1 : 1));
}
