import type { HostFetch, HostRequest } from "../deps.ts";
import { firstBytes, StrangerFetchFailed } from "../outside/http_answer.ts";
import { scrubText } from "../scrub/scrub.ts";
import { visibleLine } from "../base/text.ts";
import type { TryOutcome } from "./delivery.ts";

/** Asking the hosts of endpoints, within limits that are the same for all, and what they answer. */

/** What an endpoint is sent. */
export type EndpointRequest = Pick<HostRequest, "url" | "method" | "headers" | "body"> & {
  /** How many bytes of the answer's body are looked at; the rest is left unread. */
  readonly wanted: number;
};

/** What came back: never more of the body than was wanted. */
export interface EndpointAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Asks the host of an endpoint once. @throws {StrangerFetchFailed} */
export type Ask = (request: EndpointRequest) => Promise<EndpointAnswer>;

/** How long an endpoint may take to answer, from the look-up of its host on, milliseconds. */
const LIMIT_MS = 15_000;

/** What a body may have at most; read is what was wanted of it. */
const MAX_BODY = 1024 * 1024;

/** Asks as `hosts` does: a host has its slots, and an address that it may not have is refused. */
export function asking(hosts: HostFetch): Ask {
  return async ({ wanted, ...request }) => {
    const { status, headers, body } = await hosts({
      ...request,
      limit_ms: LIMIT_MS,
      max_body: MAX_BODY,
    });
    if (wanted > 0) return { status, headers, body: await firstBytes(body, wanted) };
    // It holds its slot until it is read or given up.
    await body?.cancel();
    return { status, headers, body: new Uint8Array() };
  };
}

/** Most characters of what is kept of a failure. */
const MAX_ERROR = 200;

/** A failure in one sentence that says no more than may be shown. */
export function failed(
  error: string,
  { status = null, for_good = false, wait_ms = 0 }: {
    readonly status?: number | null;
    readonly for_good?: boolean;
    readonly wait_ms?: number;
  } = {},
): TryOutcome {
  return { type: "failed", status, error: shown(error, MAX_ERROR), for_good, wait_ms };
}

/** What somebody else wrote, scrubbed and in one line. */
export function shown(text: string, limit: number): string {
  return visibleLine(scrubText(text).text, limit);
}

/** What comes of a try whose request had no answer. What else was thrown is thrown on. */
export function unanswered(error: unknown): TryOutcome {
  if (!(error instanceof StrangerFetchFailed)) throw error;
  return error.code === "busy" ? { type: "busy" } : failed(error.message);
}

/** Milliseconds for which an answer asks to be left alone (RFC 9110 section 10.2.3); 0 for none. */
export function retryAfterMs(headers: Headers, now: number): number {
  const text = headers.get("retry-after") ?? "";
  if (/^[0-9]{1,9}$/.test(text)) return Number(text) * 1000;
  const at = /^[A-Z][a-z]{2}, /.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(at) ? 0 : Math.max(0, at - now);
}
