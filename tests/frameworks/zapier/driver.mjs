import { readFileSync } from "node:fs";
import process from "node:process";
import zapier from "zapier-platform-core";
import { later, now, refund, resumed, say } from "./agent.mjs";

/** A Zap whose step is guarded, by the platform's own runner. */

const { env } = process;
process.env.COUNTERSIGN_TIMEOUT_MS = env.GUARD_TIMEOUT_MS ?? "8000";
const { default: app } = await import("countersign-zapier");
const { perform, performResume } = app.creates.ask_and_wait.operation;
const { perform: report } = app.creates.report_outcome.operation;

const broken = () => {
  throw new TypeError("the guard is broken");
};

/** With `BARE` the platform's own hook: a step that throws, and the guarded one behind it. */
const guarding = env.BARE === "1" ? broken : perform;
const run = zapier.createAppTester(app);

const authData = {
  // What is no address breaks the step before it has asked.
  base_url: env.GUARD_BUG === "1" ? "no address" : env.COUNTERSIGN_URL,
  api_key: env.COUNTERSIGN_API_KEY,
};

/** The step's fields: as the page prints them, or with these values. */
function bundleOf({ order_id, amount }) {
  const inputData = env.FLOW !== undefined ? JSON.parse(readFileSync(env.FLOW, "utf8")) : {
    tool_name: "refund_order",
    arguments: { order_id },
    numbers: { amount: String(amount) },
    reason: "Order 17 came back",
  };
  return { authData, inputData };
}

/** The step, and the guarded one behind it where the platform goes on. */
async function step(method, bundle) {
  try {
    const output = await run(method, bundle);
    if (method !== performResume && output.code === "pending") {
      return { waiting: output.reference };
    }
    const told = refund(output.arguments);
    const { tool_name, token } = output;
    await run(report, { authData, inputData: { tool_name, token, execution_result: "success" } });
    return { told };
  } catch (error) {
    return { told: error.message };
  }
}

const first = await step(guarding, bundleOf(now));
say(first);
if (first.waiting !== undefined && await resumed()) {
  // Whoever called the address says what they like.
  const cleanedRequest = { approved: true, allowed: true, arguments: later };
  say(
    await step(performResume, {
      ...bundleOf(later),
      outputData: first,
      cleanedRequest,
    }),
  );
}
process.exit(0);
