import { actorOf, type Caller } from "../identity/caller.ts";
import type { Client } from "../identity/client.ts";
import { requesterNow } from "../identity/requester_now.ts";
import { useSecondsNow } from "../identity/standing.ts";
import type { JsonObject, JsonValue } from "../json/json_value.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { type AnyRefusal, invalidRequest, Refusal } from "../refusal.ts";
import { scrubText } from "../scrub/scrub.ts";
import type { ApprovalRecord, LevelDecision } from "../store/records/approval.ts";
import { storeHistory } from "./advance.ts";
import { move } from "./end.ts";
import { sealText } from "./frozen_view.ts";
import type { QuickReason } from "./quick_reasons.ts";
import type { LoadedApproval } from "./seen.ts";

/** Most characters of a note. */
export const MAX_NOTE = 1000;

/** What somebody says at the level where a request stands; that they may say it was looked at. */
export interface SaidDecision {
  readonly decision: "approve" | "deny";
  readonly member: string;
  /** The approver key that speaks for the member; null when the member does. */
  readonly asserted_by: string | null;
  /** From `scrubbedNote`. */
  readonly note: string | null;
  readonly quick_reason: QuickReason | null;
  /** What shows who decided, for the entry: in the leaf, and apart from it. */
  readonly evidence: {
    readonly data: JsonObject;
    readonly private: Readonly<Record<string, JsonValue>>;
  };
}

/** A note without personal data and secrets. @throws {Refusal} invalid_request when it is too long */
export function scrubbedNote(note: string | null): string | null {
  if (note === null || note === "") return null;
  if (note.length > MAX_NOTE) {
    throw invalidRequest("/note", `has ${note.length} characters; a note has ${MAX_NOTE} at most`);
  }
  return scrubText(note).text;
}

/**
 * Puts a decision into the commit: the request's next state, its entry, and after a denial the rest
 * before the same can be asked again. The one place where anybody decides.
 */
export function recordDecision(
  transaction: Transaction,
  caller: Caller,
  current: LoadedApproval,
  said: SaidDecision,
  client: Client,
): LoadedApproval | AnyRefusal {
  const { record } = current;
  if (said.decision === "approve") {
    const bar = tierBar(transaction, record);
    if (bar !== null) return bar;
  }
  const { decision, asserted_by, note, quick_reason, evidence } = said;
  const hidden = { ...(note === null ? {} : { note }), ...evidence.private };
  const decided = {
    ...record,
    decisions: [...record.decisions, sealed(transaction, record, said)],
  };
  const next = move(transaction, { ...current, record: decided }, { type: decision }, {
    type: "approval.decided",
    actor: actorOf(caller),
    subject: { member: said.member },
    data: {
      action_digest: record.action_digest,
      asserted_by,
      decision,
      level: record.progress.level,
      levels: record.levels,
      request_id: client.request_id,
      view_digest: record.view_digest,
      // So that whoever has only the log can tell a use that came too late.
      ...(approves(record, decision) ? { use_before: useBefore(transaction, record) } : {}),
      ...(quick_reason === null ? {} : { quick_reason }),
      ...evidence.data,
    },
    ...(Object.keys(hidden).length === 0 ? {} : { private: hidden }),
  });
  if (next instanceof Refusal) return next;
  if (decision === "deny") storeDenial(transaction, next);
  return next;
}

/**
 * The refusal to approve what asks for more trust by now than the requester has. Whatever else
 * disables the action by now may be over when it is minted, and is asked there.
 */
function tierBar(
  { snapshot }: Transaction,
  { requester, tool_name }: ApprovalRecord,
): AnyRefusal | null {
  const required = snapshot.tools.get(tool_name)?.required_tier ?? 0;
  // One who is gone mints nothing, whatever is approved.
  const tier = requesterNow(snapshot, requester)?.trust_tier ?? 0;
  return tier >= required ? null : new Refusal("tool_disabled", { resolved_from: "gate_tier" });
}

/** Whether a decision is the last that a request waits for. */
function approves(
  { progress, levels }: ApprovalRecord,
  decision: SaidDecision["decision"],
): boolean {
  return decision === "approve" && progress.level === levels;
}

function useBefore({ now, snapshot }: Transaction, record: ApprovalRecord): string {
  return new Date(now + useSecondsNow(record, snapshot) * 1000).toISOString();
}

function sealed(
  { deps, snapshot, at }: Transaction,
  record: ApprovalRecord,
  { decision, member, asserted_by, note, quick_reason }: SaidDecision,
): LevelDecision {
  const { level } = record.progress;
  return {
    level,
    decision,
    member,
    asserted_by,
    at,
    note: note === null
      ? null
      : sealText(deps.sealer, snapshot.orgId, record.id, `note ${level}`, note),
    quick_reason,
  };
}

/** The same action from the same requester is refused for a while. */
function storeDenial(transaction: Transaction, { record, history }: LoadedApproval): void {
  storeHistory(transaction, record, {
    ...history,
    denied: history.denied + 1,
    last_denial: { approval: record.id, at: transaction.now },
  });
}
