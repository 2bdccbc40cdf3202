import { consumeAndRun, shown } from "./authorized_call.ts";
import { ask, granted, onDisk, type Scene } from "./scene.ts";

/** A read is allowed, and runs. */
export async function readIsAllowed(scene: Scene): Promise<void> {
  const { story } = scene;
  const action = { tool_name: "read_text_file", arguments: { path: "notes.txt" } };
  story.tell("agent", `asks for ${shown(action)}`);
  const answer = await ask(scene, { ...action, mint: true }, granted);
  const { permission, resolved_from, token, token_id } = answer;
  story.tell("countersign", `${permission} (${resolved_from}), with the single-use ${token_id}`);
  const text = await consumeAndRun(scene, { ...action, token });
  story.tell("file server", JSON.stringify(text));
  story.check(text === await onDisk(scene, "notes.txt"), "the tool ran: this is the file on disk");
}
