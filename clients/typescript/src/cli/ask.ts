import { CountersignError } from "../errors.ts";
import { ACTION, actionOf } from "./action.ts";
import type { Call, Command } from "./command.ts";
import { EXIT, type Exit } from "./exit.ts";
import { decided, LONGEST_WAIT, noteWaiting, tellApproval, WAIT } from "./waiting.ts";

const DEFAULT_WAIT = 300;

async function run(call: Call): Promise<Exit> {
  const { estimated_cost_micros: _, ...action } = await actionOf(call);
  const reason = call.needed("reason");
  const wait = call.number("wait", DEFAULT_WAIT, LONGEST_WAIT);
  const countersign = await call.service();
  let asked;
  try {
    asked = await countersign.approvals.request({ ...action, reason });
  } catch (error) {
    if (!(error instanceof CountersignError) || error.code !== "approval_not_required") throw error;
    call.tell({ status: "not_required" }, "It is allowed without an approval\n");
    return EXIT.allowed;
  }
  if (asked.status === "pending") noteWaiting(call, asked);
  return tellApproval(call, await decided(countersign, asked, wait));
}

export const ask: Omit<Command, "about"> = {
  args: {
    ...ACTION,
    reason: {
      type: "string",
      description: "Why it is wanted; people read it",
      valueHint: "TEXT",
      required: true,
    },
    wait: WAIT,
  },
  run,
};
