import { type Dangers, dangersOf } from "../approvals/danger.ts";
import { readDangers } from "../approvals/danger_facts.ts";
import { lookAtApproval, mayRevoke } from "../approvals/end.ts";
import type { FrozenView } from "../approvals/frozen_view.ts";
import type { NamedRequester } from "./row.ts";
import { type LoadedApproval, NO_HISTORY, type SeenApproval } from "../approvals/seen.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
import { personWords } from "../base/person.ts";
import type { MemberOperation } from "../identity/acting.ts";
import type { MemberCaller } from "../identity/caller.ts";
import { byPasskey, decisionBar } from "../identity/deciders.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import type { Services } from "../services.ts";
import { callAskedKey } from "../store/gateway_keys.ts";
import { readRecord } from "../store/kv.ts";
import type { AskedAgain, Cancelled } from "../store/records/approval.ts";
import { callPointer } from "../store/records/call.ts";
import type { RequesterType } from "../store/records/identity.ts";
import type { QuickReason } from "../store/records/vocabulary.ts";
import {
  type Compared,
  type Differences,
  type LastApproved,
  lastApproved,
  whatDiffers,
} from "./comparison.ts";
import { reviewApproval } from "./review.ts";
import { requesterWords, shownView } from "./sentence.ts";
import { approvalStory, type Awaited } from "./story.ts";

/**
 * One request as its page shows it to one member: JSON, with nothing in it that this member may not
 * see.
 */

/** Why a member may not decide a request, as its page says it. */
type Barred =
  | "self_approval"
  | "not_an_approver"
  | "already_decided_level"
  | "recovery_held"
  | "not_inside";

/** One thing that happened to a request; `what` is a kind of `StoryStep`. */
export interface SheetStep {
  readonly what: string;
  readonly at: number;
  /** Who did it, by the name that people know; null for time itself. */
  readonly who: string | null;
  /** More about it: a level, a result. */
  readonly note: string | null;
}

interface SheetDecision {
  readonly level: number;
  readonly decision: "approve" | "deny";
  readonly who: string;
  /** Whether it is what this member said. */
  readonly mine: boolean;
  readonly at: number;
  readonly by_key: boolean;
  readonly note: string | null;
  readonly quick_reason: QuickReason | null;
}

/** The last approved call of the same tool, and in what this one differs from it. */
export interface SheetComparison extends Differences {
  readonly id: string;
  readonly reference: string;
  readonly decided_at: number | null;
  readonly same_requester: boolean;
  readonly same_action: boolean;
}

/** One request as its page shows it to one member: JSON, all of it. */
export interface ApprovalSheet {
  readonly id: string;
  readonly org: string;
  readonly reference: string;
  /** A state of `Progress`. */
  readonly state: string;
  /** Why it was cancelled. */
  readonly because: Cancelled | null;
  readonly level: number;
  readonly levels: number;
  readonly levels_skipped: boolean;
  readonly tool_name: string;
  readonly tenant: string | null;
  readonly resource: string | null;
  readonly method: string | null;
  readonly requester: NamedRequester;
  /** The addresses of the members who answered for the requester when it asked. */
  readonly members_behind: readonly string[];
  /** Whether it was asked by an agent that is paused by now. */
  readonly paused: boolean;
  readonly resolved_from: string;
  readonly reason: string;
  /** What is said before anything else; null of what is over, for who may not see what it was. */
  readonly dangers: Dangers | null;
  readonly created_at: number;
  readonly expires_at: number;
  /** What the decision is about, whose digest the passkey signs; null for who may not see it. */
  readonly view: FrozenView | null;
  readonly asked_again: readonly AskedAgain[];
  readonly asked: number;
  readonly denied: number;
  readonly comparison: SheetComparison | null;
  /** Null for who may decide it, as far as who they are goes. */
  readonly barred: Barred | null;
  readonly decisions: readonly SheetDecision[];
  readonly steps: readonly SheetStep[];
  readonly awaits: Awaited | null;
  /** The call through here that asked for it, or ran by it; null for none, and once it is not known. */
  readonly call: string | null;
  /** Whether this member can take back what was approved. */
  readonly revocable: boolean;
}

interface Looked {
  readonly approval: SeenApproval;
  readonly caller: MemberCaller;
  readonly snapshot: Snapshot;
}

/** A member looks at a request: as of now, with the policy that it is looked at by. */
export function lookAtSheet(
  idOrReference: string,
): MemberOperation<LoadedApproval | null, Looked> {
  const { load, plan } = lookAtApproval(idOrReference);
  return {
    ...(load === undefined ? {} : { load }),
    plan: (transaction, caller, loaded) => ({
      approval: plan(transaction, caller, loaded),
      caller,
      snapshot: transaction.snapshot,
    }),
  };
}

/** What the page of a request shows. @throws {MalformedRecord}, {CannotOpen} */
export async function approvalSheet(
  services: Services,
  { approval, caller, snapshot }: Looked,
): Promise<ApprovalSheet> {
  const { record } = approval;
  const [review, last, story, [dangers = null], call] = await Promise.all([
    reviewApproval(services, snapshot.orgId, approval),
    lastApproved(services, caller, record),
    approvalStory(services, snapshot, record),
    readDangers(services.deps, snapshot, [approval]),
    callAsking(services, snapshot.orgId, record.id),
  ]);
  const nameOf = (id: string) => memberName(snapshot, id);
  const { progress } = record;
  return {
    id: record.id,
    org: snapshot.orgId,
    reference: record.reference,
    state: progress.state,
    because: progress.state === "cancelled" ? progress.because : null,
    level: progress.level,
    levels: record.levels,
    levels_skipped: record.levels_skipped,
    tool_name: record.tool_name,
    tenant: record.tenant,
    resource: record.resource,
    method: record.method,
    requester: record.requester,
    members_behind: record.members_behind.map(nameOf),
    paused: snapshot.agents.get(record.requester.id)?.kill_switch.active ?? false,
    resolved_from: record.resolved_from,
    reason: approval.reason,
    dangers: dangers ?? toolDangers(review?.view ?? null, record.requester.type),
    created_at: record.created_at,
    expires_at: record.expires_at,
    view: review?.view ?? null,
    asked_again: review?.asked_again ?? [],
    asked: review?.asked ?? 0,
    denied: review?.denied ?? 0,
    comparison: review?.view && last ? compared(last, review.view) : null,
    barred: barredBy(approval, caller, snapshot, services.deps.now()),
    decisions: approval.decisions.map((said) => ({
      level: said.level,
      decision: said.decision,
      who: nameOf(said.member),
      mine: said.member === caller.id,
      at: said.at,
      by_key: said.asserted_by !== null,
      note: said.note,
      quick_reason: said.quick_reason,
    })),
    steps: story.steps.map((step): SheetStep => ({
      what: step.kind,
      at: step.at,
      who: "member" in step
        ? nameOf(step.member)
        : step.kind === "requested"
        ? requesterWords(step.by)
        : null,
      note: "level" in step && record.levels > 1
        ? `Level ${step.level}`
        : "result" in step
        ? step.result
        : "because" in step
        ? step.because
        : null,
    })),
    awaits: story.awaits,
    call,
    revocable: story.revocable && mayRevoke(caller, record),
  };
}

async function callAsking(
  { deps }: Services,
  org: string,
  approval: string,
): Promise<string | null> {
  const pointer = await readRecord(deps.kv, callAskedKey(org, approval), callPointer);
  return pointer === null || pointer.value.expires_at <= deps.now() ? null : pointer.value.id;
}

/** What is left to say of the danger of what is over: what its tool was. */
function toolDangers(view: FrozenView | null, requester: RequesterType): Dangers | null {
  return view === null ? null : dangersOf({
    tool: shownView(view).tool,
    requester,
    history: NO_HISTORY,
    approved: null,
    arguments: null,
    last_arguments: null,
  });
}

function compared(last: LastApproved, view: FrozenView): SheetComparison {
  const { record } = last;
  const { progress } = record;
  return {
    id: record.id,
    reference: record.reference,
    decided_at: "decided_at" in progress ? progress.decided_at : null,
    same_requester: last.same_requester,
    same_action: last.same_action,
    ...whatDiffers(
      {
        tenant: record.tenant,
        resource: record.resource,
        method: record.method,
        arguments: last.view?.arguments ?? null,
      },
      comparedView(view),
    ),
  };
}

function comparedView(view: FrozenView): Compared {
  const text = (value: JsonValue | undefined) => typeof value === "string" ? value : null;
  const args: JsonObject = view.arguments;
  return {
    tenant: text(view.tenant_id),
    resource: text(view.resource_id),
    method: text(view.method),
    arguments: args,
  };
}

function barredBy(
  { record, inside }: SeenApproval,
  caller: MemberCaller,
  snapshot: Snapshot,
  now: number,
): Barred | null {
  if (record.progress.state !== "pending") return null;
  const bar = decisionBar(record, byPasskey(caller, record), snapshot, now);
  switch (bar?.code) {
    case undefined:
      return inside ? null : "not_inside";
    case "self_approval":
    case "already_decided_level":
    case "recovery_held":
      return bar.code;
    default:
      return "not_an_approver";
  }
}

function memberName({ members }: Snapshot, id: string): string {
  for (const member of members.values()) if (member.id === id) return personWords(member);
  return "a former member";
}
