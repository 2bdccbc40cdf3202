import type { Countersign } from "./countersign.ts";
import { type AskingFor, attempt, type GuardedTool } from "./guard.ts";

/**
 * Middleware of LangChain (`langchain`, `@langchain/langgraph`) after which each tool of an agent
 * runs only with a token for this very call. An interrupt is a way of waiting, and no gate: a node
 * that is resumed is run anew, and asks again.
 */

type Args = Readonly<Record<string, unknown>>;

interface ToolCall {
  readonly id?: string | undefined;
  readonly name: string;
  readonly args: Args;
}

/** What of a call that goes through middleware is looked at. */
interface ToolCallRequest {
  readonly toolCall: ToolCall;
}

/** What is taken from the framework, so that this package brings none. */
export interface LangChainParts<M> {
  /** From `langchain`. */
  readonly ToolMessage: new (
    fields: {
      readonly content: string;
      readonly tool_call_id: string;
      readonly name: string;
      readonly status: "error";
    },
  ) => M;
  /**
   * From `@langchain/langgraph`: with it a call that a person has to approve interrupts the graph,
   * which needs a checkpointer. Without it the call is refused as `pending`.
   */
  readonly interrupt?: (value: unknown) => unknown;
}

/**
 * What `createMiddleware` takes. A call that is refused is a message of the tool with the status
 * `error`; no other middleware may stand between this one and the tool (put it last).
 */
export function toolGuard<M>(
  countersign: Countersign,
  { ToolMessage, interrupt }: LangChainParts<M>,
  asking: AskingFor = {},
): {
  readonly name: string;
  // deno-lint-ignore no-explicit-any -- requests and results as the framework has them
  readonly wrapToolCall: (request: any, handler: (request: any) => any) => Promise<any>;
} {
  const wrapToolCall = async (
    request: ToolCallRequest,
    handler: (request: ToolCallRequest) => unknown,
  ): Promise<unknown> => {
    const { toolCall } = request;
    const about: GuardedTool<Args, unknown> = {
      wait: 0,
      succeeded,
      ...asking,
      tool_name: toolCall.name,
      run: (args) => handler({ ...request, toolCall: { ...toolCall, args } }),
    };
    const tried = await attempt(countersign, about)(toolCall.args);
    if (!tried.ran && tried.refusal.code === "pending" && interrupt !== undefined) {
      // Once it is resumed this begins anew, and comes here only if nobody has decided yet.
      interrupt(tried.refusal);
    }
    if (tried.ran) return tried.result;
    return new ToolMessage({
      content: JSON.stringify(tried.refusal),
      tool_call_id: toolCall.id ?? "",
      name: toolCall.name,
      status: "error",
    });
  };
  return { name: "CountersignToolGuard", wrapToolCall };
}

/** A tool that throws is a message, too. */
function succeeded(result: unknown): boolean {
  return (result as { readonly status?: unknown } | null)?.status !== "error";
}
