import { problemOf } from "./answers.ts";
import { type Clock, paused } from "./clock.ts";
import { CountersignError, mayPass, NoAnswer, Refused } from "./errors.ts";

export const SYSTEM_CLOCK: Clock = {
  now: () => performance.now(),
  after: (milliseconds, then) => {
    // Of a longer time the engines make none.
    const timer = setTimeout(then, Math.min(milliseconds, 2 ** 31 - 1));
    return () => clearTimeout(timer);
  },
};

/** Where requests go, and by what. */
export interface Ways {
  readonly url: URL;
  readonly key: string;
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  /** From 0 to 1, for the time between tries. */
  readonly random: () => number;
}

export interface Request<T> {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly body?: object;
  /** For the whole of it, tries and the time between them included. */
  readonly timeoutMs: number;
  /** Without one a request that may do something is sent once. */
  readonly idempotencyKey?: string;
  /** The version that a change was made from; the service refuses it for another. */
  readonly ifMatch?: string;
  readonly signal?: AbortSignal;
  readonly accepts: (value: unknown) => value is T;
}

const MAX_TRIES = 4;
const FIRST_PAUSE_MS = 100;

/** Above what any answer holds: a result of 8 MiB in base64, and its frame. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/**
 * Asks until there is an answer, the time is over, or asking again would be wrong. Only what may be
 * repeated is: reading, and what carries an idempotency key. `outcome_unknown` never is.
 * @throws {Refused} for a problem document @throws {NoAnswer} for everything else that is no answer
 * @throws {TypeError} for what cannot be said in a request, which nobody could answer
 */
export async function exchange<T>(ways: Ways, request: Request<T>): Promise<T> {
  const written = writtenOf(ways, request);
  const deadline = ways.clock.now() + request.timeoutMs;
  for (let tries = 1;; tries++) {
    try {
      return await once(ways, request, written, deadline - ways.clock.now());
    } catch (error) {
      if (!(error instanceof Attempt)) throw error;
      const pause = error.retryAfterMs ??
        FIRST_PAUSE_MS * 2 ** (tries - 1) * (1 + ways.random());
      const repeatable = request.method === "GET" || request.idempotencyKey !== undefined;
      const inTime = ways.clock.now() + pause < deadline;
      if (!repeatable || !error.passing || tries === MAX_TRIES || !inTime) throw error.failure;
      await paused(ways.clock, pause, request.signal);
    }
  }
}

/** How one try failed. */
class Attempt extends Error {
  constructor(
    readonly failure: CountersignError,
    /** Whether the next one may fare better. */
    readonly passing: boolean,
    readonly retryAfterMs: number | null = null,
  ) {
    super(failure.message);
  }
}

async function once<T>(
  ways: Ways,
  request: Request<T>,
  written: RequestInit,
  leftMs: number,
): Promise<T> {
  const { url: { origin }, clock } = ways;
  const stop = new AbortController();
  const late = () =>
    stop.abort(new NoAnswer("timed_out", `Countersign gave no answer in time at ${origin}`));
  const left = () => stop.abort(request.signal?.reason);
  const cancel = clock.after(Math.max(0, leftMs), late);
  request.signal?.addEventListener("abort", left, { once: true });
  if (request.signal?.aborted === true) left();
  try {
    const url = new URL(request.path, ways.url);
    const response = await ways.fetch(url, { ...written, signal: stop.signal });
    const text = await boundedText(response, stop.signal);
    return read(ways, response, text, request);
  } catch (error) {
    if (error instanceof Attempt) throw error;
    request.signal?.throwIfAborted();
    const failure = stop.signal.aborted
      ? stop.signal.reason as NoAnswer
      : error instanceof NoAnswer
      ? error
      : new NoAnswer("unreachable", `Countersign does not answer at ${origin}`, { cause: error });
    throw new Attempt(failure, failure.code === "unreachable");
  } finally {
    cancel();
    request.signal?.removeEventListener("abort", left);
  }
}

/** Written before anything is sent: what cannot be is the caller's fault, and no want of an answer. */
function writtenOf<T>(ways: Ways, request: Request<T>): RequestInit {
  const { method, body, idempotencyKey, ifMatch } = request;
  const headers = {
    accept: "application/json, application/problem+json",
    authorization: `Bearer ${ways.key}`,
    ...(body === undefined ? {} : { "content-type": "application/json" }),
    ...(idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey }),
    ...(ifMatch === undefined ? {} : { "if-match": ifMatch }),
  };
  // Tried here, and given as it is: who stands in for `fetch` may read it as an object.
  new Headers(headers);
  return {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    // Followed, the key would go wherever somebody points; and Workers know no "error".
    redirect: "manual",
  };
}

/** The whole body, however it comes; an answer that never ends is none. */
export async function boundedText(response: Response, signal: AbortSignal): Promise<string> {
  if (response.body === null) return "";
  const reader = response.body.getReader();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const stopped = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  stopped.catch(() => {});
  let text = "";
  try {
    for (let size = 0;;) {
      const { done, value } = await Promise.race([reader.read(), stopped]);
      if (done) return text + decoded(decoder);
      size += value.length;
      if (size > MAX_ANSWER_BYTES) {
        throw new NoAnswer("bad_answer", `The answer has more than ${MAX_ANSWER_BYTES} bytes`);
      }
      text += decoded(decoder, value);
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** What is no text came whole, and is no want of an answer. @throws {NoAnswer} */
function decoded(decoder: TextDecoder, bytes?: Uint8Array): string {
  try {
    return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
  } catch (cause) {
    throw new NoAnswer("bad_answer", "The answer is not written in UTF-8", { cause });
  }
}

function read<T>({ url }: Ways, response: Response, text: string, request: Request<T>): T {
  const { status } = response;
  const value = parsed(text);
  if (response.ok) {
    if (request.accepts(value)) return value;
    throw new Attempt(badAnswer(url, status, request), false);
  }
  const problem = problemOf(status, value);
  if (problem === null) throw attempted(badAnswer(url, status, request));
  const after = response.headers.get("retry-after") ?? "";
  const wait = /^[0-9]{1,9}$/.test(after) ? Number(after) * 1000 : null;
  throw attempted(new Refused(problem), wait);
}

function attempted(failure: CountersignError, wait: number | null = null): Attempt {
  return new Attempt(failure, mayPass(failure), wait);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function badAnswer<T>({ origin }: URL, status: number, { method, path }: Request<T>): NoAnswer {
  const what = `${method} ${path.replace(/\?.*/, "")} at ${origin}`;
  return new NoAnswer("bad_answer", `What answered ${what} with ${status} is not Countersign`, {
    status,
  });
}
