import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { DeploymentFolder } from "../helpers/deployment_folder.ts";
import { PROJECT } from "../helpers/project_files.ts";
import { freePort, StartedProcess } from "../helpers/started_process.ts";

/** A deployment that runs a program of its host as an upstream, started as its task starts it. */

const KEY = `cs_mgmt_${"0123456789abcdef".repeat(3)}`;

const PROGRAM = fileURLToPath(new URL("tests/upstreams/stdio_program.ts", PROJECT));

/** A deployment that was started with such a program, and what it answers. */
async function started(folder: string, args: readonly string[]) {
  const files = {
    command: Deno.execPath(),
    args: ["run", "--quiet", "--no-config", "--no-check", "-A", PROGRAM, ...args],
    env: ["GIVEN"],
  };
  await Deno.mkdir(`${folder}/config`, { recursive: true });
  const text = JSON.stringify({ upstreams: { files } });
  await Deno.writeTextFile(`${folder}/config/upstreams.json`, text);
  const origin = `http://127.0.0.1:${await freePort()}`;
  const variables = {
    PORT: new URL(origin).port,
    COUNTERSIGN_URL: origin,
    COUNTERSIGN_SECRET: "0123456789abcdef".repeat(3),
    COUNTERSIGN_BOOTSTRAP_KEY: KEY,
    GIVEN: "to the program",
    NOT_GIVEN: "to anybody",
  };
  const process = await StartedProcess.launched(folder, variables, "start:stdio");
  await process.line("Countersign listens");
  const ask = async (method: string, path: string, given?: unknown, key = KEY) => {
    const response = await fetch(origin + path, {
      method,
      headers: { "x-api-key": key, "content-type": "application/json" },
      ...(given === undefined ? {} : { body: JSON.stringify(given) }),
    });
    return { status: response.status, body: await response.json() };
  };
  return { process, ask };
}

Deno.test("programs: the task for it runs them with the rights that it has, and changed ones are drafts again", async () => {
  await using place = await DeploymentFolder.make();
  {
    const { process, ask } = await started(place.path, ["legacy"]);
    await using _process = process;
    const refreshed = await ask("POST", "/v1/upstreams/files/refresh");
    assert.equal(refreshed.status, 200, JSON.stringify(refreshed.body));
    const { body } = await ask("GET", "/v1/upstreams/files");
    assert.deepEqual([body.kind, body.protocol.era], ["mcp_stdio", "legacy"]);
    const { body: tools } = await ask("GET", "/v1/upstreams/files/tools");
    assert.deepEqual(tools.data.map(({ name }: { name: string }) => name), ["files/echo"]);
    const [{ name, definition_digest }] = tools.data;
    const approved = await ask("POST", "/v1/upstreams/files/approve", {
      tools: [{ name, definition_digest, default_permission: "allowed" }],
    });
    assert.equal(approved.status, 200, JSON.stringify(approved.body));
    const { body: key } = await ask("POST", "/v1/api-keys", { name: "caller", tier: "standard" });
    const called = await ask("POST", "/v1/calls", {
      tool_name: name,
      arguments: { do: "env" },
      reason: "What it has of our environment",
    }, key.key);
    assert.equal(called.status, 200, JSON.stringify(called.body));
    assert.equal(called.body.status, "completed");
    const env = JSON.parse(called.body.result.content[0].text);
    assert.deepEqual(Object.keys(env).sort(), ["GIVEN", "PATH"]);
    assert.equal(env.GIVEN, "to the program");
    process.signal("SIGTERM");
    const { code, output } = await process.ended();
    assert.equal(code, 0, output);
  }
  const { process, ask } = await started(place.path, ["modern"]);
  await using _process = process;
  const { body } = await ask("POST", "/v1/upstreams/files/refresh");
  assert.deepEqual(body.added, []);
  const { body: seen } = await ask("GET", "/v1/upstreams/files");
  assert.equal(seen.protocol.era, "modern");
  assert.deepEqual([seen.tools.approved, seen.tools.changed], [0, ["files/echo"]]);
});
