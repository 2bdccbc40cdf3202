import type { JsonObject } from "../base/json.ts";
import { tellOfSwitch } from "../events/event.ts";
import type { CallerOperation } from "../identity/acting.ts";
import type { Caller } from "../identity/caller.ts";
import {
  assertFactsRead,
  assertGuarded,
  assertKillSwitch,
  assertMandateRequired,
  demand,
} from "../identity/deeds.ts";
import { schedule } from "../ledger/commit.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { toolWidens } from "../policy/widening.ts";
import { Refusal } from "../refusal.ts";
import { toolKey } from "../store/keys.ts";
import type { ToolRecord } from "../store/records/policy.ts";
import {
  type Author,
  type RecordChange,
  writeChange,
  type Writer,
  type Written,
} from "./record_change.ts";
import {
  archivedTool,
  assertDefinitionRead,
  mergedTool,
  refuseProblems,
  replacedTool,
  schemaProblems,
  TOOL_FIELDS,
  toolDefinitionDigest,
  type ToolFields,
  toolProblems,
} from "./tool_record.ts";

/**
 * Tools of an org: registered, changed, stopped, taken out of use. What changes a tool's
 * definition, or asks more of its calls, has what was asked before looked at again.
 */

/**
 * Registers a tool, or replaces its description.
 * @throws {Refusal} invalid_request, definition_changed, owner_required, role_required,
 *   recovery_held, fresh_assertion_required
 */
export function putTool(
  name: string,
  fields: ToolFields,
  request_id: string,
): CallerOperation<void, Written<ToolRecord>> {
  refuseProblems(schemaProblems(fields.parameters));
  return {
    plan(transaction, caller) {
      const old = transaction.snapshot.tool(name) ?? null;
      const made = { id: transaction.id("tol"), at: transaction.at };
      const next = replacedTool(name, fields, old, made);
      return acceptTool(transaction, { caller, request_id }, old, next, fields);
    },
  };
}

/**
 * Registers tools that the catalog does not know, for what nothing but a mandate opens: as dangerous as
 * a tool can be, and approved by whoever writes. Part of the commit that gives the reason.
 * @param because what the entries say of it
 * @throws {Refusal} what `putTool` refuses
 */
export function registerUnknown(
  transaction: Transaction,
  author: Author,
  names: readonly string[],
  because: JsonObject,
): void {
  const { snapshot, at } = transaction;
  for (const name of names) {
    if (snapshot.tool(name) !== undefined) continue;
    const fields: ToolFields = {
      default_permission: "allowed",
      annotations_acknowledged: true,
      requires_mandate: true,
    };
    const next = replacedTool(name, fields, null, { id: transaction.id("tol"), at });
    refuseProblems(toolProblems(snapshot.org, null, next));
    assertChange(transaction, author.caller, null, next);
    writeTool(transaction, author, null, next, { data: because });
  }
}

/**
 * Changes named fields of a tool.
 * @throws {Refusal} not_found, and what `putTool` refuses
 */
export function changeTool(
  name: string,
  fields: ToolFields,
  request_id: string,
): CallerOperation<void, Written<ToolRecord>> {
  refuseProblems(schemaProblems(fields.parameters));
  return {
    plan(transaction, caller) {
      const old = existingTool(transaction, name);
      const next = mergedTool(old, fields, transaction.at);
      return acceptTool(transaction, { caller, request_id }, old, next, fields);
    },
  };
}

/**
 * Takes a tool out of use: a draft is removed, any other archived, so that what was once approved
 * stays known by its name and is refused from now on.
 * @throws {Refusal} not_found, owner_required, role_required, recovery_held,
 *   fresh_assertion_required
 */
export function removeTool(
  name: string,
  request_id: string,
): CallerOperation<void, Written<ToolRecord> & { readonly removed: boolean }> {
  return {
    plan(transaction, caller) {
      const old = existingTool(transaction, name);
      const removed = old.status === "draft";
      const next = removed ? null : archivedTool(old, transaction.at);
      assertChange(transaction, caller, old, next);
      const written = writeTool(transaction, { caller, request_id }, old, next);
      return {
        record: written && next !== null ? next : old,
        created: false,
        removed,
        policy_version: transaction.policyVersion,
      };
    },
  };
}

/** Stops a tool: its kill switch, by whoever may throw it. @throws {Refusal} not_found, role_required */
export function stopTool(
  name: string,
  reason: string | null,
  request_id: string,
): CallerOperation<void, Written<ToolRecord>> {
  return {
    plan(transaction, caller) {
      demand(caller, "stop");
      const old = existingTool(transaction, name);
      const next = mergedTool(old, { kill_switch: { active: true, reason } }, transaction.at);
      return writtenTool(transaction, { caller, request_id }, old, next);
    },
  };
}

/** The tool of this name in the transaction's org. @throws {Refusal} not_found */
export function existingTool({ snapshot }: Transaction, name: string): ToolRecord {
  const record = snapshot.tool(name);
  if (record === undefined) throw new Refusal("not_found", { what: `tool ${name}` });
  return record;
}

/**
 * Puts a change of a tool into the commit. When the definition is another one afterwards, or the tool
 * asks for more, what was asked or approved before is to be looked at again.
 */
export function writeTool(
  transaction: Transaction,
  author: Writer,
  old: ToolRecord | null,
  next: ToolRecord | null,
  more: Pick<RecordChange, "verb" | "data" | "private" | "canonical"> = {},
): boolean {
  const change = toolChange(transaction.snapshot.orgId, old, next);
  const data = { ...change.data, ...more.data };
  const written = writeChange(transaction, author, { ...change, ...more, data });
  if (!written) return false;
  tellOfToolSwitch(transaction, old, next);
  if (old === null) return true;
  if (
    next === null || toolDefinitionDigest(next) !== toolDefinitionDigest(old) || asksMore(old, next)
  ) {
    schedule(transaction, { kind: "tool_changed", at: transaction.now, id: old.name });
  }
  return written;
}

/** Tells of the kill switch of a tool that a change throws or releases. A tool that is gone has none. */
export function tellOfToolSwitch(
  transaction: Transaction,
  old: ToolRecord | null,
  next: ToolRecord | null,
): void {
  const id = old?.id ?? next?.id;
  if (id !== undefined) tellOfSwitch(transaction, { scope: "tool", id }, old, next);
}

function asksMore(old: ToolRecord, next: ToolRecord): boolean {
  return (next.requires_second_approval && !old.requires_second_approval) ||
    next.required_facts.some((fact) => !old.required_facts.includes(fact));
}

/** The change of one tool; null for a tool that is not there. */
export function toolChange(
  org: string,
  old: ToolRecord | null,
  next: ToolRecord | null,
): RecordChange {
  const name = old?.name ?? next?.name ?? "";
  return {
    noun: "tool",
    key: toolKey(org, name),
    subject: { tool: name },
    old,
    next,
    fields: [...TOOL_FIELDS, "discovered", "upstream"],
    ...(next?.status === "archived" && old?.status !== "archived" ? { verb: "archived" } : {}),
    data: { tool_id: old?.id ?? next?.id ?? null },
  };
}

/**
 * What a request makes of a tool, when nothing stands against it.
 * @throws {Refusal} what `putTool` refuses
 */
export function acceptTool(
  transaction: Transaction,
  author: Author,
  old: ToolRecord | null,
  next: ToolRecord,
  { definition_digest = null }: { readonly definition_digest?: string | null },
): Written<ToolRecord> {
  assertDefinitionRead(transaction.snapshot, old, next, definition_digest);
  refuseProblems(toolProblems(transaction.snapshot.org, old, next));
  assertChange(transaction, author.caller, old, next);
  return writtenTool(transaction, author, old, next);
}

function writtenTool(
  transaction: Transaction,
  author: Author,
  old: ToolRecord | null,
  next: ToolRecord,
): Written<ToolRecord> {
  const changed = writeTool(transaction, author, old, next);
  return {
    record: changed || old === null ? next : old,
    created: old === null,
    policy_version: transaction.policyVersion,
  };
}

/** Asks of whoever changes a tool what that change needs. */
function assertChange(
  { snapshot }: Transaction,
  caller: Caller,
  old: ToolRecord | null,
  next: ToolRecord | null,
): void {
  // A draft that is removed comes back, when it is asked about again, with its switch off.
  const released = next?.kill_switch ?? { active: false };
  if (old !== null) {
    assertKillSwitch(snapshot, caller, old.kill_switch, released);
    assertMandateRequired(snapshot, caller, old, next);
    assertGuarded(snapshot, caller, old, next);
    assertFactsRead(snapshot, caller, old, next);
  }
  if (toolWidens(old, next, snapshot)) demand(caller, "loosen", looseningOf(old, next));
  demand(caller, "configure");
}

/** How a refusal names what lets more through. */
function looseningOf(old: ToolRecord | null, next: ToolRecord | null): string {
  if (next === null) return `Removing ${old?.name}`;
  const { name, default_permission, status } = next;
  if (status !== "approved") return `Loosening ${name}`;
  const approves = old?.status !== "approved";
  const allowed = default_permission === "allowed";
  if (allowed && (approves || old.default_permission !== "allowed")) {
    return `Letting ${name} run without asking`;
  }
  return approves ? `Approving ${name}` : `Loosening ${name}`;
}
