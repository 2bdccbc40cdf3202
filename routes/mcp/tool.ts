import { z } from "zod";
import type { SeenApproval } from "../../lib/approvals/seen.ts";
import type { JsonObject, JsonValue } from "../../lib/base/json.ts";
import type { MachineOperation } from "../../lib/identity/acting.ts";
import type { Client } from "../../lib/identity/caller.ts";
import { type Accepted, type AnyRefusal } from "../../lib/refusal.ts";
import type { Services } from "../../lib/services.ts";
import type { Scope } from "../../lib/store/records/oauth.ts";
import type { McpCaller } from "./caller.ts";

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

/** One HTTP request to the MCP endpoint whose credential was accepted. */
export interface McpRequest {
  readonly services: Services;
  readonly caller: McpCaller;
  readonly client: Client;
  /** Why the arguments of its one call are not taken as JSON; null where they are. */
  readonly refusedArguments: AnyRefusal | null;
  /** How long it took to find the caller, milliseconds: part of the patience that a call has. */
  readonly spent: number;
}

/** Answers one request whose credential was accepted. @throws {Refusal} */
export type AnswerMcp = (
  request: McpRequest,
  http: Request,
  read: {
    readonly body: JsonValue;
    /** What was sent, in a batch or alone. */
    readonly messages: readonly JsonObject[];
    /** The upstream that the path names; null where it names none. */
    readonly upstream: string | null;
  },
) => Promise<{ readonly response: Response; readonly held: boolean }>;

/** What is known of a call while it is under way. */
export interface UnderWay {
  /** Aborted when the client goes away or cancels. */
  readonly gone: AbortSignal;
  /** Tells the client that the call is still held; null where it did not ask to be told. */
  readonly progress:
    | ((done: number, message: string, total?: number | null) => Promise<void>)
    | null;
  /** Whether a call that waits may be answered with a task. */
  readonly takesTask: boolean;
}

/** One call of a tool, in the organization that it is about. */
export class ToolCall {
  #spent: number;

  constructor(
    readonly request: McpRequest,
    readonly org: string,
    /** The strongest scope that the call needs. */
    readonly needs: Scope,
    readonly underWay: UnderWay,
  ) {
    this.#spent = request.spent;
  }

  get services(): Services {
    return this.request.services;
  }

  get client(): Client {
    return this.request.client;
  }

  /** Runs an operation for the caller. @throws {Refusal} what it refuses, recorded or not */
  transact<L, R>(operation: MachineOperation<L, R>): Promise<Accepted<R>> {
    const { services, caller } = this.request;
    const since = services.deps.monotonic() - this.#spent;
    this.#spent = 0;
    const acting = caller.operation(this.org, this.needs, operation);
    return services.ledgers.transact(this.org, acting, since);
  }
}
