import type { Connection, Dialled, Network } from "../../lib/outside/connection.ts";

/** What a host does with a request: the bytes of its answer, in pieces, and whether it leaves then. */
export interface Said {
  readonly pieces: readonly string[];
  readonly leaves?: boolean;
}

/** A wire of a network in memory, and both ends of it. */
export class Wire implements Connection {
  /** The requests that came by it, each whole. */
  readonly asked: string[] = [];
  isClosed = false;
  #came: Uint8Array[] = [];
  #isOver = false;
  #wake: (() => void) | null = null;

  constructor(
    readonly to: Dialled,
    /** Null leaves it to whoever has the wire to say something. */
    readonly answer: (request: string, wire: Wire) => Said | null,
  ) {}

  get isQuiet(): boolean {
    return this.#came.length === 0 && !this.#isOver && !this.isClosed;
  }

  async read(into: Uint8Array): Promise<number | null> {
    while (this.#came.length === 0) {
      if (this.isClosed) throw new Error("closed");
      if (this.#isOver) return null;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    const [first = into] = this.#came;
    const some = first.subarray(0, into.length);
    into.set(some);
    if (some.length < first.length) this.#came[0] = first.subarray(some.length);
    else this.#came.shift();
    return some.length;
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.isClosed) return Promise.reject(new Error("closed"));
    const request = new TextDecoder().decode(bytes);
    this.asked.push(request);
    const said = this.answer(request, this);
    for (const piece of said?.pieces ?? []) this.say(piece);
    if (said?.leaves === true) this.leave();
    return Promise.resolve();
  }

  close(): void {
    this.isClosed = true;
    this.#woken();
  }

  /** Has bytes come from the other side, one character each. */
  say(text: string): void {
    if (text !== "") this.#came.push(Uint8Array.from(text, (one) => one.charCodeAt(0)));
    this.#woken();
  }

  /** Has the other side end it. */
  leave(): void {
    this.#isOver = true;
    this.#woken();
  }

  #woken(): void {
    this.#wake?.();
    this.#wake = null;
  }
}

/** A network in memory, all of whose hosts answer as a test says. */
export class WireNetwork implements Network {
  readonly wires: Wire[] = [];
  /** What was asked of DNS. */
  readonly resolved: string[] = [];
  addresses: readonly string[] = ["93.184.216.34"];

  constructor(readonly answer: (request: string, wire: Wire) => Said | null) {}

  readonly resolve: Network["resolve"] = (host) => {
    this.resolved.push(host);
    return Promise.resolve(this.addresses);
  };

  readonly connect: Network["connect"] = (to) => {
    const wire = new Wire(to, this.answer);
    this.wires.push(wire);
    return Promise.resolve(wire);
  };

  /** How many requests came by each wire. */
  get counts(): number[] {
    return this.wires.map(({ asked }) => asked.length);
  }
}

/** An HTTP answer with a body and its length. */
export function answerOf(body: string, headers: readonly string[] = []): string {
  return httpAnswer(["HTTP/1.1 200 OK", ...headers, `Content-Length: ${body.length}`], body);
}

/** An HTTP answer, line by line. */
export function httpAnswer(lines: readonly string[], body = ""): string {
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}
