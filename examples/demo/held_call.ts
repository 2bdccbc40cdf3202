import { z } from "zod";
import type { JsonObject } from "../../lib/base/json.ts";
import { guard } from "../guard.ts";
import { approval, onDisk, type Scene } from "./scene.ts";
import { NotAsTold } from "./story.ts";

const WAIT_SECONDS = 30;
const POLL_MS = 20;

const pending = z.object({ data: z.array(approval) });

/** The whole loop in one function: the agent's call is held while a human decides. */
export async function guardedCallIsHeld(scene: Scene): Promise<void> {
  const { story, agent, agentKey, files, approver, approverEmail } = scene;
  const run = (args: JsonObject) => files.run("edit_file", args);
  const editFile = guard({ url: agent.url, key: agentKey }, "edit_file", run, {
    wait: WAIT_SECONDS,
    tell: () => {},
  });
  const edits = [{ oldText: "coffee", newText: "tea" }];
  story.tell("agent", "calls its guarded edit_file: coffee becomes tea in shopping.txt");
  const running = editFile({ path: "shopping.txt", edits }, { reason: "it is out of coffee" });
  const early = running.then(() => {
    throw new NotAsTold("edit_file ran before anybody had approved it");
  });
  const request = await Promise.race([pendingRequest(scene), early]);
  story.tell("approver", `approves ${request.reference} while the call waits`);
  const decision = { decision: "approve", decided_by: approverEmail };
  const expected = { status: 200, body: approval };
  await approver.post(`/v1/approvals/${request.id}/decide`, decision, expected);
  await running;
  story.check(
    await onDisk(scene, "shopping.txt") === "milk, bread, tea\n",
    "the same call went on by itself: the edit is on disk",
  );
}

/** The request that the held call makes, as soon as the approver sees it. */
async function pendingRequest({ approver }: Scene): Promise<z.output<typeof approval>> {
  for (const deadline = Date.now() + WAIT_SECONDS * 1000; Date.now() < deadline;) {
    const expected = { status: 200, body: pending };
    const { data: [request] } = await approver.get("/v1/approvals?status=pending", expected);
    if (request !== undefined) return request;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new NotAsTold("The guarded call did not ask for an approval");
}
