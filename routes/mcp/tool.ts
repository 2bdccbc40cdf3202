import { z } from "zod";
import type { SeenApproval } from "../../lib/approvals/seen_approval.ts";
import type { JsonObject } from "../../lib/json/json_value.ts";
import type { Scope } from "../../lib/store/records/oauth.ts";
import type { ToolCall } from "./tool_call.ts";

/** What a tool does to the world, for hosts that ask a person before some calls. */
export interface ToolHints {
  readonly readOnlyHint: boolean;
  readonly destructiveHint: boolean;
  readonly idempotentHint: boolean;
  readonly openWorldHint: boolean;
}

/** What came of a call, and what its caller should do now. */
export interface ToolAnswer {
  readonly data: JsonObject;
  readonly next: string;
  /** The pending request that the call was to wait for: what a task would stand for. */
  readonly waitsFor?: SeenApproval;
}

interface Described {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly hints: ToolHints;
  /** What a call needs, by its arguments, which need not fit the schema yet. */
  readonly scopes: (args: JsonObject) => readonly Scope[];
  /** Whether a call can be held. */
  readonly waits?: boolean;
}

/** A tool as the endpoint serves it. */
export interface McpTool extends Described {
  readonly input: z.ZodObject;
  readonly output: z.ZodObject;
  readonly run: (call: ToolCall, args: unknown) => Promise<ToolAnswer>;
}

/** On every tool. */
export const orgField = z.string().min(1).max(64).optional()
  .describe("Id of the organization; needed only where the connection reaches several");

/** On every result. */
const answerFields = {
  org: z.string().describe("The organization that answered, by id"),
  next: z.string().describe("What to do now"),
};

/** Declares a tool. Its input gains `org`, its result `org` and `next`. */
export function mcpTool<I extends z.ZodRawShape>(
  { input, output, run, ...described }: Described & {
    readonly input: I;
    readonly output: z.ZodRawShape;
    readonly run: (call: ToolCall, args: z.output<z.ZodObject<I>>) => Promise<ToolAnswer>;
  },
): McpTool {
  return {
    ...described,
    input: z.strictObject({ ...input, org: orgField }),
    output: z.object({ ...output, ...answerFields }),
    // The endpoint parses every input by the tool's own schema before it runs it.
    run: run as McpTool["run"],
  };
}

/** A refusal as a result. Further members say what the refusal is about. */
export const refusalOutput = z.looseObject({
  code: z.string().describe("Why it was refused, in one word; see /docs/errors"),
  detail: z.string(),
  next: z.string().describe("What to do now"),
});

export const READ = (): readonly Scope[] => ["mcp:read"];

export const WRITE = (): readonly Scope[] => ["mcp:write"];
