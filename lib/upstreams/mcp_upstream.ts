import { type JsonObject, type JsonValue, memberOf } from "../base/json.ts";
import type { Timer } from "../store/system.ts";
import { FirstSignal } from "./first_signal.ts";
import { type Era, handshake, stamped, unusable } from "./handshake.ts";
import { MAX_LIST_BYTES, MAX_PAGES, readTools } from "./listed_tools.ts";
import { callOutcome } from "./outcome.ts";
import { parameterHeaders, plainHeader } from "./parameter_headers.ts";
import type {
  CalledTool,
  CallOptions,
  CallOutcome,
  Connected,
  Listed,
  NotListed,
  NotSent,
  UpstreamPort,
  UpstreamProgress,
  UpstreamProtocol,
} from "./port.ts";
import {
  type ExchangeOptions,
  foreignText,
  type McpSession,
  notSent,
  resultIn,
  type RpcReply,
  type RpcRequest,
  unknown,
} from "./rpc.ts";

/**
 * An MCP server as an upstream, whatever carries its messages. One session serves all calls; it is
 * made before the first, proved where it lay idle, and made again once where the server lost it.
 */

/** How sessions with a server come to be. */
export interface McpTransport {
  open(): McpSession | NotSent;
  /** Lets go of what sessions leave behind. */
  close(): void;
  /** How long a server may take for one answer of a handshake, milliseconds. */
  readonly answer_ms: number;
  /** How long for all of it. */
  readonly opening_ms: number;
  readonly is_process: boolean;
}

/** What measures time here. */
export interface UpstreamClock {
  readonly timer: (milliseconds: number) => Timer;
  readonly monotonic: () => number;
}

/** How long a session counts as standing after the server last answered by it. */
const PROVED_MS = 10_000;

/** How long the proof of one may take. */
const PROVING_MS = 5000;

/** How long all pages of a list may take. */
const LISTING_MS = 60_000;

/** Most bytes of an answer that is about the session. */
const MAX_HANDSHAKE = 256 * 1024;

/** Most notices of progress that are told of one call. */
const MAX_NOTICES = 1000;

/** A session that a handshake was made for. */
interface Standing {
  readonly session: McpSession;
  readonly protocol: UpstreamProtocol;
  /** When the server last answered. */
  provedAt: number;
}

export class McpUpstream implements UpstreamPort {
  #standing: Standing | null = null;
  #opening: Promise<Standing | NotSent> | null = null;
  #era: Era | null = null;
  #lastId = 0;
  readonly #closing = new AbortController();

  constructor(readonly clock: UpstreamClock, readonly transport: McpTransport) {}

  async connect(signal: AbortSignal): Promise<Connected | NotSent> {
    const standing = this.#usable();
    if (standing !== null) {
      const isFresh = this.clock.monotonic() - standing.provedAt < PROVED_MS;
      const problem = isFresh ? null : await this.#prove(standing, signal);
      if (problem === null) return { is: "connected", protocol: standing.protocol };
      if (problem !== "lost") return problem;
      this.#drop(standing);
    }
    const opened = await this.#open(signal);
    return isStanding(opened) ? { is: "connected", protocol: opened.protocol } : opened;
  }

  async list(signal: AbortSignal): Promise<Listed | NotListed> {
    using deadline = new Deadline(this.clock, LISTING_MS, [signal, this.#closing.signal]);
    let standing = this.#usable() ?? await this.#open(deadline.signal);
    for (let isAgain = false;; isAgain = true) {
      if (!isStanding(standing)) return notListed(deadline.unsent(standing));
      const pages = await this.#pages(standing, deadline.signal);
      if (pages === "session_lost" && !isAgain) {
        this.#drop(standing);
        standing = this.#usable() ?? await this.#open(deadline.signal);
        continue;
      }
      if (pages === "session_lost") {
        return notListed({ why: pages, says: "It does not know the session that it just began." });
      }
      if ("is" in pages) return pages;
      const read = await readTools(pages, () => this.clock.timer(0).elapsed);
      return "is" in read ? read : { is: "listed", protocol: standing.protocol, ...read };
    }
  }

  async call(tool: CalledTool, args: JsonObject, options: CallOptions): Promise<CallOutcome> {
    const { timeout_ms, signal } = options;
    using deadline = new Deadline(this.clock, timeout_ms, [signal, this.#closing.signal]);
    let standing = this.#usable() ?? await this.#open(deadline.signal);
    for (let isAgain = false;; isAgain = true) {
      if (!isStanding(standing)) return deadline.said(standing);
      const request = callRequest(++this.#lastId, tool, args, options);
      const outcome = callOutcome(
        await this.#exchange(standing, request, {
          limit_ms: timeout_ms,
          max_bytes: options.max_bytes,
          signal: deadline.signal,
          ...(options.redacted === undefined ? {} : { redacted: options.redacted }),
          ...noticesOf(request, options),
        }),
        options.repeatable,
      );
      if (outcome.is === "not_sent" && outcome.why === "session_lost") {
        this.#drop(standing);
        if (isAgain) return outcome;
        standing = this.#usable() ?? await this.#open(deadline.signal);
        continue;
      }
      const isGivenUp = outcome.is === "unknown" &&
        (outcome.why === "stopped" || outcome.why === "timed_out");
      if (isGivenUp) this.#cancel(standing, request);
      // Some say by 400 that they lost a session: the next call begins a new one. This one may have run.
      if (outcome.is === "failed" && outcome.status === 400) this.#drop(standing);
      return deadline.said(outcome);
    }
  }

  /** Ends the session, and what runs by it. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#opening;
    await this.#standing?.session.close();
    this.#standing = null;
    this.transport.close();
  }

  #usable(): Standing | null {
    if (this.#standing?.session.ended === true) this.#standing = null;
    return this.#standing;
  }

  /** Has the next call begin anew. What still runs by it runs on. */
  #drop(standing: Standing): void {
    if (this.#standing === standing) this.#standing = null;
  }

  /** The one session that is being made, for all who wait for it. */
  async #open(signal: AbortSignal): Promise<Standing | NotSent> {
    if (this.#closing.signal.aborted) return notSent("stopped", "This process is stopping.");
    this.#opening ??= this.#opened().finally(() => this.#opening = null);
    return await unlessAborted(this.#opening, signal) ??
      notSent("stopped", "The call was ended before it was sent.");
  }

  async #opened(): Promise<Standing | NotSent> {
    const { opening_ms, answer_ms, is_process } = this.transport;
    using deadline = new Deadline(this.clock, opening_ms, [this.#closing.signal]);
    const { signal } = deadline;
    const options = { limit_ms: answer_ms, max_bytes: MAX_HANDSHAKE, signal };
    const nextId = () => ++this.#lastId;
    // What it spoke before it may not speak any more: then it is asked as if it were new. An old
    // program may end over a question that it does not know, and is not asked that again.
    const known: Era[] = this.#era === null ? [] : [this.#era];
    const eras = [...known, null, ...is_process ? ["legacy"] as const : []];
    let problem = notSent("unreachable", "It was not asked.");
    for (const era of eras) {
      const session = this.transport.open();
      if ("is" in session) return session;
      const protocol = await handshake({ session, nextId, options }, era);
      if (!("is" in protocol)) {
        this.#era = protocol.era;
        this.#standing = { session, protocol, provedAt: this.clock.monotonic() };
        return this.#standing;
      }
      await session.close();
      this.#era = null;
      problem = deadline.unsent(protocol);
      if (problem.why !== "unreachable" || signal.aborted) break;
    }
    return problem;
  }

  /** Null for a session that stands. */
  async #prove(standing: Standing, signal: AbortSignal): Promise<NotSent | "lost" | null> {
    if (standing.session.is_process) return null;
    const method = standing.protocol.era === "modern" ? "server/discover" : "ping";
    const request = { id: ++this.#lastId, method, params: {}, headers: {} };
    const options = { limit_ms: PROVING_MS, max_bytes: MAX_HANDSHAKE, signal };
    const reply = await this.#exchange(standing, request, options);
    const problem = unusable(reply);
    if (problem !== null) return problem.why === "unreachable" ? "lost" : problem;
    // Servers that lost a session should answer 404; some say 400 (2025-11-25, "Session Management").
    return reply.is === "status" && (reply.status === 404 || reply.status === 400) ? "lost" : null;
  }

  async #exchange(
    standing: Standing,
    request: RpcRequest,
    options: ExchangeOptions,
  ): Promise<RpcReply> {
    const { session, protocol } = standing;
    const reply = await session.exchange(stamped(protocol, request), options);
    if (reply.is !== "not_sent" && reply.is !== "unknown") {
      standing.provedAt = this.clock.monotonic();
    }
    return reply;
  }

  /** Where the end of a connection does not say so already. */
  #cancel({ session, protocol }: Standing, { id }: RpcRequest): void {
    if (protocol.era === "modern" && !session.is_process) return;
    const params = { requestId: id, reason: "The call was ended." };
    const headers = { "mcp-protocol-version": protocol.version };
    void session.notify("notifications/cancelled", params, headers);
  }

  /** All pages of its tools. */
  async #pages(
    standing: Standing,
    signal: AbortSignal,
  ): Promise<JsonObject[] | NotListed | "session_lost"> {
    const pages: JsonObject[] = [];
    let left = MAX_LIST_BYTES;
    let params: JsonObject = {};
    while (pages.length < MAX_PAGES) {
      const request = { id: ++this.#lastId, method: "tools/list", params, headers: {} };
      const options = { limit_ms: LISTING_MS, max_bytes: left, signal };
      const reply = await this.#exchange(standing, request, options);
      if (reply.is !== "result") return whyNotListed(reply);
      const page = resultIn(reply.message);
      pages.push(page);
      left -= reply.message.bytes.length;
      const cursor = memberOf(page, "nextCursor") ?? null;
      if (cursor === null) return pages;
      params = { cursor };
    }
    return notListed({ why: "too_large", says: `It has more than ${MAX_PAGES} pages of tools.` });
  }
}

function isStanding(found: Standing | NotSent): found is Standing {
  return "session" in found;
}

function notListed(
  { why, says, reconnect }: Pick<NotListed, "why" | "says" | "reconnect">,
): NotListed {
  const where = reconnect === undefined ? {} : { reconnect };
  return { is: "not_listed", why, says, ...where };
}

function whyNotListed(reply: Exclude<RpcReply, { is: "result" }>): NotListed | "session_lost" {
  if (reply.is === "status" && reply.status === 404 && reply.in_session) return "session_lost";
  if (reply.is === "too_large") {
    return notListed({ why: "too_large", says: "Its list of tools is too large." });
  }
  const problem = unusable(reply);
  if (problem !== null) return notListed(problem);
  const error = reply.is === "error" || reply.is === "status" ? reply.error : null;
  const says = error?.message ??
    (reply.is === "status" ? `It answered ${reply.status}.` : "It answered with no list.");
  return notListed({ why: "malformed", says });
}

function callRequest(
  id: number,
  { name, input_schema }: CalledTool,
  args: JsonObject,
  { progress }: CallOptions,
): RpcRequest {
  const meta = progress === undefined ? {} : { _meta: { progressToken: id } };
  const headers = { "mcp-name": plainHeader(name), ...parameterHeaders(input_schema, args) };
  return { id, method: "tools/call", params: { ...meta, name, arguments: args }, headers };
}

/**
 * What is told of what comes before an answer: that the list is another one, and progress that is ours
 * and of more than before (2025-11-25, "Progress").
 */
function noticesOf(
  { id }: RpcRequest,
  { progress, changed }: CallOptions,
): Pick<ExchangeOptions, "notified"> {
  if (progress === undefined && changed === undefined) return {};
  let notices = 0;
  let last = -Infinity;
  return {
    notified: (method, params) => {
      if (method === "notifications/tools/list_changed") changed?.();
      if (progress === undefined) return;
      const done = memberOf(params, "progress");
      if (method !== "notifications/progress" || memberOf(params, "progressToken") !== id) return;
      if (typeof done !== "number" || done <= last || ++notices > MAX_NOTICES) return;
      last = done;
      progress({ progress: done, ...detailsOf(params) });
    },
  };
}

function detailsOf(params: JsonValue | undefined): Omit<UpstreamProgress, "progress"> {
  const [total, message] = [memberOf(params, "total"), memberOf(params, "message")];
  return {
    total: typeof total === "number" ? total : null,
    message: typeof message === "string" ? foreignText(message) : null,
  };
}

/** What comes first: null where the signal is aborted. */
async function unlessAborted<T>(awaited: Promise<T>, signal: AbortSignal): Promise<T | null> {
  if (signal.aborted) return null;
  const { promise, resolve } = Promise.withResolvers<null>();
  const left = () => resolve(null);
  signal.addEventListener("abort", left, { once: true });
  try {
    return await Promise.race([awaited, promise]);
  } finally {
    signal.removeEventListener("abort", left);
  }
}

/** A time for something, and the signals that end it before. */
class Deadline extends FirstSignal {
  readonly #timer: Timer;
  #isLate = false;

  constructor(clock: UpstreamClock, readonly milliseconds: number, signals: AbortSignal[]) {
    super(signals);
    this.#timer = clock.timer(milliseconds);
    void this.#timer.elapsed.then(() => {
      if (this.signal.aborted) return;
      this.#isLate = true;
      this.abort();
    });
  }

  /** What became of a call, where being stopped may mean that its time was over. */
  said(outcome: CallOutcome): CallOutcome {
    if (outcome.is === "not_sent") return this.unsent(outcome);
    const isLate = this.#isLate && outcome.is === "unknown" && outcome.why === "stopped";
    return isLate ? unknown("timed_out", this.#says) : outcome;
  }

  unsent(problem: NotSent): NotSent {
    const isLate = this.#isLate && problem.why === "stopped";
    return isLate ? notSent("unreachable", this.#says) : problem;
  }

  get #says(): string {
    return `It did not answer within ${this.milliseconds} ms.`;
  }

  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    this.#timer.cancel();
  }
}
