import type { Countersign } from "./countersign.ts";
import { type AskingFor, attempt, type GuardedTool, sounding } from "./guard.ts";

/**
 * Tools of the OpenAI Agents SDK (`@openai/agents`) that run only with a token for this very call.
 * The SDK's own approvals are a way of waiting, and no gate: `alwaysApprove` is one of them.
 */

type Args = Readonly<Record<string, unknown>>;

/** What of a tool's options is looked at. */
interface ToolOptions {
  // deno-lint-ignore no-explicit-any -- as the SDK declares it, whatever the parameters
  readonly execute: (input: any, context?: any, details?: any) => unknown;
  // deno-lint-ignore no-explicit-any -- the same
  readonly needsApproval?: boolean | ((...given: any[]) => boolean | Promise<boolean>);
}

export interface AgentsAsking extends AskingFor {
  /**
   * Whether a call that a person has to approve stops the run as an interruption of the SDK, rather
   * than being refused as `pending`. Approved or not, the call is asked for again.
   */
  readonly interrupt?: boolean;
}

/**
 * The SDK's own `tool`, for tools each of which asks Countersign under its name before its body
 * runs; a refusal is the tool's result. With `wait: 0`, as it is unless you say otherwise, nobody is
 * waited for: a call that was refused as `pending` goes on when it is made again.
 */
// deno-lint-ignore no-explicit-any -- whatever the SDK's `tool` takes, it still does
export function guardedTool<F extends (options: any) => { readonly name: string }>(
  countersign: Countersign,
  tool: F,
  { interrupt = false, ...asking }: AgentsAsking = {},
): F {
  const guarded = (options: ToolOptions) => {
    const named = (): string => made.name;
    const execute = async (input: unknown, context?: unknown, details?: unknown) => {
      const signal = (details as { readonly signal?: AbortSignal } | undefined)?.signal;
      const run = (args: Args) =>
        options.execute(isArgs(input) ? args : args["input"], context, details);
      const about: GuardedTool<Args, unknown> = {
        wait: 0,
        ...asking,
        tool_name: named(),
        run,
      };
      const tried = await attempt(countersign, about)(
        argsOf(input),
        signal === undefined ? {} : { signal },
      );
      return tried.ran ? tried.result : JSON.stringify(tried.refusal);
    };
    const { needsApproval: own = false } = options;
    const needsApproval = async (...given: readonly unknown[]): Promise<boolean> => {
      // What the tool itself wants approved stays so.
      if (typeof own === "function" ? await own(...given) : own) return true;
      const [, input] = given;
      const about = { ...asking, tool_name: named(), run: () => undefined };
      const { state } = await sounding(countersign, about)(argsOf(input));
      return state === "pending";
    };
    const made = tool({ ...options, execute, ...(interrupt ? { needsApproval } : {}) });
    return made;
  };
  return guarded as F;
}

/** What of a connection to an MCP server is looked at. */
export interface AgentsMcpServer {
  // deno-lint-ignore no-explicit-any -- as the SDK declares it
  callTool(name: string, args: any, ...more: any[]): Promise<any>;
  // deno-lint-ignore no-explicit-any -- as the SDK declares it
  callToolResult?(name: string, args: any, ...more: any[]): Promise<any>;
}

/**
 * The same connection, whose tools have their body in a server: each asks Countersign under its name
 * before the call goes out; a refusal is what the server would have said.
 */
export function guardMcpServer<S extends AgentsMcpServer>(
  countersign: Countersign,
  server: S,
  asking: AskingFor = {},
): S {
  const held = <R>(
    call: (name: string, args: Args | null, ...more: readonly unknown[]) => Promise<R>,
    refused: (content: readonly unknown[]) => unknown,
  ) =>
  async (tool_name: string, args: Args | null, ...more: readonly unknown[]): Promise<unknown> => {
    const run = (args: Args) => call(tool_name, args, ...more);
    const about = { wait: 0, succeeded: isNoError, ...asking, tool_name, run };
    const tried = await attempt(countersign, about)(args ?? {});
    if (tried.ran) return tried.result;
    return refused([{ type: "text", text: JSON.stringify(tried.refusal) }]);
  };
  const callTool = held(server.callTool.bind(server), (content) => content);
  const whole = server.callToolResult?.bind(server);
  const callToolResult = whole &&
    held(whole, (content) => ({ content, isError: true }));
  return Object.assign(server, { callTool, ...(callToolResult && { callToolResult }) });
}

function isNoError(result: unknown): boolean {
  return (result as { readonly isError?: unknown } | null)?.isError !== true;
}

function isArgs(input: unknown): input is Args {
  return typeof input === "object" && input !== null && !Array.isArray(input);
}

/** Parameters that are no object, as a member: an action has names for what it is given. */
function argsOf(input: unknown): Args {
  return isArgs(input) ? input : { input };
}
