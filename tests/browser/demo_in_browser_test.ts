import assert from "node:assert/strict";
import { FileServer } from "../../examples/demo/file_server.ts";
import { registrationOf } from "../../examples/demo/register_tools.ts";
import { TestBrowser } from "../helpers/browser.ts";
import { approveButton, readToTheEnd } from "./browser_member.ts";
import { firstRun } from "../helpers/browser_people.ts";
import { Countersign } from "../helpers/countersign.ts";
import { McpClient } from "../helpers/mcp_client.ts";

/**
 * The demo's story, told over MCP: the file server of the MCP project runs what an agent asked for
 * in a held call, and a person approved by passkey in a browser.
 */
const options = {
  name: "an agent writes a file over MCP once a person has approved it in the browser",
  // The library's transport leaves the timer behind that would have killed the file server.
  sanitizeOps: false,
  sanitizeResources: false,
};

Deno.test(options, async () => {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  try {
    await using files = await FileServer.start(folder);
    await using countersign = await Countersign.start({ localhost: true });
    await using browser = await TestBrowser.start();
    const tab = await browser.open({ origin: countersign.origin, passkeys: true });
    const { org } = await firstRun(tab, countersign);
    await org.key("management");
    for (const tool of files.tools) {
      const body = { ...registrationOf(tool) };
      const registered = await org.manage("PUT", `/v1/tools/${tool.name}`, body);
      assert.equal(registered.status, 201, registered.text);
    }
    await using agent = await McpClient.connect(countersign.origin, await org.agent());
    const action = {
      tool_name: "write_file",
      arguments: { path: `${folder}/shopping.txt`, content: "milk\n" },
    };

    const listed = await agent.call("list_my_tools");
    assert.equal(listed.data.tools.length, files.tools.length);
    const held = agent.call("request_approval", { ...action, reason: "The list for Saturday" });
    await tab.goto("/approvals");
    await tab.page.locator(".approval-row a").first().click();
    await tab.hydrated();
    await tab.page.getByText("shopping.txt").first().waitFor();
    await readToTheEnd(tab);
    await approveButton(tab).click();
    const approved = (await held).data;
    assert.equal(approved.status, "approved", JSON.stringify(approved));
    await assert.rejects(Deno.stat(`${folder}/shopping.txt`), Deno.errors.NotFound);

    const { data: minted } = await agent.call("mint_run_token", {
      ...action,
      reference: approved.reference,
    });
    // Whoever runs the tool consumes the token for exactly what it is about to run.
    const runner = await org.key("standard");
    const other = { ...action, arguments: { ...action.arguments, content: "champagne\n" } };
    const consume = (call: typeof action) =>
      org.post("/v1/tokens/consume", { token: minted.token, ...call }, runner);
    assert.equal((await consume(other)).body.code, "action_mismatch");
    assert.equal((await consume(action)).status, 200);
    await files.run("write_file", action.arguments);
    assert.equal((await consume(action)).body.code, "token_used");
    const { data: logged } = await agent.call("log_execution", {
      tool_name: "write_file",
      token: minted.token,
      execution_result: "success",
    });
    assert.match(logged.execution_id, /^exe_/);
    assert.equal(await Deno.readTextFile(`${folder}/shopping.txt`), "milk\n");
    await tab.page.getByText("success").first().waitFor();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
