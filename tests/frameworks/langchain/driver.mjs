import { AIMessage, createAgent, createMiddleware, tool, ToolMessage } from "langchain";
import { Command, interrupt, MemorySaver } from "@langchain/langgraph";
import { toolGuard } from "countersign/langchain";
import { z } from "zod";
import { client, later, refund, resumed, say } from "./agent.mjs";
import { model, told } from "./model.mjs";

const broken = {
  name: "broken",
  wrapToolCall: () => {
    throw new TypeError("the hook is broken");
  },
};
const middleware = createMiddleware(
  client === null ? broken : toolGuard(client, { ToolMessage, interrupt }),
);
const refundOrder = tool(refund, {
  name: "refund_order",
  description: "Refunds an order.",
  schema: z.object({ order_id: z.string(), amount: z.number() }),
});
const agent = createAgent({
  model,
  tools: [refundOrder],
  middleware: [middleware],
  checkpointer: new MemorySaver(),
});
const config = { configurable: { thread_id: "1" } };

async function run(input) {
  const { __interrupt__: [stopped] = [] } = await agent.invoke(input, config);
  const waiting = stopped?.value.reference ?? null;
  say({ told: waiting === null ? told.at(-1) : null, waiting });
  return waiting;
}

try {
  const waiting = await run({ messages: [{ role: "user", content: "Refund order 17." }] });
  if (waiting !== null && await resumed()) {
    // What is resumed is run anew, from a state in which anything may have happened meanwhile.
    const { values } = await agent.graph.getState(config);
    const { id, tool_calls: [call] } = values.messages.findLast(AIMessage.isInstance);
    const changed = new AIMessage({ id, content: "", tool_calls: [{ ...call, args: later }] });
    await agent.graph.updateState(config, { messages: [changed] }, "model_request");
    await run(new Command({ resume: true }));
  }
} catch (error) {
  say({ raised: `${error.name}: ${error.message}` });
}
