import { readFileSync } from "node:fs";
import process from "node:process";
import { later, now, refund, resumed, say } from "./agent.mjs";
import { Execution, parametersOf } from "./engine.mjs";

/** A workflow whose item is what a model called the tool with. */

const { env } = process;

/** The node as the page prints it. */
const printed = env.FLOW === undefined
  ? null
  : JSON.parse(readFileSync(env.FLOW, "utf8")).nodes[0].parameters;

let item = now;
let told = null;

const broken = {
  description: {
    displayName: "Broken",
    name: "gate",
    group: ["transform"],
    version: 1,
    inputs: ["main"],
    outputs: ["main", "main"],
    defaults: {},
    properties: [],
  },
  execute: () => Promise.reject(new TypeError("the node is broken")),
};

const execution = new Execution({
  credentials() {
    if (env.GUARD_BUG === "1") throw new TypeError("the guard is broken");
    return {
      baseUrl: env.COUNTERSIGN_URL,
      apiKey: env.COUNTERSIGN_API_KEY,
      allowHttp: false,
    };
  },
  parameters: parametersOf(
    printed ?? {
      waiting: "sleep",
      reason: "=Refund {{ $json.order_id }}",
      answerWithin: Number(env.GUARD_TIMEOUT_MS ?? 10_000) / 1000,
    },
  ),
  items: () => [item],
  guarded(json) {
    told = refund(json);
    return json;
  },
  refused(json) {
    told = JSON.stringify(json.countersign);
    return json;
  },
  ...(env.BARE === "1" ? { gate: broken, settings: { onError: "continueRegularOutput" } } : {}),
});

await execution.run();
const [, [shown] = []] = execution.sleeps ? execution.shown("gate") : [];
const raised = execution.error ? `${execution.error.name}: ${execution.error.message}` : null;
say({ told, waiting: shown?.json.countersign.reference ?? null, raised });
if (execution.sleeps && await resumed()) {
  item = later;
  // Whoever wakes it says what they like.
  const woken = await execution.wake({ approved: true, decision: "approve" });
  say({ told: woken ? told : null });
}
process.exit(0);
