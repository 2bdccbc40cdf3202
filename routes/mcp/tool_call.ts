import type { MachineOperation } from "../../lib/identity/caller_operation.ts";
import type { Client } from "../../lib/identity/client.ts";
import { type AnyRefusal, type RecordedRefusal, resultOf } from "../../lib/refusal.ts";
import type { Services } from "../../lib/services.ts";
import type { Scope } from "../../lib/store/records/oauth.ts";
import type { McpCaller } from "./caller.ts";

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

/** What is known of a call while it is under way. */
export interface UnderWay {
  /** Aborted when the client goes away or cancels. */
  readonly gone: AbortSignal;
  /** Tells the client that the call is still held; null where it did not ask to be told. */
  readonly progress: ((count: number, message: string) => Promise<void>) | null;
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
  async transact<L, R>(operation: MachineOperation<L, R | RecordedRefusal>): Promise<R> {
    const { services, caller } = this.request;
    const since = services.deps.monotonic() - this.#spent;
    this.#spent = 0;
    return resultOf(
      await services.ledgers.transact(
        this.org,
        caller.operation(this.org, this.needs, operation),
        since,
      ),
    );
  }
}
