import { type FrozenView, loadView, openView, peeking } from "../approvals/frozen_view.ts";
import { isVisible, seesArguments } from "../approvals/seen.ts";
import { differingFacts } from "../base/action.ts";
import {
  type JsonObject,
  type JsonValue,
  MAX_DIFFERING_POINTERS,
  valueAtPointer,
} from "../base/json.ts";
import type { Caller } from "../identity/caller.ts";
import type { Services } from "../services.ts";
import { approvalKey, approvalLastKey, approvalLastOfKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import { approvalPointer, type ApprovalRecord, approvalRecord } from "../store/records/approval.ts";

/** The call of a tool that was approved before. */
export interface LastApproved {
  readonly record: ApprovalRecord;
  /** What its approver saw; null once its arguments were erased, and for who may not see them. */
  readonly view: FrozenView | null;
  readonly same_requester: boolean;
  /** Whether it was the very same action, which its digest tells even when its arguments are gone. */
  readonly same_action: boolean;
}

/**
 * What was last approved of a pending request's tool, for whoever is about to decide: of the same
 * requester, else of anybody in the org. Null when nothing was that this caller may know of, and for
 * a request that is pending no more, which by now may be the newest itself.
 * @throws {MalformedRecord}, {CannotOpen}
 */
export async function lastApproved(
  { deps }: Pick<Services, "deps">,
  caller: Caller,
  record: ApprovalRecord,
): Promise<LastApproved | null> {
  if (record.progress.state !== "pending" || !seesArguments(caller, record)) return null;
  const { kv, sealer } = deps;
  const { org } = caller;
  const { tool_name, requester, action_digest } = record;
  const ofRequester = approvalLastOfKey(org, tool_name, requester.id);
  const pointer = await readRecord(kv, ofRequester, approvalPointer) ??
    await readRecord(kv, approvalLastKey(org, tool_name), approvalPointer);
  if (pointer === null) return null;
  const last = (await readRecord(kv, approvalKey(org, pointer.value.id), approvalRecord))?.value;
  if (last === undefined || !isVisible(caller, last)) return null;
  return {
    record: last,
    view: seesArguments(caller, last)
      ? openView(sealer, org, last, await loadView(peeking(kv), org, last))
      : null,
    same_requester: last.requester.id === requester.id,
    same_action: last.action_digest === action_digest,
  };
}

/** A call of a tool as far as it is compared; the tool is the same. */
export interface Compared {
  readonly tenant: string | null;
  readonly resource: string | null;
  readonly method: string | null;
  /** Null where they were erased. */
  readonly arguments: JsonObject | null;
}

/** One place in which two calls differ. */
interface Difference {
  /** RFC 6901, into the action's fields as the API names them: `/tenant_id`, `/arguments/amount`. */
  readonly pointer: string;
  /** `added`: only the later call has it. `removed`: only the earlier one. */
  readonly kind: "added" | "removed" | "changed";
  /** Null also for what was added. */
  readonly before: JsonValue;
  /** Null also for what was removed. */
  readonly after: JsonValue;
}

/** In what two calls differ. */
export interface Differences {
  readonly differences: readonly Difference[];
  /** Whether there may be more of them than are listed. */
  readonly more: boolean;
  /** False when the arguments of one were erased: then only tenant, resource and method count. */
  readonly arguments_known: boolean;
}

/** In what a call differs from an earlier one of the same tool, sorted by place, at most 50. */
export function whatDiffers(before: Compared, after: Compared): Differences {
  const known = before.arguments !== null && after.arguments !== null;
  const [a, b] = [before, after].map((compared) => ({
    tool: "",
    tenant: compared.tenant,
    resource: compared.resource,
    method: compared.method,
    arguments: known ? compared.arguments ?? {} : {},
  })) as [Fields, Fields];
  const pointers = differingFacts(a, b);
  return {
    differences: pointers.map((pointer) => differenceAt(fieldsOf(a), fieldsOf(b), pointer)),
    more: pointers.length >= MAX_DIFFERING_POINTERS,
    arguments_known: known,
  };
}

type Fields = Parameters<typeof differingFacts>[0];

/** The fields as the API names them; one that is not named is not there. */
function fieldsOf({ tenant, resource, method, arguments: args }: Fields): JsonObject {
  return {
    ...(tenant === null ? {} : { tenant_id: tenant }),
    ...(resource === null ? {} : { resource_id: resource }),
    ...(method === null ? {} : { method }),
    arguments: args,
  };
}

function differenceAt(a: JsonObject, b: JsonObject, pointer: string): Difference {
  const before = valueAtPointer(a, pointer);
  const after = valueAtPointer(b, pointer);
  const kind = before === undefined ? "added" : after === undefined ? "removed" : "changed";
  return { pointer, kind, before: before ?? null, after: after ?? null };
}
