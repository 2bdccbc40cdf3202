import { consumeApproval } from "../approvals/end.ts";
import { loadApproval, type LoadedApproval } from "../approvals/seen.ts";
import type { Action } from "../base/action.ts";
import { argumentRefusal } from "../catalog/tool_record.ts";
import { type Checked, checkOperation, type DiscoveryRoom } from "../decisions/decide.ts";
import type { MachineOperation } from "../identity/acting.ts";
import type { Client } from "../identity/caller.ts";
import { type AnyRefusal, recorded, type RecordedRefusal, Refusal } from "../refusal.ts";
import { type MintedToken, mintToken } from "../tokens/mint.ts";
import { type LoadedTokenKey, loadSigningKey } from "../tokens/token_key.ts";

/**
 * A token for an action that is allowed, or whose approval the caller names: decided anew in the
 * commit that mints it.
 */

interface MintRequest {
  readonly action: Action;
  /** Null where the caller names no approval. */
  readonly approval_id: string | null;
  readonly ttl_seconds: number;
}

interface Loaded {
  readonly room: DiscoveryRoom | null;
  readonly key: LoadedTokenKey;
  readonly approval: LoadedApproval | null;
}

/**
 * Decides about an action anew and mints its token in the same commit. The decision is recorded
 * also where it is refused: a refusal of what was decided is returned.
 * @throws {Refusal} tenant_not_permitted
 */
export function mintOperation(
  request: MintRequest,
  client: Client,
): MachineOperation<Loaded, MintedToken | RecordedRefusal> {
  const { action, approval_id, ttl_seconds } = request;
  const check = checkOperation(
    { action, reason: null, reference_id: null, explain: false },
    client,
  );
  const { prepare } = check;
  return {
    ...(prepare === undefined ? {} : { prepare }),
    async load(reader, caller) {
      const [room, key, approval] = await Promise.all([
        check.load?.(reader, caller) ?? null,
        loadSigningKey(reader),
        approval_id === null ? null : loadApproval(reader, approval_id),
      ]);
      return { room, key, approval };
    },
    plan(transaction, caller, { room, key, approval }) {
      const checked = check.plan(transaction, caller, room);
      const stopped = mintRefusal(checked);
      if (stopped !== null) return recorded(stopped);
      const terms = { key, ttl_seconds, client };
      const { decision } = checked;
      if (approval_id !== null) {
        // One that is named counts also where the policy allows the action without it by now: what
        // a human denied or took back is not minted.
        const token_id = transaction.id("rtk");
        const used = consumeApproval(transaction, approval, caller, decision.action, token_id);
        if (used instanceof Refusal) return recorded(used);
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
 * Why no token may be minted for a decision whatever was approved: the policy disables the action,
 * or its arguments are not the tool's.
 */
export function mintRefusal({ decision, tool }: Checked): AnyRefusal | null {
  const { permission, resolved_from } = decision.resolution;
  if (permission === "disabled") return new Refusal("tool_disabled", { resolved_from });
  return tool === null ? null : argumentRefusal(tool, decision.action.arguments);
}
