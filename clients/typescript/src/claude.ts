import type { Asking } from "./authorize.ts";
import type { Countersign } from "./countersign.ts";
import { NotRun } from "./errors.ts";
import { type Admission, admit, type GuardedTool } from "./guard.ts";
import { canonicalJson } from "./proof.ts";
import { type Refusal, refusalOf } from "./refusal.ts";

/**
 * Sessions of the Claude Agent SDK (`@anthropic-ai/claude-agent-sdk`) in which every tool call is
 * asked for. Claude Code runs the tools, so a token is used up right before it does. What the SDK
 * lets through by itself (`allowedTools`, a permission mode, a rule) is asked for all the same.
 */

type Input = Readonly<Record<string, unknown>>;

/** How calls are asked for. */
export interface ClaudeAsking
  extends Omit<GuardedTool<Input, unknown>, "tool_name" | "run" | "cost"> {
  /** What Countersign knows a tool by: `claude/Bash` for `Bash`, unless you say otherwise. */
  readonly toolName?: (tool: string) => string;
}

/** What hooks are told of, as far as it is looked at. */
interface HookInput {
  readonly hook_event_name: string;
  readonly session_id: string;
  readonly cwd: string;
  readonly tool_name?: unknown;
  readonly tool_input?: unknown;
}

type HookAnswer = {
  hookSpecificOutput?: {
    hookEventName: "PreToolUse";
    permissionDecision: "ask" | "deny";
    permissionDecisionReason: string;
  };
};

type Hook = (
  input: HookInput,
  toolUseID: string | undefined,
  options: { signal: AbortSignal },
) => Promise<HookAnswer>;

interface Matcher {
  hooks: Hook[];
  timeout: number;
  onFailure: "block";
}

type Permission =
  | { behavior: "allow"; updatedInput: Record<string, unknown> }
  | { behavior: "deny"; message: string };

/** Members of the options of a session: `query({ prompt, options: { ...guarded(countersign) } })`. */
export interface ClaudeGuard {
  hooks: Record<"PreToolUse" | "PostToolUse" | "PostToolUseFailure", Matcher[]>;
  canUseTool: (
    tool: string,
    input: Record<string, unknown>,
    options: { signal: AbortSignal; toolUseID: string },
  ) => Promise<Permission>;
}

/** What asking may take besides the waiting, seconds; the SDK blocks a call after the time. */
const AROUND_SECONDS = 60;

type Admitted = Extract<Admission<Input>, { readonly admitted: true }> & { readonly tool: string };

/**
 * Two questions stand before a call. The hook asks Countersign and uses up the token, whatever the
 * SDK would allow by itself, and answers `ask`, never `allow`. So the SDK asks the second one, once
 * all hooks have been heard: it lets through exactly what was authorized, and nothing that another
 * hook made of it. Either of them refuses alone, and neither throws. With `wait: 0` (so it is unless
 * you say otherwise) nobody is waited for: the call goes on when it is made again.
 */
export function guarded(countersign: Countersign, asking: ClaudeAsking = {}): ClaudeGuard {
  const { toolName = (tool: string) => `claude/${tool}`, wait = 0, ...said } = asking;
  /** Their tokens are used up, and they have not been let through yet. */
  const admitted = new Map<string, Admitted>();
  const running = new Map<string, Admitted>();

  const asked = async (
    tool: unknown,
    input: unknown,
    from: Partial<Asking>,
  ): Promise<Admitted | Refusal> => {
    try {
      if (typeof tool !== "string" || !isObject(input)) throw new TypeError("This is no call");
      const call = { reason: `Claude calls ${tool}`, ...said, wait, tool_name: toolName(tool) };
      const answer = await admit(countersign, call)(input, from);
      return answer.admitted ? { ...answer, tool } : answer.refusal;
    } catch (error) {
      return refusalOf(String(tool), error);
    }
  };

  const before: Hook = async ({ tool_name, tool_input, session_id, cwd }, id, { signal }) => {
    const from = { signal, session_id, context: { directory: cwd } };
    const call = await asked(tool_name, tool_input, from);
    if ("code" in call) return decided("deny", JSON.stringify(call));
    if (id !== undefined) admitted.set(id, call);
    return decided("ask", "It is authorized, and runs as it was authorized");
  };

  const after = (result: "success" | "error"): Hook => async (_, id = "") => {
    // Not let through by us: a hook for permissions may answer in our place.
    const call = running.get(id) ?? admitted.get(id);
    running.delete(id);
    admitted.delete(id);
    await call?.report(result);
    return {};
  };

  const canUseTool: ClaudeGuard["canUseTool"] = async (tool, input, { signal, toolUseID: id }) => {
    const call = admitted.get(id) ?? await asked(tool, input, { signal });
    // Once: what comes again under the same name has no token left.
    admitted.delete(id);
    const refusal = "code" in call ? call : mismatch(call, tool, input);
    if (refusal !== null) return { behavior: "deny", message: JSON.stringify(refusal) };
    running.set(id, call as Admitted);
    return { behavior: "allow", updatedInput: { ...(call as Admitted).args } };
  };

  const matcher = (hook: Hook): Matcher[] => [
    { hooks: [hook], timeout: wait + AROUND_SECONDS, onFailure: "block" },
  ];
  return {
    hooks: {
      PreToolUse: matcher(before),
      PostToolUse: matcher(after("success")),
      PostToolUseFailure: matcher(after("error")),
    },
    canUseTool,
  };
}

function decided(permissionDecision: "ask" | "deny", reason: string): HookAnswer {
  return {
    hookSpecificOutput: {
      hookEventName: "PreToolUse",
      permissionDecision,
      permissionDecisionReason: reason,
    },
  };
}

/** Why a call that was authorized is not the one that would run; null where it is. */
function mismatch({ tool, args }: Admitted, name: string, input: unknown): Refusal | null {
  try {
    if (tool === name && canonicalJson(args) === canonicalJson(input)) return null;
    const message = `${name} did not run: another hook changed the call after it was authorized`;
    throw new NotRun(message, { code: "action_mismatch" });
  } catch (error) {
    return refusalOf(name, error);
  }
}

function isObject(value: unknown): value is Input {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
