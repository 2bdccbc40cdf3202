import { isCheck } from "../answers.ts";
import type { Answers } from "../wire.ts";
import { ACTION, actionOf } from "./action.ts";
import type { Call, Command } from "./command.ts";
import { EXIT, type Exit } from "./exit.ts";
import { table } from "./shown.ts";

const CODES: Readonly<Record<Answers["check"]["permission"], Exit>> = {
  allowed: EXIT.allowed,
  requires_approval: EXIT.pending,
  disabled: EXIT.denied,
};

async function run(call: Call): Promise<Exit> {
  const action = await actionOf(call);
  const reason = call.text("reason");
  const countersign = await call.service();
  const answer = await countersign.post(
    "/v1/permissions/check",
    { ...action, ...(reason === undefined ? {} : { reason }) },
    isCheck,
  );
  call.tell(
    answer,
    table([
      ["permission", answer.permission],
      ["because of", answer.resolved_from],
      ["decision", answer.decision_id],
    ]),
  );
  return CODES[answer.permission];
}

export const check: Omit<Command, "about"> = {
  args: {
    ...ACTION,
    reason: { type: "string", description: "Why it is wanted", valueHint: "TEXT" },
  },
  run,
};
