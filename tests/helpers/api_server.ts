import type { JsonObject } from "../../lib/base/json.ts";

/** A request as an API got it. */
export interface AskedApi {
  readonly method: string;
  /** As it stood in the request line. */
  readonly path: string;
  readonly query: string;
  readonly headers: Headers;
  readonly body: string;
}

/** An HTTP API over real HTTP, which answers what a test says, and keeps what it was asked. */
export class ApiServer implements AsyncDisposable {
  readonly asked: AskedApi[] = [];
  answer: (asked: AskedApi) => Response | Promise<Response> = ({ method, path }) =>
    Response.json({ method, path });
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    this.#server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen: () => {}, onError: () => new Response(null) },
      async (request) => {
        const [path = "", query = ""] = request.url.slice(this.origin.length).split("?");
        const { method, headers } = request;
        const asked = { method, path, query, headers, body: await request.text() };
        this.asked.push(asked);
        return await this.answer(asked);
      },
    );
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  get host(): string {
    return new URL(this.origin).host;
  }

  get last(): AskedApi {
    return this.asked.at(-1)!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** A document with these paths. */
export function documentOf(paths: JsonObject, more: JsonObject = {}): JsonObject {
  return { openapi: "3.1.0", info: { title: "Notes", version: "7" }, paths, ...more };
}

/** Notes that are read, written, listed and thrown away. */
export const NOTES: JsonObject = documentOf({
  "/notes/{id}": {
    parameters: [{ name: "id", in: "path", required: true, schema: { type: "string" } }],
    get: { operationId: "readNote", summary: "Read a note", tags: ["notes"] },
    delete: { operationId: "wipeNote", tags: ["notes"] },
  },
  "/notes": {
    get: {
      operationId: "listNotes",
      parameters: [
        { name: "tag", in: "query", schema: { type: "array", items: { type: "string" } } },
        { name: "X-Trace", in: "header", schema: { type: "string" } },
      ],
    },
    post: {
      operationId: "writeNote",
      requestBody: {
        required: true,
        content: { "application/json": { schema: { $ref: "#/components/schemas/Note" } } },
      },
    },
  },
}, {
  components: {
    schemas: {
      Note: {
        type: "object",
        properties: {
          text: { type: "string" },
          about: { $ref: "#/components/schemas/Note" },
        },
        required: ["text"],
      },
    },
  },
});
