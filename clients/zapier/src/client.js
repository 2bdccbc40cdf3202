import process from "node:process";
import { brokenStep, checkToPass, Countersign } from "countersign";

/** The client, by whose rules an answer is believed, over the platform's own requests. */
export function clientOf(z, { authData }) {
  const { base_url: url, api_key: key } = authData;
  // The platform ends a step after 30 seconds, and a step asks up to three times.
  const timeoutMs = Number(process.env.COUNTERSIGN_TIMEOUT_MS ?? 8000);
  return new Countersign({
    url,
    key,
    fetch: fetchBy(z),
    timeoutMs,
    checkTimeoutMs: timeoutMs,
  });
}

/** Asks Countersign whether exactly this may run now; the end of the step, whatever breaks. */
export async function looked(z, bundle, action) {
  try {
    return await checkToPass(clientOf(z, bundle), action);
  } catch (error) {
    return brokenStep(action.tool_name, error);
  }
}

/** An empty body is none, as `Response` has it. */
const WITHOUT_BODY = new Set([204, 205, 304]);

function fetchBy(z) {
  return async (url, { method, headers, body, signal }) => {
    const answer = await z.request({
      url: String(url),
      method,
      headers,
      body,
      signal,
      // Followed, the key would go wherever somebody points.
      redirect: "manual",
      skipThrowForStatus: true,
    });
    const { status, content } = answer;
    const after = answer.getHeader("retry-after");
    return new Response(WITHOUT_BODY.has(status) ? null : content, {
      status,
      headers: after === undefined || after === null ? {} : { "retry-after": after },
    });
  };
}
