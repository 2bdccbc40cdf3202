import { isIP } from "node:net";
import { isNamed, isNamedAddress, isPublicAddress, type PrivateHosts } from "./addresses.ts";
import { type ByteSource, StrangerFetchFailed } from "./http_answer.ts";

/** Connections to hosts that others name, to no address that was not looked at. */

/** A connection; by TLS, one on which the other side has proved its name. */
export interface Connection extends ByteSource {
  /**
   * Whether it stands, and nothing has come that was not read: on one that rests nothing may come.
   * What is still on its way is not known.
   */
  readonly isQuiet: boolean;
  /** Sends all of them. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends what is being read or written, too. */
  close(): void;
}

/** Where a connection leads to. */
export interface Dialled {
  readonly address: string;
  /** The name that the other side proves by TLS; the address itself, where that was named. */
  readonly host: string;
  readonly port: number;
  /** False for http, which only hosts that the operator named are asked by. */
  readonly tls: boolean;
}

/** The network, which a test replaces. */
export interface Network {
  /**
   * The IP addresses of a host; none when it has none.
   * @param own whether names count that only this computer or its network knows
   */
  readonly resolve: (
    host: string,
    signal: AbortSignal,
    own: boolean,
  ) => Promise<readonly string[]>;
  readonly connect: (to: Dialled, signal: AbortSignal) => Promise<Connection>;
}

/** How many addresses of a host are tried when one takes no connection. */
const MAX_TRIES = 4;

/**
 * Connects to the host of a URL: its name is resolved once, every address that it has must be one that
 * may be asked, and the connection is made to one of these very addresses.
 * @param named hosts that may be private
 * @throws {StrangerFetchFailed} unreachable, address_refused
 */
export async function connected(
  { network, named }: { readonly network: Network; readonly named: PrivateHosts },
  url: URL,
  signal: AbortSignal,
): Promise<Connection> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const own = isNamed(url, named);
  const addresses = own && isIP(host) !== 0 ? [host] : await network.resolve(host, signal, own);
  // One message for both: what names a private network has is nothing to tell a stranger.
  const message = `The host ${host} has no public address.`;
  if (addresses.length === 0) throw new StrangerFetchFailed("unreachable", message);
  if (!addresses.every(own ? isNamedAddress : isPublicAddress)) {
    throw new StrangerFetchFailed("address_refused", message);
  }
  const tls = url.protocol === "https:";
  const port = url.port === "" ? (tls ? 443 : 80) : Number(url.port);
  let failure: unknown;
  for (const address of addresses.slice(0, MAX_TRIES)) {
    signal.throwIfAborted();
    try {
      return await network.connect({ address, host, port, tls }, signal);
    } catch (error) {
      failure = error;
    }
  }
  throw unreachable(host, failure);
}

export function unreachable(host: string, error: unknown): StrangerFetchFailed {
  const why = error instanceof Error ? error.message : String(error);
  return new StrangerFetchFailed("unreachable", `${host} cannot be reached: ${why}`, error);
}
