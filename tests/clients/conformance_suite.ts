import assert from "node:assert/strict";
import config from "../../deno.dev.json" with { type: "json" };
import { PROJECT } from "../helpers/project_files.ts";

/** The conformance suite of the MCP project, as its npm package ships it. */

const SUITE = config.imports["@modelcontextprotocol/conformance"];

/** Runs the suite with these arguments. */
export function suite(...args: string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--config", "deno.dev.json", "-A", "--quiet", SUITE, ...args],
    cwd: PROJECT.pathname,
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** That an endpoint passes scenarios of the suite, but for what stands in a file of expected failures. */
export async function passes(
  t: Deno.TestContext,
  url: string,
  scenarios: readonly string[],
  expected: string,
): Promise<void> {
  for (const scenario of scenarios) {
    await t.step(scenario, async () => {
      const run = suite(
        "server",
        ...["--url", url, "--scenario", scenario, "--expected-failures", expected],
      );
      const { code, stdout, stderr } = await run.output();
      const told = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
      assert.equal(code, 0, told.slice(-3000));
      assert.match(told, /[1-9][0-9]* ?\/ ?[1-9][0-9]*|Baseline check passed/, told.slice(-3000));
    });
  }
}
