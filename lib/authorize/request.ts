import type { Action } from "../actions/action.ts";
import { type Ask, type Asked, createOrJoin, loadAsk, type LoadedAsk } from "../approvals/ask.ts";
import { checkOperation } from "../decisions/check.ts";
import type { DiscoveryRoom } from "../decisions/discovery.ts";
import type { MachineOperation } from "../identity/caller_operation.ts";
import type { Client } from "../identity/client.ts";
import { recorded, type RecordedRefusal, Refusal } from "../refusal.ts";

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
