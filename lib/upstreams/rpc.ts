import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { visibleLine } from "../base/text.ts";
import type { ForeignObject } from "./foreign_json.ts";
import type { AnsweredTooLarge, NotSent, Unknown } from "./port.ts";

/**
 * JSON-RPC 2.0 as MCP uses it: what we send, what can come, and what becomes of a request whatever
 * it travels by.
 */

/** A request of ours. */
export interface RpcRequest {
  /** Ours alone: whoever called us has ids of their own. */
  readonly id: number;
  readonly method: string;
  readonly params: JsonObject;
  /** What HTTP is to repeat of it, names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface ExchangeOptions {
  /** How long it may take at most; `signal` ends it before that. */
  readonly limit_ms: number;
  /** Most bytes of the answer. */
  readonly max_bytes: number;
  readonly signal: AbortSignal;
  /** Told how often the credential was cut out of what came, where it was. */
  readonly redacted?: (count: number) => void;
  /** Told of notifications that come before the answer. */
  readonly notified?: (method: string, params: JsonValue | undefined) => void;
}

export interface RpcError {
  readonly code: number;
  /** Foreign text, cut and with hidden characters made visible. */
  readonly message: string;
  readonly data: JsonValue | undefined;
}

/** What became of a request. */
export type RpcReply =
  | {
    readonly is: "result";
    /** The message that the result came in: an object, of which values are made only where wanted. */
    readonly message: ForeignObject;
  }
  | {
    readonly is: "error";
    readonly error: RpcError;
  }
  | StatusReply
  | AnsweredTooLarge
  | NotSent
  | Unknown;

/** HTTP alone answered, by a status that is not 2xx. */
export interface StatusReply {
  readonly is: "status";
  readonly status: number;
  /** What stood in its body. */
  readonly error: RpcError | null;
  readonly retry_after_seconds: number | null;
  /** Whether a session was named, which a 404 then says is unknown. */
  readonly in_session: boolean;
}

/** One connection to a server, in the sense of MCP: what a handshake makes and a 404 ends. */
export interface McpSession {
  /** True once nothing can be sent by it any more. */
  readonly ended: boolean;
  /** Whether it stands as long as a process runs: then nobody need ask it. */
  readonly is_process: boolean;
  exchange(request: RpcRequest, options: ExchangeOptions): Promise<RpcReply>;
  /** Tells it something, as far as that is possible; resolves when that was tried. */
  notify(method: string, params: JsonObject, headers: RpcRequest["headers"]): Promise<void>;
  /** Ends it, and what is under way by it. */
  close(): Promise<void>;
}

/** A message that came. */
export type Incoming =
  | { readonly is: "result"; readonly id: JsonValue }
  | { readonly is: "error"; readonly id: JsonValue; readonly error: RpcError }
  | { readonly is: "request"; readonly id: string | number; readonly method: string }
  | {
    readonly is: "notification";
    readonly method: string;
    readonly params: JsonValue | undefined;
  };

/**
 * What a message is; null for one that is none of JSON-RPC, or of two kinds at once. No value is made
 * of what may be long.
 */
export function incoming(message: ForeignObject): Incoming | null {
  const [version, method, id] = ["jsonrpc", "method", "id"].map((name) => message.small(name));
  const [hasResult, hasError] = ["result", "error"].map((name) => message.part(name) !== null);
  if (version !== "2.0") return null;
  if (method !== undefined) {
    if (typeof method !== "string" || hasResult || hasError) return null;
    if (id === undefined) {
      return { is: "notification", method, params: message.small("params") };
    }
    return typeof id === "string" || typeof id === "number" ? { is: "request", id, method } : null;
  }
  if (hasResult && !hasError && id !== undefined) {
    return message.names("result") === null ? null : { is: "result", id };
  }
  const code = message.small("error", "code");
  if (hasResult || typeof code !== "number") return null;
  const says = message.small("error", "message");
  const message_ = foreignText(typeof says === "string" ? says : "");
  const data = message.small("error", "data");
  return { is: "error", id: id ?? null, error: { code, message: message_, data } };
}

/** The result in a message, as a value. */
export function resultIn(message: ForeignObject): JsonObject {
  const result = message.value("result");
  return isJsonObject(result) ? result : {};
}

/** What is sent for a request, in the one form that is digested, too (RFC 8785). */
export function requestMessage({ id, method, params }: RpcRequest): JsonObject {
  return { id, jsonrpc: "2.0", method, params };
}

/** What a server is told that asks us something, which we said we cannot be asked. */
export function answerTo(
  { id, method }: { readonly id: string | number; readonly method: string },
) {
  return method === "ping"
    ? { id, jsonrpc: "2.0", result: {} }
    : { error: { code: -32601, message: "Not supported" }, id, jsonrpc: "2.0" };
}

/** Most UTF-16 units of a text that are looked at. */
const MOST_UNITS = 2000;

/** Text of an upstream as it may be shown: one line, hidden characters visible, at most 300. */
export function foreignText(text: string): string {
  return visibleLine(text.slice(0, MOST_UNITS).toWellFormed(), 300);
}

export function notSent(
  why: NotSent["why"],
  says: string,
  retry_after_seconds: number | null = null,
): NotSent {
  return { is: "not_sent", why, says, retry_after_seconds };
}

export function unknown(why: Unknown["why"], says: string): Unknown {
  return { is: "unknown", why, says };
}

/** What an end by its signal means for a request. */
export function stopped(written: boolean): NotSent | Unknown {
  return written
    ? unknown("stopped", "The call was ended while it ran.")
    : notSent("stopped", "The call was ended before it was sent.");
}
