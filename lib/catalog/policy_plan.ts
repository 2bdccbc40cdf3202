import type { CallerOperation } from "../identity/acting.ts";
import type { Caller } from "../identity/caller.ts";
import {
  assertFactsRead,
  assertGuarded,
  assertKillSwitch,
  assertMandateRequired,
  demand,
} from "../identity/deeds.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { invalidRequest, Refusal } from "../refusal.ts";
import { placed, resourcePrefix, type StoreKey, tenantPrefix } from "../store/keys.ts";
import { type Kv, listRecords } from "../store/kv.ts";
import { resourceRecord, tenantRecord } from "../store/records/policy.ts";
import {
  type DocumentChanges,
  documentChanges,
  type DocumentWarning,
  type Making,
  type RowChange,
} from "./policy_document.ts";
import { type Described, pointerOf, type PolicyEdit } from "./policy_edit.ts";
import { levelProblems, refuseSelectors } from "./selectors.ts";
import { refuseProblems, schemaProblems } from "./tool_record.ts";

/**
 * What an edit of the policy takes before it is carried out: that it is well formed, made from the
 * version that stands, and allowed to whoever asks.
 */

/** What a document made different, or would. */
export interface AppliedPolicy {
  readonly rows: readonly RowChange[];
  /** What is to be said of the rules that it makes or changes. */
  readonly warnings: readonly DocumentWarning[];
  readonly dry_run: boolean;
  /** The version with the changes; in a dry run the present one. */
  readonly policy_version: number;
}

/** Runs one operation for the caller. */
export type Transact = <L, R>(operation: CallerOperation<L, R>) => Promise<R>;

export interface ApplyOptions {
  readonly dry_run: boolean;
  readonly request_id: string;
}

/** Checks what the document alone can tell. */
export function assertDocument(edit: PolicyEdit): void {
  const { tools = [], rules = [] } = edit.document;
  const at = pointerOf(edit);
  const problems = tools.flatMap(({ parameters }, i) =>
    schemaProblems(parameters).map(({ path, message }) => ({
      path: `${at}/tools/${i}${path}`,
      message,
    }))
  );
  refuseProblems(problems);
  refuseSelectors(
    rules.flatMap(({ selector }, i) => levelProblems(selector, `${at}/rules/${i}/selector`)),
  );
}

/**
 * Reads what the snapshot does not hold. Any change of these raises the policy version, which the
 * commit checks, so they need no checks of their own.
 */
export async function loadDescribed({ kv, snapshot }: Reader): Promise<Described> {
  const { orgId, generation } = snapshot;
  const [tenants, resources] = await Promise.all([
    Array.fromAsync(values(kv, placed(tenantPrefix(orgId), generation), tenantRecord)),
    Array.fromAsync(values(kv, placed(resourcePrefix(orgId), generation), resourceRecord)),
  ]);
  return { tenants, resources };
}

async function* values<T>(
  kv: Kv,
  prefix: StoreKey,
  schema: Parameters<typeof listRecords<T>>[2],
): AsyncGenerator<T> {
  for await (const { value } of listRecords(kv, { prefix: prefix as Deno.KvKey }, schema)) {
    yield value;
  }
}

/**
 * What an edit makes of the policy as it stands.
 * @param version that the edit was made from
 * @throws {Refusal} precondition_failed, invalid_request, invalid_selector, definition_changed
 */
export function plannedChanges(
  transaction: Transaction,
  edit: PolicyEdit,
  version: number | null,
  described: Described,
): DocumentChanges {
  const { snapshot, at } = transaction;
  assertVersion(snapshot, version);
  const id: Making["id"] = (prefix) => transaction.id(prefix);
  const changes = documentChanges(snapshot, described, edit, { id, at });
  refuseSelectors(changes.selectorProblems);
  refuseProblems([...changes.problems]);
  refuseManySwitches(changes);
  return changes;
}

/** Each is an event, and all of them stand in the one commit that makes the policy the one in force. */
const MAX_SWITCHES = 250;

/** @throws {Refusal} invalid_request when more kill switches turn at once than one commit tells of */
function refuseManySwitches({ rows }: DocumentChanges): void {
  const turned = rows.filter(({ tool }) =>
    tool !== undefined &&
    tool.next.kill_switch.active !== (tool.old?.kill_switch.active ?? false)
  ).length;
  if (turned <= MAX_SWITCHES) return;
  throw invalidRequest(
    "/tools",
    `turns ${turned} kill switches, of which ${MAX_SWITCHES} may be turned at once: ` +
      "stop the organization, or turn them in several documents",
  );
}

/** @throws {Refusal} precondition_failed */
export function assertVersion({ version }: Snapshot, expected: number | null): void {
  if (version !== expected) throw new Refusal("precondition_failed", { policy_version: version });
}

/**
 * Asks of whoever makes changes what they need.
 * @throws {Refusal} owner_required, role_required, recovery_held, fresh_assertion_required
 */
export function assertMay(snapshot: Snapshot, caller: Caller, changes: DocumentChanges): void {
  demand(caller, "configure");
  assertReleases(snapshot, caller, changes);
  demandWidening(caller, changes);
}

export function demandWidening(caller: Caller, { widens }: DocumentChanges): void {
  if (widens) demand(caller, "loosen", "A policy that lets more through");
}

/** @throws {Refusal} owner_required, role_required, recovery_held, fresh_assertion_required */
export function assertReleases(
  snapshot: Snapshot,
  caller: Caller,
  { rows }: DocumentChanges,
): void {
  for (const { tool } of rows) {
    if (tool !== undefined && tool.old !== null) {
      assertKillSwitch(snapshot, caller, tool.old.kill_switch, tool.next.kill_switch);
      assertMandateRequired(snapshot, caller, tool.old, tool.next);
      assertGuarded(snapshot, caller, tool.old, tool.next);
      assertFactsRead(snapshot, caller, tool.old, tool.next);
    }
  }
}
