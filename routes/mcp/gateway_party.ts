import type { CallingParty } from "../../lib/calls/run_call.ts";
import type { ToolCall } from "./tool.ts";

/**
 * The caller, as the one door for calls knows them. Their client is told of progress that only grows:
 * of the waiting first, and from there on of what the upstream says of its own.
 */
export function partyOf(under: ToolCall): CallingParty {
  const { request, org, services, client, underWay: { gone, progress } } = under;
  let waited = 0;
  let last = -Infinity;
  return {
    services,
    org,
    credential: request.caller.id,
    client,
    gone,
    transact: (operation) => under.transact(operation),
    waiting: ({ record }) =>
      progress?.(last = ++waited, `Waiting for a person to decide ${record.reference}`),
    progress({ progress: done, total, message }) {
      const at = waited + done;
      if (at <= last) return;
      last = at;
      const ofAll = total === null ? null : waited + total;
      void progress?.(at, message ?? "The tool is running", ofAll);
    },
  };
}
