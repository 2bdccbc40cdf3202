/**
 * An MCP server by standard input and output, run by tests: `deno run stdio_program.ts ERA`. The text
 * of the argument `do` of a call says what else it does than answer.
 */
const [era = "legacy"] = Deno.args;

const cancelled: unknown[] = [];

const encoder = new TextEncoder();

async function print(text: string): Promise<void> {
  const bytes = encoder.encode(text);
  for (let from = 0; from < bytes.length;) from += await Deno.stdout.write(bytes.subarray(from));
}

function send(message: Record<string, unknown>): Promise<void> {
  return print(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
}

function text(value: unknown) {
  const meta = era === "modern" ? { resultType: "complete" } : {};
  return { ...meta, content: [{ type: "text", text: JSON.stringify(value) }] };
}

async function called(id: unknown, params: Record<string, never>): Promise<void> {
  const args: Record<string, string> = params["arguments"] ?? {};
  switch (args["do"]) {
    case "env":
      return await send({ id, result: text(Deno.env.toObject()) });
    case "where":
      return await send({ id, result: text([Deno.cwd(), Deno.args]) });
    case "exit":
      return Deno.exit(3);
    case "hang":
      return;
    case "cancelled":
      return await send({ id, result: text(cancelled) });
    case "noise":
      await print("a line for people\n{\n\n[]\n");
      await send({ id: 987_654, result: text("foreign") });
      await send({ id: String(id), result: text("of another type") });
      return await send({ id, result: text("found") });
    case "ask":
      await send({ id: "theirs", method: "sampling/createMessage", params: {} });
      return await send({ id, result: text("asked") });
    case "progress": {
      const progressToken = (params["_meta"] as Record<string, unknown> | undefined)?.progressToken;
      await send({ method: "notifications/progress", params: { progressToken, progress: 1 } });
      return await send({ id, result: text("done") });
    }
    case "large": {
      await print(`{"jsonrpc":"2.0","result":{"content":[{"type":"text","text":"`);
      for (let at = 0; at < Number(args["mib"]); at++) await print("x".repeat(1024 * 1024));
      return await print(`"}]},"id":${id}}\n`);
    }
    default:
      return await send({ id, result: text(args) });
  }
}

const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
let rest = "";
for await (const chunk of lines) {
  const parts = (rest + chunk).split("\n");
  rest = parts.pop() ?? "";
  for (const line of parts) {
    const { id, method, params } = JSON.parse(line);
    if (method === "server/discover" && era === "modern") {
      await send({ id, result: { resultType: "complete", supportedVersions: ["2026-07-28"] } });
    } else if (method === "server/discover" && era === "dies") Deno.exit(1);
    else if (method === "initialize" && era !== "modern") {
      await send({
        id,
        result: { protocolVersion: "2025-11-25", serverInfo: { name: "program" } },
      });
    } else if (method === "tools/list") {
      const tool = { name: "echo", inputSchema: { type: "object" } };
      await send({ id, result: { tools: [tool] } });
    } else if (method === "tools/call") await called(id, params);
    else if (method === "notifications/cancelled") cancelled.push(params.requestId);
    else if (method !== undefined && id !== undefined) {
      await send({ id, error: { code: -32601, message: "Method not found" } });
    }
  }
}
