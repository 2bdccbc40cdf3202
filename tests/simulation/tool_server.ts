import { isJsonObject, type JsonObject, type JsonValue, memberOf } from "../../lib/base/json.ts";
import type { Chance } from "./chance.ts";
import type { FaultName } from "./faults.ts";
import { type Defined, type Offering, toolDefinition } from "./offering.ts";
import type { Said, Server, WireRequest } from "./wires.ts";

/** A tool that ran, whatever became of the answer. */
export interface Ran {
  /** Its name in the catalog. */
  readonly tool: string;
  readonly arguments: JsonObject;
  /** By which HTTP method an API was asked; null for a server that knows none. */
  readonly method: string | null;
  /** As what it ran; null where nobody holds that against anything. */
  readonly definition: {
    readonly digest: string;
    /** Since when the server defines it so, milliseconds of the world's time. */
    readonly since: number;
    /** Whether the request itself says so, and not only what the server has by now. */
    readonly isExact: boolean;
  } | null;
}

const INFO = { name: "simulated", version: "1.0.0" };

const MODERN = "2026-07-28";

const LEGACY = "2025-11-25";

/** More than any result may have. */
const HUGE = "x".repeat(1_200_000);

/**
 * An MCP server of either era. It loses sessions, is busy, and lies: it answers others' questions,
 * twice, nonsense, too much, or that it failed after it has run.
 */
export class ToolServer implements Server {
  readonly #sessions = new Set<string>();
  readonly #era: "modern" | "legacy";

  constructor(
    readonly name: string,
    readonly offering: Offering,
    readonly chance: Chance,
    readonly strikes: (name: FaultName) => boolean,
    /** Whether it takes what is shown to it. */
    readonly lets: (authorization: string | undefined) => boolean,
    readonly ran: (run: Omit<Ran, "definition">, as: Defined, name: string) => void,
  ) {
    this.#era = chance.pick(["modern", "legacy"]);
  }

  answer({ method: http, headers, body }: WireRequest): Said {
    const takes = this.chance.between(1, 400);
    if (!this.lets(headers.get("authorization"))) return { ...PLAIN, status: 401, takes };
    if (http === "DELETE") return { ...PLAIN, status: 200, takes };
    const parsed: JsonValue = JSON.parse(body);
    const message = isJsonObject(parsed) ? parsed : {};
    const id = memberOf(message, "id");
    if (id === undefined) return { ...PLAIN, status: 202, takes };
    if (this.strikes("host_busy")) {
      const status = this.chance.pick([429, 429, 503]);
      // By 503 nobody but one who says that it may be repeated knows that it did not run.
      return { ...PLAIN, status, headers: { ...PLAIN.headers, "retry-after": "1" }, takes };
    }
    const method = String(memberOf(message, "method"));
    const session = headers.get("mcp-session-id");
    const isModern = this.#era === "modern";
    if (isModern && headers.get("mcp-protocol-version") !== MODERN) {
      return failed(id, -32022, "Unsupported protocol version", 400, takes);
    }
    if (!isModern && method === "initialize") {
      const made = this.chance.bytes(8).toHex();
      this.#sessions.add(made);
      const result = { protocolVersion: LEGACY, capabilities: {}, serverInfo: INFO };
      return result_(id, result, takes, { "mcp-session-id": made });
    }
    if (!isModern && method !== "server/discover") {
      if (this.strikes("host_forgets")) this.#sessions.clear();
      if (!this.#sessions.has(session ?? "")) {
        return failed(id, -32001, "Session not found", session === undefined ? 400 : 404, takes);
      }
    }
    const kind = isModern ? { resultType: "complete" } : {};
    switch (method) {
      case "server/discover":
        return isModern
          ? result_(id, { ...kind, supportedVersions: [MODERN], serverInfo: INFO }, takes)
          : failed(id, -32601, "Method not found", 200, takes);
      case "ping":
        return result_(id, {}, takes);
      case "tools/list":
        return result_(id, { ...kind, tools: this.#list() }, takes);
      case "tools/call":
        return this.#called(id, memberOf(message, "params"), kind, takes, headers);
      default:
        return failed(id, -32601, "Method not found", 200, takes);
    }
  }

  #list(): JsonObject[] {
    return [...this.offering.offered].map(([name, defined]) => toolDefinition(name, defined));
  }

  #called(
    id: JsonValue,
    params: JsonValue | undefined,
    kind: JsonObject,
    takes: number,
    headers: WireRequest["headers"],
  ): Said {
    const given = memberOf(params, "arguments");
    const args = isJsonObject(given) ? given : {};
    const name = String(memberOf(params, "name"));
    const defined = this.offering.of(name);
    if (defined === null) return failed(id, -32602, `Unknown tool: ${name}`, 200, takes);
    this.ran({ tool: `${this.name}/${name}`, arguments: args, method: null }, defined, name);
    const text = JSON.stringify(args);
    const result = { ...kind, content: [{ type: "text", text }] };
    if (!this.strikes("host_lies")) return result_(id, result, takes);
    const lies = {
      error: 2,
      failed: 2,
      status: 2,
      foreign: 2,
      twice: 2,
      nonsense: 1,
      huge: 1,
      credential: 2,
      asks: 1,
    };
    switch (this.chance.weighted(lies)) {
      case "error":
        return result_(id, { ...result, isError: true }, takes);
      case "failed":
        return failed(id, -32603, "It broke", this.chance.pick([200, 400]), takes);
      case "status":
        return { ...PLAIN, status: this.chance.pick([500, 502, 307]), takes };
      case "foreign":
        return result_(7_000_000, { ...kind, content: [{ type: "text", text: "other" }] }, takes);
      case "twice": {
        const other = { ...kind, content: [{ type: "text", text: "other" }] };
        const events = [
          { jsonrpc: "2.0", id: 7_000_000, result: other },
          { jsonrpc: "2.0", id, result },
          { jsonrpc: "2.0", id, result: other },
        ].map((event) => `event: message\ndata: ${JSON.stringify(event)}\n\n`);
        return {
          status: 200,
          headers: { "content-type": "text/event-stream" },
          body: events.join(""),
          takes,
        };
      }
      case "nonsense":
        return { status: 200, headers: JSON_TYPE, body: "{not json", takes };
      case "huge":
        return result_(id, { ...kind, content: [{ type: "text", text: HUGE }] }, takes);
      case "credential": {
        const shown = headers.get("authorization") ?? "nothing";
        return result_(
          id,
          { ...kind, content: [{ type: "text", text: `${text} ${shown}` }] },
          takes,
        );
      }
      case "asks":
        return result_(id, { resultType: "input_required", inputRequests: {} }, takes);
    }
  }
}

const JSON_TYPE = { "content-type": "application/json" };

const PLAIN = { headers: { "content-type": "text/plain" }, body: "" };

function result_(
  id: JsonValue,
  result: JsonValue,
  takes: number,
  headers: Readonly<Record<string, string>> = {},
): Said {
  const body = JSON.stringify({ jsonrpc: "2.0", id, result });
  return { status: 200, headers: { ...JSON_TYPE, ...headers }, body, takes };
}

function failed(id: JsonValue, code: number, message: string, status: number, takes: number): Said {
  const data = code === -32022 ? { data: { supported: [MODERN] } } : {};
  const body = JSON.stringify({ jsonrpc: "2.0", id, error: { code, message, ...data } });
  return { status, headers: JSON_TYPE, body, takes };
}
