import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { systemTimer } from "../../lib/store/system.ts";
import type { CallOutcome } from "../../lib/upstreams/port.ts";
import { CallOrg } from "../helpers/call_org.ts";
import { listedTool, type Received, resultOf } from "../helpers/scripted_upstreams.ts";
import type { Behind } from "./conformance_server.ts";

/**
 * The tools that the conformance suite calls by name, as those of an upstream: what they answer has to
 * come through the gateway, and those that take their time wait for a person there.
 */

export const GATEWAY_EXPECTED =
  new URL("gateway_conformance_expected.yml", import.meta.url).pathname;

export const GATEWAY_SCENARIOS = [
  "server-initialize",
  "tools-list",
  "tools-call-simple-text",
  "tools-call-image",
  "tools-call-audio",
  "tools-call-embedded-resource",
  "tools-call-mixed-content",
  "tools-call-error",
  "tools-call-with-progress",
  "http-header-validation",
  "server-stateless",
  "tasks-lifecycle",
  "tasks-capability-negotiation",
  "tasks-wire-fields",
  "tasks-request-headers",
  "tasks-dispatch-and-envelope",
];

const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";

const WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";

const text = (words: string) => ({ type: "text", text: words });

const image = { type: "image", data: PNG, mimeType: "image/png" };

const resource = (uri: string, mimeType: string, words: string) => ({
  type: "resource",
  resource: { uri, mimeType, text: words },
});

const FIXTURES: Readonly<Record<string, (call: Received) => CallOutcome>> = {
  // The one that stands first in the list is called for headers alone.
  add: () => resultOf([text("3")]),
  test_simple_text: () => resultOf([text("This is a simple text response for testing.")]),
  test_image_content: () => resultOf([image]),
  test_audio_content: () => resultOf([{ type: "audio", data: WAV, mimeType: "audio/wav" }]),
  test_embedded_resource: () =>
    resultOf([
      resource("test://embedded-resource", "text/plain", "This is an embedded resource content."),
    ]),
  test_multiple_content_types: () =>
    resultOf([
      text("Multiple content types test:"),
      image,
      resource("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
    ]),
  test_error_handling: () => resultOf([text("This tool intentionally returns an error")], true),
  test_tool_with_progress({ options: { progress } }) {
    for (const done of [0, 50, 100]) progress?.({ progress: done, total: 100, message: null });
    return resultOf([text("done")]);
  },
  greet: ({ args }) => resultOf([text(`Hello, ${args.name}!`)]),
  slow_compute: () => resultOf([text("computed")]),
  confirm_delete: () => resultOf([text("deleted")]),
  failing_job: () => resultOf([text("It failed.")], true),
};

const WAIT = ["slow_compute", "confirm_delete", "failing_job"];

/** The part of the gateway that has them. */
export async function gateway(): Promise<Behind> {
  const it = await CallOrg.start({ localhost: true });
  it.upstreams.tools = Object.keys(FIXTURES).map((name) =>
    listedTool(name, { description: `The suite's ${name}.` })
  );
  it.upstreams.answer = (call) => FIXTURES[call.tool.name]?.(call) ?? assert.fail(call.tool.name);
  await it.org.manage("POST", "/v1/upstreams/notes/refresh");
  const { data } = (await it.org.get("/v1/upstreams/notes/tools")).body;
  const tools = (data as JsonObject[]).map(({ name, definition_digest }) => ({
    name,
    definition_digest,
    default_permission: WAIT.some((one) => name === `notes/${one}`)
      ? "requires_approval"
      : "allowed",
  }));
  const approved = await it.org.manage("POST", "/v1/upstreams/notes/approve", { tools });
  assert.equal(approved.status, 200, approved.text);
  const token = await it.org.agent();
  const plays = Object.fromEntries(WAIT.map((tool) => [
    tool,
    // Another action each time: the same one would be the same task.
    (args: JsonObject) => ({
      tool,
      args: { ...args, call: crypto.randomUUID() },
      ...(tool === "failing_job" ? { seconds: 1 } : {}),
    }),
  ]));
  const approve = async (id: string) => {
    const { body } = await it.read(id, token);
    return await it.it.decide(body.approval.id, "approve");
  };
  const approveNewest = async () => {
    for (;;) {
      const { body } = await it.org.get("/v1/approvals?status=pending", it.org.approver);
      const [newest] = body.data as JsonObject[];
      if (newest !== undefined) return await it.it.decide(String(newest.id), "approve");
      await systemTimer(50).elapsed;
    }
  };
  return { org: it.it, token, path: "/mcp/gateway/notes", plays, approve, approveNewest };
}
