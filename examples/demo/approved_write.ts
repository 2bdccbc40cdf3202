import { z } from "zod";
import { type Authorized, consumeAndRun, shown } from "./authorized_call.ts";
import { approval, ask, held, onDisk, problem, type Scene } from "./scene.ts";

const minted = z.object({ token: z.string(), token_id: z.string(), decision_id: z.string() });

/**
 * A write is held for a human; approved, it authorizes that write only, and once. Gives the call,
 * its token spent.
 */
export async function writeNeedsApproval(scene: Scene): Promise<Authorized> {
  const { story, agent, approver } = scene;
  const action = {
    tool_name: "write_file",
    arguments: { path: "shopping.txt", content: "milk, bread, coffee\n" },
  };
  story.tell("agent", `asks for ${shown(action)}`);
  const question = { ...action, request: true, reason: "the list for Saturday" };
  const answer = await ask(scene, question, held);
  const { permission, resolved_from, approval: { id, reference, status } } = answer;
  story.tell("countersign", `${permission} (${resolved_from}), asks as ${reference}`);
  story.check(
    status === "pending" && await onDisk(scene, "shopping.txt") === null,
    "the request is pending, and there is no shopping.txt",
  );
  const early = await agent.post("/v1/tokens/mint", { ...action, approval_id: id }, {
    status: 409,
    body: problem,
  });
  story.check(early.code === "approval_not_approved", `no token before that: 409 ${early.code}`);

  const path = `/v1/approvals/${id}`;
  const review = await approver.get(path, { status: 200, body: approval });
  story.tell("approver", `sees ${shown(review)}, because: ${review.reason}`);
  const decision = { decision: "approve", decided_by: scene.approverEmail, note: "fine" };
  await approver.post(`${path}/decide`, decision, { status: 200, body: approval });
  const decided = await agent.get(`${path}?wait=10`, { status: 200, body: approval });
  story.check(
    decided.status === "approved",
    `${scene.approverEmail} approved, and the agent knows`,
  );

  const mint = { ...action, approval_id: id };
  const { token, decision_id } = await agent.post("/v1/tokens/mint", mint, {
    status: 201,
    body: minted,
  });
  scene.decisions.push(decision_id);
  await changedArgumentsAreRefused(scene, { ...action, token });
  await consumeAndRun(scene, { ...action, token });
  story.check(
    await onDisk(scene, "shopping.txt") === action.arguments.content,
    "the tool ran as approved: shopping.txt is on disk",
  );
  return { ...action, token };
}

/** The token of one call is not one for another, whose difference is named. */
async function changedArgumentsAreRefused(scene: Scene, call: Authorized): Promise<void> {
  const { story, agent } = scene;
  const changed = { ...call, arguments: { ...call.arguments, content: "champagne\n" } };
  story.tell("agent", `tries its token for ${shown(changed)}`);
  const { code, differs } = await agent.post("/v1/tokens/consume", changed, {
    status: 409,
    body: problem,
  });
  story.tell("countersign", `409 ${code}, differs at ${differs?.join(", ")}`);
  story.check(
    code === "action_mismatch" && differs?.join() === "/arguments/content" &&
      await onDisk(scene, "shopping.txt") === null,
    "changed arguments are refused, with the pointer to what differs; nothing was written",
  );
}
