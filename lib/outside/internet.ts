import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as startTls } from "node:tls";
import type { Connection, Dialled, Network } from "./connection.ts";

/**
 * The network as it is: names by DNS, connections by TLS.
 */

/** The network as it is. */
export const internet: Network = {
  resolve: (host, signal, own) => own ? resolveOwn(host) : resolveHost(host, signal),
  connect: (to, signal) => to.tls ? connectTls(to, signal) : connectPlain(to, signal),
};

/** What this computer takes a name for: by its own list, search domains and all. */
async function resolveOwn(host: string): Promise<string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

/** All addresses of a host as DNS has them: what only this computer knows by name is not asked. */
async function resolveHost(host: string, signal: AbortSignal): Promise<string[]> {
  // With the dot at its end a name is not tried below the search domains of this computer.
  const name = `${host}.`;
  const found = await Promise.allSettled([
    Deno.resolveDns(name, "A", { signal }),
    Deno.resolveDns(name, "AAAA", { signal }),
  ]);
  const addresses = found.flatMap((result) => result.status === "fulfilled" ? result.value : []);
  if (addresses.length > 0) return addresses;
  for (const result of found) {
    if (result.status === "rejected" && !(result.reason instanceof Deno.errors.NotFound)) {
      throw result.reason;
    }
  }
  return [];
}

/**
 * Connects to an address by TLS and has the other side prove that it is `host`, by a certificate of
 * an authority that this computer trusts (`DENO_TLS_CA_STORE`, `DENO_CERT`) or, where `authorities`
 * are given, of one of these.
 */
export async function connectTls(
  { address, host, port, authorities }: Omit<Dialled, "tls"> & {
    /** In PEM. */
    readonly authorities?: readonly string[];
  },
  signal: AbortSignal,
): Promise<Connection> {
  // Not Deno.startTls: until its handshake ends, which a silent server can put off for ever, it
  // keeps a socket that was closed.
  const plain = quiet(connectTcp({ host: address, port }));
  try {
    await once(plain, "connect", { signal });
    const secure = quiet(startTls({
      socket: plain,
      // An address is proved by the certificate, and is no name to ask for (RFC 6066 section 3).
      ...(isIP(host) === 0 ? { servername: host } : { host }),
      rejectUnauthorized: true,
      ALPNProtocols: ["http/1.1"],
      ...(authorities === undefined ? {} : { ca: [...authorities] }),
    }));
    await once(secure, "secureConnect", { signal });
    return new SocketConnection(secure, plain);
  } catch (error) {
    plain.destroy();
    throw error;
  }
}

/** Connects to an address as it is. */
async function connectPlain({ address, port }: Dialled, signal: AbortSignal): Promise<Connection> {
  const plain = quiet(connectTcp({ host: address, port }));
  try {
    await once(plain, "connect", { signal });
    return new SocketConnection(plain, plain);
  } catch (error) {
    plain.destroy();
    throw error;
  }
}

/** A socket as it is read here: what it says is told by events, for a stream of it costs twice as much. */
class SocketConnection implements Connection {
  #unread: Uint8Array[] = [];
  /** Resolves whoever waits for more. */
  #wake: (() => void) | null = null;
  #end: { readonly error: Error | null } | null = null;

  constructor(readonly upper: Socket, readonly plain: Socket) {
    upper.on("data", (bytes: Uint8Array) => {
      this.#unread.push(bytes);
      // What nobody waits for stays in the network until somebody does.
      if (this.#wake === null) upper.pause();
      this.#woken();
    });
    upper.on("end", () => this.#ended(null));
    upper.on("error", (error) => this.#ended(error));
    upper.on("close", () => this.#ended(new Error("The connection was closed.")));
  }

  get isQuiet(): boolean {
    return this.#unread.length === 0 && this.#end === null;
  }

  async read(into: Uint8Array): Promise<number | null> {
    while (this.#unread.length === 0) {
      if (this.#end?.error != null) throw this.#end.error;
      if (this.#end !== null) return null;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      if (this.upper.isPaused()) this.upper.resume();
      await promise;
    }
    const [first = into] = this.#unread;
    const some = first.subarray(0, into.length);
    into.set(some);
    if (some.length < first.length) this.#unread[0] = first.subarray(some.length);
    else this.#unread.shift();
    return some.length;
  }

  write(bytes: Uint8Array): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.upper.write(bytes, (error) => error ? reject(error) : resolve());
    return promise;
  }

  close(): void {
    this.upper.destroy();
    this.plain.destroy();
  }

  #ended(error: Error | null): void {
    this.#end ??= { error };
    this.#woken();
  }

  #woken(): void {
    this.#wake?.();
    this.#wake = null;
  }
}

/** A socket that may fail when nobody waits for it any more; whoever waits is told. */
function quiet<T extends Socket>(socket: T): T {
  return socket.on("error", () => {});
}
