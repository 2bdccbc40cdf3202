/** Where Countersign is, and the token of an agent or a standard key. */
export type Countersign = { readonly url: string; readonly key: string };
/** Why an action is wanted, and what else names it. */
export type Call = { reason: string; tenant_id?: string; resource_id?: string; method?: string };
/** The tool was not run; the message says why, in one line. */
export class NotRun extends Error {}

/**
 * Wraps a tool so that it runs only when Countersign authorized this very call: anything else
 * throws. Where a human has to approve, `tell` is told where, and they have `wait` seconds;
 * calling again goes on where it was left.
 */
export function guard<A, R>(
  at: Countersign,
  tool_name: string,
  run: (args: A) => R,
  { wait = 300, tell = console.error as (line: string) => void } = {},
) {
  const notRun = (why: string) => new NotRun(`${tool_name} did not run: ${why}`);
  const send = async (path: string, body?: object) => {
    const response = await fetch(new URL(path, at.url), {
      method: body ? "POST" : "GET",
      headers: { "content-type": "application/json", "x-api-key": at.key },
      ...(body && { body: JSON.stringify(body) }),
      redirect: "error",
      signal: AbortSignal.timeout(60_000),
    }).catch(() => {
      throw notRun(`Countersign does not answer at ${at.url}`);
    });
    const answer = await response.json().catch(() => null);
    if (!response.ok) {
      throw notRun(`${answer?.detail ?? `status ${response.status}`} (${answer?.code})`);
    }
    return answer;
  };
  return async (args: A, { reason, ...where }: Call): Promise<Awaited<R>> => {
    const action = JSON.stringify({ ...where, tool_name, arguments: args });
    const post = (path: string, more: object) => send(path, { ...JSON.parse(action), ...more });
    const ask = { reason, request: true, mint: true };
    let { token, token_id, approval, ...answer } = await post("/v1/permissions/check", ask);
    const asked = `/v1/approvals/${approval?.id}`;
    if (approval?.status === "pending") tell(`Waiting for a human: ${approval.review_url}`);
    for (const end = Date.now() + wait * 1000; approval?.status === "pending";) {
      const seconds = Math.min(50, Math.floor((end - Date.now()) / 1000));
      if (seconds < 1) break;
      approval = await send(`${asked}?wait=${seconds}`);
    }
    if (!token && approval?.status === "approved") {
      ({ token, token_id } = await post("/v1/tokens/mint", { approval_id: approval.id }));
    }
    if (!token || !token_id) throw notRun(whyNot({ ...answer, approval }));
    const consumed = await post("/v1/tokens/consume", { token });
    if (consumed.token_id !== token_id) throw notRun("its token is not consumed");

    // From here on the tool runs. A report that is lost must not look like a tool that was not run.
    const report = (outcome: object) =>
      post("/v1/executions/log", { token, ...outcome }).catch(() => {});
    try {
      const result = await run(JSON.parse(action).arguments);
      await report({ execution_result: "success" });
      return result;
    } catch (error) {
      await report({ execution_result: "error", error: `${error}`.slice(0, 4000) });
      throw error;
    }
  };
}

/** What is read of an answer without a token. */
type Answer = {
  permission?: string;
  resolved_from?: string;
  approval?: {
    status: string;
    reference: string;
    review_url: string;
    decisions?: { note: string | null }[];
  };
};

/** Why there is no token. What people wrote stays on the one line. */
function whyNot({ permission, resolved_from, approval }: Answer): string {
  if (!approval) return `the answer is ${permission} (${resolved_from})`;
  const { status, reference, review_url, decisions } = approval;
  if (status === "pending") return `nobody has decided ${reference} yet: ${review_url}`;
  const note = decisions?.at(-1)?.note;
  return `${reference} was ${status}${note ? `: ${JSON.stringify(note)}` : ""}`;
}
