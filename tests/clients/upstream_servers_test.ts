import assert from "node:assert/strict";
import config from "../../deno.dev.json" with { type: "json" };
import type { HostProgram } from "../../lib/upstreams/host_file.ts";
import type { CallOutcome, UpstreamPort, UpstreamProgress } from "../../lib/upstreams/port.ts";
import { PROJECT } from "../helpers/project_files.ts";
import { freePort, StartedProcess } from "../helpers/started_process.ts";
import { callTool, connections, NEVER, portOf } from "../helpers/upstream_server.ts";

/**
 * Servers of others as upstreams, as their packages ship them: of the MCP project on npm by standard
 * input and output and by HTTP, and one on PyPI in the newest protocol.
 */

const PYTHON_SERVER = "mcp-server-time==2026.10.19";

const FOLDER = new URL(".", PROJECT).pathname;

/** A package of npm as deno.dev.json pins it, run by Deno. */
function npm(name: keyof typeof config.imports, ...args: string[]): HostProgram {
  const specifier = config.imports[name];
  return {
    command: Deno.execPath(),
    args: ["run", "--config", "deno.dev.json", "--quiet", "--no-prompt", "-A", specifier, ...args],
    env: denoVariables(),
    cwd: FOLDER,
    name: "one",
    orgs: null,
  };
}

/** Where Deno's cache is and how it reaches npm. */
function denoVariables(): Record<string, string> {
  const wanted = /^(DENO_|NPM_CONFIG_|HOME$|PATH$|XDG_CACHE_HOME$|HTTPS?_PROXY$|NO_PROXY$)/i;
  const all = Object.entries(Deno.env.toObject());
  return Object.fromEntries(all.filter(([name]) => wanted.test(name)));
}

async function withProgram(
  program: HostProgram,
  run: (port: UpstreamPort) => Promise<void>,
): Promise<void> {
  await using ports = connections([], { programs: new Map([["stdio:one", program]]) });
  const target = { kind: "mcp_stdio", url: "stdio:one", headers: {} } as const;
  const place = ports.take({ org_id: "org_a", name: "one", target, credential: null });
  assert(place !== null);
  await run(place.port);
}

function content(outcome: CallOutcome): Record<string, string>[] {
  assert(outcome.is === "result", JSON.stringify(outcome));
  return JSON.parse(new TextDecoder().decode(outcome.content));
}

/** Lists it, and gives the names of its tools. */
async function names(port: UpstreamPort): Promise<string[]> {
  const listed = await port.list(NEVER);
  assert(listed.is === "listed", JSON.stringify(listed));
  assert.deepEqual(listed.refused, []);
  return listed.tools.map(({ name }) => name);
}

Deno.test("servers of others: the file server reads and writes its folder alone", async () => {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  try {
    const server = npm("@modelcontextprotocol/server-filesystem", folder);
    await withProgram(server, async (port) => {
      assert((await names(port)).includes("write_file"));
      const path = `${folder}/note.txt`;
      await callTool(port, "write_file", { path, content: "Café\n" });
      assert.equal(await Deno.readTextFile(path), "Café\n");
      const [read] = content(await callTool(port, "read_text_file", { path }));
      assert.equal(read?.["text"], "Café\n");
      const outside = await callTool(port, "read_text_file", { path: "/etc/hostname" });
      assert(outside.is === "result" && outside.is_error);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("servers of others: the memory server keeps what it is told", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const server = npm("@modelcontextprotocol/server-memory");
    const env = { ...server.env, MEMORY_FILE_PATH: `${folder}/memory.json` };
    await withProgram({ ...server, env }, async (port) => {
      assert((await names(port)).includes("create_entities"));
      const entity = { name: "Ada", entityType: "person", observations: ["counts"] };
      await callTool(port, "create_entities", { entities: [entity] });
      const outcome = await callTool(port, "read_graph", {});
      assert(outcome.is === "result" && outcome.structured_content !== null);
      const graph = JSON.parse(new TextDecoder().decode(outcome.structured_content));
      assert.deepEqual(graph.entities, [entity]);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** What `server-everything` has that others have not, whatever it is spoken with by. */
async function everything(port: UpstreamPort): Promise<void> {
  const connected = await port.connect(NEVER);
  assert(connected.is === "connected");
  assert.deepEqual([connected.protocol?.era, connected.protocol?.version], [
    "legacy",
    "2025-11-25",
  ]);
  const listed = await names(port);
  assert(listed.includes("echo"));
  // It hides what needs a client that samples or elicits, for we say that we do not.
  assert.deepEqual(listed.filter((name) => /sampling|elicit|roots/.test(name)), []);
  const [echo] = content(await callTool(port, "echo", { message: "héllo" }));
  assert.match(echo?.["text"] ?? "", /héllo/);
  const image = content(await callTool(port, "get-tiny-image", {}));
  const { data, mimeType } = image.find(({ type }) => type === "image") ?? {};
  assert.equal(mimeType, "image/png");
  assert.match(atob(data ?? ""), /^\x89PNG/);
  const structured = await callTool(port, "get-structured-content", { location: "New York" });
  assert(structured.is === "result" && structured.structured_content !== null);
  const told: UpstreamProgress[] = [];
  const steps = { duration: 0.2, steps: 4 };
  const options = { progress: (progress: UpstreamProgress) => void told.push(progress) };
  assert.equal(
    (await callTool(port, "trigger-long-running-operation", steps, options)).is,
    "result",
  );
  assert.deepEqual(told.map(({ progress, total }) => [progress, total]).at(-1), [4, 4]);
  const stop = new AbortController();
  const long = { duration: 60, steps: 60 };
  const stopping = callTool(port, "trigger-long-running-operation", long, {
    signal: stop.signal,
    progress: () => stop.abort(),
  });
  assert.equal((await stopping).is, "unknown");
  const unknown = await callTool(port, "no-such-tool", {});
  assert(unknown.is === "failed" || (unknown.is === "result" && unknown.is_error));
}

Deno.test("servers of others: everything, by standard input and output", async () => {
  await withProgram(npm("@modelcontextprotocol/server-everything", "stdio"), async (port) => {
    await everything(port);
    // Of our environment it has what was named.
    const [env] = content(await callTool(port, "get-env", {}));
    const seen = Object.keys(JSON.parse(env?.["text"] ?? "{}"));
    const given = [...Object.keys(denoVariables()), "npm_config_user_agent"];
    assert.deepEqual(seen.filter((name) => !given.includes(name)), []);
  });
});

Deno.test("servers of others: everything, by HTTP, and again after it was restarted", async () => {
  const listens = await freePort();
  const { command, args } = npm("@modelcontextprotocol/server-everything", "streamableHttp");
  const start = async () => {
    const line = `PORT=${listens} exec ${[command, ...args].join(" ")}`;
    const process = StartedProcess.inTerminal(FOLDER, line, {});
    await process.seen("listening on port");
    return process;
  };
  await using ports = connections([`127.0.0.1:${listens}`]);
  const port = portOf(ports, { url: `http://127.0.0.1:${listens}/mcp` });
  {
    await using _process = await start();
    await everything(port);
  }
  const gone = await callTool(port, "echo", { message: "x" });
  assert(gone.is === "not_sent");
  assert.equal(gone.why, "unreachable");
  await using _process = await start();
  const connected = await port.connect(NEVER);
  assert.equal(connected.is, "connected");
  // It says 400 of a session that it does not know, which says nothing of what ran.
  const first = await callTool(port, "echo", { message: "y" });
  assert.notEqual(first.is, "unknown");
  assert.equal((await callTool(port, "echo", { message: "z" })).is, "result");
});

Deno.test("servers of others: a Python server of the newest protocol, by standard input and output", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const installed = await new Deno.Command("python3", {
      args: ["-m", "pip", "install", "--quiet", "--target", folder, PYTHON_SERVER],
      stdout: "null",
      stderr: "piped",
    }).output();
    assert(installed.success, new TextDecoder().decode(installed.stderr));
    const server: HostProgram = {
      command: "python3",
      args: ["-m", "mcp_server_time", "--local-timezone", "UTC"],
      env: { ...denoVariables(), PYTHONPATH: folder },
      cwd: null,
      name: "one",
      orgs: null,
    };
    await withProgram(server, async (port) => {
      const connected = await port.connect(NEVER);
      assert(connected.is === "connected");
      assert.deepEqual(
        [connected.protocol?.era, connected.protocol?.version],
        ["modern", "2026-07-28"],
      );
      assert.deepEqual((await names(port)).sort(), ["convert_time", "get_current_time"]);
      const [now] = content(await callTool(port, "get_current_time", { timezone: "UTC" }));
      assert.equal(JSON.parse(now?.["text"] ?? "{}").timezone, "UTC");
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
