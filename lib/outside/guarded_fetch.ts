import { joinBytes } from "../base/bytes.ts";
import type {
  AnswerBody,
  HostAnswer,
  HostFetch,
  HostRequest,
  KeepingFetch,
  StrangerFetch,
} from "../deps.ts";
import type { Timer } from "../store/system.ts";
import { hostProblem, type PrivateHosts } from "./addresses.ts";
import { connected, type Network, unreachable } from "./connection.ts";
import type { HostSlots } from "./host_slots.ts";
import {
  bodyPieces,
  hasBody,
  mayRest,
  type ReadHead,
  readHead,
  StrangerFetchFailed,
  wholeBody,
} from "./http_answer.ts";
import { KeptConnections, Line, Resting } from "./kept_connections.ts";

/**
 * Requests to hosts that others name, in HTTP/1.1, to an address that was looked at: each on a
 * connection of its own or, for whoever keeps connections, on one of theirs that rested.
 */

/** What requests go by. */
interface Ways {
  readonly network: Network;
  readonly timer: (milliseconds: number) => Timer;
  /** Hosts that may be private, and asked by http. */
  readonly named: PrivateHosts;
}

/**
 * Asks hosts that strangers name, and nothing but hosts of the internet: https on port 443, no
 * redirect followed. A name is resolved once and every address that it has must be public; the
 * connection is made to one of these very addresses. So a name that is public when it is looked at
 * and private a moment later (DNS rebinding) leads nowhere: it is not looked up a second time.
 */
export function guardedFetch(
  network: Network,
  timer: (milliseconds: number) => Timer,
): StrangerFetch {
  const ways = { network, timer, named: new Set<string>() };
  return async ({ bodyWanted, ...request }) => {
    const { body, ...head } = await new Exchange(ways, prepared(request, ways, false)).answer();
    if (!bodyWanted(head)) {
      await body?.cancel();
      return { ...head, body: null };
    }
    return { ...head, body: body === null ? new Uint8Array() : await wholeBody(body) };
  };
}

/**
 * Asks hosts that members of an org name, as `guardedFetch` does, and those that the operator named
 * besides, whose addresses may be private. The answer is handed on as it arrives. A host has only so
 * many slots: one that hangs holds up none but those who wait for it.
 */
export function hostFetch(
  ways: Ways & { readonly slots: HostSlots },
  kept: KeptConnections | null = null,
): HostFetch {
  const { slots, timer } = ways;
  return async (request) => {
    const whole = prepared(request, ways, kept !== null);
    const release = await slots.take(whole.url.host, () => timer(request.limit_ms), request.signal);
    return await new Exchange(ways, whole, kept, release).answer();
  };
}

/**
 * Asks hosts as `hostFetch` does, in clients of which each keeps its connections for its own next
 * requests. Nothing of one client is another's.
 */
export function keepingFetch(
  ways: Ways & { readonly slots: HostSlots; readonly monotonic: () => number },
): () => KeepingFetch {
  const inAll = new Resting();
  return () => {
    const kept = new KeptConnections(ways, inAll);
    return { ask: hostFetch(ways, kept), close: () => kept.close() };
  };
}

/** A request that was looked at, and the bytes of it. */
interface Prepared extends Omit<HostRequest, "url"> {
  readonly url: URL;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * @throws {StrangerFetchFailed} address_refused
 * @throws {TypeError} for a header that cannot be sent
 */
function prepared(request: HostRequest, { named }: Ways, keeps: boolean): Prepared {
  const problem = hostProblem(request.url, named);
  if (problem !== null) {
    throw new StrangerFetchFailed("address_refused", `The address ${problem.says}.`);
  }
  const whole = { ...request, url: new URL(request.url) };
  return { ...whole, bytes: httpRequest(whole, keeps) };
}

const DONE = { done: true, value: undefined } as const;

/** Without a reason one is made each time, with a trace of the stack. */
const OVER = new Error("The request is over.");

/**
 * One request, from the look-up of its host to the last byte of the answer. When it ends, by whatever
 * end, connection, timers and slot are given back at once.
 */
class Exchange {
  readonly #stopping = new AbortController();
  readonly #stopped = Promise.withResolvers<never>();
  readonly #limit: Timer;
  #idle: Timer | null = null;
  #asked: Promise<void> | undefined;
  #sent = false;
  #line: Line | null = null;
  #failed: { readonly reason: unknown } | null = null;
  /** Tells whoever reads the body just now why that fails. */
  #reading: ((reason: unknown) => void) | null = null;

  constructor(
    readonly ways: Ways,
    readonly request: Prepared,
    readonly kept: KeptConnections | null = null,
    readonly release: () => void = () => {},
  ) {
    const { limit_ms, signal } = request;
    this.#stopped.promise.catch(() => {});
    this.#limit = ways.timer(limit_ms);
    void this.#limit.elapsed.then(() => this.#late(`no whole answer within ${limit_ms} ms`));
    signal?.addEventListener("abort", this.#left, { once: true });
    if (signal?.aborted === true) this.#left();
  }

  /**
   * The head, and the body to be read.
   * @throws {StrangerFetchFailed}, and what `signal` or `beforeSending` says
   */
  async answer(): Promise<HostAnswer> {
    try {
      return await Promise.race([this.#exchange(), this.#stopped.promise]);
    } catch (error) {
      const reason = this.#failure(error);
      this.#end({ reason });
      // Whoever is told that there is no answer need not ask what that call is still about to do.
      await this.#asked?.catch(() => {});
      throw reason;
    }
  }

  async #exchange(): Promise<HostAnswer> {
    const { signal } = this.#stopping;
    signal.throwIfAborted();
    const { url, repeatable = false } = this.request;
    const rested = this.kept?.take(url.origin, repeatable) ?? null;
    if (rested !== null) {
      const { received } = rested.reader;
      try {
        return await this.#over(rested);
      } catch (error) {
        // What rested may end at any time. Whether this arrived nobody knows: only what may be sent
        // twice is, and only where not one byte was answered.
        if (!repeatable || signal.aborted || rested.reader.received > received) throw error;
        rested.connection.close();
      }
    }
    return await this.#over(await this.#dialled());
  }

  async #dialled(): Promise<Line> {
    const { url } = this.request;
    const madeAt = this.kept?.clock.monotonic() ?? 0;
    const connection = await connected(this.ways, url, this.#stopping.signal);
    return new Line(connection, url.origin, madeAt);
  }

  async #over(line: Line): Promise<HostAnswer> {
    const { request } = this;
    const { signal } = this.#stopping;
    if (signal.aborted) {
      line.connection.close();
      throw signal.reason;
    }
    this.#line = line;
    this.#asked ??= request.beforeSending?.();
    await this.#asked?.catch((reason) => this.#end({ reason }));
    signal.throwIfAborted();
    this.#sent = true;
    await line.connection.write(request.bytes);
    const head = await readHead(line.reader);
    const { status, headers } = head;
    if (status >= 300 && status < 400) {
      throw new StrangerFetchFailed("redirected", `${request.url.hostname} leads elsewhere.`);
    }
    if (signal.aborted) throw signal.reason;
    if (!hasBody(head)) {
      this.#end(null, head);
      return { status, headers, body: null };
    }
    const pieces = bodyPieces(line.reader, head, request.max_body);
    return { status, headers, body: this.#bodyOf(pieces, head) };
  }

  /** Read no faster than it is asked for, so that nothing piles up where nobody reads. */
  #bodyOf(pieces: AsyncGenerator<Uint8Array<ArrayBuffer>>, head: ReadHead): AnswerBody {
    this.#moved();
    const cancel = () => {
      this.#enough(pieces, head);
      return Promise.resolve();
    };
    const iterator = {
      next: () => {
        if (this.#stopping.signal.aborted) {
          return this.#failed === null
            ? Promise.resolve(DONE)
            : Promise.reject(this.#failed.reason);
        }
        const { promise, reject } = Promise.withResolvers<never>();
        this.#reading = reject;
        return Promise.race([this.#piece(pieces, head), promise]);
      },
      return: () => cancel().then(() => DONE),
    };
    return { [Symbol.asyncIterator]: () => iterator, cancel };
  }

  async #piece(
    pieces: AsyncGenerator<Uint8Array<ArrayBuffer>>,
    head: ReadHead,
  ): Promise<IteratorResult<Uint8Array<ArrayBuffer>, undefined>> {
    try {
      const { done, value } = await pieces.next();
      if (this.#stopping.signal.aborted) return DONE;
      if (done === true) {
        this.#end(null, head);
        return DONE;
      }
      this.#moved();
      return { done: false, value };
    } catch (error) {
      const reason = this.#failure(error);
      this.#end({ reason });
      throw reason;
    }
  }

  /** Whoever read has what they wanted. Of a stream the end alone may be missing. */
  #enough(pieces: AsyncGenerator<Uint8Array>, head: ReadHead): void {
    const line = this.#line;
    const isStream = head.headers.has("transfer-encoding");
    if (!this.#stopping.signal.aborted && line !== null && isStream && this.#keeps(head)) {
      this.#line = null;
      void this.kept?.restAfter(pieces, line, head);
    }
    this.#end(null);
  }

  #keeps(head: ReadHead): boolean {
    return this.kept !== null && mayRest(head);
  }

  /** Whoever is waited for, host or reader, has from now on so long again. */
  #moved(): void {
    const { idle_ms } = this.request;
    if (idle_ms === undefined) return;
    this.#idle?.cancel();
    this.#idle = this.ways.timer(idle_ms);
    const idle = this.#idle;
    void idle.elapsed.then(() => {
      if (idle === this.#idle) this.#late(`nothing for ${idle_ms} ms`);
    });
  }

  #late(what: string): void {
    const message = `${this.request.url.hostname} gave ${what}.`;
    this.#end({ reason: new StrangerFetchFailed("timed_out", message, null, this.#sent) });
  }

  readonly #left = () => this.#end({ reason: this.request.signal?.reason });

  /**
   * @param failed what whoever waits for the answer or reads it is told; null at its good end
   * @param whole the head of an answer that was read to its end
   */
  #end(failed: { readonly reason: unknown } | null, whole: ReadHead | null = null): void {
    if (this.#stopping.signal.aborted) return;
    this.#stopping.abort(failed?.reason ?? OVER);
    const line = this.#line;
    if (line !== null) {
      if (whole !== null && this.#keeps(whole)) this.kept?.rest(line, whole);
      else line.connection.close();
    }
    this.#limit.cancel();
    this.#idle?.cancel();
    this.request.signal?.removeEventListener("abort", this.#left);
    if (failed !== null) {
      this.#failed = failed;
      this.#stopped.reject(failed.reason);
      this.#reading?.(failed.reason);
    }
    this.release();
  }

  /** What the caller is told: what ended it first, or what is wrong with host or answer. */
  #failure(error: unknown): unknown {
    const { signal } = this.#stopping;
    if (signal.aborted) return signal.reason;
    const known = error instanceof StrangerFetchFailed
      ? error
      : unreachable(this.request.url.hostname, error);
    return new StrangerFetchFailed(known.code, known.message, known.cause, this.#sent);
  }
}

const TOKEN = /^[a-z0-9!#$%&'*+.^_`|~-]+$/;

/** No line of a header can end before we end it (RFC 9110 section 5.5). */
const VALUE = /^[\x20-\x7e]*$/;

const OURS = new Set(["host", "connection", "content-length", "transfer-encoding", "user-agent"]);

/**
 * The bytes of an HTTP/1.1 request (RFC 9112).
 * @param keeps whether others may follow on its connection
 * @throws {TypeError} for a header that cannot be written or is not the caller's to set
 */
function httpRequest({ url, method, headers = {}, body }: {
  readonly url: URL;
  readonly method: HostRequest["method"];
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | undefined;
}, keeps: boolean): Uint8Array<ArrayBuffer> {
  const lines = [
    `${method} ${url.pathname}${url.search} HTTP/1.1`,
    `host: ${url.host}`,
    "user-agent: Countersign",
    ...(keeps ? [] : ["connection: close"]),
    ...(body === undefined ? [] : [`content-length: ${body.length}`]),
  ];
  // Without these words a server may choose to compress, which would have to be undone here.
  const all = { accept: "*/*", "accept-encoding": "identity", ...headers };
  for (const [name, value] of Object.entries(all)) {
    if (!TOKEN.test(name) || !VALUE.test(value) || OURS.has(name)) {
      throw new TypeError(`Header ${JSON.stringify(name)} cannot be sent as it is`);
    }
    lines.push(`${name}: ${value}`);
  }
  const head = new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`);
  return body === undefined ? head : joinBytes([head, body]);
}
