import { createMcpHandler, Server, type Tool } from "@modelcontextprotocol/server";
import type { JsonObject } from "../../lib/base/json.ts";

/** A call as the server was handed it. */
interface Run {
  readonly name: string;
  readonly arguments: JsonObject;
  readonly headers: Headers;
}

/** A tool server made of the protocol's own package, over real HTTP, that knows nothing of us. */
export class OfficialServer implements AsyncDisposable {
  readonly runs: Run[] = [];
  tools: Tool[] = [{
    name: "note",
    description: "Takes a note.",
    inputSchema: { type: "object", properties: { text: { type: "string" } }, required: ["text"] },
    annotations: { readOnlyHint: true },
  }];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    this.#server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen: () => {} },
      (request) => createMcpHandler(() => this.#made(request.headers)).fetch(request),
    );
  }

  get url(): string {
    return `http://${this.host}/mcp`;
  }

  get host(): string {
    return `127.0.0.1:${this.#server.addr.port}`;
  }

  #made(headers: Headers): Server {
    const server = new Server({ name: "notes", version: "1.0.0" }, { capabilities: { tools: {} } });
    server.setRequestHandler("tools/list", () => ({ tools: this.tools }));
    server.setRequestHandler("tools/call", ({ params }) => {
      const args = (params.arguments ?? {}) as JsonObject;
      this.runs.push({ name: params.name, arguments: args, headers });
      return { content: [{ type: "text", text: `Noted: ${String(args.text)}` }] };
    });
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}
