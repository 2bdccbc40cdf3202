import { type Action, differingFacts } from "../base/action.ts";
import { actionDigest, type Decision } from "../decisions/decide.ts";
import type { CallerOperation } from "../identity/acting.ts";
import { actorOf, type Caller, type Client } from "../identity/caller.ts";
import { demand } from "../identity/deeds.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { coversSeats } from "../mandates/seats.ts";
import { hasRight } from "../policy/rights.ts";
import { type AnyRefusal, recorded, type RecordedRefusal, Refusal } from "../refusal.ts";
import { runTokenKey } from "../store/keys.ts";
import type { ApprovalRecord, Cancelled, Progress } from "../store/records/approval.ts";
import type { RunTokenRecord } from "../store/records/token.ts";
import { voidToken } from "../tokens/attempt.ts";
import { isSpent } from "../tokens/state.ts";
import { advance, type MoveEntry, settle } from "./advance.ts";
import { openArguments } from "./frozen_view.ts";
import {
  isOwn,
  isRequester,
  isVisible,
  loadApproval,
  type LoadedApproval,
  seen,
  type SeenApproval,
  visible,
} from "./seen.ts";
import { type ApprovalEvent, moved, type StateRefusal, statusOf, termsOf } from "./state.ts";

/**
 * What becomes of a request besides a decision: looked at, withdrawn, taken back, used for the
 * token that it was asked for. What nobody may know of is `not_found`, whatever became of it.
 */

/** A request as this caller may see it, brought up to date. */
export function lookAtApproval(
  idOrReference: string,
): CallerOperation<LoadedApproval | null, SeenApproval> {
  return {
    load: (reader) => loadApproval(reader.fromStore, idOrReference),
    plan(transaction, caller, loaded) {
      demand(caller, "see_request");
      return seenIn(transaction, caller, settle(transaction, visible(caller, loaded)));
    },
  };
}

/** The requester withdraws a pending request. */
export function cancelApproval(
  idOrReference: string,
  client: Client,
): CallerOperation<LoadedApproval | null, SeenApproval | RecordedRefusal> {
  return {
    load: (reader) => loadApproval(reader, idOrReference),
    plan(transaction, caller, loaded) {
      const current = settle(transaction, ownOf(caller, loaded));
      const { id, action_digest } = current.record;
      const next = move(transaction, current, { type: "withdraw" }, {
        type: "approval.cancelled",
        actor: actorOf(caller),
        subject: { approval: id },
        data: {
          action_digest,
          because: "withdrawn",
          request_id: client.request_id,
          was: current.record.progress.state,
        },
      });
      return next instanceof Refusal ? recorded(next) : seenIn(transaction, caller, next);
    },
  };
}

interface WithToken {
  readonly approval: LoadedApproval | null;
  /** The token minted from it; null when there is none. */
  readonly token: RunTokenRecord | null;
}

/**
 * Takes an approval back, as long as what it authorized has not run; `mayRevoke` says who may.
 * @throws {Refusal} not_found, not_the_requester
 */
export function revokeApproval(
  idOrReference: string,
  client: Client,
): CallerOperation<WithToken, SeenApproval | RecordedRefusal> {
  return {
    load: (reader) => loadWithToken(reader, idOrReference),
    plan(transaction, caller, { approval, token }) {
      demand(caller, "revoke_approval");
      const found = visible(caller, approval);
      if (!mayRevoke(caller, found.record)) throw new Refusal("not_the_requester", {});
      const current = settle(transaction, found);
      const event: ApprovalEvent = {
        type: "revoke",
        // One that cannot be found cannot be shown to be unspent.
        token_spent: token === null || isSpent(token),
      };
      const next = move(transaction, current, event, {
        type: "approval.revoked",
        actor: actorOf(caller),
        ...(token === null ? {} : { subject: { token: token.id } }),
        data: {
          action_digest: current.record.action_digest,
          request_id: client.request_id,
          was: current.record.progress.state,
        },
      });
      if (next instanceof Refusal) return recorded(next);
      if (token !== null) voidToken(transaction, token);
      return seenIn(transaction, caller, next);
    },
  };
}

/** Makes a move that is allowed, with its entry; a refusal leaves the request as it is. */
export function move(
  transaction: Transaction,
  loaded: LoadedApproval,
  event: ApprovalEvent,
  entry: MoveEntry | null,
): LoadedApproval | AnyRefusal {
  const { record } = loaded;
  const terms = termsOf(record, transaction.snapshot, transaction.now, loaded);
  const progress = moved(record.progress, event, terms, transaction);
  if (typeof progress === "string") return stateRefusal(progress, loaded);
  return advance(transaction, loaded, { ...record, progress }, entry);
}

/** The refusal of a move, with what the caller needs to know of the state. */
export function stateRefusal(code: StateRefusal, { record }: LoadedApproval): AnyRefusal {
  const { progress } = record;
  switch (code) {
    case "approval_not_pending":
      return new Refusal(code, endOf(progress));
    case "approval_not_approved": {
      const pending = progress.state === "pending" ? { pending: record.id } : {};
      return new Refusal(code, { ...endOf(progress), ...pending });
    }
    case "approval_used":
      return new Refusal(code, { token_id: "token_id" in progress ? progress.token_id : null });
    case "approval_lapsed": {
      const useBefore = "use_before" in progress ? progress.use_before : record.expires_at;
      return new Refusal(code, { use_before: new Date(useBefore).toISOString() });
    }
  }
}

function endOf(progress: Progress): { status: string; because: Cancelled | null } {
  const because = progress.state === "cancelled" ? progress.because : null;
  return { status: statusOf(progress), because };
}

function seenIn(transaction: Transaction, caller: Caller, loaded: LoadedApproval): SeenApproval {
  const { snapshot, deps } = transaction;
  return seen(loaded, caller, { snapshot, sealer: deps.sealer });
}

/**
 * Whether somebody who may know of a request may take its approval back: who asked; of members who
 * decided it, who answers for the requester, owners and admins.
 */
export function mayRevoke(
  caller: Caller,
  record: Pick<ApprovalRecord, "requester" | "members_behind" | "decisions">,
): boolean {
  if (isOwn(caller, record)) return true;
  if (caller.type !== "member") return false;
  // Whoever configures the org may end what it allowed; it takes no passkey to stop something.
  return hasRight(caller.role, "configure") || record.members_behind.includes(caller.id) ||
    record.decisions.some(({ member }) => member === caller.id);
}

/** @throws {Refusal} not_found, not_the_requester */
function ownOf(caller: Caller, loaded: LoadedApproval | null): LoadedApproval {
  const approval = visible(caller, loaded);
  if (!isOwn(caller, approval.record)) throw new Refusal("not_the_requester", {});
  return approval;
}

async function loadWithToken(reader: Reader, idOrReference: string): Promise<WithToken> {
  const approval = await loadApproval(reader, idOrReference);
  const progress = approval?.record.progress;
  if (progress?.state !== "used") return { approval, token: null };
  const token = await reader.guarded(runTokenKey(reader.snapshot.orgId, progress.token_id));
  return { approval, token };
}

/**
 * Turns an approved request into the token `tokenId`, once: for its requester, for exactly the
 * action that was approved, before its time is over. The token's own entry records it. A refusal is
 * returned (not_found, not_the_requester, approval_not_approved, approval_used, approval_lapsed,
 * action_mismatch, approval_required), so that the caller can log it.
 *
 * @param loaded from `loadApproval` in the same operation
 * @param decision about the action that the token is for, in the same commit
 */
export function consumeApproval(
  transaction: Transaction,
  loaded: LoadedApproval | null,
  caller: Caller,
  decision: Pick<Decision, "id" | "action" | "mandate" | "resolution">,
  tokenId: string,
): ApprovalRecord | AnyRefusal {
  const { action, mandate } = decision;
  if (loaded === null || !isVisible(caller, loaded.record)) {
    return new Refusal("not_found", { what: "approval" });
  }
  if (!isRequester(caller, loaded.record)) return new Refusal("not_the_requester", {});
  const current = settle(transaction, loaded);
  const { record } = current;
  const isApproved = record.progress.state === "approved";
  // What has become of the request says more than how the action differs.
  if (isApproved && actionDigest(transaction.snapshot.orgId, action) !== record.action_digest) {
    return new Refusal("action_mismatch", { differs: differing(transaction, current, action) });
  }
  // What was approved under one mandate is not what is done without it, or under another.
  if (isApproved && (mandate?.record?.id ?? null) !== (record.mandate?.id ?? null)) {
    return new Refusal("action_mismatch", { differs: ["/mandate_id"] });
  }
  if (isApproved && !coversCost(record, mandate?.reservation?.estimate ?? null)) {
    return new Refusal("action_mismatch", { differs: ["/estimated_cost_micros"] });
  }
  if (isApproved && !coversSeats(record, mandate?.seats ?? null)) {
    const { id, resolution: { resolved_from } } = decision;
    return new Refusal("approval_required", { decision_id: id, resolved_from });
  }
  const used = move(transaction, current, { type: "use", token_id: tokenId }, null);
  return used instanceof Refusal ? used : used.record;
}

/** Whether what was approved covers what the action is said to cost by now. */
function coversCost(
  { estimated_cost_micros }: Pick<ApprovalRecord, "estimated_cost_micros">,
  estimate: number | null,
): boolean {
  return (estimate ?? 0) <= (estimated_cost_micros ?? 0);
}

/** Whether what was approved, under a mandate or none, is of an action that costs so much. */
export function covers(
  record: Pick<ApprovalRecord, "mandate" | "estimated_cost_micros">,
  estimate: number | null,
): boolean {
  return record.mandate === null || coversCost(record, estimate);
}

function differing(
  transaction: Transaction,
  { record, arguments: sealed }: LoadedApproval,
  action: Action,
): string[] | null {
  if (sealed === null) return null;
  const { deps, snapshot } = transaction;
  const { tenant, resource, method, tool_name: tool } = record;
  const args = openArguments(deps.sealer, snapshot.orgId, record.id, sealed);
  return differingFacts({ tenant, resource, method, tool, arguments: args }, action);
}
