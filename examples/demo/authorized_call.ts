import { z } from "zod";
import type { JsonObject } from "../../lib/base/json.ts";
import type { Scene } from "./scene.ts";

const consumed = z.object({ token_id: z.string() });
const logged = z.object({ execution_id: z.string(), attested: z.literal(true) });

/** An authorized call: the action, and the token for it. */
export interface Authorized {
  readonly tool_name: string;
  readonly arguments: JsonObject;
  readonly token: string;
}

/** Consumes the token for the very call, runs it on the file server, and reports it. */
export async function consumeAndRun(scene: Scene, call: Authorized): Promise<string> {
  const { agent, files } = scene;
  await agent.post("/v1/tokens/consume", call, { status: 200, body: consumed });
  const text = await files.run(call.tool_name, call.arguments);
  const report = { ...call, execution_result: "success" };
  await agent.post("/v1/executions/log", report, { status: 201, body: logged });
  return text;
}

/** A call in one line. */
export function shown(
  { tool_name, arguments: args }: { tool_name: string; arguments: JsonObject },
) {
  return `${tool_name} ${JSON.stringify(args)}`;
}
