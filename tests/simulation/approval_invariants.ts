import type { Entry } from "../../lib/ledger/entry.ts";
import { type Broken, type Invariant, named, overLog, text, timeOf } from "./evidence.ts";
import { PolicyOfLog } from "./policy_invariants.ts";

/** What is known of an approval by the entries so far. */
interface Request {
  readonly created: Entry;
  readonly expires: number;
  state: "pending" | "approved" | "denied" | "ended";
  used: Entry | null;
}

const ENDS = ["approval.expired", "approval.cancelled", "approval.revoked", "approval.lapsed"];

/** Whether an entry is of a permission that is made of an approval: a token, or a call that runs. */
export function usesApproval({ type, subject }: Entry): boolean {
  const isOfCall = type === "token.consumed" && text(subject.call) !== "";
  return (type === "token.minted" || isOfCall) && text(subject.approval) !== "";
}

/** Whether an entry approves a request for good: at the last of the levels that it has by then. */
export function approvesForGood({ type, data }: Entry): boolean {
  return type === "approval.decided" && data.decision === "approve" && data.level === data.levels;
}

/** Each approval: answered once and in time, used once at most, by its requester, for its action. */
export const approvalsAreUsedOnce: Invariant = ({ tools }) => {
  const requests = new Map<string, Request>();
  const policy = new PolicyOfLog(tools);
  const broken = (where: string): Broken => ({
    invariant: "an approval is answered once and used once, by its requester for its action",
    where,
  });
  return overLog(function* (entry) {
    const id = text(entry.subject.approval);
    const request = requests.get(id);
    if (entry.type === "approval.created") {
      if (request !== undefined) yield broken(`${named(entry)} makes ${id} again`);
      const isByPolicy = entry.data.mandate_id === undefined;
      if (isByPolicy && policy.permission(text(entry.subject.tool)) !== "requires_approval") {
        yield broken(`${named(entry)} asks for what needs no approval by then`);
      }
      requests.set(id, {
        created: entry,
        expires: Date.parse(text(entry.data.expires_at)),
        state: "pending",
        used: null,
      });
    } else if (entry.type === "approval.decided" && request !== undefined) {
      if (request.state !== "pending") {
        yield broken(`${named(entry)} answers what is ${request.state}`);
      }
      // A log that was past it when it was set tells nothing: it was ahead of the time.
      if (timeOf(request.created) < request.expires && timeOf(entry) >= request.expires) {
        yield broken(`${named(entry)} answers what has expired`);
      }
      if (entry.data.decision === "deny") request.state = "denied";
      if (approvesForGood(entry)) request.state = "approved";
    } else if (ENDS.includes(entry.type) && request !== undefined) {
      request.state = "ended";
    } else if (entry.type === "token.returned" && request?.used !== undefined) {
      // Nothing ran: it can be used again.
      request.used = null;
    } else if (usesApproval(entry)) {
      if (request === undefined) yield broken(`${named(entry)} uses what was never asked for`);
      else {
        yield* used(entry, request);
        request.used = entry;
      }
    }
    policy.take(entry);
  });

  function* used(entry: Entry, request: Request): Iterable<Broken> {
    if (request.used !== null) yield broken(`${named(entry)} uses what ${named(request.used)} did`);
    if (request.state !== "approved") yield broken(`${named(entry)} uses what is ${request.state}`);
    if (entry.actor.id !== request.created.actor.id) {
      yield broken(`${named(entry)} is not of who asked in ${named(request.created)}`);
    }
    if (entry.data.action_digest !== request.created.data.action_digest) {
      yield broken(`${named(entry)} is for another action than ${named(request.created)}`);
    }
  }
};
