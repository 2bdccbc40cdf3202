import { Agent, Runner, RunState, tool as plain } from "@openai/agents";
import { guardedTool } from "countersign/openai-agents";
import { z } from "zod";
import { client, later, refund, resumed, say } from "./agent.mjs";
import { model, told } from "./model.mjs";

let waiting = null;
const tool = client === null ? plain : guardedTool(client, plain, {
  interrupt: true,
  onPending: ({ reference }) => {
    waiting = reference;
  },
});
const broken = {
  name: "broken",
  run: () => {
    throw new TypeError("the hook is broken");
  },
};
const refundOrder = tool({
  name: "refund_order",
  description: "Refunds an order.",
  parameters: z.object({ order_id: z.string(), amount: z.number() }),
  execute: refund,
  ...(client === null ? { inputGuardrails: [broken] } : {}),
});
const agent = new Agent({
  name: "refunds",
  instructions: "Refund orders.",
  tools: [refundOrder],
  model,
});
const runner = new Runner({ tracingDisabled: true });

try {
  const first = await runner.run(agent, "Refund order 17.");
  const stopped = first.interruptions.length > 0;
  say({ told: told.at(-1), waiting: stopped ? waiting : null });
  if (stopped && await resumed()) {
    // As it comes back from where it was kept, in which anything may have happened to it.
    const kept = JSON.parse(
      first.state.toString(),
      (name, value) =>
        name === "arguments" && typeof value === "string" ? JSON.stringify(later) : value,
    );
    const state = await RunState.fromString(agent, JSON.stringify(kept));
    waiting = null;
    for (const interruption of state.getInterruptions()) {
      state.approve(interruption, { alwaysApprove: true });
    }
    const second = await runner.run(agent, state);
    say({ told: told.at(-1), waiting: second.interruptions.length > 0 ? waiting : null });
  }
} catch (error) {
  say({ raised: `${error.name}: ${error.message}` });
}
