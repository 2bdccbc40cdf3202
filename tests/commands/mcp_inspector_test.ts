import assert from "node:assert/strict";
import config from "../../deno.dev.json" with { type: "json" };
import { Countersign } from "../helpers/countersign.ts";
import { ERAS } from "../helpers/mcp_client.ts";
import { PROJECT } from "../helpers/project_files.ts";

/** The Inspector of the MCP project, as its npm package ships it, with a real agent's token. */
const INSPECTOR = config.imports["@modelcontextprotocol/inspector"];

async function inspect(origin: string, token: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...[
        "run",
        "--config",
        "deno.dev.json",
        "-A",
        "--quiet",
        INSPECTOR,
        "--cli",
        `${origin}/mcp`,
        "--transport",
        "http",
      ],
      ...["--header", `Authorization: Bearer ${token}`, ...args],
    ],
    cwd: PROJECT.pathname,
    env: { NO_COLOR: "1" },
  }).output();
  const [told, complained] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert.equal(code, 0, `${told}${complained}`.slice(-3000));
  return told ?? "";
}

for (const era of ERAS) {
  Deno.test(`the Inspector lists the tools and calls one, ${era} era`, async () => {
    await using countersign = await Countersign.start({ localhost: true });
    const org = await countersign.org();
    await org.tool("refund_payment");
    const token = await org.agent();
    const protocol = ["--protocol-era", era];
    const ask = (...args: string[]) => inspect(countersign.origin, token, ...protocol, ...args);

    const { tools } = JSON.parse(await ask("--method", "tools/list"));
    assert.deepEqual(tools.map(({ name }: { name: string }) => name).sort(), [
      "cancel_approval",
      "check_approval_status",
      "check_permission",
      "consume_run_token",
      "list_my_tools",
      "list_pending_approvals",
      "log_execution",
      "mint_run_token",
      "request_approval",
    ]);
    const call = ["--tool-name", "check_permission", "--tool-arg", "tool_name=refund_payment"];
    const { structuredContent } = JSON.parse(await ask("--method", "tools/call", ...call));
    assert.equal(structuredContent.permission, "allowed");
  });
}
