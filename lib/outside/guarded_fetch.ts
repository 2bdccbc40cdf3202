import { joinBytes } from "../base/bytes.ts";
import type { StrangerAnswer, StrangerFetch, StrangerRequest } from "../deps.ts";
import type { Timer } from "../store/system.ts";
import { isPublicAddress, strangerUrlProblem } from "./addresses.ts";
import {
  AnswerReader,
  type ByteSource,
  readBody,
  readHead,
  StrangerFetchFailed,
} from "./http_answer.ts";

/**
 * Requests to hosts that strangers name, in HTTP/1.1 over TLS, each on a connection of its own to
 * an address that was looked at.
 */

/** A connection on which the other side has proved its name. */
export interface Connection extends ByteSource {
  /** Sends all of them. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends what is being read or written, too. */
  close(): void;
}

/** The network, which a test replaces. */
export interface Network {
  /** The IP addresses of a host; none when it has none. */
  readonly resolve: (host: string, signal: AbortSignal) => Promise<readonly string[]>;
  /** Connects to port 443 of an address, by TLS, and has it prove that it is `host`. */
  readonly connect: (
    to: { readonly address: string; readonly host: string },
    signal: AbortSignal,
  ) => Promise<Connection>;
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
  return async (request) => {
    const problem = strangerUrlProblem(request.url);
    if (problem !== null) {
      throw new StrangerFetchFailed("address_refused", `The address ${problem}.`);
    }
    const url = new URL(request.url);
    const bytes = httpRequest({ ...request, url });
    const limit = timer(request.limit_ms);
    const stopping = new AbortController();
    const { promise: late, reject } = Promise.withResolvers<never>();
    void limit.elapsed.then(() => {
      const message = `${url.hostname} gave no whole answer within ${request.limit_ms} ms.`;
      reject(new StrangerFetchFailed("unreachable", message));
    });
    try {
      return await Promise.race([exchange(network, request, bytes, stopping.signal), late]);
    } catch (error) {
      throw error instanceof StrangerFetchFailed ? error : unreachable(url.hostname, error);
    } finally {
      limit.cancel();
      stopping.abort();
    }
  };
}

async function exchange(
  network: Network,
  request: StrangerRequest,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<StrangerAnswer> {
  const { hostname } = new URL(request.url);
  const connection = await connected(network, hostname, signal);
  if (signal.aborted) {
    connection.close();
    throw signal.reason;
  }
  signal.addEventListener("abort", () => connection.close(), { once: true });
  await connection.write(bytes);
  const reader = new AnswerReader(connection);
  const head = await readHead(reader);
  if (head.status >= 300 && head.status < 400) {
    throw new StrangerFetchFailed("redirected", `${hostname} leads elsewhere.`);
  }
  const body = request.bodyWanted(head) ? await readBody(reader, head, request.max_body) : null;
  return { ...head, body };
}

async function connected(
  network: Network,
  host: string,
  signal: AbortSignal,
): Promise<Connection> {
  const addresses = await network.resolve(host, signal);
  // One message for both: what names a private network has is nothing to tell a stranger.
  const message = `The host ${host} has no public address.`;
  if (addresses.length === 0) throw new StrangerFetchFailed("unreachable", message);
  if (!addresses.every(isPublicAddress)) throw new StrangerFetchFailed("address_refused", message);
  let failure: unknown;
  for (const address of addresses.slice(0, MAX_TRIES)) {
    signal.throwIfAborted();
    try {
      return await network.connect({ address, host }, signal);
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
  readonly method: "GET" | "POST";
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
