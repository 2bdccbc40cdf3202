import { appendFileSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";

/** An MCP server over pipes with the one tool, for hosts that start their tools by themselves. */

const TOOL = {
  name: "refund_order",
  description: "Refunds an order.",
  inputSchema: {
    type: "object",
    properties: { order_id: { type: "string" }, amount: { type: "number" } },
    required: ["order_id", "amount"],
  },
};

const METHODS = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: "shop", version: "1.0.0" },
  }),
  "tools/list": () => ({ tools: [TOOL] }),
  "tools/call": ({ arguments: args }) => {
    appendFileSync(process.env.EFFECT_FILE, `${JSON.stringify(args)}\n`);
    return { content: [{ type: "text", text: `refunded ${args.amount} for ${args.order_id}` }] };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) continue;
  const answer = Object.hasOwn(METHODS, method)
    ? { result: METHODS[method](params ?? {}) }
    : { error: { code: -32601, message: "There is no such method" } };
  process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id, ...answer })}\n`);
}
