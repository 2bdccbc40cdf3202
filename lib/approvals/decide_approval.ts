import type { Client } from "../identity/client.ts";
import { actorOf, type Caller } from "../identity/caller.ts";
import type { CallerOperation } from "../identity/caller_operation.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { Refusal } from "../refusals/refusal.ts";
import { scrubText } from "../scrub/scrub.ts";
import type { ApprovalRecord, LevelDecision } from "../store/records/approval.ts";
import type { MemberRecord } from "../store/records/identity.ts";
import { settle, storeHistory } from "./advance.ts";
import { isSeparated, mayDecide } from "./deciders.ts";
import { move, stateRefusal } from "./end_approval.ts";
import { sealText } from "./frozen_view.ts";
import { loadApproval, type LoadedApproval } from "./loaded_approval.ts";
import { seen, type SeenApproval, visible } from "./seen_approval.ts";

/** What an approver key says for a member. */
export interface AssertedDecision {
  readonly decision: "approve" | "deny";
  /** E-mail address of the member. */
  readonly decided_by: string;
  readonly note: string | null;
}

/** A member decides one level of a request through an approver key, which answers for it. */
export function decideApproval(
  idOrReference: string,
  asserted: AssertedDecision,
  client: Client,
): CallerOperation<LoadedApproval | null, SeenApproval | Refusal> {
  const note = asserted.note === null ? null : scrubText(asserted.note).text;
  return {
    load: (reader) => loadApproval(reader, idOrReference),
    plan(transaction, caller, loaded) {
      const current = settle(transaction, visible(caller, loaded));
      const { record } = current;
      if (record.progress.state !== "pending") return stateRefusal("approval_not_pending", current);
      const member = deciderOf(transaction, caller, record, asserted.decided_by);
      if (member instanceof Refusal) return member;
      const decided = withDecision(transaction, caller, record, {
        decision: asserted.decision,
        member: member.id,
        note,
      });
      const next = move(transaction, { ...current, record: decided }, {
        type: asserted.decision,
      }, {
        type: "approval.decided",
        actor: actorOf(caller),
        subject: { member: member.id },
        data: {
          action_digest: record.action_digest,
          asserted_by: caller.id,
          decision: asserted.decision,
          level: record.progress.level,
          levels: record.levels,
          request_id: client.request_id,
          view_digest: record.view_digest,
        },
        ...(note === null ? {} : { private: { note } }),
      });
      if (next instanceof Refusal) return next;
      if (asserted.decision === "deny") storeDenial(transaction, next);
      const { snapshot, deps } = transaction;
      return seen(next, caller, { snapshot, sealer: deps.sealer });
    },
  };
}

/** The member who may decide this level, or why it is not the one who was named. */
function deciderOf(
  transaction: Transaction,
  caller: Caller,
  record: ApprovalRecord,
  email: string,
): MemberRecord | Refusal {
  const { org, members } = transaction.snapshot;
  const { level } = record.progress;
  const member = members.get(email) ?? members.get(email.toLowerCase());
  const decidedBefore = record.decisions.some((decision) =>
    decision.asserted_by === caller.id || decision.member === member?.id
  );
  if (decidedBefore) return new Refusal("already_decided_level", {});
  if (!org.api_decisions) {
    return new Refusal("passkey_required", {
      why: "The organization takes decisions under a passkey only (api_decisions is off).",
    });
  }
  if (level === 2) {
    return new Refusal("passkey_required", {
      why: "Level 2 is decided under a passkey, never through a key.",
    });
  }
  if (member === undefined || !mayDecide(member, level, members)) {
    return new Refusal("not_an_approver", { level });
  }
  if (member.id === record.member_behind && isSeparated(record, org)) {
    return new Refusal("self_approval", {});
  }
  return member;
}

function withDecision(
  transaction: Transaction,
  caller: Caller,
  record: ApprovalRecord,
  said: { readonly decision: "approve" | "deny"; readonly member: string; note: string | null },
): ApprovalRecord {
  const { deps, snapshot, at } = transaction;
  const { level } = record.progress;
  const decision: LevelDecision = {
    level,
    decision: said.decision,
    member: said.member,
    asserted_by: caller.id,
    at,
    note: said.note === null
      ? null
      : sealText(deps.sealer, snapshot.orgId, record.id, `note ${level}`, said.note),
  };
  return { ...record, decisions: [...record.decisions, decision] };
}

/** The same action from the same requester is refused for a while. */
function storeDenial(transaction: Transaction, { record, history }: LoadedApproval): void {
  storeHistory(transaction, record, {
    ...history,
    denied: history.denied + 1,
    last_denial: { approval: record.id, at: transaction.at },
  });
}
