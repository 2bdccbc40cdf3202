/**
 * Real MCP servers behind the gateway, and a host that knows nothing of it:
 *
 *     deno task demo:gateway
 *
 * Everything runs as processes of their own on a scratch folder, which is removed at the end. Every
 * claim is checked before it is printed. Exit status: 0 when all of them hold, else 1.
 */
import { z } from "zod";
import { Auditor } from "./auditor.ts";
import { CountersignProcess, randomText } from "./countersign_process.ts";
import {
  changedToolIsClosed,
  type GatewayScene,
  lostAnswerIsUnknown,
  readsRun,
  writeIsApproved,
  writeIsDenied,
} from "./gateway_scenes.ts";
import { Host } from "./host.ts";
import { Owner } from "./owner.ts";
import { PACKAGES, programs } from "./programs.ts";
import { RestClient } from "./rest_client.ts";
import { Shop } from "./shop.ts";
import { Story } from "./story.ts";

/** What runs without asking: of the real servers what only reads, and what is remembered. */
const ALLOWED = /^(?:files\/(?:read|list|get|search|directory)_|memory\/|shop\/)/;

async function demo(story: Story): Promise<void> {
  const started = performance.now();
  await using cleanup = new AsyncDisposableStack();
  const scratch = await Deno.realPath(await Deno.makeTempDir({ prefix: "countersign-demo-" }));
  cleanup.defer(() => Deno.remove(scratch, { recursive: true }));
  for (const room of ["service", "files", "memory", "auditor"]) {
    await Deno.mkdir(`${scratch}/${room}`);
  }
  await Deno.writeTextFile(`${scratch}/files/notes.txt`, "Ask before you delete anything.\n");

  story.step("Start Countersign, with three MCP servers behind it");
  const shop = cleanup.use(new Shop());
  const management_key = `cs_mgmt_${randomText(30)}`;
  const service = cleanup.use(
    await CountersignProcess.start(`${scratch}/service`, { management_key }, {
      ...programs({ files: `${scratch}/files`, memory: `${scratch}/memory` }),
      hosts: [shop.host],
    }),
  );
  story.tell("countersign", `answers at ${service.url}, with an empty store`);
  for (const [name, specifier] of Object.entries(PACKAGES)) {
    story.tell(name, `is ${specifier.replace("npm:", "")}, a program of this host`);
  }
  story.tell("shop", "is a server over HTTP, and not to be relied upon");
  const owner = await Owner.setUp(service);
  story.tell("owner", "follows the link of the first start, and enrols a passkey");

  story.step("Approve what they offer");
  const manager = new RestClient(service.url, management_key);
  const auditor = new Auditor(story, manager, `${scratch}/auditor`);
  const pinned = await auditor.pin();
  await putShop(manager, shop);
  for (const upstream of ["files", "memory", "shop"]) {
    const { allowed, waiting } = await approveTools(manager, upstream);
    story.tell("manager", `of ${upstream} has ${allowed} run, and ${waiting} wait for a person`);
  }
  const agent = z.object({ token: z.string() });
  const made = await manager.post("/v1/agents", { name: "demo" }, { status: 201, body: agent });
  const host = cleanup.use(await Host.connect(`${service.url}/mcp/gateway`, made.token));
  const names = await host.names();
  story.tell("host", `is an MCP client with one address: /mcp/gateway has ${names.length} tools`);
  story.check(
    ["files__read_text_file", "memory__create_entities", "shop__refund"]
      .every((name) => names.includes(name)),
    "the tools of all three are there, as if one server had them",
  );

  const rest = new RestClient(service.url, made.token);
  const scene: GatewayScene = { story, manager, host, rest, owner, shop, folder: scratch };
  story.step("What may run runs, at the servers themselves");
  await readsRun(scene);
  story.step("A write waits for a person, and runs after a tap on the passkey");
  await writeIsApproved(scene);
  story.step("Another one is denied, and does not run");
  await writeIsDenied(scene);
  story.step("An answer is lost: nobody claims to know, and nothing is sent again");
  await lostAnswerIsUnknown(scene);
  story.step("A server changes what its tool says of itself");
  await changedToolIsClosed(scene);
  story.step("The log is exported, and verified offline");
  const count = host.ran + shop.refunds.length;
  await auditor.exported(pinned, { by: "the servers behind the gateway", count });

  story.step("Stop");
  story.check(await service.stop() === 0, "Countersign and its programs have ended");
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  story.tell("demo", `all of it held, in ${seconds} seconds`);
}

async function putShop(manager: RestClient, { url }: Shop): Promise<void> {
  const body = z.object({ tools: z.object({ draft: z.literal(1) }) });
  await manager.send("PUT", "/v1/upstreams/shop", { kind: "mcp", url }, { status: 201, body });
}

const offered = z.object({
  data: z.array(z.object({ name: z.string(), definition_digest: z.string() })),
});

/** Approves the tools of an upstream, each for the definition that was read. */
async function approveTools(manager: RestClient, upstream: string) {
  const path = `/v1/upstreams/${upstream}`;
  await manager.post(`${path}/refresh`, {}, { status: 200, body: z.looseObject({}) });
  const { data } = await manager.get(`${path}/tools`, { status: 200, body: offered });
  const tools = data.map(({ name, definition_digest }) => {
    const isAllowed = ALLOWED.test(name);
    const annotations = { read_only: name.startsWith("files/") && isAllowed };
    const default_permission = isAllowed ? "allowed" : "requires_approval";
    return { name, definition_digest, annotations, default_permission };
  });
  const approved = { status: 200, body: z.looseObject({}) };
  await manager.post(`${path}/approve`, { tools }, approved);
  const count = (permission: string) =>
    tools.filter(({ default_permission }) => default_permission === permission).length;
  return { allowed: count("allowed"), waiting: count("requires_approval") };
}

const story = new Story((line) => console.log(line));
try {
  await demo(story);
} catch (error) {
  console.error(`\nFAILED: ${error instanceof Error ? error.message : error}`);
  Deno.exitCode = 1;
}
