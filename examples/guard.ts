/** Where Countersign is, and the key of an agent or a standard key. */
export type Countersign = { readonly url: string; readonly key: string };
/** Why an action is wanted, and what else names it. */
export type Call = { reason: string; tenant_id?: string; resource_id?: string; method?: string };
/** The tool was not run; the message says why. */
export class NotRun extends Error {}

/**
 * Wraps a tool so that it runs only when Countersign authorized this very call: anything else
 * throws. Who has to approve has `wait` seconds (0-50); calling again goes on where it was left.
 */
export function guard<A, R>(at: Countersign, tool_name: string, run: (args: A) => R, wait = 50) {
  return async (args: A, { reason, ...where }: Call): Promise<Awaited<R>> => {
    const action = JSON.stringify({ ...where, tool_name, arguments: args });
    const post = async (path: string, fields: object) => {
      const response = await fetch(new URL(path, at.url), {
        method: "POST",
        headers: { "content-type": "application/json", "x-api-key": at.key },
        body: JSON.stringify({ ...JSON.parse(action), ...fields }),
        redirect: "error",
        signal: AbortSignal.timeout((wait + 10) * 1000),
      });
      if (!response.ok) throw new NotRun(`${tool_name}: ${await response.text()}`);
      return await response.json();
    };
    const ask = { reason, request: true, mint: true, wait };
    const { token, token_id, ...answer } = await post("/v1/permissions/check", ask);
    if (!token || !token_id) throw new NotRun(`${tool_name}: ${JSON.stringify(answer)}`);
    const consumed = await post("/v1/tokens/consume", { token });
    if (consumed.token_id !== token_id) throw new NotRun(`${tool_name}: its token is not consumed`);

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
