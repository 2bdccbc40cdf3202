import { BasePlugin, FunctionTool, InMemoryRunner, LlmAgent } from "@google/adk";
import { guardTool } from "countersign/adk";
import { z } from "zod";
import { client, later, refund, resumed, say } from "./agent.mjs";
import { model, told } from "./model.mjs";

class Broken extends BasePlugin {
  beforeToolCallback() {
    throw new TypeError("the hook is broken");
  }
}
const plain = new FunctionTool({
  name: "refund_order",
  description: "Refunds an order.",
  parameters: z.object({ order_id: z.string(), amount: z.number() }),
  execute: refund,
});
const agent = new LlmAgent({
  name: "refunds",
  instruction: "Refund orders.",
  model,
  tools: [client === null ? plain : guardTool(client, plain, { interrupt: true })],
});
const runner = new InMemoryRunner({
  agent,
  appName: "refunds",
  plugins: client === null ? [new Broken("broken")] : [],
});
const session = await runner.sessionService.createSession({ appName: "refunds", userId: "ann" });

/** The events of one turn, to its end. */
async function turn(parts) {
  const events = [];
  const about = { userId: "ann", sessionId: session.id, newMessage: { role: "user", parts } };
  for await (const event of runner.runAsync(about)) events.push(event);
  const failed = events.find(({ errorMessage }) => errorMessage);
  if (failed !== undefined) throw new Error(failed.errorMessage);
  return events.flatMap(({ content }) => content?.parts ?? []);
}

const NAME = "adk_request_confirmation";

async function run(parts) {
  const call = (await turn(parts)).find(({ functionCall }) => functionCall?.name === NAME);
  const { id, args } = call?.functionCall ?? {};
  const waiting = args?.toolConfirmation.payload.reference ?? null;
  say({ told: told.at(-1), waiting });
  return { id, waiting };
}

try {
  const { id, waiting } = await run([{ text: "Refund order 17." }]);
  if (waiting !== null && await resumed()) {
    // What was kept meanwhile, in which anything may have happened to the call.
    const { events } = runner.sessionService.sessions.refunds.ann[session.id];
    for (const { functionCall } of events.flatMap(({ content }) => content?.parts ?? [])) {
      if (functionCall?.name === "refund_order") functionCall.args = later;
      if (functionCall?.name === NAME) functionCall.args.originalFunctionCall.args = later;
    }
    await run([{ functionResponse: { id, name: NAME, response: { confirmed: true } } }]);
  }
} catch (error) {
  say({ raised: `${error.name}: ${error.message}` });
}
