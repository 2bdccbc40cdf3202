import type { Client } from "../identity/client.ts";
import type { Caller } from "../identity/caller.ts";
import type { CallerOperation } from "../identity/caller_operation.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { Refusal } from "../refusals/refusal.ts";
import type { ApprovalRecord } from "../store/records/approval.ts";
import type { MemberRecord } from "../store/records/identity.ts";
import { settle } from "./advance.ts";
import { decisionBar, hasDecided, levelsOf } from "./deciders.ts";
import { stateRefusal } from "./end_approval.ts";
import { noteReading, wasReadBy } from "./key_reading.ts";
import { loadApproval, type LoadedApproval } from "./loaded_approval.ts";
import { recordDecision, scrubbedNote } from "./record_decision.ts";
import { seen, type SeenApproval, visible } from "./seen_approval.ts";

/** What an approver key says for a member. */
export interface AssertedDecision {
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
): CallerOperation<Deciding, SeenApproval | Refusal> {
  const note = scrubbedNote(asserted.note);
  return {
    async load(reader, caller) {
      const loaded = await loadApproval(reader, idOrReference);
      return { loaded, wasRead: await wasReadBy(reader, caller, loaded?.record ?? null) };
    },
    plan(transaction, caller, { loaded, wasRead }) {
      const current = settle(transaction, visible(caller, loaded));
      const { record } = current;
      if (record.progress.state !== "pending") return stateRefusal("approval_not_pending", current);
      const member = deciderOf(transaction, caller, record, asserted.decided_by);
      if (member instanceof Refusal) return member;
      const next = recordDecision(transaction, caller, current, {
        decision: asserted.decision,
        member: member.id,
        asserted_by: caller.id,
        note,
        quick_reason: null,
        evidence: { data: {}, private: {} },
      }, client);
      if (next instanceof Refusal) return next;
      const { snapshot, deps } = transaction;
      const decided = seen(next, caller, { snapshot, sealer: deps.sealer });
      // The answer shows the arguments, also to a key that did not look at them before.
      noteReading(transaction, caller, decided, wasRead, client);
      return decided;
    },
  };
}

/** The member who may decide this level, or why it is not the one who was named. */
function deciderOf(
  { snapshot }: Transaction,
  caller: Caller,
  record: ApprovalRecord,
  email: string,
): MemberRecord | Refusal {
  const { org, members } = snapshot;
  const { level } = record.progress;
  const member = members.get(email) ?? members.get(email.toLowerCase());
  const keyDecided = record.decisions.some(({ asserted_by }) => asserted_by === caller.id);
  if (keyDecided || (member !== undefined && hasDecided(record, member.id))) {
    return new Refusal("already_decided_level", {});
  }
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
  if (member === undefined) return new Refusal("not_an_approver", { level });
  const named = { id: member.id, levels: levelsOf(member, members) };
  return decisionBar(record, named, org) ?? member;
}
