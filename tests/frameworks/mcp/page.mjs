import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { now } from "./agent.mjs";

/** A client of the page's program, which is a server. */
const client = new Client({ name: "agent", version: "1.0.0" });
const { execPath: command, env } = process;
await client.connect(new StdioClientTransport({ command, args: ["program.mjs"], env }));
await client.callTool({ name: "refund_order", arguments: now });
await client.close();
