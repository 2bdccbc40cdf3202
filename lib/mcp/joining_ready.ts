import type { Action } from "../actions/action.ts";
import { actionDigest } from "../actions/action_digest.ts";
import { settle } from "../approvals/advance.ts";
import { type LoadedApproval, loadReady } from "../approvals/seen.ts";
import { seen, type SeenApproval } from "../approvals/seen_approval.ts";
import { tenantWithin } from "../identity/caller.ts";
import type { MachineOperation } from "../identity/caller_operation.ts";

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
