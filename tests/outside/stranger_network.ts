import type { Connection, Dialled, Network } from "../../lib/outside/connection.ts";

/** A public address, of nobody in particular. */
export const PUBLIC = "93.184.216.34";

/** A network in memory: names have the addresses, and connections the answers, that a test says. */
export class StrangerNetwork implements Network {
  /** What was asked of DNS, in order. */
  readonly resolved: string[] = [];
  /** What was connected to, in order. */
  readonly connected: { readonly address: string; readonly host: string }[] = [];
  /** The same with ports, and whether by TLS. */
  readonly dialled: Dialled[] = [];
  /** What was sent, one text a connection. */
  readonly sent: string[] = [];
  closed = 0;

  constructor(
    readonly options: {
      /** The addresses of each look-up in turn; the last ones again after that. */
      readonly addresses?: readonly (readonly string[])[];
      /** The answer of each connection in turn, one character a byte; none stays silent. */
      readonly answers?: readonly string[];
      /** Most bytes that arrive at once. */
      readonly pace?: number;
      /** Addresses that take no connection. */
      readonly dead?: readonly string[];
    } = {},
  ) {}

  readonly resolve = (host: string): Promise<readonly string[]> => {
    const { addresses = [[PUBLIC]] } = this.options;
    const found = addresses[Math.min(this.resolved.length, addresses.length - 1)] ?? [];
    this.resolved.push(host);
    return Promise.resolve(found);
  };

  readonly connect: Network["connect"] = ({ address, host, port, tls }) => {
    this.connected.push({ address, host });
    this.dialled.push({ address, host, port, tls });
    if (this.options.dead?.includes(address)) return Promise.reject(new Error("refused"));
    const at = this.sent.push("") - 1;
    return Promise.resolve(this.#connection(at));
  };

  #connection(at: number): Connection {
    const { answers = [], pace = Infinity } = this.options;
    const answer = answers[at];
    const bytes = Uint8Array.from(answer ?? "", (character) => character.charCodeAt(0));
    const { promise: closed, resolve } = Promise.withResolvers<null>();
    let read = 0;
    return {
      isQuiet: false,
      read(into) {
        if (answer === undefined) return closed;
        const some = bytes.subarray(read, read + Math.min(into.length, pace));
        if (some.length === 0) return Promise.resolve(null);
        into.set(some);
        read += some.length;
        return Promise.resolve(some.length);
      },
      write: (sent) => {
        this.sent[at] += new TextDecoder().decode(sent);
        return Promise.resolve();
      },
      close: () => {
        this.closed++;
        resolve(null);
      },
    };
  }
}
