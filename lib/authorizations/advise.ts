import type { Action } from "../actions/action.ts";
import { type AskedBefore, loadAskedBefore } from "../approvals/asked_before.ts";
import { checkBatchOperation, type Checked } from "../decisions/check.ts";
import type { DiscoveryRoom } from "../decisions/discovery.ts";
import type { CheckRequest, Question } from "../decisions/question.ts";
import { type MachineCaller, tenantWithin } from "../identity/caller.ts";
import type { MachineOperation } from "../identity/caller_operation.ts";
import type { Client } from "../identity/client.ts";
import type { Reader } from "../ledger/transaction.ts";
import { resolve } from "../policy/chain.ts";
import { type AnyRefusal, Refusal } from "../refusal.ts";
import { approvalHistoryPrefix } from "../store/keys.ts";

/** A decision, and what its caller asked about the action before; null unless it asks for that. */
export interface Advised {
  readonly checked: Checked;
  readonly before: AskedBefore | null;
}

/**
 * Reads what the caller asked about an action before, where the policy requires an approval for it.
 * Everything else is answered without a read, and without waiting for having read nothing; so is,
 * once it is known what the caller asked about at all, whatever is not among that.
 */
export function askedAbout(
  reader: Reader,
  caller: MachineCaller,
  question: Question,
): Promise<AskedBefore | null> | null {
  const { snapshot, held } = reader;
  const walled = withinWall(caller, question.request.action);
  if (walled === null) return null;
  const digest = question.digestOf(snapshot.orgId, walled);
  if (held.lacks(approvalHistoryPrefix(snapshot.orgId, caller.id), digest)) return null;
  const { permission } = resolve(snapshot, walled, caller, { via: question.client.via });
  return permission === "requires_approval" ? loadIfAsked(reader, caller.id, digest) : null;
}

/** `loadAskedBefore`, for an operation that writes an entry. Mostly it is of what was never asked. */
async function loadIfAsked(
  reader: Reader,
  requester: string,
  actionDigest: string,
): Promise<AskedBefore | null> {
  const { held, kv, snapshot } = reader;
  const prefix = approvalHistoryPrefix(snapshot.orgId, requester);
  await held.look(kv, prefix);
  return held.lacks(prefix, actionDigest)
    ? null
    : await loadAskedBefore(reader, requester, actionDigest);
}

/** `checkBatchOperation`, with what to do about those that require an approval. */
export function adviseBatchOperation(
  requests: readonly CheckRequest[],
  client: Client,
): MachineOperation<
  { readonly room: DiscoveryRoom | null; readonly before: readonly (AskedBefore | null)[] },
  (Advised | AnyRefusal)[]
> {
  const check = checkBatchOperation(requests, client);
  const { prepare } = check;
  return {
    ...(prepare === undefined ? {} : { prepare }),
    load(reader, caller) {
      const room = check.load?.(reader, caller) ?? null;
      const before = check.questions.map((question) => askedAbout(reader, caller, question));
      if (!(room instanceof Promise) && before.every((one) => one === null)) {
        return { room, before: [] };
      }
      return Promise.all([room, Promise.all(before)]).then(([room, before]) => ({ room, before }));
    },
    plan: (transaction, caller, { room, before }) =>
      check.plan(transaction, caller, room).map((checked, i) =>
        checked instanceof Refusal ? checked : advised(checked, before[i] ?? null)
      ),
  };
}

/** A decision with what was read for it, which counts only where the decision needs it. */
export function advised(checked: Checked, before: AskedBefore | null): Advised {
  const { permission } = checked.decision.resolution;
  return { checked, before: permission === "requires_approval" ? before : null };
}

/** The action inside the caller's wall; null outside of it, where the decision refuses. */
function withinWall(caller: MachineCaller, action: Action): Action | null {
  try {
    return { ...action, tenant: tenantWithin(caller, action.tenant) };
  } catch (error) {
    if (error instanceof Refusal) return null;
    throw error;
  }
}
