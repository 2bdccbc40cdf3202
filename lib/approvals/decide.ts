import type { JsonObject, JsonValue } from "../base/json.ts";
import { stopAgent } from "../catalog/agents.ts";
import type { CallerOperation, MemberOperation } from "../identity/acting.ts";
import {
  actorOf,
  type Caller,
  type Client,
  type MemberCaller,
  privateClient,
} from "../identity/caller.ts";
import { byPasskey, type Decider, decisionBar, requesterNow } from "../identity/deciders.ts";
import { demand } from "../identity/deeds.ts";
import { useSecondsNow } from "../identity/standing.ts";
import type { Transaction } from "../ledger/transaction.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import {
  type AnyRefusal,
  invalidRequest,
  recorded,
  type RecordedRefusal,
  Refusal,
} from "../refusal.ts";
import { scrubText } from "../scrub/scrub.ts";
import type { ApprovalRecord, LevelDecision } from "../store/records/approval.ts";
import type { MemberRecord } from "../store/records/identity.ts";
import type { QuickReason } from "../store/records/vocabulary.ts";
import { settle, storeHistory, storeLineDenial } from "./advance.ts";
import { move, stateRefusal } from "./end.ts";
import { sealText } from "./frozen_view.ts";
import { noteReading, wasReadBy } from "./key_reading.ts";
import { loadApproval, type LoadedApproval, seen, type SeenApproval, visible } from "./seen.ts";
import { memberLevel } from "./state.ts";

/**
 * Deciding a request: by an approver key that speaks for a member, or by a member who denies. An
 * approval under a passkey is in `sign.ts`; all of them come to `recordDecision`.
 */

/** Most characters of a note. */
export const MAX_NOTE = 1000;

/** What somebody says at the level where a request stands; that they may say it was looked at. */
interface SaidDecision {
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
export function tierBar(
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

/** Until when what is approved now can be used, RFC 3339. */
export function useBefore({ now, snapshot }: Transaction, record: ApprovalRecord): string {
  return new Date(now + useSecondsNow(record, snapshot, now) * 1000).toISOString();
}

function sealed(
  { deps, snapshot, at }: Transaction,
  record: ApprovalRecord,
  { decision, member, asserted_by, note, quick_reason }: SaidDecision,
): LevelDecision {
  const level = memberLevel(record.progress);
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
export function storeDenial(transaction: Transaction, { record, history }: LoadedApproval): void {
  const last_denial = { approval: record.id, at: transaction.now };
  storeHistory(transaction, record, { ...history, denied: history.denied + 1, last_denial });
  storeLineDenial(transaction, record, last_denial);
}

/** What an approver key says for a member. */
interface AssertedDecision {
  readonly decision: "approve" | "deny";
  /** E-mail address of the member. */
  readonly decided_by: string;
  readonly note: string | null;
}

interface Deciding {
  readonly loaded: LoadedApproval | null;
  readonly wasRead: boolean;
}

/** A member decides one level of a request through an approver key, which answers for it. */
export function decideApproval(
  idOrReference: string,
  asserted: AssertedDecision,
  client: Client,
): CallerOperation<Deciding, SeenApproval | RecordedRefusal> {
  const note = scrubbedNote(asserted.note);
  return {
    async load(reader, caller) {
      const loaded = await loadApproval(reader, idOrReference);
      return { loaded, wasRead: await wasReadBy(reader, caller, loaded?.record ?? null) };
    },
    plan(transaction, caller, { loaded, wasRead }) {
      const current = settle(transaction, visible(caller, loaded));
      const { record } = current;
      if (record.progress.state !== "pending") {
        return recorded(stateRefusal("approval_not_pending", current));
      }
      const { snapshot, deps, now } = transaction;
      const decider: Decider = {
        level: record.progress.level,
        // No member has the empty id: a name that nobody has decides nothing.
        member: memberNamed(snapshot.members, asserted.decided_by)?.id ?? "",
        asserted_by: caller.id,
      };
      const bar = decisionBar(record, decider, snapshot, now);
      if (bar !== null) return recorded(bar);
      const next = recordDecision(transaction, caller, current, {
        decision: asserted.decision,
        member: decider.member,
        asserted_by: decider.asserted_by,
        note,
        quick_reason: null,
        evidence: { data: {}, private: {} },
      }, client);
      if (next instanceof Refusal) return recorded(next);
      const decided = seen(next, caller, { snapshot, sealer: deps.sealer });
      // The answer shows the arguments, also to a key that did not look at them before.
      noteReading(transaction, caller, decided, wasRead, client);
      return decided;
    },
  };
}

function memberNamed(members: Snapshot["members"], email: string): MemberRecord | undefined {
  return members.get(email) ?? members.get(email.toLowerCase());
}

/** What a member says with their denial. */
export interface Denial {
  readonly note: string | null;
  readonly quick_reason: QuickReason | null;
  /** Whether the agent that asked is to be stopped in the same commit. */
  readonly pause_agent: boolean;
}

/**
 * What became of the wish to stop who asked: an API key cannot be paused, only revoked, and an agent
 * may be gone by now.
 */
export type Pause = "paused" | "was_paused" | "not_an_agent" | "gone";

export interface Denied {
  readonly approval: SeenApproval;
  /** Null where nobody was to be stopped. */
  readonly pause: Pause | null;
}

/**
 * A member denies a request at its level. Their session is enough, whatever their page showed: to
 * stop something takes less than to let it through.
 * @throws {Refusal} not_found, role_required, invalid_request
 */
export function denyDecision(
  idOrReference: string,
  { note: typed, quick_reason, pause_agent }: Denial,
  client: Client,
): MemberOperation<LoadedApproval | null, Denied | RecordedRefusal> {
  const note = scrubbedNote(typed);
  return {
    load: (reader) => loadApproval(reader, idOrReference),
    plan(transaction, caller, loaded) {
      const current = decidable(transaction, caller, loaded);
      if (current instanceof Refusal) return recorded(current);
      const next = recordDecision(transaction, caller, current, {
        decision: "deny",
        member: caller.id,
        asserted_by: null,
        note,
        quick_reason,
        evidence: { data: {}, private: { client: privateClient(client) } },
      }, client);
      if (next instanceof Refusal) return recorded(next);
      const pause = pause_agent ? pauseRequester(transaction, caller, next.record, client) : null;
      const { snapshot, deps } = transaction;
      return { approval: seen(next, caller, { snapshot, sealer: deps.sealer }), pause };
    },
  };
}

function pauseRequester(
  transaction: Transaction,
  caller: MemberCaller,
  { requester, reference }: ApprovalRecord,
  client: Client,
): Pause {
  if (requester.type !== "agent") return "not_an_agent";
  const agent = transaction.snapshot.agents.get(requester.id);
  if (agent === undefined) return "gone";
  if (agent.kill_switch.active) return "was_paused";
  const reason = `denied ${reference}`;
  stopAgent(transaction, caller, { id: agent.id, reason, requestId: client.request_id });
  return "paused";
}

/**
 * The request as it stands, if this member may decide it now.
 * @throws {Refusal} not_found
 */
export function decidable(
  transaction: Transaction,
  caller: MemberCaller,
  loaded: LoadedApproval | null,
): LoadedApproval | AnyRefusal {
  const found = visible(caller, loaded);
  demand(caller, "decide");
  const current = settle(transaction, found);
  const { record } = current;
  if (record.progress.state !== "pending") return stateRefusal("approval_not_pending", current);
  const { snapshot, now } = transaction;
  return decisionBar(record, byPasskey(caller, record), snapshot, now) ?? current;
}
