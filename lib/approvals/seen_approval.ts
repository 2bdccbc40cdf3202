import type { Caller } from "../identity/caller.ts";
import type { JsonObject } from "../json/json_value.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { Refusal } from "../refusal.ts";
import type { ApprovalRecord, LevelDecision } from "../store/records/approval.ts";
import type { Sealer } from "../store/sealing.ts";
import { someoneCanDecide } from "./eligible_deciders.ts";
import { openArguments, openText } from "./frozen_view.ts";
import type { LoadedApproval } from "./seen.ts";

/** A request as one caller may see it. */
export interface SeenApproval {
  readonly record: ApprovalRecord;
  readonly reason: string;
  /** Whether this caller may see the arguments, what was noted, and the view that is decided on. */
  readonly inside: boolean;
  /** Null for who may not see them, and once they were erased. */
  readonly arguments: JsonObject | null;
  readonly decisions: readonly SeenDecision[];
  readonly warning: "no_eligible_approver" | null;
}

export interface SeenDecision extends Omit<LevelDecision, "note"> {
  /** Null for who may not see it, and where there is none. */
  readonly note: string | null;
}

/**
 * Whether a caller may know of a request at all: members of every one, keys inside the wall of their
 * tenants, an agent only of its own.
 */
export function isVisible(
  caller: Caller,
  { requester, tenant }: Pick<ApprovalRecord, "requester" | "tenant">,
): boolean {
  if (isRequester(caller, { requester })) return true;
  if (caller.tier === "management" || caller.tier === "agent") return false;
  return caller.tenant_ids === null || (tenant !== null && caller.tenant_ids.includes(tenant));
}

/** Whether this caller made the request. */
export function isRequester(
  caller: Pick<Caller, "type" | "id">,
  { requester }: Pick<ApprovalRecord, "requester">,
): boolean {
  return caller.type === requester.type && caller.id === requester.id;
}

/**
 * Arguments, and what was noted on a decision, go to who asked and to who decides: to a member who
 * may decide at one of the request's levels, unless a recovery of theirs is on hold.
 */
export function seesArguments(
  caller: Caller,
  record: Pick<ApprovalRecord, "levels" | "requester">,
): boolean {
  if (caller.tier === "member") {
    return caller.held_until === null && caller.levels.some((level) => level <= record.levels);
  }
  return caller.tier === "approver" || isRequester(caller, record);
}

/** The request, if this caller may know of it. @throws {Refusal} not_found */
export function visible(caller: Caller, loaded: LoadedApproval | null): LoadedApproval {
  if (loaded === null || !isVisible(caller, loaded.record)) {
    throw new Refusal("not_found", { what: "approval" });
  }
  return loaded;
}

/** A request as this caller may see it. @throws {CannotOpen} */
export function seen(
  { record, arguments: args }: Pick<LoadedApproval, "record" | "arguments">,
  caller: Caller,
  { snapshot, sealer }: { readonly snapshot: Snapshot; readonly sealer: Sealer },
): SeenApproval {
  const { orgId } = snapshot;
  const inside = seesArguments(caller, record);
  const isPending = record.progress.state === "pending";
  return {
    record,
    reason: openText(sealer, orgId, record.id, "reason", record.reason),
    inside,
    arguments: inside && args !== null ? openArguments(sealer, orgId, record.id, args) : null,
    decisions: record.decisions.map(({ note, ...decision }) => ({
      ...decision,
      note: inside && note !== null
        ? openText(sealer, orgId, record.id, `note ${decision.level}`, note)
        : null,
    })),
    warning: isPending && !someoneCanDecide(record, snapshot) ? "no_eligible_approver" : null,
  };
}
