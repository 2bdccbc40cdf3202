import assert from "node:assert/strict";
import { MCP_TOOLS } from "../../routes/mcp/tools.ts";
import { TestBrowser } from "../helpers/browser.ts";
import { memberAtBrowser } from "./browser_member.ts";
import { DecisionOrg } from "../helpers/decision_org.ts";
import { PROJECT } from "../helpers/project_files.ts";

/** The lines of a program, as they come. */
function linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): ReadableStream<string> {
  let rest = "";
  return stream.pipeThrough(new TextDecoderStream()).pipeThrough(
    new TransformStream({
      transform(chunk, controller) {
        const lines = (rest + chunk).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) controller.enqueue(line);
      },
    }),
  );
}

Deno.test("examples/oauth_walk.ts connects with a consent in the browser, lists the tools and revokes", async () => {
  await using it = await DecisionOrg.start({ localhost: true });
  const { countersign } = it;
  await using browser = await TestBrowser.start();
  const { tab } = await memberAtBrowser(browser, it, "owner");
  // The program listens for one answer only.
  tab.expected.push(/favicon\.ico/);
  const { page } = tab;
  await using program = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--allow-net",
      "examples/oauth_walk.ts",
      `${countersign.origin}/mcp`,
    ],
    cwd: PROJECT,
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const complained = new Response(program.stderr).text();
  const told: string[] = [];
  for await (const line of linesOf(program.stdout)) {
    told.push(line);
    const consent = /Open this: (http\S+)/.exec(line)?.[1];
    if (consent === undefined) continue;
    await tab.goto(consent);
    await page.getByText("OAuth walk-through").first().waitFor();
    await page.getByText("unverified", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Allow with your passkey" }).click();
    await page.getByText("go back to the terminal").waitFor();
  }
  const { code } = await program.status;
  assert.equal(code, 0, `${told.join("\n")}\n${await complained}`);
  const tools = MCP_TOOLS.map(({ name }) => name).join(", ");
  assert.ok(told.some((line) => line.startsWith("7.") && line.endsWith(tools)), told.join("\n"));
  assert.ok(told.some((line) => line.startsWith("8.")), told.join("\n"));
  await tab.goto("/connections");
  assert.equal(await page.getByText("OAuth walk-through").count(), 0, "nothing is left of it");
});
