import {
  type CallToolResult,
  Client,
  StreamableHTTPClientTransport,
} from "@modelcontextprotocol/client";
import { z } from "zod";
import type { JsonObject } from "../../lib/base/json.ts";

const refused = z.object({ code: z.string() });

/** What a call came to, as the program that made it sees it. */
export interface HostAnswer {
  readonly isError: boolean;
  readonly text: string;
  readonly code: string | null;
}

/**
 * The code of what stands against a call. Its words come first, then the rest as JSON: structured
 * content would have to fit the schema that the tool's server has for its own.
 */
function codeIn(json: string): string | null {
  try {
    return refused.safeParse(JSON.parse(json)).data?.code ?? null;
  } catch {
    return null;
  }
}

/** An agent's host: the official client package, which knows an address and a token and nothing of us. */
export class Host implements AsyncDisposable {
  /** How many of its calls came back with a result. */
  ran = 0;

  private constructor(readonly client: Client) {}

  static async connect(url: string, token: string): Promise<Host> {
    const client = new Client({ name: "some-host", version: "1" });
    const headers = { authorization: `Bearer ${token}` };
    await client.connect(
      new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }),
    );
    return new Host(client);
  }

  /** The names of the tools that it is offered now. */
  async names(): Promise<string[]> {
    return (await this.client.listTools()).tools.map(({ name }) => name);
  }

  async call(name: string, args: JsonObject): Promise<HostAnswer> {
    const result: CallToolResult = await this.client.callTool({ name, arguments: args });
    const [first, second] = result.content;
    const isError = result.isError === true;
    if (!isError) this.ran++;
    return {
      isError,
      text: first?.type === "text" ? first.text : "",
      code: isError && second?.type === "text" ? codeIn(second.text) : null,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
  }
}
