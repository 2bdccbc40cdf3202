import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as startTls, type TLSSocket } from "node:tls";
import type { Connection, Network } from "./guarded_fetch.ts";

/**
 * The network as it is: names by DNS, connections by TLS.
 */

const HTTPS = 443;

/** The network as it is. */
export const internet: Network = { resolve: resolveHost, connect: connectTls };

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
  { address, host, port = HTTPS, authorities }: {
    readonly address: string;
    readonly host: string;
    readonly port?: number;
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
      servername: host,
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

function asConnection(secure: TLSSocket, plain: Socket): Connection {
  const chunks = secure[Symbol.asyncIterator]();
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
      secure.write(bytes, (error) => error ? reject(error) : resolve());
      return promise;
    },
    close() {
      secure.destroy();
      plain.destroy();
    },
  };
}

/** A socket that may fail when nobody waits for it any more; whoever waits is told. */
function quiet<T extends Socket>(socket: T): T {
  return socket.on("error", () => {});
}
