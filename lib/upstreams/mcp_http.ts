import { canonicalBytes } from "../base/canonical.ts";
import type { JsonObject } from "../base/json.ts";
import type { AnswerBody, HostAnswer, HostFetch } from "../deps.ts";
import { StrangerFetchFailed } from "../outside/http_answer.ts";
import type { Timer } from "../store/system.ts";
import { type ForeignFault, type ForeignObject, readForeign } from "./foreign_json.ts";
import { FirstSignal } from "./first_signal.ts";
import { eventMessages, type Framed, wholeMessage } from "./framing.ts";
import {
  declared,
  inTurns,
  isNotSent,
  mediaType,
  replyOfFailure,
  retryAfter,
} from "./http_reply.ts";
import type { Injection, UpstreamCredential } from "./port.ts";
import {
  answerTo,
  type ExchangeOptions,
  type Incoming,
  incoming,
  type McpSession,
  requestMessage,
  type RpcError,
  type RpcReply,
  type RpcRequest,
  stopped,
  unknown,
} from "./rpc.ts";

/**
 * MCP by Streamable HTTP, in both eras: each message is a request of its own, whose answer is a JSON
 * object or a stream of events. The end of the answer's body is the end of the call: who has not
 * answered by then will not.
 */

/** What an upstream is asked by, over HTTP. */
export interface HttpWay {
  readonly hosts: HostFetch;
  readonly timer: (milliseconds: number) => Timer;
  readonly monotonic: () => number;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly credential: UpstreamCredential | null;
}

/** What may arrive twice, for nothing is done by it. A call of a tool never may. */
const ONLY_ASKS: ReadonlySet<string> = new Set(["server/discover", "ping", "tools/list"]);

/** How many bytes a stream may have besides the answer: notifications, and signs of life. */
const MOST_BESIDES = 1024 * 1024;

/** Most bytes of the body of an answer that is an error. */
const MAX_ERROR = 64 * 1024;

/** A body of so many bytes is read in no turns: each costs, and there are next to none. */
const SMALL = 64 * 1024;

/** How long what nobody waits for may take. */
const BESIDE_MS = 5000;

/** Most questions of a server that are answered during one request. */
const MAX_QUESTIONS = 20;

/** Visible characters of ASCII, as the protocol says; no longer than a header may be. */
const SESSION_ID = /^[\x21-\x7e]{1,1024}$/;

/** How an answer is read: what was shown for it must not stand in it. */
interface Reading extends ExchangeOptions {
  readonly injection: Injection | null;
}

/** A session by HTTP; one without an id, where the server wants none. */
export class HttpSession implements McpSession {
  readonly is_process = false;
  #id: string | null = null;
  readonly #closing = new AbortController();
  readonly #beside = new Set<Promise<void>>();

  constructor(readonly way: HttpWay) {}

  get ended(): boolean {
    return this.#closing.signal.aborted;
  }

  async exchange(request: RpcRequest, options: ExchangeOptions): Promise<RpcReply> {
    const { credential, url } = this.way;
    const opened = await credential?.open(url) ?? null;
    if (isNotSent(opened)) return opened;
    const reply = await this.#exchanged(request, options, opened);
    if (credential === null || opened === null) return reply;
    // It ran nothing: whoever answers 401 did not let the request in.
    if (reply.is !== "status" || reply.status !== 401) return reply;
    const other = await credential.instead(opened, url);
    if (isNotSent(other)) return other;
    const again = other === null ? reply : await this.#exchanged(request, options, other);
    return again.is === "status" && again.status === 401 ? credential.refused : again;
  }

  async #exchanged(
    request: RpcRequest,
    options: ExchangeOptions,
    injection: Injection | null,
  ): Promise<RpcReply> {
    using first = new FirstSignal([options.signal, this.#closing.signal]);
    const { signal } = first;
    let written = false;
    try {
      signal.throwIfAborted();
      const answer = await this.way.hosts({
        ...this.#request(requestMessage(request), request.headers, injection),
        limit_ms: options.limit_ms,
        max_body: options.max_bytes + MOST_BESIDES,
        signal,
        repeatable: ONLY_ASKS.has(request.method),
        beforeSending: () => {
          written = true;
          return Promise.resolve();
        },
      });
      return await this.#reply(answer, request, { ...options, injection });
    } catch (error) {
      if (signal.aborted) return stopped(written);
      if (!(error instanceof StrangerFetchFailed)) throw error;
      return replyOfFailure(error);
    }
  }

  notify(method: string, params: JsonObject, headers: RpcRequest["headers"]): Promise<void> {
    return this.#post({ jsonrpc: "2.0", method, params }, headers);
  }

  /** Tells the server, too, that its session is over (2025-11-25, "Session Management"). */
  async close(): Promise<void> {
    if (this.ended) return;
    await Promise.all(this.#beside);
    const { headers, hosts } = this.way;
    const id = this.#id;
    if (id !== null) {
      await this.#ignored((injection) =>
        hosts({
          url: this.#address(injection),
          method: "DELETE",
          headers: { ...headers, ...injection?.headers, "mcp-session-id": id },
          limit_ms: BESIDE_MS,
          max_body: MAX_ERROR,
        })
      );
    }
    this.#closing.abort();
  }

  #request(message: JsonObject, headers: RpcRequest["headers"], injection: Injection | null) {
    return {
      url: this.#address(injection),
      method: "POST" as const,
      headers: {
        ...this.way.headers,
        ...injection?.headers,
        accept: "application/json, text/event-stream",
        "content-type": "application/json",
        ...headers,
        ...(this.#id === null ? {} : { "mcp-session-id": this.#id }),
      },
      body: canonicalBytes(message),
    };
  }

  #address(injection: Injection | null): string {
    const parameters = Object.entries(injection?.parameters ?? {});
    if (parameters.length === 0) return this.way.url;
    const url = new URL(this.way.url);
    for (const [name, value] of parameters) url.searchParams.set(name, value);
    return url.href;
  }

  /** Sends what has no answer. */
  #post(message: JsonObject, headers: RpcRequest["headers"]): Promise<void> {
    const sent = this.#ignored((injection) =>
      this.way.hosts({
        ...this.#request(message, headers, injection),
        limit_ms: BESIDE_MS,
        max_body: MAX_ERROR,
        signal: this.#closing.signal,
      })
    );
    this.#beside.add(sent);
    return sent.finally(() => this.#beside.delete(sent));
  }

  /** Waits for an answer that nobody reads, and for whatever end it has. */
  async #ignored(ask: (injection: Injection | null) => Promise<HostAnswer>): Promise<void> {
    try {
      const injection = await this.way.credential?.open(this.way.url) ?? null;
      if (isNotSent(injection)) return;
      await (await ask(injection)).body?.cancel();
    } catch {
      // It was to be tried, and that was all.
    }
  }

  async #reply(
    answer: HostAnswer,
    request: RpcRequest,
    options: Reading,
  ): Promise<RpcReply> {
    const { status, headers, body } = answer;
    const inSession = this.#id !== null;
    if (status < 200 || status >= 300) {
      return {
        is: "status",
        status,
        error: await this.#errorOf(answer, options),
        retry_after_seconds: retryAfter(headers),
        in_session: inSession,
      };
    }
    const type = mediaType(answer);
    if (body === null || (type !== JSON_TYPE && type !== EVENTS)) {
      await body?.cancel();
      return unknown("malformed", `It answered ${status} without a message.`);
    }
    const id = headers.get("mcp-session-id");
    if (request.method === "initialize" && id !== null) {
      if (!SESSION_ID.test(id)) {
        await body.cancel();
        return unknown("malformed", "Its session id is not what the protocol says.");
      }
      this.#id = id;
    }
    return type === JSON_TYPE
      ? await this.#fromBody(body, declared(headers), request, options)
      : await this.#fromEvents(body, request, options);
  }

  async #fromBody(
    body: AnswerBody,
    bytes: number | null,
    request: RpcRequest,
    options: Reading,
  ): Promise<RpcReply> {
    const { max_bytes } = options;
    if (bytes !== null && bytes > max_bytes) {
      await body.cancel();
      return { is: "too_large", max_bytes, bytes };
    }
    const isSmall = bytes !== null && bytes <= SMALL;
    const framed = await wholeMessage(isSmall ? body : inTurns(body, this.way), max_bytes);
    return await this.#answerIn(framed, request, options) ??
      unknown("malformed", "Its answer is to no request of ours.");
  }

  async #fromEvents(
    body: AnswerBody,
    request: RpcRequest,
    options: Reading,
  ): Promise<RpcReply> {
    const { max_bytes, notified } = options;
    let questions = 0;
    const beside = (came: Incoming) => {
      if (came.is === "notification") notified?.(came.method, came.params);
      if (came.is === "request" && ++questions <= MAX_QUESTIONS) {
        void this.#post(answerTo(came), request.headers);
      }
    };
    for await (const framed of eventMessages(inTurns(body, this.way), max_bytes)) {
      const reply = await this.#answerIn(framed, request, options, beside);
      if (reply !== null) return reply;
    }
    return unknown("cut", "Its answer ended before the result was there.");
  }

  /** The reply to a request, where a message is one; null for any other. */
  async #answerIn(
    framed: Framed,
    request: RpcRequest,
    options: Reading,
    beside: (came: Incoming) => void = () => {},
  ): Promise<RpcReply | null> {
    const { max_bytes } = options;
    if (framed === "too_large") return { is: "too_large", max_bytes, bytes: null };
    const message = await this.#read(framed, options);
    if (message === "too_many_values") return { is: "too_large", max_bytes, bytes: framed.length };
    const came = message === "malformed" ? null : incoming(message);
    if (message === "malformed" || came === null) {
      return unknown("malformed", "Its answer is no message of the protocol.");
    }
    if (came.is === "notification" || came.is === "request") {
      beside(came);
      return null;
    }
    if (came.id !== request.id) return null;
    return came.is === "result" ? { is: "result", message } : { is: "error", error: came.error };
  }

  /** What came, without the credential that it may repeat: nobody reads it before. */
  async #read(
    bytes: Uint8Array<ArrayBuffer>,
    { injection, redacted }: Pick<Reading, "injection" | "redacted">,
  ): Promise<ForeignObject | ForeignFault> {
    const { timer } = this.way;
    const message = await readForeign(bytes, timer);
    if (injection === null || typeof message === "string") return message;
    const { value, count } = await injection.withoutIt(bytes, () => timer(0).elapsed);
    if (count === 0) return message;
    redacted?.(count);
    return await readForeign(value, timer);
  }

  async #errorOf(answer: HostAnswer, options: Reading): Promise<RpcError | null> {
    const { body } = answer;
    if (body === null) return null;
    if (mediaType(answer) !== JSON_TYPE) {
      await body.cancel();
      return null;
    }
    try {
      const framed = await wholeMessage(body, MAX_ERROR);
      if (framed === "too_large") return null;
      const message = await this.#read(framed, options);
      const came = typeof message === "string" ? null : incoming(message);
      return came?.is === "error" ? came.error : null;
    } catch (error) {
      // The status is there, whatever becomes of what follows it.
      if (error instanceof StrangerFetchFailed) return null;
      throw error;
    }
  }
}

const JSON_TYPE = "application/json";

const EVENTS = "text/event-stream";
