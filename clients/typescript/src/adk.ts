import type { Countersign } from "./countersign.ts";
import { type AskingFor, attempt, type GuardedTool } from "./guard.ts";

/**
 * Tools of the Agent Development Kit (`@google/adk`) that run only with a token for this very call.
 * A confirmation of the kit is a way of waiting, and no gate: the call is asked for again.
 */

type Args = Readonly<Record<string, unknown>>;

interface ToolContext {
  readonly requestConfirmation?: (
    request: { readonly hint: string; readonly payload?: unknown },
  ) => void;
  readonly toolConfirmation?: unknown;
}

interface ToolRequest {
  readonly args: Args;
  readonly toolContext: ToolContext;
}

/** What of a tool of the kit is looked at: every one of its kinds has it. */
export interface AdkTool {
  readonly name: string;
  // deno-lint-ignore no-explicit-any -- as the kit declares it
  runAsync(request: any): Promise<unknown>;
}

export interface AdkAsking extends AskingFor {
  /**
   * Whether a call that a person has to approve asks for a confirmation of the kit, with the request
   * as its payload, rather than being refused as `pending` alone.
   */
  readonly interrupt?: boolean;
}

/**
 * The same tool, which asks Countersign under its name before it runs; a refusal is its response.
 * With `wait: 0`, as it is unless you say otherwise, nobody is waited for.
 */
export function guardTool<T extends AdkTool>(
  countersign: Countersign,
  tool: T,
  { interrupt = false, ...asking }: AdkAsking = {},
): T {
  const runAsync = async (request: ToolRequest): Promise<unknown> => {
    const about: GuardedTool<Args, unknown> = {
      wait: 0,
      ...asking,
      tool_name: tool.name,
      run: (args) => tool.runAsync({ ...request, args }),
    };
    const tried = await attempt(countersign, about)(request.args);
    if (tried.ran) return tried.result;
    const { refusal } = tried;
    if (interrupt && refusal.code === "pending") {
      request.toolContext.requestConfirmation?.({ hint: refusal.message, payload: refusal });
    }
    return refusal;
  };
  // The kit takes answers to confirmations of tools that may ask for one, and of no others.
  const mayAsk = { checkRequireConfirmation: { value: () => Promise.resolve(true) } };
  // Of the same kind still, which the kit looks at, and with all that is its own.
  return Object.create(tool, {
    runAsync: { value: runAsync, enumerable: true },
    ...(interrupt ? mayAsk : {}),
  });
}
