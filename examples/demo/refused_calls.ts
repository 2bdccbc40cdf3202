import { z } from "zod";
import { type Authorized, shown } from "./authorized_call.ts";
import { ask, checked, onDisk, problem, type Scene } from "./scene.ts";

/** A token counts once. */
export async function tokenCountsOnce({ story, agent }: Scene, spent: Authorized): Promise<void> {
  story.tell("agent", `consumes the token of ${spent.tool_name} again`);
  const { code, detail } = await agent.post("/v1/tokens/consume", spent, {
    status: 409,
    body: problem,
  });
  story.tell("countersign", detail);
  story.check(code === "token_used", `refused: 409 ${code}`);
}

/** A move is disabled by a rule, and does not run. */
export async function moveIsDisabled(scene: Scene): Promise<void> {
  const { story, agent } = scene;
  const action = {
    tool_name: "move_file",
    arguments: { source: "notes.txt", destination: "gone.txt" },
  };
  story.tell("agent", `asks for ${shown(action)}`);
  const question = { ...action, mint: true, request: true, reason: "tidying up" };
  const { permission, resolved_from, token } = await ask(scene, question, checked);
  story.tell("countersign", `${permission} (${resolved_from})`);
  story.check(
    permission === "disabled" && resolved_from === "org_tool" && token === undefined,
    "disabled by the organization's rule: no token, and nobody is asked",
  );
  const { code } = await agent.post("/v1/tokens/mint", action, { status: 403, body: problem });
  story.check(code === "tool_disabled", `minting is no way around it: 403 ${code}`);
  story.check(
    await onDisk(scene, "notes.txt") !== null && await onDisk(scene, "gone.txt") === null,
    "notes.txt is still where it was",
  );
}

/** A tool that nobody registered becomes a draft. */
export async function unknownBecomesDraft(scene: Scene): Promise<void> {
  const { story, manager } = scene;
  const action = { tool_name: "delete_file", arguments: { path: "notes.txt" } };
  story.tell("agent", `asks for ${shown(action)}`);
  const { permission, resolved_from } = await ask(scene, action, checked);
  story.tell("countersign", `${permission} (${resolved_from})`);
  story.check(
    permission === "requires_approval" && resolved_from === "gate_draft",
    "not trusted: a human would have to approve",
  );
  const { status } = await manager.get("/v1/tools/delete_file", {
    status: 200,
    body: z.object({ status: z.string() }),
  });
  story.check(status === "draft", "it is in the catalog as a draft, for somebody to look at");
}

/** Arguments are held against the schema that the server itself gave. */
export async function argumentsAreValidated({ story, agent }: Scene): Promise<void> {
  const action = { tool_name: "write_file", arguments: { path: ["notes.txt"] } };
  story.tell("agent", `requests approval of ${shown(action)}`);
  const body = { ...action, reason: "trying something" };
  const { code, errors } = await agent.post("/v1/approvals", body, {
    status: 422,
    body: problem.extend({
      errors: z.array(z.object({ path: z.string(), message: z.string() })),
    }),
  });
  for (const { path, message } of errors) story.tell("countersign", `${path} ${message}`);
  story.check(
    code === "invalid_arguments" && errors.some(({ path }) => path === "/arguments/path"),
    `422 ${code} by the file server's own schema, before a human is bothered`,
  );
}
