import type { Countersign } from "./countersign.ts";
import { type AskingFor, attempt, sounding } from "./guard.ts";
import { isRefusal, type Refusal } from "./refusal.ts";

/**
 * Tools of the Vercel AI SDK (`ai`) that run only with a token for this very call. The SDK's own
 * approvals are a way of waiting, and no gate: whoever sends its messages can forge one.
 */

// deno-lint-ignore no-explicit-any -- what every tool of the SDK fits, whatever its arguments
type AnyInput = any;

/** What of a tool of the SDK is looked at. */
export interface AiTool {
  // deno-lint-ignore no-explicit-any -- as the SDK declares its tools
  execute?: (input: AnyInput, options: any) => unknown;
  // deno-lint-ignore no-explicit-any -- as the SDK declares its tools
  toModelOutput?: (said: any) => unknown;
}

/** What `toolApproval` is answered: nothing in the way, a person has to decide, or no. */
export type AiApproval =
  | undefined
  | { readonly type: "user-approval" | "denied"; readonly reason: string };

type Execute = (input: AnyInput, options: { readonly abortSignal?: AbortSignal }) => unknown;

/**
 * The same tools, each of which asks Countersign under its name before its body runs; a refusal is
 * the tool's result. With `wait: 0` (so it is unless you say otherwise) nobody is waited for: a call
 * that a person has to approve is refused as `pending`, and goes on when it is made again.
 * Of a body that yields, the SDK gets the last value.
 * @throws {TypeError} for a tool without a body of its own: what the provider runs cannot be held
 */
export function guardTools<T extends Readonly<Record<string, AiTool>>>(
  countersign: Countersign,
  tools: T,
  asking: AskingFor = {},
): T {
  return Object.fromEntries(
    Object.entries(tools).map(([tool_name, tool]) => {
      const { execute, toModelOutput } = tool;
      if (execute === undefined) {
        throw new TypeError(`${tool_name} has no execute, so nothing can stop it: leave it out`);
      }
      const held = { ...tool, execute: guarded(countersign, tool_name, execute, asking) };
      if (toModelOutput === undefined) return [tool_name, held];
      // The tool knows its own results, and not what is said where there is none.
      const told = (said: { readonly output: unknown }) =>
        isRefusal(said.output) ? { type: "json", value: said.output } : toModelOutput(said);
      return [tool_name, { ...held, toModelOutput: told }];
    }),
  ) as T;
}

function guarded(
  countersign: Countersign,
  tool_name: string,
  execute: Execute,
  asking: AskingFor,
): Execute {
  return async (input, options): Promise<unknown | Refusal> => {
    const run = (args: AnyInput) => whole(execute(args, options));
    const { abortSignal: signal } = options;
    const tried = await attempt(countersign, { wait: 0, ...asking, tool_name, run })(
      input,
      signal === undefined ? {} : { signal },
    );
    return tried.ran ? tried.result : tried.refusal;
  };
}

/** The last of what a body yields. It runs while it is read, and belongs to the run that is logged. */
async function whole(result: unknown): Promise<unknown> {
  const given = await result;
  if (typeof given !== "object" || given === null || !(Symbol.asyncIterator in given)) return given;
  let last: unknown;
  for await (const value of given as AsyncIterable<unknown>) last = value;
  return last;
}

/**
 * For `toolApproval`, beside `guardTools`: a call that a person has to approve stops the run as an
 * approval request of the SDK, whose reason names the request; one that is refused is `denied`.
 * Answered, however it is, the call is asked for again: the SDK's answer lets nothing run.
 */
export function approvals(
  countersign: Countersign,
  asking: AskingFor = {},
): (
  options: { readonly toolCall: { readonly toolName: string; readonly input: unknown } },
) => Promise<AiApproval> {
  return async ({ toolCall: { toolName: tool_name, input } }) => {
    const run = () => undefined;
    const { state, ...known } = await sounding(countersign, { ...asking, tool_name, run })(
      input as AnyInput,
    );
    if (state === "clear" || !("refusal" in known)) return undefined;
    const type = state === "pending" ? "user-approval" : "denied";
    return { type, reason: JSON.stringify(known.refusal) };
  };
}
