import assert from "node:assert/strict";
import { Countersign } from "../helpers/countersign.ts";
import { PROJECT } from "../helpers/project_files.ts";
import { freePort, StartedProcess } from "../helpers/started_process.ts";
import { ran, upstream } from "./gateway_org.ts";

/** Programs in Python on both sides of the gateway: a FastMCP server behind it, and two clients. */

const PACKAGES = ["fastmcp==4.2.3", "mcp==2.3.0"];

const SERVER = `
from fastmcp import FastMCP

server = FastMCP("figures")

@server.tool(title="Large figures")
def large() -> dict[str, int]:
    """Gives a number that no double holds."""
    return {"id": 12345678901234567890}

@server.tool
def add(a: int, b: int) -> int:
    """Adds."""
    return a + b

server.run(transport="http", host="127.0.0.1", port=PORT, show_banner=False)
`;

const CLIENTS = `
import asyncio, json, sys
from fastmcp import Client as FastClient
from fastmcp.client.auth import BearerAuth
from mcp import Client
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

url, token = sys.argv[1:]

async def main():
    http = create_mcp_http_client(headers={"Authorization": f"Bearer {token}"})
    async with http, Client(streamable_http_client(url, http_client=http)) as client:
        tools = (await client.list_tools()).tools
        large = await client.call_tool("figures__large", {})
        sum = await client.call_tool("figures__add", {"a": 2, "b": 3})
        print(json.dumps({
            "tools": [[tool.name, tool.title] for tool in tools],
            "large": large.structured_content,
            "sum": sum.structured_content,
        }))
    async with FastClient(url, auth=BearerAuth(token)) as client:
        print(json.dumps((await client.call_tool("figures__add", {"a": 20, "b": 3})).data))

asyncio.run(main())
`;

Deno.test("a FastMCP server behind the gateway is run by the SDK's and FastMCP's clients in Python", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await ran("python3", ["-m", "pip", "install", "--quiet", "--target", folder, ...PACKAGES]);
    const python = { PYTHONPATH: folder, FASTMCP_CHECK_FOR_UPDATES: "off" };
    const port = freePort();
    const file = `${folder}/server.py`;
    await Deno.writeTextFile(file, SERVER.replace("PORT", String(port)));
    await using process = StartedProcess.inTerminal(
      PROJECT.pathname,
      `exec python3 ${file}`,
      python,
    );
    await process.seen("Uvicorn running on");
    const host = `127.0.0.1:${port}`;
    await using countersign = await Countersign.start({
      localhost: true,
      variables: { COUNTERSIGN_PRIVATE_HOSTS: host },
    });
    const org = await countersign.org();
    const tools = await upstream(org, "figures", `http://${host}/mcp`);
    assert.deepEqual(tools.sort(), ["figures/add", "figures/large"]);
    const url = `${countersign.origin}/mcp/gateway`;
    const told = await ran("python3", ["-c", CLIENTS, url, await org.agent()], python);
    const [sdk, fast] = told.trim().split("\n").slice(-2);
    // As text: a number of so many digits is another one to JavaScript.
    assert.match(sdk ?? "", /"large": \{"id": 12345678901234567890\}/, told);
    const { tools: listed, sum } = JSON.parse(sdk ?? "");
    assert.deepEqual(listed, [["figures__add", "Add"], ["figures__large", "Large figures"]]);
    assert.deepEqual(sum, { result: 5 });
    assert.equal(fast, "23");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
