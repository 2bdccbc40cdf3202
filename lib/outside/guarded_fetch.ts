import { isIP } from "node:net";
import { joinBytes } from "../base/bytes.ts";
import type { HostAnswer, HostFetch, HostRequest, StrangerFetch } from "../deps.ts";
import type { Timer } from "../store/system.ts";
import {
  hostProblem,
  isNamed,
  isNamedAddress,
  isPublicAddress,
  type PrivateHosts,
} from "./addresses.ts";
import type { HostSlots } from "./host_slots.ts";
import {
  AnswerReader,
  bodyPieces,
  type ByteSource,
  hasBody,
  readHead,
  StrangerFetchFailed,
  wholeBody,
} from "./http_answer.ts";

/**
 * Requests to hosts that others name, in HTTP/1.1, each on a connection of its own to an address that
 * was looked at.
 */

/** A connection; by TLS, one on which the other side has proved its name. */
export interface Connection extends ByteSource {
  /** Sends all of them. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends what is being read or written, too. */
  close(): void;
}

/** Where a connection leads to. */
export interface Dialled {
  readonly address: string;
  /** The name that the other side proves by TLS; the address itself, where that was named. */
  readonly host: string;
  readonly port: number;
  /** False for http, which only hosts that the operator named are asked by. */
  readonly tls: boolean;
}

/** The network, which a test replaces. */
export interface Network {
  /**
   * The IP addresses of a host; none when it has none.
   * @param own whether names count that only this computer or its network knows
   */
  readonly resolve: (
    host: string,
    signal: AbortSignal,
    own: boolean,
  ) => Promise<readonly string[]>;
  readonly connect: (to: Dialled, signal: AbortSignal) => Promise<Connection>;
}

/** What requests go by. */
interface Ways {
  readonly network: Network;
  readonly timer: (milliseconds: number) => Timer;
  /** Hosts that may be private, and asked by http. */
  readonly named: PrivateHosts;
}

/** How many addresses of a host are tried when one takes no connection. */
const MAX_TRIES = 4;

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
    const { body, ...head } = await new Exchange(ways, prepared(request, ways)).answer();
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
export function hostFetch(ways: Ways & { readonly slots: HostSlots }): HostFetch {
  const { slots, timer } = ways;
  return async (request) => {
    const whole = prepared(request, ways);
    const release = await slots.take(whole.url.host, timer(request.limit_ms), request.signal);
    return await new Exchange(ways, whole, release).answer();
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
function prepared(request: HostRequest, { named }: Ways): Prepared {
  const problem = hostProblem(request.url, named);
  if (problem !== null) {
    throw new StrangerFetchFailed("address_refused", `The address ${problem.says}.`);
  }
  const whole = { ...request, url: new URL(request.url) };
  return { ...whole, bytes: httpRequest(whole) };
}

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
  #body: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | null = null;

  constructor(
    readonly ways: Ways,
    readonly request: Prepared,
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
    const { ways, request } = this;
    const { signal } = this.#stopping;
    signal.throwIfAborted();
    const { url, bytes } = request;
    const connection = await connected(ways, url, signal);
    if (signal.aborted) {
      connection.close();
      throw signal.reason;
    }
    signal.addEventListener("abort", () => connection.close(), { once: true });
    this.#asked = request.beforeSending?.();
    await this.#asked?.catch((reason) => this.#end({ reason }));
    signal.throwIfAborted();
    this.#sent = true;
    await connection.write(bytes);
    const reader = new AnswerReader(connection);
    const head = await readHead(reader);
    if (head.status >= 300 && head.status < 400) {
      throw new StrangerFetchFailed("redirected", `${url.hostname} leads elsewhere.`);
    }
    if (signal.aborted) throw signal.reason;
    if (!hasBody(head)) {
      this.#end(null);
      return { ...head, body: null };
    }
    return { ...head, body: this.#stream(bodyPieces(reader, head, request.max_body)) };
  }

  /** Reads on when it is read, so that nothing piles up where nobody reads. */
  #stream(
    pieces: AsyncGenerator<Uint8Array<ArrayBuffer>>,
  ): ReadableStream<Uint8Array<ArrayBuffer>> {
    this.#moved();
    return new ReadableStream({
      start: (controller) => {
        this.#body = controller;
      },
      pull: async (controller) => {
        try {
          const { done, value } = await pieces.next();
          if (this.#stopping.signal.aborted) return;
          if (done === true) {
            controller.close();
            return this.#end(null);
          }
          this.#moved();
          controller.enqueue(value);
        } catch (error) {
          this.#end({ reason: this.#failure(error) });
        }
      },
      cancel: () => this.#end(null),
    }, { highWaterMark: 0 });
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

  /** @param failed what whoever waits for the answer or reads it is told; null at its good end */
  #end(failed: { readonly reason: unknown } | null): void {
    if (this.#stopping.signal.aborted) return;
    this.#stopping.abort(failed?.reason);
    this.#limit.cancel();
    this.#idle?.cancel();
    this.request.signal?.removeEventListener("abort", this.#left);
    if (failed !== null) {
      this.#stopped.reject(failed.reason);
      this.#body?.error(failed.reason);
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

async function connected(
  { network, named }: Ways,
  url: URL,
  signal: AbortSignal,
): Promise<Connection> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const own = isNamed(url, named);
  const addresses = own && isIP(host) !== 0 ? [host] : await network.resolve(host, signal, own);
  // One message for both: what names a private network has is nothing to tell a stranger.
  const message = `The host ${host} has no public address.`;
  if (addresses.length === 0) throw new StrangerFetchFailed("unreachable", message);
  if (!addresses.every(own ? isNamedAddress : isPublicAddress)) {
    throw new StrangerFetchFailed("address_refused", message);
  }
  const tls = url.protocol === "https:";
  const port = url.port === "" ? (tls ? 443 : 80) : Number(url.port);
  let failure: unknown;
  for (const address of addresses.slice(0, MAX_TRIES)) {
    signal.throwIfAborted();
    try {
      return await network.connect({ address, host, port, tls }, signal);
    } catch (error) {
      failure = error;
    }
  }
  throw unreachable(host, failure);
}

function unreachable(host: string, error: unknown): StrangerFetchFailed {
  const why = error instanceof Error ? error.message : String(error);
  return new StrangerFetchFailed("unreachable", `${host} cannot be reached: ${why}`, error);
}

const TOKEN = /^[a-z0-9!#$%&'*+.^_`|~-]+$/;

/** No line of a header can end before we end it (RFC 9110 section 5.5). */
const VALUE = /^[\x20-\x7e]*$/;

const OURS = new Set(["host", "connection", "content-length", "transfer-encoding", "user-agent"]);

/**
 * The bytes of an HTTP/1.1 request (RFC 9112) on a connection of its own.
 * @throws {TypeError} for a header that cannot be written or is not the caller's to set
 */
function httpRequest({ url, method, headers = {}, body }: {
  readonly url: URL;
  readonly method: HostRequest["method"];
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | undefined;
}): Uint8Array<ArrayBuffer> {
  const lines = [
    `${method} ${url.pathname}${url.search} HTTP/1.1`,
    `host: ${url.host}`,
    "user-agent: Countersign",
    "connection: close",
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
