import { Client } from "@modelcontextprotocol/client";
import { InMemoryTransport, McpServer } from "@modelcontextprotocol/server";
import { guardServer } from "countersign/mcp";
import { z } from "zod";
import { client, now, refund, say } from "./agent.mjs";

const plain = new McpServer({ name: "refunds", version: "1.0.0" });
const server = client === null ? plain : guardServer(client, plain);
const run = (args) => ({ content: [{ type: "text", text: refund(args) }] });
const broken = () => {
  throw new TypeError("the hook is broken");
};
server.registerTool(
  "refund_order",
  {
    description: "Refunds an order.",
    inputSchema: z.object({ order_id: z.string(), amount: z.number() }),
  },
  client === null ? (args) => broken() ?? run(args) : run,
);

try {
  const [one, other] = InMemoryTransport.createLinkedPair();
  await server.connect(one);
  const caller = new Client({ name: "agent", version: "1.0.0" });
  await caller.connect(other);
  const { content } = await caller.callTool({ name: "refund_order", arguments: now });
  say({ told: content.map(({ text }) => text).join("\n") });
  await caller.close();
} catch (error) {
  say({ raised: `${error.name}: ${error.message}` });
}
