import type { CallToolResult } from "@modelcontextprotocol/server";
import { cancelApproval, revokeApproval } from "../../lib/approvals/end.ts";
import { statusOf } from "../../lib/approvals/state.ts";
import { type JsonObject, memberOf } from "../../lib/base/json.ts";
import { KEPT_MS } from "../../lib/calls/call_record.ts";
import { readKeptResult } from "../../lib/calls/kept_result.ts";
import { readCall, type SeenCall } from "../../lib/calls/read_call.ts";
import { runCall } from "../../lib/calls/run_call.ts";
import { type AnyRefusal, Refusal } from "../../lib/refusal.ts";
import { readForeign } from "../../lib/upstreams/foreign_json.ts";
import { refusalOfCall } from "../fields/call.ts";
import { partyOf } from "./gateway_party.ts";
import type { RawResults } from "./raw_result.ts";
import { GATEWAY_NEXT, refusalResult, toolResult, withheldResult } from "./refusal.ts";
import type { Tasks } from "./tasks.ts";
import type { ToolCall } from "./tool.ts";

/**
 * Tasks of the gateway: a task is a call that waits for people. Nothing runs while nobody waits for
 * it, so whoever looks after the yes is who has it run, and gets its result; asked again, the same
 * call answers, and nothing is sent twice.
 */

const WAITING_MS = 5000;

const RUNNING_MS = 1000;

/** What stands against running a call just now, and may not in a while: its yes is kept for it. */
const LATER: ReadonlySet<AnyRefusal["code"]> = new Set([
  "upstream_unreachable",
  "upstream_busy",
  "too_many_running",
  "credential_missing",
  "credential_not_for_origin",
  "credential_needs_reconnect",
]);

/** The tasks of one request. @param raw its results, as they leave */
export function callTasks(raw: RawResults): Tasks {
  return {
    needs: { "tasks/get": "mcp:run", "tasks/update": "mcp:run", "tasks/cancel": "mcp:run" },
    runs: {
      "tasks/get": (call, id) => lookedAt(call, id, raw),
      async "tasks/update"(call, id) {
        // A task never asks its client for anything, so whatever comes is left aside.
        await call.transact(readCall(id));
        return {};
      },
      async "tasks/cancel"(call, id) {
        await withdrawn(call, await call.transact(readCall(id)));
        return {};
      },
    },
  };
}

/** The task that a call is; its result aside. */
export function taskOfCall(org: string, seen: SeenCall): JsonObject {
  const { call: { id, created_at }, approval } = seen;
  const task = {
    // The org is in the name because nothing else of a task's request tells it.
    taskId: `${org}.${id}`,
    createdAt: new Date(created_at).toISOString(),
    lastUpdatedAt: new Date(changedAt(seen)).toISOString(),
    ttlMs: KEPT_MS,
  };
  if (seen.status === "running") {
    const statusMessage = "The tool is running, and is not called off by tasks/cancel";
    return { ...task, status: "working", statusMessage, pollIntervalMs: RUNNING_MS };
  }
  if (seen.status !== "pending") {
    return { ...task, status: isWithdrawn(seen) ? "cancelled" : "completed" };
  }
  const { reference, expires_at, progress } = approval?.record ?? {};
  const statusMessage = progress?.state === "pending" && expires_at !== undefined
    ? `Waiting until ${new Date(expires_at).toISOString()} for a person to decide ${reference}`
    : "Approved, and about to run";
  return { ...task, status: "working", statusMessage, pollIntervalMs: WAITING_MS };
}

function changedAt({ call, approval }: SeenCall): number {
  if ("duration_ms" in call) return call.started_at + call.duration_ms;
  if ("started_at" in call) return call.started_at;
  const progress = approval?.record.progress;
  if (progress === undefined) return call.created_at;
  if ("ended_at" in progress) return progress.ended_at;
  return "decided_at" in progress ? progress.decided_at : call.created_at;
}

/** Whether its own requester took back what it waited for. */
function isWithdrawn({ call, approval }: SeenCall): boolean {
  const progress = approval?.record.progress;
  if (progress?.state === "revoked") return true;
  if (progress?.state === "cancelled") return progress.because === "withdrawn";
  const data = call.status === "refused" ? call.refusal.data : {};
  return memberOf(data, "because") === "withdrawn" || memberOf(data, "status") === "revoked";
}

async function lookedAt(call: ToolCall, id: string, raw: RawResults): Promise<JsonObject> {
  const seen = await call.transact(readCall(id));
  const state = seen.status === "pending" ? seen.approval?.record.progress.state : undefined;
  // One that another call used is ended by the looking.
  if (state !== "approved" && state !== "used") return await task(call, seen, raw);
  try {
    const answer = await runCall(partyOf(call), requestOf(seen), 0);
    if (answer.is === "completed") {
      const done = { ...seen, status: answer.call.status, call: answer.call };
      // Of a result what is kept of it, so that each later look tells the same.
      const result = answer.result === null
        ? withoutStructure(withheldResult(answer.call))
        : raw.standIn({ ...answer.result, rest: undefined, meta: undefined });
      return { ...taskOfCall(call.org, done), result: result as JsonObject };
    }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const after = await call.transact(readCall(id));
    if (after.status !== "pending") return await task(call, after, raw);
    if (!LATER.has(error.code)) throw error;
    const statusMessage = `Approved; it did not run yet: ${error.code}`;
    return { ...taskOfCall(call.org, after), statusMessage };
  }
  return await task(call, await call.transact(readCall(id)), raw);
}

/** The call once more, as people have approved it. */
function requestOf({ call, approval }: SeenCall) {
  if (approval === null || approval.arguments === null) {
    throw new Error(`What the call ${call.id} is about is not kept.`);
  }
  const { tenant, resource, method, mandate, estimated_cost_micros } = approval.record;
  return {
    action: { tenant, resource, tool: call.tool, method, arguments: approval.arguments },
    mandate_id: mandate?.id ?? null,
    user_id: null,
    estimated_cost_micros,
    reason: approval.reason,
    key_hash: call.key_hash,
    goes_on: call.id,
  };
}

/** The task, with its result where it has ended. */
async function task(call: ToolCall, seen: SeenCall, raw: RawResults): Promise<JsonObject> {
  const task = taskOfCall(call.org, seen);
  if (task.status !== "completed") return task;
  return { ...task, result: await resultOf(call, seen, raw) as JsonObject };
}

async function resultOf(
  { services, org, client }: ToolCall,
  seen: SeenCall,
  raw: RawResults,
): Promise<CallToolResult> {
  const { call } = seen;
  if (call.status !== "completed" || call.refusal !== null) {
    return withoutStructure(refusalResult(whyEnded(seen), client.request_id, GATEWAY_NEXT));
  }
  if (call.withheld !== undefined) return withoutStructure(withheldResult(call));
  const kept = call.result === null
    ? null
    : await readKeptResult(services, org, call.id, call.result);
  const read = kept === null ? null : await readForeign(kept, services.deps.timer);
  if (read === null || typeof read === "string") {
    const next =
      "The tool has run: do not call it again for the same. Its result is not kept any " +
      "more; find out what became of it, or tell the person you work for.";
    return { ...withoutStructure(toolResult({ call_id: call.id }, next)), isError: true };
  }
  return raw.standIn({
    content: read.part("content") ?? new TextEncoder().encode("[]"),
    structured_content: read.part("structured_content"),
    is_error: read.small("is_error") === true,
  });
}

/** A schema of the tool's upstream may not be what a refusal fits: it is told in words. */
function withoutStructure({ structuredContent: _, ...result }: CallToolResult): CallToolResult {
  return result;
}

/** What is told of a call that has no result. */
function whyEnded({ call, approval }: SeenCall): AnyRefusal {
  if ("refusal" in call && call.refusal !== null) return refusalOfCall(call.refusal);
  if (approval !== null) {
    const { progress } = approval.record;
    const because = progress.state === "cancelled" ? progress.because : null;
    return new Refusal("approval_not_approved", { status: statusOf(progress), because });
  }
  return new Refusal("outcome_unknown", {
    upstream: call.upstream,
    call_id: call.id,
    token_id: "token_id" in call ? call.token_id : null,
    execution_id: null,
    says: "Nothing was written down of it before the time for that was over.",
  });
}

/** Takes back what a call waits for. One that runs, or has ended, stays as it is: a look tells how. */
async function withdrawn(call: ToolCall, { status, approval }: SeenCall): Promise<void> {
  if (status !== "pending" || approval === null) return;
  const { id } = approval.record;
  const isOver = (error: unknown) => error instanceof Refusal && error.code.startsWith("approval_");
  try {
    await call.transact(cancelApproval(id, call.client));
  } catch (error) {
    if (!isOver(error)) throw error;
    // Somebody said yes already: what was not run yet is not to run any more.
    await call.transact(revokeApproval(id, call.client)).catch((error: unknown) => {
      if (!isOver(error)) throw error;
    });
  }
}
