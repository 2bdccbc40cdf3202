/**
 * An MCP server that does next to nothing for a call, in the revision that needs no handshake, so that
 * what is measured is the way to it. Its tool `echo` answers with a text, `large` with 40 MB.
 */

const LARGE_BYTES = 40 * 1000 * 1000;

const PIECE = new TextEncoder().encode("x".repeat(64 * 1000));

const SCHEMA = { type: "object", properties: { note: { type: "string" } } };

interface Request_ {
  readonly id?: number;
  readonly method: string;
  readonly params?: { readonly name?: string };
}

function answer({ id, method, params }: Request_): Response {
  const result = (value: Record<string, unknown>) =>
    Response.json({ jsonrpc: "2.0", id, result: { resultType: "complete", ...value } });
  switch (method) {
    case "server/discover":
      return result({
        supportedVersions: ["2026-07-28"],
        serverInfo: { name: "bench", version: "1" },
      });
    case "tools/list":
      return result({ tools: ["echo", "large"].map((name) => ({ name, inputSchema: SCHEMA })) });
    case "tools/call":
      return params?.name === "large"
        ? large(id ?? 0)
        : result({ content: [{ type: "text", text: "The instance was restarted." }] });
    default:
      return result({});
  }
}

function large(id: number): Response {
  const encoder = new TextEncoder();
  let left = LARGE_BYTES;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const head = `{"jsonrpc":"2.0","id":${id},"result":{"content":[{"type":"text","text":"`;
      controller.enqueue(encoder.encode(head));
    },
    pull(controller) {
      if (left > 0) {
        left -= PIECE.length;
        return controller.enqueue(PIECE);
      }
      controller.enqueue(encoder.encode('"}]}}'));
      controller.close();
    },
  });
  return new Response(body, { headers: { "content-type": "application/json" } });
}

const server = Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen: () => {}, onError: () => new Response(null) },
  async (request) => answer(await request.json()),
);
console.log(JSON.stringify({ port: server.addr.port }));
