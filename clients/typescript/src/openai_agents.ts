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
    const needsApproval = async (_: unknown, input: unknown): Promise<boolean> => {
      const about = { ...asking, tool_name: named(), run: () => undefined };
      const { state } = await sounding(countersign, about)(argsOf(input));
      return state === "pending";
    };
    const made = tool({ ...options, execute, ...(interrupt ? { needsApproval } : {}) });
    return made;
  };
  return guarded as F;
}

function isArgs(input: unknown): input is Args {
  return typeof input === "object" && input !== null && !Array.isArray(input);
}

/** Parameters that are no object, as a member: an action has names for what it is given. */
function argsOf(input: unknown): Args {
  return isArgs(input) ? input : { input };
}
