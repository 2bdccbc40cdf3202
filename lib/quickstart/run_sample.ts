import { mintOperation } from "../authorize/mint.ts";
import { demand } from "../identity/acting.ts";
import type { Client } from "../identity/client.ts";
import type { Transact } from "../onboarding/sample.ts";
import { Refusal, resultOf } from "../refusal.ts";
import type { Sealer } from "../store/sealing.ts";
import { consumeOperation } from "../tokens/consume.ts";
import { logExecutionOperation } from "../tokens/execution.ts";
import { TOKEN_TTL } from "../tokens/mint.ts";
import { bySampleAgent, loadSample } from "./by_sample_agent.ts";
import { sampleAction } from "./sample_action.ts";

/**
 * What an agent does once its request is approved, done for the member's sample: mint the token,
 * consume it for the call, run the tool, which does nothing, and report that.
 *
 * @throws {Refusal} not_found without a sample request; what minting, consuming and logging refuse
 */
export async function runSample(
  transact: Transact,
  sealer: Sealer,
  client: Client,
): Promise<void> {
  const sample = await transact({
    load: loadSample,
    plan(_transaction, caller, loaded) {
      demand(caller, "try_sample");
      return loaded;
    },
  });
  if (sample === null || sample.approval === null) {
    throw new Refusal("not_found", { what: "sample request" });
  }
  const action = sampleAction(sample.number);
  const request = { action, approval_id: sample.approval, ttl_seconds: TOKEN_TTL.default };
  const { text } = resultOf(await transact(bySampleAgent(mintOperation(request, client))));
  resultOf(await transact(bySampleAgent(consumeOperation(sealer, text, action, client))));
  const report = {
    token: text,
    given: action,
    outcome: {
      result: "success" as const,
      duration_ms: 0,
      cost_micros: null,
      output_digest: null,
      error: null,
    },
  };
  resultOf(await transact(bySampleAgent(logExecutionOperation(sealer, report, client))));
}
