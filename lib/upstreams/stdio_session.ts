import { canonicalBytes } from "../base/canonical.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
import type { Timer } from "../store/system.ts";
import { type ForeignObject, readForeign } from "./foreign_json.ts";
import { lineMessages, type LongLine } from "./framing.ts";
import type { HostProgram } from "./host_file.ts";
import type { NotSent } from "./port.ts";
import {
  answerTo,
  type ExchangeOptions,
  incoming,
  type McpSession,
  notSent,
  requestMessage,
  type RpcReply,
  type RpcRequest,
  stopped,
  unknown,
} from "./rpc.ts";

/**
 * MCP by standard input and output: one process of this host, one message a line. The end of the
 * process is the end of all that runs by it.
 */

/** Most bytes of a line that is kept: the largest result there is, and what is around it. */
const MAX_LINE = 8 * 1024 * 1024 + 64 * 1024;

/** A line that is longer than this has no end that is worth waiting for. */
const GIVE_UP = 256 * 1024 * 1024;

/** How long a process may take to end, each time that it is asked to more firmly. */
const ENDING_MS = 2000;

/** Most lines that wait to be written: who does not read what it asked for asks in vain. */
const MAX_QUEUE = 64;

/** A request that was not answered yet. */
interface Waiting {
  readonly options: ExchangeOptions;
  readonly settle: (reply: RpcReply) => void;
  /** Whether any byte of it may have arrived. */
  written: boolean;
  settled: boolean;
}

/** Starts a program of the host's own file; nothing of a request is in what is started. */
export function startProgram(
  program: HostProgram,
  timer: (milliseconds: number) => Timer,
): StdioSession | NotSent {
  try {
    const child = new Deno.Command(program.command, {
      args: [...program.args],
      ...(program.cwd === null ? {} : { cwd: program.cwd }),
      // What this process has in its own environment is nobody else's to read.
      clearEnv: true,
      env: { ...program.env },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    return new StdioSession(child, timer);
  } catch (error) {
    const why = error instanceof Error ? error.name : "unknown";
    return notSent("unreachable", `Its program cannot be started on this host (${why}).`);
  }
}

/** A server that is a process of this host. */
export class StdioSession implements McpSession {
  readonly is_process = true;
  readonly #waiting = new Map<number, Waiting>();
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #output: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  readonly #read: Promise<void>;
  #writing: Promise<void> = Promise.resolve();
  #queued = 0;
  #ended = false;
  #closing: Promise<void> | null = null;

  constructor(
    readonly child: Deno.ChildProcess,
    readonly timer: (milliseconds: number) => Timer,
  ) {
    this.#input = child.stdin.getWriter();
    this.#input.closed.catch(() => {});
    this.#output = child.stdout.getReader();
    this.#read = this.#readAll();
  }

  get ended(): boolean {
    return this.#ended;
  }

  async exchange(request: RpcRequest, options: ExchangeOptions): Promise<RpcReply> {
    if (this.#ended) return notSent("unreachable", "Its process has ended.");
    if (options.signal.aborted) return stopped(false);
    const { promise, resolve } = Promise.withResolvers<RpcReply>();
    const waiting: Waiting = {
      options,
      written: false,
      settled: false,
      settle: (reply) => {
        waiting.settled = true;
        resolve(reply);
      },
    };
    const left = () => waiting.settle(stopped(waiting.written));
    const limit = this.timer(options.limit_ms);
    const late = `It did not answer within ${options.limit_ms} ms.`;
    void limit.elapsed.then(() =>
      waiting.settle(waiting.written ? unknown("timed_out", late) : notSent("unreachable", late))
    );
    options.signal.addEventListener("abort", left, { once: true });
    this.#waiting.set(request.id, waiting);
    void this.#write(requestMessage(request), waiting);
    try {
      return await promise;
    } finally {
      limit.cancel();
      options.signal.removeEventListener("abort", left);
      this.#waiting.delete(request.id);
    }
  }

  notify(method: string, params: JsonObject): Promise<void> {
    return this.#write({ jsonrpc: "2.0", method, params }, null);
  }

  /** Ends the process as the protocol says: its input first, then by signals (2025-11-25, "stdio"). */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#end();
    // Not awaited: who does not read what is being written holds it up until the process ends.
    void this.#input.close().catch(() => {});
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      if (await this.#exitsInTime()) break;
      try {
        this.child.kill(signal);
      } catch {
        // It has ended by itself.
      }
    }
    await this.child.status;
    // Programs that it started in turn may hold its output open.
    await this.#output.cancel().catch(() => {});
    await this.#read;
  }

  async *#pieces(): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
    for (;;) {
      const { done, value } = await this.#output.read();
      if (done) return;
      yield value;
    }
  }

  async #exitsInTime(): Promise<boolean> {
    const limit = this.timer(ENDING_MS);
    const isOver = this.child.status.then(() => true);
    const exited = await Promise.race([isOver, limit.elapsed.then(() => false)]);
    limit.cancel();
    return exited;
  }

  /** Writes a line when it is its turn, unless nobody waits for it any more. */
  #write(message: JsonObject, waiting: Waiting | null): Promise<void> {
    const bytes = canonicalBytes(message);
    const line = new Uint8Array(bytes.length + 1);
    line.set(bytes);
    line[bytes.length] = 0x0a;
    if (waiting === null && this.#queued >= MAX_QUEUE) return Promise.resolve();
    this.#queued++;
    this.#writing = this.#writing.then(async () => {
      this.#queued--;
      if (this.#ended || waiting?.settled === true) return;
      if (waiting !== null) waiting.written = true;
      await this.#input.write(line);
    }).catch(() => this.#end());
    return this.#writing;
  }

  async #readAll(): Promise<void> {
    try {
      for await (const line of lineMessages(this.#pieces(), MAX_LINE, GIVE_UP)) {
        if (line instanceof Uint8Array) await this.#came(line);
        else this.#tooLarge(line, null);
      }
    } catch {
      // Whatever ended it, nothing comes from there any more.
    }
    this.#end();
    if (this.#closing === null) void this.close();
  }

  async #came(line: Uint8Array<ArrayBuffer>): Promise<void> {
    const message = await readForeign(line, this.timer);
    // What is no message may be what a program prints for people: it is no answer to anybody.
    if (message === "malformed") return;
    if (message === "too_many_values") {
      const [head, tail] = [line.slice(0, ENDS), line.slice(-ENDS)];
      return this.#tooLarge({ head, tail }, line.length);
    }
    this.#dispatch(message, line.length);
  }

  #dispatch(message: ForeignObject, bytes: number): void {
    const came = incoming(message);
    if (came === null) return;
    switch (came.is) {
      case "notification":
        for (const { options } of this.#waiting.values()) {
          options.notified?.(came.method, came.params);
        }
        return;
      case "request":
        void this.#write(answerTo(came), null);
        return;
      case "error":
        this.#waitingFor(came.id)?.settle({ is: "error", error: came.error });
        return;
      case "result": {
        const waiting = this.#waitingFor(came.id);
        const { max_bytes } = waiting?.options ?? { max_bytes: 0 };
        if (bytes > max_bytes) waiting?.settle({ is: "too_large", max_bytes, bytes });
        else waiting?.settle({ is: "result", message });
      }
    }
  }

  #waitingFor(id: JsonValue): Waiting | undefined {
    return typeof id === "number" ? this.#waiting.get(id) : undefined;
  }

  /** Its id stands at one end of it, if it is an answer as programs write them. */
  #tooLarge({ head, tail }: LongLine, bytes: number | null): void {
    const text = (part: Uint8Array) => new TextDecoder().decode(part);
    const [, first] = /^\s*\{[^[{]*?"id"\s*:\s*([0-9]{1,15})\b/.exec(text(head)) ?? [];
    const [, last] = /"id"\s*:\s*([0-9]{1,15})\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$/
      .exec(text(tail)) ?? [];
    const waiting = this.#waitingFor(Number(first ?? last ?? NaN));
    waiting?.settle({ is: "too_large", max_bytes: waiting.options.max_bytes, bytes });
  }

  /** Nothing comes and nothing goes any more. */
  #end(): void {
    this.#ended = true;
    for (const { written, settle } of this.#waiting.values()) {
      settle(
        written
          ? unknown("cut", "Its process ended before the result was there.")
          : notSent("unreachable", "Its process ended before the call was sent."),
      );
    }
  }
}

/** How much of a message of too many values is looked at for its id. */
const ENDS = 512;
