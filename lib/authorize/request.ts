import { settle } from "../approvals/advance.ts";
import { type Ask, type Asked, createOrJoin, loadAsk, type LoadedAsk } from "../approvals/ask.ts";
import { type LoadedApproval, loadReady, seen, type SeenApproval } from "../approvals/seen.ts";
import type { Action } from "../base/action.ts";
import { actionDigest, checkOperation, type DiscoveryRoom } from "../decisions/decide.ts";
import type { MachineOperation } from "../identity/acting.ts";
import { type Client, tenantWithin } from "../identity/caller.ts";
import { recorded, type RecordedRefusal, Refusal } from "../refusal.ts";

/**
 * Asking for an approval directly, without wanting a token. A caller that lost its connection while
 * a human decided finds what was approved meanwhile.
 */

interface Loaded {
  readonly room: DiscoveryRoom | null;
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
): MachineOperation<Loaded, Asked | RecordedRefusal> {
  const { reason, reference_id } = ask;
  const check = checkOperation({ action, reason, reference_id, explain: false }, client);
  const { prepare } = check;
  return {
    ...(prepare === undefined ? {} : { prepare }),
    async load(reader, caller) {
      const [room, loaded] = await Promise.all([
        check.load?.(reader, caller) ?? null,
        loadAsk(reader, caller, action),
      ]);
      return { room, ask: loaded };
    },
    plan(transaction, caller, loaded) {
      const { decision, tool } = check.plan(transaction, caller, loaded.room);
      const { permission, resolved_from } = decision.resolution;
      if (resolved_from === "gate_unknown_tool") {
        return recorded(new Refusal("tool_not_registered", { tool_name: action.tool }));
      }
      if (permission === "allowed") return recorded(new Refusal("approval_not_required", {}));
      if (permission === "disabled") {
        return recorded(new Refusal("tool_disabled", { resolved_from }));
      }
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
  action: Action,
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
      const walled = { ...action, tenant: tenantWithin(caller, action.tenant) };
      const [ready, ask, look] = await Promise.all([
        loadReady(reader, caller.id, actionDigest(caller.org, walled)),
        asking.load?.(reader, caller),
        looking.load?.(reader, caller),
      ]);
      // An operation without `load` plans on nothing.
      return { ready, ask: ask as L, look: look as M };
    },
    plan(transaction, caller, { ready, ask, look }) {
      const current = ready === null ? null : settle(transaction, ready);
      if (current?.record.progress.state !== "approved") {
        return asking.plan(transaction, caller, ask);
      }
      const { snapshot, deps: { sealer } } = transaction;
      const approval = seen(current, caller, { snapshot, sealer });
      return joined(looking.plan(transaction, caller, look), approval);
    },
  };
}
