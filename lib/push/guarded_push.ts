import { type StrangerFetch, StrangerFetchFailed } from "../net/stranger_fetch.ts";
import { endpointProblem } from "./endpoint.ts";
import { EndpointRefused, type PushFetch } from "./push_fetch.ts";

/** How long one push may take, milliseconds. */
const LIMIT_MS = 10_000;

/** Posts to push services, as any host that a stranger names is asked. */
export function guardedPush(fetch: StrangerFetch): PushFetch {
  return async ({ endpoint, headers, body }) => {
    const problem = endpointProblem(endpoint);
    if (problem !== null) throw new EndpointRefused(`The push endpoint ${problem}.`);
    try {
      const answer = await fetch({
        url: endpoint,
        method: "POST",
        headers,
        body,
        limit_ms: LIMIT_MS,
        max_body: 0,
        bodyWanted: () => false,
      });
      return { status: answer.status, retry_after_seconds: retryAfter(answer.headers) };
    } catch (error) {
      if (
        error instanceof StrangerFetchFailed &&
        (error.code === "address_refused" || error.code === "redirected")
      ) throw new EndpointRefused(error.message, { cause: error });
      throw error;
    }
  };
}

/** RFC 9110 section 10.2.3; a date instead of seconds counts as none. */
function retryAfter(headers: Headers): number | null {
  const text = headers.get("retry-after") ?? "";
  return /^[0-9]{1,6}$/.test(text) ? Number(text) : null;
}
