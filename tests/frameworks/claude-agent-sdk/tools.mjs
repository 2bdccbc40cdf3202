import "./model.mjs";
import { createSdkMcpServer, tool } from "@anthropic-ai/claude-agent-sdk";
import { z } from "zod";
import { refund } from "./agent.mjs";

/** The tools of the program, as an MCP server within it. */
export const shop = createSdkMcpServer({
  name: "shop",
  tools: [
    tool(
      "refund_order",
      "Refunds an order.",
      { order_id: z.string(), amount: z.number() },
      (args) => Promise.resolve({ content: [{ type: "text", text: refund(args) }] }),
    ),
  ],
});
