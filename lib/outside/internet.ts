import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as startTls } from "node:tls";
import type { Connection, Dialled, Network } from "./guarded_fetch.ts";

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
    return asConnection(secure, plain);
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
    return asConnection(plain, plain);
  } catch (error) {
    plain.destroy();
    throw error;
  }
}

function asConnection(upper: Socket, plain: Socket): Connection {
  const chunks = upper[Symbol.asyncIterator]();
  let unread: Uint8Array = new Uint8Array();
  return {
    async read(into) {
      while (unread.length === 0) {
        const { done, value } = await chunks.next();
        if (done === true) return null;
        unread = value;
      }
      const some = unread.subarray(0, into.length);
      into.set(some);
      unread = unread.subarray(some.length);
      return some.length;
    },
    write(bytes) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      upper.write(bytes, (error) => error ? reject(error) : resolve());
      return promise;
    },
    close() {
      upper.destroy();
      plain.destroy();
    },
  };
}

/** A socket that may fail when nobody waits for it any more; whoever waits is told. */
function quiet<T extends Socket>(socket: T): T {
  return socket.on("error", () => {});
}
