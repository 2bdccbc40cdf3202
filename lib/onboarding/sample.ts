import { type Asked, scrubbedAsk } from "../approvals/ask.ts";
import { requestApproval } from "../authorize/request.ts";
import { createAgent } from "../catalog/agents.ts";
import { putTool } from "../catalog/tools.ts";
import type { Client } from "../identity/client.ts";
import { DEFAULT_RATE_LIMIT } from "../identity/machine_fields.ts";
import type { MemberOperation } from "../identity/member_operation.ts";
import { bySampleAgent, loadSample } from "../quickstart/by_sample_agent.ts";
import {
  SAMPLE_AGENT,
  SAMPLE_REASON,
  SAMPLE_TOOL,
  SAMPLE_TOOL_FIELDS,
  sampleAction,
} from "../quickstart/sample_action.ts";
import { RecordedRefusal, resultOf } from "../refusal.ts";
import { sampleKey } from "../store/keys.ts";
import type { SampleRecord } from "../store/records/quickstart.ts";

/** Runs an operation for the member who tries it out. */
export type Transact = <L, R>(operation: MemberOperation<L, R>) => Promise<R>;

const ASK = scrubbedAsk({
  reason: SAMPLE_REASON,
  context: null,
  reference_id: null,
  timeout_seconds: null,
});

/**
 * Has the member's sample agent ask for the sample tool, as an agent over REST would; tool and agent
 * are made where they are missing. Each step is whole by itself, so one that was cut off goes on.
 *
 * @returns the request
 * @throws {Refusal} what making a tool, making an agent and requesting approval refuse
 */
export async function sendSample(transact: Transact, client: Client): Promise<Asked["approval"]> {
  await transact(ensureTool(client.request_id));
  const { number } = await transact(ensureAgent(client.request_id));
  return resultOf(await transact(askForSample(number + 1, client))).approval;
}

/** One that is in use stays as it is: somebody may have changed it to see what happens then. */
function ensureTool(requestId: string): MemberOperation<void, void> {
  const put = putTool(SAMPLE_TOOL, SAMPLE_TOOL_FIELDS, requestId);
  return {
    plan(transaction, caller) {
      const { status = "archived" } = transaction.snapshot.tool(SAMPLE_TOOL) ?? {};
      if (status === "archived" || status === "draft") put.plan(transaction, caller);
    },
  };
}

function ensureAgent(requestId: string): MemberOperation<SampleRecord | null, SampleRecord> {
  const make = createAgent({
    name: SAMPLE_AGENT,
    trust_tier: 0,
    tenant_ids: null,
    expires_at: null,
    rate_limit_per_minute: DEFAULT_RATE_LIMIT,
    kill_switch: { active: false, reason: null },
  }, requestId);
  return {
    load: loadSample,
    plan(transaction, caller, sample) {
      const newest = sample?.agents.at(-1) ?? "";
      if (sample !== null && transaction.snapshot.agents.has(newest)) return sample;
      // Its token is forgotten here: it acts for its member only, from the Quickstart.
      const { record } = make.plan(transaction, caller);
      const next: SampleRecord = {
        number: sample?.number ?? 0,
        approval: sample?.approval ?? null,
        agents: [...sample?.agents ?? [], record.id],
      };
      transaction.set(sampleKey(caller.org, caller.id), next);
      return next;
    },
  };
}

function askForSample(number: number, client: Client) {
  return bySampleAgent(
    requestApproval(sampleAction(number), ASK, client),
    (asked, sample, transaction, caller) => {
      if (asked instanceof RecordedRefusal) return;
      const next: SampleRecord = { ...sample, number, approval: asked.approval.record.id };
      transaction.set(sampleKey(caller.org, caller.id), next);
    },
  );
}
