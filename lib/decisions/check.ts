import type { CallerOperation } from "../identity/caller_operation.ts";
import { tenantWithin } from "../identity/caller.ts";
import { type CheckRequest, type Client, decide, type Decision } from "./decide.ts";
import { type DiscoveryRoom, isDiscovery, loadDiscoveryRoom, registerDraft } from "./discovery.ts";
import type { ToolRecord } from "../store/records/policy.ts";

/** A decision, and the tool as the catalog has it after the question. */
export interface Checked {
  readonly decision: Decision;
  /** Null when the tool is neither in the catalog nor was registered as a draft. */
  readonly tool: ToolRecord | null;
}

/** Decides about one action and records it; an unknown tool becomes a draft where there is room. */
export function checkOperation(
  request: CheckRequest,
  client: Client,
): CallerOperation<DiscoveryRoom | null, Checked> {
  const { tool } = request.action;
  return {
    load: (reader, caller) =>
      isDiscovery(reader.snapshot, tool, client.via) ? loadDiscoveryRoom(reader, caller) : null,
    plan(transaction, caller, room) {
      const tenant = tenantWithin(caller, request.action.tenant);
      const action = { ...request.action, tenant };
      const decision = decide(transaction, caller, { ...request, action }, client);
      const known = decision.resolution.tool;
      if (known !== null || room === null) return { decision, tool: known };
      return { decision, tool: registerDraft(transaction, caller, tool, room) };
    },
  };
}
