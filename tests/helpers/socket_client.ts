import assert from "node:assert/strict";
import type { JsonObject, JsonValue } from "../../lib/base/json.ts";
import { systemTimer, type Timer } from "../../lib/store/system.ts";
import type { ApprovalOrg } from "./approval_org.ts";
import type { Countersign } from "./countersign.ts";
import { projectText } from "./project_files.ts";

/** What came over a socket: an answer, or an event. */
// deno-lint-ignore no-explicit-any -- tests look at answers member by member
export type Message = any;

/** How a socket was closed. */
export interface Closed {
  readonly code: number;
  readonly reason: string;
}

interface Opening {
  /** In `Authorization`; as the second subprotocol where `carried` says so. */
  readonly key?: string;
  readonly carried?: boolean;
  readonly headers?: Record<string, string>;
  readonly protocols?: readonly string[];
  readonly path?: string;
}

/** A client of `/v1/ws`, as a program is one. */
export class SocketClient implements AsyncDisposable {
  readonly closed: Promise<Closed>;
  readonly #came: Message[] = [];
  #wanted: ((message: Message) => void)[] = [];
  #ids = 0;

  private constructor(readonly socket: WebSocket) {
    const { promise, resolve } = Promise.withResolvers<Closed>();
    this.closed = promise;
    socket.onclose = ({ code, reason }) => resolve({ code, reason });
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      const wanted = this.#wanted.shift();
      if (wanted === undefined) this.#came.push(message);
      else wanted(message);
    };
  }

  /** Resolves with null where no socket is given. */
  static async tried(
    { origin }: Pick<Countersign, "origin">,
    { key, carried = false, headers = {}, protocols, path = "/v1/ws" }: Opening,
  ): Promise<SocketClient | null> {
    const bearer = key === undefined ? {} : { authorization: `Bearer ${key}` };
    const own = ["countersign.v1", ...(carried ? [`bearer.${key}`] : [])];
    // Deno's own second argument, which the types of browsers do not have.
    const options = {
      protocols: [...protocols ?? own],
      headers: { ...(carried ? {} : bearer), ...headers },
    } as unknown as string[];
    const socket = new WebSocket(origin.replace("http", "ws") + path, options);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    socket.onopen = () => resolve(true);
    socket.onerror = () => resolve(false);
    const client = new SocketClient(socket);
    void client.closed.then(() => resolve(false));
    return await promise ? client : null;
  }

  static async open(at: Pick<Countersign, "origin">, key: string): Promise<SocketClient> {
    const client = await SocketClient.tried(at, { key });
    if (client === null) throw new Error("No socket was given.");
    return client;
  }

  /** What comes next. */
  next(): Promise<Message> {
    const came = this.#came.shift();
    if (came !== undefined) return Promise.resolve(came);
    const { promise, resolve } = Promise.withResolvers<Message>();
    this.#wanted.push(resolve);
    return promise;
  }

  send(frame: JsonValue | string): void {
    this.socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  /** Sends one frame and waits for what comes next, which has to be its answer. */
  async ask(
    method: string,
    path: string,
    body?: JsonValue,
    more: JsonObject = {},
  ): Promise<Message> {
    const id = ++this.#ids;
    this.send({ id, method, path, ...(body === undefined ? {} : { body }), ...more });
    const message = await this.next();
    if (message.id !== id) throw new Error(`Not the answer to ${id}: ${JSON.stringify(message)}`);
    return message;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.close();
    await this.closed;
  }
}

/** How often a socket proves its credential, milliseconds; as the implementation asks for it. */
export const BEAT_MS = 1500;

/** Timers in which the beats of sockets come when a test says so, and rows are read at once. */
export class SocketTimers {
  readonly #beats = new Set<() => void>();
  #awaited: { readonly milliseconds: number; readonly resolve: () => void }[] = [];

  readonly timer = (milliseconds: number): Timer => {
    const begun = this.#awaited.filter((one) => one.milliseconds === milliseconds);
    this.#awaited = this.#awaited.filter((one) => !begun.includes(one));
    begun.forEach(({ resolve }) => resolve());
    if (milliseconds === 1000) return systemTimer(5);
    if (milliseconds !== BEAT_MS) return systemTimer(milliseconds);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#beats.add(resolve);
    return { elapsed: promise, cancel: () => this.#beats.delete(resolve) };
  };

  /** Resolves when the next timer of so many milliseconds begins. */
  begun(milliseconds: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#awaited.push({ milliseconds, resolve });
    return promise;
  }

  /** Lets the beats of all sockets come. */
  async beat(): Promise<void> {
    if (this.#beats.size === 0) await this.begun(BEAT_MS);
    for (const resolve of [...this.#beats]) resolve();
  }
}

/** The first program in a language that the page about sockets prints. */
export async function printed(language: string): Promise<string> {
  const page = await projectText("docs/websocket.md");
  const [, program] = new RegExp("```" + language + "\n([^]*?)```").exec(page) ?? [];
  return program ?? assert.fail(`docs/websocket.md has no program in ${language}`);
}

/** Has Ann approve what a program asks that runs beside the test. */
export async function decidedBeside(
  it: ApprovalOrg,
  running: Promise<unknown>,
): Promise<{ readonly id: string; readonly review_url: string }> {
  let isOver = false;
  const ended = () => isOver = true;
  void running.then(ended, ended);
  for (;;) {
    const { data } = (await it.org.get("/v1/approvals?status=pending")).body;
    const [asked] = data;
    if (asked === undefined) {
      if (isOver) assert.fail(`it asked nobody: ${JSON.stringify(await running)}`);
      continue;
    }
    assert.equal((await it.decide(asked.id, "approve")).status, 200);
    return asked;
  }
}
