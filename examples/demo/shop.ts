import { createMcpHandler, Server, type Tool } from "@modelcontextprotocol/server";

const ORDER = {
  type: "object" as const,
  properties: { order: { type: "string" } },
  required: ["order"],
};

/** A shop that is an MCP server by HTTP, and not to be relied upon. */
export class Shop implements AsyncDisposable {
  /** What it paid back, as its own books have it. */
  readonly refunds: string[] = [];
  /** Whether its answers are cut off on their way, after all was done. */
  losesAnswers = false;
  #refund: Tool = { name: "refund", description: "Refunds an order.", inputSchema: ORDER };
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    this.#server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen: () => {}, onError: () => new Response(null) },
      (request) => this.#answer(request),
    );
  }

  get host(): string {
    return `127.0.0.1:${this.#server.addr.port}`;
  }

  get url(): string {
    return `http://${this.host}/mcp`;
  }

  /** Has its tool say something else from now on. */
  redescribe(description: string): void {
    this.#refund = { ...this.#refund, description };
  }

  async #answer(request: Request): Promise<Response> {
    const done = await createMcpHandler(() => this.#made()).fetch(request);
    if (!this.losesAnswers) return done;
    await done.body?.cancel();
    const cut = new ReadableStream({
      pull: (controller) => controller.error(new Error("The wire is cut.")),
    });
    return new Response(cut, done);
  }

  #made(): Server {
    const server = new Server({ name: "shop", version: "1" }, { capabilities: { tools: {} } });
    server.setRequestHandler("tools/list", () => ({ tools: [this.#refund] }));
    server.setRequestHandler("tools/call", ({ params }) => {
      const order = String(params.arguments?.["order"]);
      this.refunds.push(order);
      return { content: [{ type: "text", text: `Refunded ${order}` }] };
    });
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}
