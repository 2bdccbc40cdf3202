import { type Hearer, OwnRequests } from "../../lib/endpoints/own_requests.ts";
import { asCaller } from "../../lib/identity/acting.ts";
import {
  type CallerTier,
  type MachineCaller,
  type Presented,
  requireTier,
} from "../../lib/identity/caller.ts";
import { requesterTopic } from "../../lib/ledger/commit.ts";
import { type AnyRefusal, invalidRequest, Refusal } from "../../lib/refusal.ts";
import type { Services } from "../../lib/services.ts";
import { KEY_TIERS } from "../../lib/store/records/identity.ts";
import type { Watch } from "../../lib/store/watched_rows.ts";
import { problemOf, SurfaceRefusal } from "../http/problem_document.ts";
import { logFailure, refusalOf } from "../http/serve.ts";
import {
  type Frame,
  FRAME_BYTES,
  type FrameId,
  type FrameTargets,
  readFrame,
  SOCKET_PATH,
} from "./frame.ts";

/**
 * One open socket: frames in, each answered by the surface as a request over HTTP is; answers and
 * events out. An exception in a handler of the runtime's would end the process, so none leaves one.
 */

/** Whose credentials open a socket. What each frame may then do, its route says. */
export const SOCKET_CALLERS: readonly CallerTier[] = [...KEY_TIERS, "agent", "sub_token"];

/** How often the credential of a socket is proved again, milliseconds: within two seconds in all. */
const PROVE_EVERY_MS = 1500;

/** Frames of a socket that wait for their answers. */
const IN_FLIGHT = 32;

/** What waits for a peer that does not read, in bytes; with more it is let go. */
const SEND_BUFFER_BYTES = 1024 * 1024;

/** The largest answer that a frame gets. */
const ANSWER_BYTES = SEND_BUFFER_BYTES - 16 * 1024;

/** Frames of a socket that may be none. */
const UNREADABLE = 100;

/** What is listened to, and by whom: those who ask people. */
const SUBSCRIBED = "/v1/approvals";
const SUBSCRIBERS: readonly CallerTier[] = ["standard", "agent", "sub_token"];

/** Close codes of RFC 6455 section 7.4.1, and of the IANA registry. */
const CLOSE = {
  going_away: 1001,
  unsupported: 1003,
  policy: 1008,
  too_big: 1009,
  failed: 1011,
  later: 1013,
} as const;

/** Whoever presented a credential, found anew: as the policy of this moment has them. @throws {Refusal} */
export function proved(
  { ledgers, deps }: Pick<Services, "ledgers" | "deps">,
  presented: Presented,
): Promise<Hearer> {
  const finding = asCaller(presented, SOCKET_CALLERS, {
    plan: ({ snapshot }, caller) => ({ snapshot, caller }),
  });
  return ledgers.of(presented.org).transact(finding, deps.monotonic());
}

/** What is known of whoever opened a socket: nothing of the request can be read any more. */
export interface Opened {
  readonly caller: MachineCaller;
  readonly presented: Presented;
  /** Of each request that a frame becomes. */
  readonly headers: Readonly<Record<string, string>>;
  readonly targets: FrameTargets;
  readonly request_id: string;
  /** Answers a request as the whole surface does. */
  readonly ask: (request: Request) => Response | Promise<Response>;
  /** Called once the socket is no more. */
  readonly ended: () => void;
}

/** Serves a socket until it ends. */
export class Socket {
  /** As they were proved last. */
  #caller: MachineCaller;
  /** What was asked and is not answered, and how each is told that nobody waits any more. */
  readonly #inFlight = new Map<FrameId, AbortController>();
  #isOpen = true;
  #isStopping = false;
  /** Whether the runtime has let go of it. */
  #isEnded = false;
  #unreadable = 0;
  #own: OwnRequests | null = null;
  #woken = Promise.withResolvers<void>();

  constructor(readonly services: Services, readonly socket: WebSocket, readonly opened: Opened) {
    this.#caller = opened.caller;
    const stop = () => this.#stop();
    services.stopping.addEventListener("abort", stop);
    socket.onopen = this.#guarded(() => {
      this.#running(this.#watch());
      if (services.stopping.aborted) stop();
    });
    socket.onmessage = this.#guarded(({ data }: MessageEvent) => this.#receive(data));
    socket.onclose = this.#guarded(() => {
      services.stopping.removeEventListener("abort", stop);
      this.#isOpen = false;
      this.#isEnded = true;
      this.#letGo();
      this.#endIfOver();
    });
    // What it tells of, the close that follows does as well.
    socket.onerror = () => {};
  }

  /** A handler that ends the socket where it fails, and never the process. */
  #guarded<E>(handle: (event: E) => void): (event: E) => void {
    return (event) => {
      try {
        handle(event);
      } catch (error) {
        this.#fail(error);
      }
    };
  }

  #running(work: Promise<void>): void {
    work.catch((error: unknown) => this.#fail(error));
  }

  #fail(error: unknown): void {
    const refusal = refusalOf(error);
    const about = { id: this.opened.request_id, route: SOCKET_PATH };
    logFailure(this.services, error, refusal, about);
    const isLater = ["overloaded", "store_unavailable", "clock"].includes(refusal.code);
    this.#close(isLater ? CLOSE.later : CLOSE.failed, refusal.code);
  }

  #receive(data: unknown): void {
    if (!this.#isOpen) return;
    if (typeof data !== "string") {
      return this.#close(CLOSE.unsupported, "Frames are text, not binary");
    }
    if (data.length > FRAME_BYTES || bytesOf(data) > FRAME_BYTES) {
      return this.#close(CLOSE.too_big, `A frame may have ${FRAME_BYTES} bytes`);
    }
    const read = readFrame(data);
    if ("refusal" in read) {
      this.#unreadable++;
      this.#refuse(read.id, this.#counted() ?? read.refusal);
      if (this.#unreadable >= UNREADABLE) this.#close(CLOSE.policy, "Too many frames were none");
      return;
    }
    const { frame } = read;
    const refusal = this.#barred(frame);
    if (refusal !== null) return this.#refuse(frame.id, this.#counted() ?? refusal);
    const gone = new AbortController();
    this.#inFlight.set(frame.id, gone);
    this.#running(this.#answer(frame, gone.signal));
  }

  /** Why a frame is not looked at; null where it is. */
  #barred({ id }: Frame): SurfaceRefusal | null {
    if (this.#isStopping) return new SurfaceRefusal("stopping", {});
    if (this.#inFlight.has(id)) return new SurfaceRefusal("id_in_flight", { id });
    if (this.#inFlight.size < IN_FLIGHT) return null;
    return new SurfaceRefusal("too_many_frames", { limit: IN_FLIGHT, retry_after_seconds: 1 });
  }

  /** Counts what no route counts; the refusal where it is one too many. */
  #counted(): AnyRefusal | null {
    try {
      this.services.rateLimits.take(this.#caller, this.services.deps.now());
      return null;
    } catch (error) {
      if (error instanceof Refusal) return error;
      throw error;
    }
  }

  async #answer(frame: Frame, gone: AbortSignal): Promise<void> {
    try {
      const request = frame.method === "SUBSCRIBE" ? null : this.#requestOf(frame, gone);
      if (request === null) await this.#subscribe(frame);
      else await this.#pass(frame, request);
    } catch (error) {
      const refusal = refusalOf(error);
      const about = { id: this.opened.request_id, route: SOCKET_PATH };
      logFailure(this.services, error, refusal, about);
      this.#refuse(frame.id, refusal);
      if (refusal.code === "invalid_credentials") this.#close(CLOSE.policy, refusal.code);
    } finally {
      this.#inFlight.delete(frame.id);
      this.#closeIfStopped();
      this.#endIfOver();
    }
  }

  /** The request that a frame stands for. @throws {Refusal} */
  #requestOf({ method, path, body, idempotency_key }: Frame, gone: AbortSignal): Request {
    const { headers, targets } = this.opened;
    const url = targets.find(path);
    const isRead = method === "GET";
    if (url === null || (isRead && body !== undefined)) {
      const counted = this.#counted();
      if (counted !== null) throw counted;
      if (url === null) throw new SurfaceRefusal("not_over_socket", { what: path.slice(0, 200) });
      throw invalidRequest("/body", "is not taken by GET: what it asks stands in the path");
    }
    const text = body === undefined ? null : JSON.stringify(body);
    return new Request(url, {
      method,
      headers: {
        ...headers,
        ...(text === null ? {} : bodyHeaders(text)),
        ...(idempotency_key === undefined ? {} : { "idempotency-key": idempotency_key }),
      },
      body: text,
      signal: gone,
    });
  }

  /** Has a frame answered as a request over HTTP is, by the very same. */
  async #pass({ id, path }: Frame, request: Request): Promise<void> {
    const response = await this.opened.ask(request);
    const { status, headers } = response;
    const isJson = /^application\/(?:problem\+)?json\b/.test(headers.get("content-type") ?? "");
    if (!isJson && status !== 204) {
      await response.body?.cancel();
      throw new SurfaceRefusal("not_over_socket", { what: path.slice(0, 200) });
    }
    const answer = status === 204 ? "null" : await response.text();
    if (bytesOf(answer) > ANSWER_BYTES) {
      throw new SurfaceRefusal("answer_too_large", { limit: ANSWER_BYTES });
    }
    const replayed = headers.has("idempotent-replayed") ? `,"replayed":true` : "";
    // The answer's own bytes: no number is read and written anew on the way.
    this.#send(`{"id":${JSON.stringify(id)},"status":${status}${replayed},"body":${answer}}`);
    if (status === 401) this.#close(CLOSE.policy, "invalid_credentials");
  }

  async #subscribe({ id, path, body, idempotency_key }: Frame): Promise<void> {
    const counted = this.#counted();
    if (counted !== null) throw counted;
    if (path !== SUBSCRIBED || body !== undefined || idempotency_key !== undefined) {
      throw invalidRequest("/path", `is ${SUBSCRIBED} of SUBSCRIBE, which takes nothing else`);
    }
    const hearer = await this.#proved();
    requireTier(hearer.caller, SUBSCRIBERS);
    if (this.#own === null) {
      const own = await OwnRequests.begin(this.services, hearer);
      // Of two frames that subscribe, the first is the one that counts.
      this.#own ??= own;
    }
    this.#send(JSON.stringify({ id, status: 200, body: { subscribed: SUBSCRIBED } }));
    this.#wake();
  }

  /** The caller as the policy of this moment has them. @throws {Refusal} */
  async #proved(): Promise<Hearer> {
    const { services, opened } = this;
    const hearer = await proved(services, opened.presented);
    this.#caller = hearer.caller;
    return hearer;
  }

  /** Proves the credential again and again, and tells what is subscribed to. */
  async #watch(): Promise<void> {
    const { deps, ledgers, watchedRows } = this.services;
    let watch: Watch | null = null;
    let watched = "";
    let moved: Promise<void> | undefined;
    let isNews = true;
    // Whenever it comes, it ends the wait that is or comes next: none falls between two.
    const heard = () => {
      isNews = true;
      this.#wake();
    };
    try {
      while (this.#isOpen) {
        const woken = this.#woken = Promise.withResolvers<void>();
        const { org, id } = this.#caller;
        const own = this.#own;
        const listening = own === null ? null : ledgers.listen(requesterTopic(org, id));
        void listening?.news.then(heard);
        const beat = deps.timer(PROVE_EVERY_MS);
        try {
          // Read after the listening began, so that nothing falls between the two.
          const hearer = await this.#proved();
          if (own !== null && isNews) {
            isNews = false;
            for (const event of await own.look(hearer)) this.#send(JSON.stringify(event));
            const rows = own.rows(hearer);
            if (JSON.stringify(rows) !== watched) {
              watch?.stop();
              watch = watchedRows.watch(rows);
              watched = JSON.stringify(rows);
            }
            if (watch !== null) watch.due = own.due ?? Infinity;
          }
          // The same promise until it resolves: heard once, however many beats pass meanwhile.
          const next = watch?.moved();
          if (next !== moved) void next?.then(heard);
          moved = next;
          await Promise.race([beat.elapsed, woken.promise]);
        } finally {
          beat.cancel();
          listening?.stop();
        }
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#close(CLOSE.policy, error.code);
    } finally {
      watch?.stop();
    }
  }

  #wake(): void {
    this.#woken.resolve();
  }

  /** Nobody waits for answers or news any more. */
  #letGo(): void {
    for (const gone of this.#inFlight.values()) gone.abort();
    this.#wake();
  }

  #refuse(id: FrameId | null, refusal: AnyRefusal | SurfaceRefusal): void {
    const about = { path: SOCKET_PATH, id: this.opened.request_id };
    const { status, body } = problemOf(refusal, about);
    this.#send(JSON.stringify({ id, status, body }));
  }

  #send(text: string): void {
    const { socket } = this;
    if (!this.#isOpen || socket.readyState !== WebSocket.OPEN) return;
    if (socket.bufferedAmount + bytesOf(text) > SEND_BUFFER_BYTES) {
      return this.#close(CLOSE.policy, "Answers are not read");
    }
    socket.send(text);
  }

  /** The process stops: what is under way is answered, and nothing else. */
  #stop(): void {
    this.#isStopping = true;
    this.#closeIfStopped();
  }

  #closeIfStopped(): void {
    if (this.#isStopping && this.#inFlight.size === 0) this.#close(CLOSE.going_away, "stopping");
  }

  /** Its place is free when it is gone and all that it asked has come to its end. */
  #endIfOver(): void {
    if (this.#isEnded && this.#inFlight.size === 0) this.opened.ended();
  }

  /** Lets go of the peer. Its place is free once it, too, has. */
  #close(code: number, reason: string): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#letGo();
    this.socket.close(code, reason);
  }
}

function bodyHeaders(text: string): Record<string, string> {
  return { "content-type": "application/json", "content-length": String(bytesOf(text)) };
}

const ENCODER = new TextEncoder();

function bytesOf(text: string): number {
  return ENCODER.encode(text).length;
}
