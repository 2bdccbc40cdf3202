import assert from "node:assert/strict";
import config from "../../deno.dev.json" with { type: "json" };
import type { JsonObject } from "../../lib/base/json.ts";
import type { TestOrg } from "../helpers/countersign.ts";
import { PROJECT } from "../helpers/project_files.ts";

/** A gateway for programs of others: its upstreams, its tools, and how packages are run. */

/**
 * Names an upstream and approves its tools.
 * @param permission what each may without asking; what is not named needs a person
 */
export async function upstream(
  org: TestOrg,
  name: string,
  url: string,
  permission: (tool: string) => "allowed" | "requires_approval" = () => "allowed",
): Promise<string[]> {
  const put = await org.manage("PUT", `/v1/upstreams/${name}`, { kind: "mcp", url });
  assert.ok(put.status < 300, put.text);
  assert.equal(put.body.last_error, null, put.text);
  const { body } = await org.get(`/v1/upstreams/${name}/tools`);
  const tools = (body.data as JsonObject[]).map(({ name, definition_digest }) => ({
    name,
    definition_digest,
    default_permission: permission(String(name)),
  }));
  const approved = await org.manage("POST", `/v1/upstreams/${name}/approve`, { tools });
  assert.equal(approved.status, 200, approved.text);
  return tools.map(({ name }) => String(name));
}

/** What Deno is started with to run a package of npm, as deno.dev.json pins it. */
export function npmArguments(name: keyof typeof config.imports, ...args: string[]): string[] {
  const specifier = config.imports[name];
  return ["run", "--config", "deno.dev.json", "-A", "--quiet", "--no-prompt", specifier, ...args];
}

/** Runs a program to its end; what it told is given, and why it failed. */
export async function ran(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    cwd: PROJECT.pathname,
    env: { NO_COLOR: "1", ...env },
  }).output();
  const [told = "", complained = ""] = [stdout, stderr].map((one) => new TextDecoder().decode(one));
  assert.equal(code, 0, `${told}${complained}`.slice(-3000));
  return told;
}
