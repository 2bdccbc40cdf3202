/// <reference lib="dom" />
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import assert from "node:assert/strict";
import { accountKey } from "../../lib/store/keys.ts";
import { TestBrowser } from "../helpers/browser.ts";
import { firstRun } from "../helpers/browser_people.ts";
import { Countersign } from "../helpers/countersign.ts";
import { ERAS } from "../helpers/mcp_client.ts";
import { OfficialServer } from "../helpers/official_server.ts";
import { PROJECT } from "../helpers/project_files.ts";
import { freePort } from "../helpers/started_process.ts";
import { npmArguments, ran, upstream } from "./gateway_org.ts";

/** Clients of others at the gateway, as their packages ship them: the Inspector, and `mcp-remote`. */

Deno.test("the Inspector lists the tools of an upstream and runs one, in both eras", async () => {
  await using server = new OfficialServer();
  await using countersign = await Countersign.start({
    localhost: true,
    variables: { COUNTERSIGN_PRIVATE_HOSTS: server.host },
  });
  const org = await countersign.org();
  await upstream(org, "notes", server.url);
  const token = await org.agent();
  await Promise.all(ERAS.map(async (era) => {
    const inspect = async (...args: string[]) =>
      JSON.parse(
        await ran(
          Deno.execPath(),
          npmArguments(
            "@modelcontextprotocol/inspector",
            ...["--cli", `${countersign.origin}/mcp/gateway`, "--transport", "http"],
            ...["--header", `Authorization: Bearer ${token}`, "--protocol-era", era, ...args],
          ),
        ),
      );
    const { tools } = await inspect("--method", "tools/list");
    assert.deepEqual(tools.map(({ name }: { name: string }) => name), ["notes__note"]);
    const call = ["--tool-name", "notes__note", "--tool-arg", "text=hi"];
    const { content } = await inspect("--method", "tools/call", ...call);
    assert.deepEqual(content, [{ type: "text", text: "Noted: hi" }]);
  }));
  assert.deepEqual(server.runs.map(({ name }) => name), ["note", "note"]);
});

Deno.test({
  name: "mcp-remote is let in by a person, for one server, and runs its tools",
  // The library leaves a timer behind by which it would have killed a program that does not end.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: mcpRemote,
});

async function mcpRemote(): Promise<void> {
  await using server = new OfficialServer();
  await using countersign = await Countersign.start({
    localhost: true,
    variables: { COUNTERSIGN_PRIVATE_HOSTS: server.host },
  });
  await using browser = await TestBrowser.start();
  const tab = await browser.open({ origin: countersign.origin, passkeys: true });
  // Its own page for the answer, and the open stream of a page that is left.
  tab.expected.push(/favicon|127\.0\.0\.1|localhost/);
  const first = await firstRun(tab, countersign);
  const org = await countersign.org();
  await upstream(org, "notes", server.url);
  const account = await first.org.transact(({ snapshot }) =>
    [...snapshot.members.values()][0]?.account ?? assert.fail()
  );
  await org.member(first.email, { role: "approver", account, has_passkey: true });
  const { kv } = countersign.services.deps;
  const { value } = await kv.get<{ orgs: string[] }>([...accountKey(account)]);
  await kv.set([...accountKey(account)], { ...value, orgs: [...value?.orgs ?? [], org.id] });

  const folder = await Deno.makeTempDir();
  const transport = new StdioClientTransport({
    command: Deno.execPath(),
    args: npmArguments(
      "mcp-remote",
      `${countersign.origin}/mcp/gateway/notes`,
      ...[String(freePort()), "--allow-http", "--transport", "http-only"],
    ),
    cwd: PROJECT.pathname,
    // No browser of this computer is opened.
    env: { ...Deno.env.toObject(), MCP_REMOTE_CONFIG_DIR: folder, BROWSER: "true", DISPLAY: "" },
    stderr: "pipe",
  });
  const asked = Promise.withResolvers<string>();
  let told = "";
  transport.stderr?.on("data", (chunk) => {
    told += String(chunk);
    const question = told.match(/https?:\/\/\S+\/oauth\/authorize\?\S+/)?.[0];
    if (question !== undefined) asked.resolve(question);
  });
  const client = new Client({ name: "host", version: "1" });
  try {
    const connected = client.connect(transport);
    connected.catch((error) => asked.reject(new Error(`${error}\n${told}`)));
    await tab.page.goto(await asked.promise);
    await tab.hydrated();
    const page = await tab.page.locator("main").innerText();
    assert.match(page, /the server notes alone/);
    assert.match(page, /Run tools of connected servers/);
    await tab.page.getByRole("radio").nth(1).check();
    await tab.page.getByRole("button", { name: "Allow with your passkey" }).click();
    await connected;
    const { tools } = await client.listTools();
    assert.deepEqual(tools.map(({ name }) => name), ["note"]);
    const { content } = await client.callTool({ name: "note", arguments: { text: "hi" } });
    assert.deepEqual(content, [{ type: "text", text: "Noted: hi" }]);
    const [grant] = await org.transact(({ snapshot }) => [...snapshot.grants.values()]);
    assert.deepEqual(
      [grant?.scopes, grant?.resource],
      [["mcp:run"], `${countersign.origin}/mcp/gateway/notes`],
    );
  } finally {
    await client.close();
    await Deno.remove(folder, { recursive: true });
  }
}
