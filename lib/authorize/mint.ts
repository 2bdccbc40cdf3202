import { consumeApproval } from "../approvals/end.ts";
import { loadApproval, type LoadedApproval } from "../approvals/seen.ts";
import type { Action } from "../base/action.ts";
import { argumentRefusal } from "../catalog/tool_record.ts";
import {
  type Checked,
  checkOne,
  type Decision,
  type LoadedQuestion,
  loadQuestion,
  Question,
} from "../decisions/decide.ts";
import { disabledRefusal } from "../decisions/guarded.ts";
import type { MachineOperation } from "../identity/acting.ts";
import { actionFor, type Client, type MachineCaller, namedMandate } from "../identity/caller.ts";
import type { Transaction } from "../ledger/transaction.ts";
import type { MandateNaming } from "../mandates/mandate.ts";
import { type FoundReservation, loadReservation } from "../mandates/reservation.ts";
import { settleAtNothing } from "../mandates/settle.ts";
import type { TakenOver } from "../mandates/spending.ts";
import { type AnyRefusal, recorded, type RecordedRefusal, Refusal } from "../refusal.ts";
import { settledKey } from "../store/mandate_keys.ts";
import type { SettledDecision } from "../store/records/budget.ts";
import { type MintedToken, mintToken } from "../tokens/mint.ts";
import { type LoadedTokenKey, loadSigningKey } from "../tokens/token_key.ts";

/**
 * A token for an action that is allowed, or whose approval the caller names: decided anew in the
 * commit that mints it.
 */

interface MintRequest extends MandateNaming {
  readonly action: Action;
  /** Null where the caller names no approval. */
  readonly approval_id: string | null;
  readonly ttl_seconds: number;
  /** The check whose reservation it takes over; null where it reserves anew. */
  readonly decision_id?: string | null;
  /** Whether it goes on with a check that waited for its approval, in the same request. */
  readonly goes_on?: boolean;
}

interface Loaded {
  readonly question: LoadedQuestion;
  readonly key: LoadedTokenKey;
  readonly approval: LoadedApproval | null;
  readonly earlier: FoundReservation | null;
}

/**
 * Decides about an action anew and mints its token in the same commit. The decision is recorded
 * also where it is refused: a refusal of what was decided is returned.
 * @throws {Refusal} tenant_not_permitted, reservation_not_found, already_settled
 */
export function mintOperation(
  request: MintRequest,
  client: Client,
): MachineOperation<Loaded, MintedToken | RecordedRefusal> {
  const { approval_id, decision_id = null, ttl_seconds, goes_on = false } = request;
  const question = new Question(
    { ...request, reason: null, reference_id: null, explain: false },
    client,
  );
  return {
    prepare: (deps, org) => question.prepare(deps, org),
    load(reader, caller) {
      const asked = loadQuestion(reader, caller, question);
      const key = loadSigningKey(reader);
      const approval = approval_id === null ? null : loadApproval(reader, approval_id);
      const earlier = decision_id === null ? null : loadReservation(reader, caller, decision_id);
      // What has nothing to read is not made to wait for having read nothing.
      return asked instanceof Promise || key instanceof Promise || approval !== null ||
          earlier !== null
        ? Promise.all([asked, key, approval, earlier])
          .then(([question, key, approval, earlier]) => ({ question, key, approval, earlier }))
        : { question: asked, key, approval, earlier };
    },
    plan(transaction, caller, { question: asked, key, approval, earlier }) {
      const taken = decision_id === null
        ? null
        : takenOver(transaction, caller, { question, request, decision_id, earlier });
      if (taken instanceof Refusal) return recorded(taken);
      const checked = checkOne(transaction, caller, question, asked, taken, goes_on);
      const stopped = mintRefusal(checked);
      const { decision } = checked;
      if (taken !== null) noteTaken(transaction, taken, decision);
      const refused = (refusal: AnyRefusal) => {
        // What a check before allowed by itself may have been done.
        if (taken === null) giveBack(transaction, caller, decision, client.request_id);
        return recorded(refusal);
      };
      if (stopped !== null) return refused(stopped);
      const terms = { key, ttl_seconds, client };
      if (approval_id !== null) {
        // One that is named counts also where the policy allows the action without it by now: what
        // a human denied or took back is not minted.
        const token_id = transaction.id("rtk");
        const used = consumeApproval(transaction, approval, caller, decision, token_id);
        if (used instanceof Refusal) return refused(used);
        const named = { id: used.id, token_id };
        return mintToken(transaction, caller, decision, { ...terms, approval: named });
      }
      const { permission, resolved_from } = decision.resolution;
      if (permission !== "allowed") {
        return recorded(
          new Refusal("approval_required", { decision_id: decision.id, resolved_from }),
        );
      }
      return mintToken(transaction, caller, decision, { ...terms, approval: null });
    },
  };
}

/**
 * The reservation of an earlier check, where this mint may have it: of the same caller, action and
 * mandate, and for no more. The refusal where it may not, or where no token can come of it: the check
 * keeps what it reserved then, for whoever says what that cost.
 * @throws {Refusal} tenant_not_permitted
 */
function takenOver(
  { snapshot }: Transaction,
  caller: MachineCaller,
  { question, request, decision_id, earlier }: {
    readonly question: Question;
    readonly request: MintRequest;
    readonly decision_id: string;
    readonly earlier: FoundReservation | null;
  },
): TakenOver | AnyRefusal {
  if (earlier === null) return new Refusal("reservation_not_found", { decision_id });
  if (earlier.settled !== null) return new Refusal("already_settled", { decision_id });
  const { entry: { data }, record, amounts } = earlier;
  const action = actionFor(snapshot, caller, request.action);
  if (question.digestOf(snapshot.orgId, action) !== data.action_digest) {
    return new Refusal("action_mismatch", { differs: null });
  }
  if (namedMandate(caller, request.mandate_id) !== record.id) {
    return new Refusal("action_mismatch", { differs: ["/mandate_id"] });
  }
  const { estimated_cost_micros: before } = data;
  if ((request.estimated_cost_micros ?? 0) > (typeof before === "number" ? before : 0)) {
    return new Refusal("action_mismatch", { differs: ["/estimated_cost_micros"] });
  }
  const tool = snapshot.tool(request.action.tool);
  const misfit = tool === undefined ? null : argumentRefusal(tool, request.action.arguments);
  if (misfit !== null) return misfit;
  return { decision_id, amounts, mandate: record.id };
}

/** Has what an earlier check reserved be had once, where the decision that takes it over allows. */
function noteTaken(transaction: Transaction, taken: TakenOver, decision: Decision): void {
  if (decision.resolution.permission !== "allowed") return;
  const { index, leaf_hash } = decision.audit;
  const row: SettledDecision = {
    actual_micros: null,
    estimated_micros: decision.mandate?.reservation?.estimate ?? 0,
    mandate: taken.mandate,
    entry: { index, leaf_hash },
  };
  transaction.set(settledKey(transaction.snapshot.orgId, taken.decision_id), row);
}

/** Gives back what an allowed decision counted, where no token is minted for it after all. */
export function giveBack(
  transaction: Transaction,
  caller: MachineCaller,
  { id, resolution, mandate }: Decision,
  request_id: string,
): void {
  if (resolution.permission !== "allowed") return;
  const { record = null, count = null, reservation = null } = mandate ?? {};
  if (record === null || count === null || reservation === null) return;
  if (reservation.counters.length === 0) return;
  settleAtNothing(transaction, caller, { decision_id: id, record, count, reservation, request_id });
}

/**
 * Why no token may be minted for a decision whatever was approved: the policy disables the action,
 * or its arguments are not the tool's.
 */
export function mintRefusal({ decision, tool }: Checked): AnyRefusal | null {
  if (decision.resolution.permission === "disabled") return disabledRefusal(decision);
  return tool === null ? null : argumentRefusal(tool, decision.action.arguments);
}
