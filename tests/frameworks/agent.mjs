import { appendFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Countersign } from "countersign";

/**
 * What drivers in JavaScript have alike: the client, the tool's body, what its model calls it with,
 * and the lines that go between a driver and the harness. It is laid beside each of them.
 */

const { env } = process;

/** What the model calls the tool with, and what stands there when the run is resumed. */
export const now = JSON.parse(env.TOOL_ARGUMENTS);
export const later = JSON.parse(env.TOOL_ARGUMENTS_LATER ?? env.TOOL_ARGUMENTS);

/** The tool's body, whose effect is a line in a file. */
export function refund({ order_id, amount }) {
  appendFileSync(env.EFFECT_FILE, `${JSON.stringify({ order_id, amount })}\n`);
  return `refunded ${amount} for ${order_id}`;
}

function made() {
  if (env.BARE === "1") return null;
  const timeoutMs = Number(env.GUARD_TIMEOUT_MS ?? 10_000);
  const client = new Countersign({
    url: env.COUNTERSIGN_URL,
    key: env.COUNTERSIGN_API_KEY,
    timeoutMs,
    checkTimeoutMs: timeoutMs,
  });
  if (env.GUARD_BUG !== "1") return client;
  return new Proxy(client, {
    get: () => () => {
      throw new TypeError("the guard is broken");
    },
  });
}

/** The client; null where the framework's own hook is looked at. */
export const client = made();

/** One line to the harness: what came of a run. */
export function say({ told = null, waiting = null, raised = null }) {
  console.log(JSON.stringify({ told, waiting, raised }));
}

/** Whether the harness has the run resumed; false where it leaves. */
export async function resumed() {
  for await (const line of createInterface({ input: process.stdin })) return line === "resume";
  return false;
}
