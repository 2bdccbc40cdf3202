import { settle } from "../approvals/advance.ts";
import { createOrJoin, loadAsk, type LoadedAsk } from "../approvals/ask.ts";
import { covers } from "../approvals/end.ts";
import type { Ask, Asked } from "../approvals/asking.ts";
import { type LoadedApproval, loadReady, seen, type SeenApproval } from "../approvals/seen.ts";
import type { Action } from "../base/action.ts";
import {
  actionDigest,
  checkOne,
  type CheckRequest,
  type LoadedQuestion,
  loadQuestion,
  Question,
} from "../decisions/decide.ts";
import { disabledRefusal } from "../decisions/guarded.ts";
import type { MachineOperation } from "../identity/acting.ts";
import { actionFor, askerOf, type Client, namedMandate } from "../identity/caller.ts";
import { type MandateNaming, NO_MANDATE } from "../mandates/mandate.ts";
import { recorded, type RecordedRefusal, Refusal } from "../refusal.ts";
import { askName } from "../store/keys.ts";

/**
 * Asking for an approval directly, without wanting a token. A caller that lost its connection while
 * a human decided finds what was approved meanwhile.
 */

interface Loaded {
  readonly question: LoadedQuestion;
  readonly ask: LoadedAsk;
}

/**
 * Decides about an action and, where that requires an approval, creates or joins the request. What
 * the policy allows or disables is refused, and recorded all the same.
 *
 * @param ask from `scrubbedAsk`
 */
export function requestApproval(
  action: Action,
  ask: Ask,
  client: Client,
  naming: MandateNaming = NO_MANDATE,
): MachineOperation<Loaded, Asked | RecordedRefusal> {
  const { reason, reference_id } = ask;
  const question = new Question(
    { ...naming, action, reason, reference_id, explain: false },
    client,
  );
  return {
    prepare: (deps, org) => question.prepare(deps, org),
    async load(reader, caller) {
      const [asked, loaded] = await Promise.all([
        loadQuestion(reader, caller, question),
        loadAsk(reader, caller, action, namedMandate(caller, naming.mandate_id)),
      ]);
      return { question: asked, ask: loaded };
    },
    plan(transaction, caller, loaded) {
      const { decision, tool } = checkOne(transaction, caller, question, loaded.question);
      const { permission, resolved_from } = decision.resolution;
      if (resolved_from === "gate_unknown_tool") {
        return recorded(new Refusal("tool_not_registered", { tool_name: action.tool }));
      }
      if (permission === "allowed") return recorded(new Refusal("approval_not_required", {}));
      if (permission === "disabled") return recorded(disabledRefusal(decision));
      if (tool === null) {
        return recorded(new Refusal("tool_not_registered", { tool_name: action.tool }));
      }
      const asking = { decision, tool, ask, client };
      const asked = createOrJoin(transaction, caller, asking, loaded.ask);
      return asked instanceof Refusal ? recorded(asked) : asked;
    },
  };
}

/**
 * An asking that finds also what was approved meanwhile. A client that lost its connection while a
 * human decided can only ask again: it is to get that approval, and the human no second request.
 *
 * @param asking asks, and joins what is pending
 * @param looking does everything else that the asking does
 * @param joined the answer where the caller has an approval of this action that is not used yet
 */
export function joiningReady<L, R, M, S>(
  { action, mandate_id, estimated_cost_micros }: Pick<
    CheckRequest,
    "action" | "mandate_id" | "estimated_cost_micros"
  >,
  asking: MachineOperation<L, R>,
  looking: MachineOperation<M, S>,
  joined: (looked: S, approval: SeenApproval) => R,
): MachineOperation<
  { readonly ready: LoadedApproval | null; readonly ask: L; readonly look: M },
  R
> {
  const { prepare } = asking;
  return {
    ...(prepare === undefined ? {} : { prepare }),
    async load(reader, caller) {
      const digest = actionDigest(caller.org, actionFor(reader.snapshot, caller, action));
      const [ready, ask, look] = await Promise.all([
        loadReady(reader, askerOf(caller), askName(digest, namedMandate(caller, mandate_id))),
        asking.load?.(reader, caller),
        looking.load?.(reader, caller),
      ]);
      // An operation without `load` plans on nothing.
      return { ready, ask: ask as L, look: look as M };
    },
    plan(transaction, caller, { ready, ask, look }) {
      const current = ready === null ? null : settle(transaction, ready);
      // What costs more by now is asked anew.
      const isGood = current?.record.progress.state === "approved" &&
        covers(current.record, estimated_cost_micros);
      if (!isGood) {
        return asking.plan(transaction, caller, ask);
      }
      const { snapshot, deps: { sealer } } = transaction;
      const approval = seen(current, caller, { snapshot, sealer });
      return joined(looking.plan(transaction, caller, look), approval);
    },
  };
}
