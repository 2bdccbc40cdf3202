import { stopAgent } from "../catalog/agents.ts";
import type { MemberCaller } from "../identity/caller.ts";
import type { Client } from "../identity/client.ts";
import type { MemberOperation } from "../identity/member_operation.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { recorded, type RecordedRefusal, Refusal } from "../refusal.ts";
import type { ApprovalRecord } from "../store/records/approval.ts";
import { privateClient } from "../tokens/attempt.ts";
import { recordDecision, scrubbedNote } from "./decide.ts";
import { decidable } from "./open_decision.ts";
import type { QuickReason } from "./quick_reasons.ts";
import { loadApproval, type LoadedApproval } from "./seen.ts";
import { seen, type SeenApproval } from "./seen_approval.ts";

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
