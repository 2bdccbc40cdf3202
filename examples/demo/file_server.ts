import { type CallToolResult, Client, type Tool } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { fileURLToPath } from "node:url";
import config from "../../deno.dev.json" with { type: "json" };
import type { JsonObject } from "../../lib/base/json.ts";

/** The package as deno.dev.json pins it and deno.dev.lock holds it to its bytes. */
export const PACKAGE = config.imports["@modelcontextprotocol/server-filesystem"];

/** The file server of the MCP project, run as a child that may touch one folder only. */
export class FileServer implements AsyncDisposable {
  /** How many calls it really ran. */
  runs = 0;

  private constructor(readonly client: Client, readonly tools: readonly Tool[]) {}

  static async start(folder: string): Promise<FileServer> {
    const transport = new StdioClientTransport({
      command: Deno.execPath(),
      args: [
        "run",
        "--config",
        "deno.dev.json",
        "--no-prompt",
        "--quiet",
        "--allow-env",
        `--allow-read=${folder}`,
        `--allow-write=${folder}`,
        PACKAGE,
        folder,
      ],
      // Where deno.dev.json and deno.dev.lock are.
      cwd: fileURLToPath(new URL("../..", import.meta.url)),
      env: denoVariables(),
      stderr: "ignore",
    });
    const client = new Client({ name: "countersign-demo", version: "1" });
    await client.connect(transport);
    const { tools } = await client.listTools();
    return new FileServer(client, tools);
  }

  /** Name and version as the server gives them. */
  get version(): string {
    const { name = "unnamed", version = "" } = this.client.getServerVersion() ?? {};
    return `${name} ${version}`;
  }

  /** Runs a tool and gives its text. @throws {Error} when the server says that it failed */
  async run(name: string, args: JsonObject): Promise<string> {
    const result: CallToolResult = await this.client.callTool({ name, arguments: args });
    const text = result.content.map((part) => part.type === "text" ? part.text : part.type).join();
    if (result.isError) throw new Error(`${name} failed: ${text}`);
    this.runs++;
    return text;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
  }
}

/** Where Deno's cache is and how it reaches npm; the rest of the environment is nobody's business. */
function denoVariables(): Record<string, string> {
  const wanted = /^(DENO_|NPM_CONFIG_|XDG_CACHE_HOME$|HTTPS?_PROXY$|NO_PROXY$)/i;
  return Object.fromEntries(
    Object.entries(Deno.env.toObject()).filter(([name]) => wanted.test(name)),
  );
}
