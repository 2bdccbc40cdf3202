import type { Timer } from "../deps.ts";
import { endpointProblem, isPublicAddress } from "./endpoint.ts";
import { EndpointRefused, type PushFetch } from "./push_fetch.ts";

/** How long one push may take, milliseconds. */
const LIMIT_MS = 10_000;

/** The network, which a test replaces. */
export interface Network {
  /** The IP addresses of a host; none when it has none. */
  readonly resolve: (host: string) => Promise<readonly string[]>;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly timer: (milliseconds: number) => Timer;
}

/**
 * Posts to push services only: https on port 443 of a host of the internet, without following a
 * redirect. A name may be resolved to another address between the look and the connection; TLS then
 * ends it before anything is sent, for what answers must prove that very name.
 */
export function guardedFetch({ resolve, fetch, timer }: Network): PushFetch {
  return async ({ endpoint, headers, body }) => {
    const problem = endpointProblem(endpoint);
    if (problem !== null) throw new EndpointRefused(`The push endpoint ${problem}.`);
    const limit = timer(LIMIT_MS);
    const stopping = new AbortController();
    const { promise: late, reject } = Promise.withResolvers<never>();
    late.catch(() => {});
    void limit.elapsed.then(() => {
      const error = new Error(`The push service gave no answer within ${LIMIT_MS} ms.`);
      stopping.abort(error);
      reject(error);
    });
    try {
      const { hostname } = new URL(endpoint);
      const addresses = await Promise.race([resolve(hostname), late]);
      if (addresses.length === 0) throw new Error(`The push service ${hostname} is not found.`);
      if (!addresses.every(isPublicAddress)) {
        throw new EndpointRefused(`The push endpoint ${hostname} is in a private network.`);
      }
      const response = await fetch(endpoint, {
        method: "POST",
        redirect: "manual",
        headers,
        body,
        signal: stopping.signal,
      });
      await response.body?.cancel();
      if (response.status >= 300 && response.status < 400) {
        throw new EndpointRefused(`The push endpoint ${hostname} leads elsewhere.`);
      }
      return { status: response.status, retry_after_seconds: retryAfter(response.headers) };
    } finally {
      limit.cancel();
    }
  };
}

/** All addresses of a host as DNS has them: what only this computer knows by name is not asked. */
export async function resolveHost(host: string): Promise<string[]> {
  const found = await Promise.all(
    (["A", "AAAA"] as const).map((type) =>
      Deno.resolveDns(host, type).catch((error) => {
        if (error instanceof Deno.errors.NotFound) return [];
        throw error;
      })
    ),
  );
  return found.flat();
}

/** RFC 9110 section 10.2.3; a date instead of seconds counts as none. */
function retryAfter(headers: Headers): number | null {
  const text = headers.get("retry-after") ?? "";
  return /^[0-9]{1,6}$/.test(text) ? Number(text) : null;
}
