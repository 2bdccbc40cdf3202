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

/** What a tool is called with last, in either version of the SDK. */
interface Context {
  readonly mcpReq?: { readonly signal?: AbortSignal };
  readonly signal?: AbortSignal;
}

// deno-lint-ignore no-explicit-any -- as the SDK declares it, for every kind of schema
type Body = (...given: any[]) => any;

/** What registering a tool gives. */
interface Registered {
  // deno-lint-ignore no-explicit-any -- as the SDK declares it, for every kind of schema
  update?: (updates: any) => void;
}

/** What of a server is looked at. */
export interface McpToolServer {
  // deno-lint-ignore no-explicit-any -- as the SDK declares it, for every kind of schema
  registerTool(name: string, config: any, callback: any): any;
  // deno-lint-ignore no-explicit-any -- as versions of the SDK before 2 have it
  tool?(name: string, ...rest: any[]): any;
}

/**
 * The same server, each tool of which asks Countersign under its name before it runs, from here on:
 * so give it a server that has no tools yet. A refusal is a result with `isError`. With `wait: 0`,
 * as it is unless you say otherwise, nobody is waited for: clients give up on what takes long.
 * @throws {TypeError} for a server that has tools already, and where one is registered as a task:
 *   nothing could hold these
 */
export function guardServer<S extends McpToolServer>(
  countersign: Countersign,
  server: S,
  asking: AskingFor = {},
): S {
  const { _registeredTools: there = {} } = server as { readonly _registeredTools?: object };
  if (Object.keys(there).length > 0) {
    throw new TypeError(
      `The server has tools already (${Object.keys(there)}): guard it before them`,
    );
  }
  const held = (tool: { name: string }, body: Body): Body => async (...given) => {
    const context = given.at(-1) as Context | undefined;
    const about: GuardedTool<Args, Result> = {
      wait: 0,
      succeeded: (result) => result.isError !== true,
      ...asking,
      tool_name: tool.name,
      // Without a schema a tool is given nothing but the context.
      run: (args) => given.length > 1 ? body(args, context) : body(context),
    };
    const signal = context?.mcpReq?.signal ?? context?.signal;
    const tried = await attempt(countersign, about)(
      given.length > 1 ? given[0] as Args : {},
      signal === undefined ? {} : { signal },
    );
    if (tried.ran) return tried.result;
    return { isError: true, content: [{ type: "text", text: JSON.stringify(tried.refusal) }] };
  };
  /** Registers a tool in its own way, its body held, and each that takes its place later. */
  const registering = (register: Body) => (name: string, ...rest: unknown[]): unknown => {
    const tool = { name };
    const body = rest.pop() as Body;
    const registered: Registered = register(name, ...rest, held(tool, body));
    const update = registered.update?.bind(registered);
    if (update !== undefined) {
      registered.update = (updates) => {
        const { callback } = updates;
        update(callback === undefined ? updates : { ...updates, callback: held(tool, callback) });
        if (typeof updates.name === "string") tool.name = updates.name;
      };
    }
    return registered;
  };
  const registerTool = registering(server.registerTool.bind(server));
  const tool = server.tool && registering(server.tool.bind(server));
  if ("experimental" in server) {
    Object.defineProperty(server, "experimental", {
      get: () => {
        throw new TypeError("Tools that are tasks cannot be held: register them as other tools");
      },
    });
  }
  return Object.assign(server, { registerTool, ...(tool && { tool }) });
}
