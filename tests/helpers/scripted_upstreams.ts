import type { JsonObject } from "../../lib/base/json.ts";
import {
  type CalledTool,
  type CallOptions,
  type CallOutcome,
  type Connected,
  type Listed,
  type ListedTool,
  MAX_IN_FLIGHT,
  type NotListed,
  type NotSent,
  type UpstreamPlace,
  type UpstreamPorts,
  type UpstreamTarget,
} from "../../lib/upstreams/port.ts";

const PROTOCOL = {
  era: "modern",
  version: "2026-07-28",
  server: { name: "scripted", version: "1" },
} as const;

/** A call as an upstream got it. */
export interface Received {
  readonly upstream: string;
  readonly tool: CalledTool;
  readonly args: JsonObject;
  readonly options: CallOptions;
}

/** A tool as an upstream lists it. */
export function listedTool(name: string, more: JsonObject = {}): ListedTool {
  return { name, definition: { name, inputSchema: { type: "object" }, ...more } };
}

/** A result of the tool itself. */
export function resultOf(content: JsonObject[], is_error = false): CallOutcome {
  const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const json = bytes({ content, ...(is_error ? { isError: true } : {}) });
  return {
    is: "result",
    json,
    content: bytes(content),
    structured_content: null,
    rest: new Map(),
    meta: new Map(),
    is_error,
  };
}

export function notSent(why: NotSent["why"], says = "It was not there."): NotSent {
  return { is: "not_sent", why, says, retry_after_seconds: null };
}

/** Upstreams in memory, which do what a test says. */
export class ScriptedUpstreams implements UpstreamPorts {
  readonly received: Received[] = [];
  readonly targets: UpstreamTarget[] = [];
  #inFlight = 0;

  tools: readonly ListedTool[] = [listedTool("read", { description: "Reads a note." })];
  /** In place of the list. */
  notListed: NotListed | null = null;
  /** In place of a connection, each time that one is asked for. */
  notConnected: NotSent | null = null;
  answer: (call: Received) => CallOutcome | Promise<CallOutcome> = () =>
    resultOf([{ type: "text", text: "done" }]);

  take(upstream: { name: string; target: UpstreamTarget }): UpstreamPlace | null {
    if (this.#inFlight >= MAX_IN_FLIGHT) return null;
    this.#inFlight++;
    this.targets.push(upstream.target);
    let released = false;
    return {
      port: {
        connect: (): Promise<Connected | NotSent> =>
          Promise.resolve(this.notConnected ?? { is: "connected", protocol: PROTOCOL }),
        list: (): Promise<Listed | NotListed> =>
          Promise.resolve(
            this.notListed ??
              { is: "listed", protocol: PROTOCOL, tools: this.tools, refused: [] },
          ),
        call: async (tool, args, options) => {
          const received = { upstream: upstream.name, tool, args, options };
          this.received.push(received);
          return await this.answer(received);
        },
      },
      release: () => {
        if (released) throw new Error("A place is released once.");
        released = true;
        this.#inFlight--;
      },
    };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
