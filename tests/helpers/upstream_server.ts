import { isJsonObject, type JsonObject, type JsonValue, memberOf } from "../../lib/base/json.ts";
import type { Network } from "../../lib/outside/connection.ts";
import { keepingFetch } from "../../lib/outside/guarded_fetch.ts";
import { HostSlots } from "../../lib/outside/host_slots.ts";
import { internet } from "../../lib/outside/internet.ts";
import { systemTimer } from "../../lib/store/system.ts";
import { UpstreamConnections, type UpstreamWays } from "../../lib/upstreams/connections.ts";
import type { CallOptions, CallOutcome, UpstreamPort } from "../../lib/upstreams/port.ts";

/** A request that an upstream got. */
export interface Asked {
  readonly http: string;
  readonly headers: Headers;
  /** What was sent, byte for byte. */
  readonly text: string;
  readonly body: JsonObject;
  readonly method: string;
  readonly id: JsonValue | undefined;
  readonly params: JsonValue | undefined;
  /** Aborted when whoever asked has left. */
  readonly left: AbortSignal;
}

type Answer = Response | Promise<Response> | null;

export interface UpstreamServerOptions {
  readonly era: "modern" | "legacy";
  /** Answers what it will; null leaves it to the server that everybody expects. */
  readonly answer?: (asked: Asked) => Answer;
  readonly tools?: readonly JsonValue[];
  /** Whether its legacy era has sessions. */
  readonly sessions?: boolean;
}

/** An MCP server over real HTTP that does as it should, except where a test says otherwise. */
export class UpstreamServer implements AsyncDisposable {
  readonly asked: Asked[] = [];
  readonly sessions = new Set<string>();
  /** How often it ran a tool. */
  ran = 0;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(readonly options: UpstreamServerOptions) {
    this.#server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen: () => {}, onError: () => new Response(null) },
      (request) => this.#serve(request),
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/mcp`;
  }

  get host(): string {
    return new URL(this.url).host;
  }

  /** What it was asked by these methods, in order. */
  named(...methods: readonly string[]): Asked[] {
    return this.asked.filter(({ method }) => methods.includes(method));
  }

  async #serve(request: Request): Promise<Response> {
    const text = await request.text();
    const parsed: JsonValue = text === "" ? {} : JSON.parse(text);
    const body = isJsonObject(parsed) ? parsed : {};
    const asked: Asked = {
      http: request.method,
      headers: request.headers,
      text,
      body,
      method: String(memberOf(body, "method") ?? ""),
      id: memberOf(body, "id"),
      params: memberOf(body, "params"),
      left: request.signal,
    };
    this.asked.push(asked);
    return await this.options.answer?.(asked) ?? this.usual(asked);
  }

  /** What a server that does as it should answers. */
  usual(asked: Asked): Response {
    const { era, tools = [ECHO], sessions = true } = this.options;
    const session = asked.headers.get("mcp-session-id");
    if (asked.http === "DELETE") {
      this.sessions.delete(session ?? "");
      return new Response(null, { status: 200 });
    }
    if (asked.id === undefined) return new Response(null, { status: 202 });
    if (era === "modern") {
      if (asked.headers.get("mcp-protocol-version") !== "2026-07-28") {
        const data = { supported: ["2026-07-28"], requested: "" };
        return rpcError(asked, -32022, "Unsupported protocol version", { status: 400, data });
      }
      if (asked.method === "server/discover") {
        const supportedVersions = ["2026-07-28"];
        return rpcResult(asked, { supportedVersions, serverInfo: INFO, resultType: "complete" });
      }
    } else if (asked.method === "initialize") {
      const id = crypto.randomUUID();
      this.sessions.add(id);
      const result = { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: INFO };
      return rpcResult(asked, result, sessions ? { "mcp-session-id": id } : {});
    } else if (sessions && !this.sessions.has(session ?? "")) {
      return session === null
        ? rpcError(asked, -32000, "Bad Request: no session", { status: 400 })
        : rpcError(asked, -32001, "Session not found", { status: 404 });
    }
    const resultType = era === "modern" ? { resultType: "complete" } : {};
    switch (asked.method) {
      case "ping":
        return rpcResult(asked, {});
      case "tools/list":
        return rpcResult(asked, { ...resultType, tools: [...tools] });
      case "tools/call": {
        this.ran++;
        const text = JSON.stringify(memberOf(asked.params, "arguments"));
        return rpcResult(asked, { ...resultType, content: [{ type: "text", text }] });
      }
      default:
        return rpcError(asked, -32601, "Method not found", {
          status: era === "modern" ? 404 : 200,
        });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

const INFO = { name: "stand-in", version: "1.0.0" };

export const ECHO: JsonObject = {
  name: "echo",
  inputSchema: { type: "object", properties: { text: { type: "string" } } },
};

export function rpcResult(
  { id }: Pick<Asked, "id">,
  result: JsonValue,
  headers: Record<string, string> = {},
): Response {
  return Response.json({ jsonrpc: "2.0", id: id ?? null, result }, { headers });
}

export function rpcError(
  { id }: Pick<Asked, "id">,
  code: number,
  message: string,
  { status = 200, data = null }: { readonly status?: number; readonly data?: JsonValue } = {},
): Response {
  return Response.json({ jsonrpc: "2.0", id: id ?? null, error: { code, message, data } }, {
    status,
  });
}

/** A stream of events, which then ends, hangs, or breaks off. */
export function events(
  messages: readonly (JsonValue | string)[],
  end: "end" | "hang" | "cut" = "end",
): Response {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const message of messages) {
        const text = typeof message === "string"
          ? message
          : `event: message\ndata: ${JSON.stringify(message)}\n\n`;
        controller.enqueue(encoder.encode(text));
      }
      if (end === "end") controller.close();
    },
    pull(controller) {
      if (end === "cut") controller.error(new Error("The wire is cut."));
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

/** The connections of a process that may ask these hosts, though they are of this computer. */
export function connections(
  hosts: readonly string[],
  ways: Partial<UpstreamWays> & { readonly network?: Network } = {},
): UpstreamConnections & AsyncDisposable {
  const { network = internet, timer = systemTimer, monotonic = () => performance.now() } = ways;
  const made = new UpstreamConnections({
    keeping: keepingFetch({
      network,
      timer,
      monotonic,
      named: new Set(hosts),
      slots: new HostSlots({ at_once: 64, waiting: 10, in_all: 100 }),
    }),
    timer,
    programs: new Map(),
    monotonic,
    ...ways,
  });
  return Object.assign(made, { [Symbol.asyncDispose]: () => made.close() });
}

/** The port of a server, for one test. */
export function portOf(
  ports: UpstreamConnections,
  server: { readonly url: string },
  headers: Record<string, string> = {},
): UpstreamPort {
  const target = { kind: "mcp", url: server.url, headers } as const;
  const place = ports.take({ org_id: "org_a", name: "stand-in", target, credential: null });
  if (place === null) throw new Error("No place");
  return place.port;
}

export const NEVER = new AbortController().signal;

/** Calls a tool, with limits that a test may set. */
export function callTool(
  port: UpstreamPort,
  name: string,
  args: JsonObject,
  options: Partial<CallOptions> = {},
): Promise<CallOutcome> {
  return port.call({ name, input_schema: { type: "object" }, operation: null }, args, {
    timeout_ms: 20_000,
    max_bytes: 1024 * 1024,
    signal: NEVER,
    repeatable: false,
    ...options,
  });
}

/** Calls `echo`. */
export function callEcho(
  port: UpstreamPort,
  args: JsonObject = { text: "hello" },
  options: Partial<CallOptions> = {},
): Promise<CallOutcome> {
  return callTool(port, "echo", args, options);
}

/** A whole server and the port of it, for one test. */
export async function withUpstream(
  options: UpstreamServerOptions,
  run: (port: UpstreamPort, server: UpstreamServer) => Promise<void>,
): Promise<void> {
  await using server = new UpstreamServer(options);
  await using ports = connections([server.host]);
  await run(portOf(ports, server), server);
}

/** Both eras, for what must be the same in them. */
export const ERAS = ["modern", "legacy"] as const;
