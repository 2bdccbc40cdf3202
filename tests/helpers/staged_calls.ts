import { storeCall } from "../../lib/calls/call_record.ts";
import type { CallRecord } from "../../lib/store/records/call.ts";
import type { TestOrg } from "./countersign.ts";

/** More than a page has room for. */
const MANY_CALLS = 60;

/**
 * Calls of a tool in each of their states.
 * @param asked a request that waits
 * @returns one of which nobody knows what became, and one that waits
 */
export async function stageCalls(
  org: TestOrg,
  { tool, says, isMany, asked }: {
    readonly tool: string;
    readonly says: string;
    readonly isMany: boolean;
    readonly asked: string;
  },
): Promise<{ readonly unknown: string; readonly pending: string }> {
  const agents = await org.transact(({ snapshot }) => [...snapshot.agents.keys()]);
  return await org.transact((transaction) => {
    const { now } = transaction;
    const called = (n: number, key: string | null = null) => ({
      id: transaction.id("cal"),
      tool: `notes/${tool}`,
      upstream: "notes",
      action_digest: `sha256:${"0".repeat(64)}`,
      mandate_id: null,
      requester: { type: "agent" as const, id: agents[n % agents.length] ?? "agt_gone" },
      key_hash: key,
      decision_id: transaction.id("dec"),
      permission: "allowed" as const,
      resolved_from: "org_resource_tool_method" as const,
      created_at: now - (n + 1) * 61_000,
      expires_at: now + 86_400_000,
    });
    const ran = (n: number) => ({
      ...called(n),
      approval_id: null,
      token_id: transaction.id("rtk"),
      started_at: now - (n + 1) * 61_000 + 300,
    });
    const refusal = (code: string) => ({ code, data: { upstream: "notes", says } });
    const done = (n: number): CallRecord => ({
      ...ran(n),
      status: "completed",
      execution_id: transaction.id("exe"),
      duration_ms: 240 + 997 * n,
      refusal: n % 3 === 0 ? refusal("upstream_failed") : null,
      result: null,
      redactions: [],
    });
    const unknown: CallRecord = {
      ...ran(0),
      status: "unknown",
      execution_id: transaction.id("exe"),
      refusal: refusal("outcome_unknown"),
    };
    const pending: CallRecord = { ...called(1), status: "pending", approval_id: asked };
    for (
      const call of [
        ...Array.from({ length: isMany ? MANY_CALLS : 2 }, (_, n) => done(n + 3)),
        { ...ran(2), status: "returned", refusal: refusal("upstream_unreachable") },
        { ...called(2), status: "refused", refusal: refusal("tool_disabled") },
        { ...ran(1), status: "running" },
        pending,
        unknown,
      ] satisfies CallRecord[]
    ) storeCall(transaction, call);
    return { unknown: unknown.id, pending: pending.id };
  });
}
