import type { Countersign } from "./countersign.ts";
import { type AskingFor, attempt, type GuardedTool } from "./guard.ts";

/**
 * Tools of an MCP server of your own (`@modelcontextprotocol/server`) that run only with a token for
 * this very call, whoever the client is.
 */

type Args = Readonly<Record<string, unknown>>;

interface Result {
  readonly isError?: boolean | undefined;
}

/** What of a server is looked at. */
export interface McpToolServer {
  // deno-lint-ignore no-explicit-any -- as the SDK declares it, for every kind of schema
  registerTool(name: string, config: any, callback: any): any;
}

/**
 * The same server, each tool of which asks Countersign under its name before it runs, from here on:
 * so give it a server that has no tools yet. A refusal is a result with `isError`. With `wait: 0`,
 * as it is unless you say otherwise, nobody is waited for: clients give up on what takes long.
 */
export function guardServer<S extends McpToolServer>(
  countersign: Countersign,
  server: S,
  asking: AskingFor = {},
): S {
  const register = server.registerTool.bind(server);
  const registerTool: McpToolServer["registerTool"] = (tool_name, config, callback) =>
    register(tool_name, config, async (...given: readonly unknown[]) => {
      // Without a schema a tool is given nothing but the context.
      const hasInput = config.inputSchema !== undefined;
      const context = given.at(-1) as {
        readonly mcpReq?: { readonly signal?: AbortSignal };
      };
      const about: GuardedTool<Args, Result> = {
        wait: 0,
        succeeded: (result) => result.isError !== true,
        ...asking,
        tool_name,
        run: (args) => hasInput ? callback(args, context) : callback(context),
      };
      const signal = context?.mcpReq?.signal;
      const tried = await attempt(countersign, about)(
        hasInput ? given[0] as Args : {},
        signal === undefined ? {} : { signal },
      );
      if (tried.ran) return tried.result;
      return { isError: true, content: [{ type: "text", text: JSON.stringify(tried.refusal) }] };
    });
  return Object.assign(server, { registerTool });
}
