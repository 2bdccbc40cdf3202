import type { Connection, Network } from "../../lib/outside/connection.ts";
import type { Timer } from "../../lib/store/system.ts";

/** Timers that end when a test says so. */
export class HeldClocks {
  readonly #running = new Set<() => void>();
  #ended = false;

  readonly timer = (): Timer => {
    const { promise: elapsed, resolve } = Promise.withResolvers<void>();
    if (this.#ended) resolve();
    else this.#running.add(resolve);
    return { elapsed, cancel: () => this.#running.delete(resolve) };
  };

  /** Ends all that run, and each that is still to come as soon as it begins. */
  end(): void {
    this.#ended = true;
    for (const resolve of this.#running) resolve();
    this.#running.clear();
  }
}

/** What a host does when it is asked: says nothing, or this, or this for ever. */
type Behaviour = { readonly says: string; readonly forever?: boolean } | null;

/** A network in memory: what names lead to, and what the hosts behind them do. */
export class HostsNetwork implements Network {
  /** What was connected to, `name address`, in order. */
  readonly connected: string[] = [];
  /** The names of hosts with a connection that is open. */
  readonly open: string[] = [];
  /** How many bytes were read. */
  read = 0;

  constructor(
    /** The addresses of a name, at each look-up. */
    readonly addresses: (host: string) => readonly string[],
    readonly behaviour: (host: string) => Behaviour,
  ) {}

  readonly resolve: Network["resolve"] = (host) => Promise.resolve(this.addresses(host));

  readonly connect: Network["connect"] = ({ address, host }) => {
    this.connected.push(`${host} ${address}`);
    this.open.push(host);
    return Promise.resolve(this.#connection(host));
  };

  #connection(host: string): Connection {
    const behaviour = this.behaviour(host);
    const { promise: closed, resolve } = Promise.withResolvers<null>();
    const bytes = new TextEncoder().encode(behaviour?.says);
    let at = 0;
    return {
      isQuiet: false,
      read: (into) => {
        if (behaviour === null) return closed;
        if (at === bytes.length && behaviour.forever !== true) return Promise.resolve(null);
        const some = at < bytes.length ? bytes.subarray(at, at + into.length) : null;
        if (some === null) into.fill(0x61);
        else into.set(some);
        const count = some?.length ?? into.length;
        at += some?.length ?? 0;
        this.read += count;
        return Promise.resolve(count);
      },
      write: () => Promise.resolve(),
      close: () => {
        const open = this.open.indexOf(host);
        if (open >= 0) this.open.splice(open, 1);
        resolve(null);
      },
    };
  }
}
