import type { CallerOperation } from "../identity/caller_operation.ts";
import type { Client } from "../identity/client.ts";
import { type Decider, decisionBar } from "../identity/deciders.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { recorded, type RecordedRefusal, Refusal } from "../refusal.ts";
import type { MemberRecord } from "../store/records/identity.ts";
import { settle } from "./advance.ts";
import { recordDecision, scrubbedNote } from "./decide.ts";
import { stateRefusal } from "./end.ts";
import { noteReading, wasReadBy } from "./key_reading.ts";
import { loadApproval, type LoadedApproval } from "./seen.ts";
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
