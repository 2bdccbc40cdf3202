import { Agent, Runner } from "@openai/agents";
import { guardMcpServer } from "countersign/openai-agents";
import { client, refund, say } from "./agent.mjs";
import { model, told } from "./model.mjs";

/** A connection to an MCP server, as the SDK takes one of any make. */
class Connection {
  name = "refunds";
  cacheToolsList = false;
  toolInputGuardrails = client === null ? [broken] : [];

  connect() {
    return Promise.resolve();
  }
  close() {
    return Promise.resolve();
  }
  invalidateToolsCache() {
    return Promise.resolve();
  }
  listTools() {
    const properties = { order_id: { type: "string" }, amount: { type: "number" } };
    const required = Object.keys(properties);
    const inputSchema = { type: "object", properties, required, additionalProperties: false };
    return Promise.resolve([{
      name: "refund_order",
      description: "Refunds an order.",
      inputSchema,
    }]);
  }
  callTool(_, args) {
    return Promise.resolve([{ type: "text", text: refund(args) }]);
  }
}

const broken = {
  type: "tool_input",
  name: "broken",
  run: () => {
    throw new TypeError("the hook is broken");
  },
};
const plain = new Connection();
const server = client === null ? plain : guardMcpServer(client, plain);
const agent = new Agent({ name: "refunds", model, mcpServers: [server] });
try {
  await new Runner({ tracingDisabled: true }).run(agent, "Refund order 17.");
  say({ told: told.at(-1) });
} catch (error) {
  say({ raised: `${error.name}: ${error.message}` });
}
