/**
 * A real MCP server behind Countersign, from registration to the audit of the log:
 *
 *     deno task demo
 *
 * Everything runs as processes of their own on a scratch folder, which is removed at the end. Every
 * claim is checked before it is printed. Exit status: 0 when all of them hold, else 1.
 */
import { z } from "zod";
import { readIsAllowed } from "./allowed_read.ts";
import { writeNeedsApproval } from "./approved_write.ts";
import { Auditor } from "./auditor.ts";
import { CountersignProcess, randomText } from "./countersign_process.ts";
import { FileServer, PACKAGE } from "./file_server.ts";
import { guardedCallIsHeld } from "./held_call.ts";
import {
  argumentsAreValidated,
  moveIsDisabled,
  tokenCountsOnce,
  unknownBecomesDraft,
} from "./refused_calls.ts";
import { registerTools } from "./register_tools.ts";
import { RestClient } from "./rest_client.ts";
import type { Scene } from "./scene.ts";
import { Story } from "./story.ts";

/** The owner, for whom the approver key of the environment may speak until they have a passkey. */
const APPROVER = "owner@example.com";

async function demo(story: Story): Promise<void> {
  const started = performance.now();
  await using cleanup = new AsyncDisposableStack();
  const scratch = await Deno.realPath(await Deno.makeTempDir({ prefix: "countersign-demo-" }));
  cleanup.defer(() => Deno.remove(scratch, { recursive: true }));
  for (const room of ["service", "files", "auditor"]) await Deno.mkdir(`${scratch}/${room}`);
  await Deno.writeTextFile(`${scratch}/files/notes.txt`, "Ask before you delete anything.\n");

  story.step("Start Countersign, and a real MCP server from npm");
  const keys = {
    management_key: `cs_mgmt_${randomText(30)}`,
    approver_key: `cs_appr_${randomText(30)}`,
    owner: APPROVER,
  };
  const service = cleanup.use(await CountersignProcess.start(`${scratch}/service`, keys));
  story.tell("countersign", `answers at ${service.url}, with an empty store`);
  const files = cleanup.use(await FileServer.start(`${scratch}/files`));
  story.tell("file server", `is ${PACKAGE.replace("npm:", "")}, on a folder with notes.txt`);
  const manager = new RestClient(service.url, keys.management_key);

  story.step("Register its tools, with their own schemas and annotations");
  await setRules(story, manager, files);
  const agentKey = await makeAgent(manager);
  const auditor = new Auditor(story, manager, `${scratch}/auditor`);
  const pinned = await auditor.pin();
  story.tell("auditor", "keeps the log's public keys and its checkpoint of this moment");

  const scene: Scene = {
    story,
    manager,
    agent: new RestClient(service.url, agentKey),
    agentKey,
    approver: new RestClient(service.url, keys.approver_key),
    approverEmail: APPROVER,
    files,
    folder: `${scratch}/files`,
    decisions: [],
  };
  story.step("A read is allowed, and runs");
  await readIsAllowed(scene);
  story.step("A write waits for a human, and runs after the approval");
  const spent = await writeNeedsApproval(scene);
  story.step("A token counts once");
  await tokenCountsOnce(scene, spent);
  story.step("A move is disabled by rule, and does not run");
  await moveIsDisabled(scene);
  story.step("A tool that nobody registered becomes a draft");
  await unknownBecomesDraft(scene);
  story.step("Arguments have to fit the tool");
  await argumentsAreValidated(scene);
  story.step("The same loop as one function: examples/guard.ts");
  await guardedCallIsHeld(scene);
  story.step("The log is exported, and verified offline");
  await auditor.audit(pinned, scene.decisions, files.runs);

  story.step("Stop");
  story.check(await service.stop() === 0, "Countersign finished its work and ended");
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  story.tell("demo", `all of it held, in ${seconds} seconds`);
}

/** Registers the tools and one rule. */
async function setRules(story: Story, manager: RestClient, { tools }: FileServer): Promise<void> {
  const registered = await registerTools(manager, tools);
  const named = (permission: string) =>
    registered.filter((tool) => tool.default_permission === permission)
      .map(({ name }) => name).join(", ");
  story.tell("manager", `allows by default what says that it only reads: ${named("allowed")}`);
  story.tell("manager", `has all else wait for a human: ${named("requires_approval")}`);
  const rule = { selector: { tool_name: "move_file" }, permission: "disabled" };
  await manager.send("PUT", "/v1/rules", rule, { status: 201, body: z.looseObject({}) });
  story.tell("manager", "makes one rule: move_file is disabled");
  story.check(
    registered.length === tools.length &&
      registered.every(({ name, parameters }, i) =>
        name === tools[i]?.name &&
        JSON.stringify(parameters) === JSON.stringify(tools[i]?.inputSchema)
      ),
    `all ${tools.length} tools are in the catalog, each with the schema that its server gave`,
  );
}

/** A machine identity that can ask, and never decide. */
async function makeAgent(manager: RestClient): Promise<string> {
  const body = z.object({ token: z.string() });
  return (await manager.post("/v1/agents", { name: "demo" }, { status: 201, body })).token;
}

const story = new Story((line) => console.log(line));
try {
  await demo(story);
} catch (error) {
  console.error(`\nFAILED: ${error instanceof Error ? error.message : error}`);
  Deno.exitCode = 1;
}
