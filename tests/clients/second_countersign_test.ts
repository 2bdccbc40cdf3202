import assert from "node:assert/strict";
import { TOOL } from "../helpers/approval_org.ts";
import { Countersign } from "../helpers/countersign.ts";
import { ERAS, McpClient } from "../helpers/mcp_client.ts";
import { ConformanceServer } from "./conformance_server.ts";
import { upstream } from "./gateway_org.ts";

/** Another Countersign as an upstream: what its own endpoint for agents says goes through the gateway. */

Deno.test("another Countersign's tools run behind the gateway, those that wait for its people too", async () => {
  // What adds the token of an agent, as a keeper of credentials would.
  await using other = await ConformanceServer.start();
  await using countersign = await Countersign.start({
    localhost: true,
    variables: { COUNTERSIGN_PRIVATE_HOSTS: new URL(other.url).host },
  });
  const org = await countersign.org();
  const tools = await upstream(org, "other", other.url);
  assert.ok(tools.includes("other/request_approval"), tools.join());
  const token = await org.agent();
  const { org: asked } = other.behind;
  for (const era of ERAS) {
    await using host = await McpClient.connect(
      countersign.origin,
      token,
      era,
      "/mcp/gateway/other",
    );
    const listed = (await host.client.listTools()).tools;
    const checking = listed.find(({ name }) => name === "check_permission");
    assert.ok(checking?.title !== undefined && checking.outputSchema !== undefined);
    const checked = await host.client.callTool({
      name: "check_permission",
      arguments: { tool_name: TOOL },
    });
    const { permission } = checked.structuredContent as { permission: string };
    assert.equal(permission, "requires_approval");

    const progress: string[] = [];
    const action = { tool_name: TOOL, method: era, reason: "It is old.", wait_seconds: 45 };
    const waiting = host.client.callTool({ name: "request_approval", arguments: action }, {
      onprogress: ({ message }) => void progress.push(message ?? ""),
    });
    let pending: { id: string }[] = [];
    while (pending.length === 0) {
      pending = (await asked.org.get("/v1/approvals?status=pending", asked.org.approver)).body.data;
    }
    await asked.decide(pending[0]?.id ?? "", "approve");
    const { status } = (await waiting).structuredContent as { status: string };
    assert.equal(status, "approved");
    assert.match(progress[0] ?? "", /^Waiting for a person to decide REF-/);
  }
});
