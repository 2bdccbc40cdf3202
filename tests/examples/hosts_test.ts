import assert from "node:assert/strict";
import { z } from "zod";
import { SECRET_PREFIXES } from "../../lib/identity/credentials.ts";
import { SERVER_INFO } from "../../routes/mcp/server.ts";
import { MCP_TOOLS } from "../../routes/mcp/tools.ts";
import { TOKEN_VARIABLE } from "../../lib/onboarding/programs.ts";
import { type Block, type WayKey, waysToConnect } from "../../lib/onboarding/ways.ts";
import { Countersign } from "../helpers/countersign.ts";
import { rawCall, resultOf } from "../helpers/mcp_client.ts";
import { runPrinted } from "../helpers/printed_program.ts";
import { PROJECT, projectText } from "../helpers/project_files.ts";

const HOSTS = new URL("examples/hosts/", PROJECT);
const NAMES = ["claude_code", "claude_desktop", "cursor", "vscode"] as const;
/** Has its files in TOML, and names the variable rather than the header. */
const CODEX = "codex";
const ENDPOINT = "http://localhost:8000/mcp";

const remote = z.strictObject({
  type: z.literal("http").optional(),
  url: z.string(),
  headers: z.strictObject({ Authorization: z.string() }).optional(),
});
const local = z.strictObject({ command: z.string(), args: z.array(z.string()) });
const server = z.union([remote, local]);
const config = z.union([
  z.strictObject({ mcpServers: z.strictObject({ countersign: server }) }),
  z.strictObject({
    inputs: z.array(z.strictObject({
      type: z.literal("promptString"),
      id: z.string(),
      description: z.string(),
      password: z.literal(true),
    })).optional(),
    servers: z.strictObject({ countersign: remote.required({ type: true }) }),
  }),
]);
type Server = z.output<typeof server>;

async function textOf(path: string): Promise<string> {
  return await Deno.readTextFile(new URL(path, HOSTS));
}

/** The entry of Countersign in a host's file. */
async function entryOf(path: string): Promise<Server> {
  const read = config.parse(JSON.parse(await textOf(path)));
  return "servers" in read ? read.servers.countersign : read.mcpServers.countersign;
}

/** What the entry says in one text: an address with headers, or a command. */
function wordsOf(entry: Server): string {
  return "url" in entry ? entry.url : [entry.command, ...entry.args].join(" ");
}

Deno.test("every host has a file for OAuth and one for an agent token, and the README says where they go", async () => {
  const folders = await Array.fromAsync(Deno.readDir(HOSTS), ({ name }) => name);
  assert.deepEqual(folders.toSorted(), ["README.md", ...NAMES, CODEX].toSorted());
  const readme = await textOf("README.md");
  for (const name of [...NAMES, CODEX]) {
    const files = await Array.fromAsync(Deno.readDir(new URL(name, HOSTS)), ({ name }) => name);
    const forms = files.map((file) => file.replace(name === CODEX ? ".toml" : ".json", ""));
    assert.deepEqual(forms.toSorted(), ["agent_token", "oauth"], name);
    assert.match(readme, new RegExp(`\\]\\(${name}\\)`), name);
  }
});

for (const name of NAMES) {
  Deno.test(`the files of ${name} point at /mcp and hold no secret`, async () => {
    for (const form of ["oauth", "agent_token"]) {
      const path = `${name}/${form}.json`;
      const words = wordsOf(await entryOf(path));
      const addresses = words.match(/https?:\/\/[^\s'"]+/g);
      assert.deepEqual(addresses, [ENDPOINT], path);
      const text = await textOf(path);
      for (const prefix of Object.values(SECRET_PREFIXES)) {
        assert.doesNotMatch(text, new RegExp(`${prefix}[0-9a-z]`), path);
      }
      assert.equal(/authorization/i.test(text), form === "agent_token", path);
    }
  });
}

Deno.test("a token reaches the header only by a variable, a prompt or a file", async () => {
  for (const name of NAMES) {
    const entry = await entryOf(`${name}/agent_token.json`);
    if ("url" in entry) {
      assert.match(
        entry.headers?.Authorization ?? "",
        /^Bearer \$\{(env:|input:)?[a-z_]+\}$/i,
        name,
      );
    } else {
      assert.match(wordsOf(entry), /Bearer \$\(cat "\$HOME\/[^"]+"\)/, name);
      // What a shell puts in its place would be seen by every user of the computer.
      assert.match(wordsOf(entry), /'Authorization:\$\{AUTHORIZATION\}'/, name);
    }
  }
  const { inputs, servers } = JSON.parse(await textOf("vscode/agent_token.json"));
  assert.equal(servers.countersign.headers.Authorization, `Bearer \${input:${inputs[0].id}}`);
});

Deno.test("the header that the files send opens the endpoint", async () => {
  await using countersign = await Countersign.start();
  const token = await (await countersign.org()).agent();
  for (const name of NAMES) {
    const entry = await entryOf(`${name}/agent_token.json`);
    const template = "url" in entry ? entry.headers?.Authorization : /(Bearer .*?)" exec/.exec(
      wordsOf(entry),
    )?.[1];
    const authorization = (template ?? "").replace(/\$\{[^}]*\}|\$\([^)]*\)/, token);
    const answer = await rawCall(countersign, "tools/list", {}, { headers: { authorization } });
    assert.equal(answer.status, 200, `${name}: ${answer.text}`);
    assert.equal(resultOf(answer).tools.length, MCP_TOOLS.length, name);
  }
});

Deno.test("the files of codex are what its command line writes", async () => {
  const [token, signIn] = await Promise.all(
    ["agent_token", "oauth"].map((form) => textOf(`${CODEX}/${form}.toml`)),
  );
  const oauth = `[mcp_servers.countersign]\nurl = "${ENDPOINT}"\n`;
  assert.equal(signIn, oauth);
  assert.equal(token, `${oauth}bearer_token_env_var = "${TOKEN_VARIABLE}"\n`);
});

Deno.test("the Quickstart's commands for hosts say what the files say", async () => {
  const ways = new Map(waysToConnect("http://localhost:8000").map((way) => [way.key, way]));
  const commandOf = async (key: WayKey, block: Block | undefined) => {
    const program = key === "claude_code" ? "claude" : "codex";
    const shown = `${program}() { printf '%s\\n' "$@"; }; ${block?.text}`;
    const { code, out } = await runPrinted(shown);
    assert.equal(code, 0);
    return out.trim().split("\n");
  };
  const claude = await entryOf("claude_code/agent_token.json");
  assert.ok("url" in claude);
  const added = [
    "mcp",
    "add",
    "--transport",
    "http",
    "--scope",
    "project",
    "countersign",
    ENDPOINT,
  ];
  assert.deepEqual(await commandOf("claude_code", ways.get("claude_code")?.blocks[0]), [
    ...added,
    "--header",
    `Authorization: ${claude.headers?.Authorization}`,
  ]);
  assert.deepEqual(await commandOf("claude_code", ways.get("claude_code")?.signIn[0]), added);
  const codex = ["mcp", "add", "countersign", "--url", ENDPOINT];
  assert.deepEqual(await commandOf("codex", ways.get("codex")?.blocks[0]), [
    ...codex,
    "--bearer-token-env-var",
    TOKEN_VARIABLE,
  ]);
  assert.deepEqual(await commandOf("codex", ways.get("codex")?.signIn[0]), [
    ...codex,
    ...["mcp", "login", "countersign"],
  ]);
});

/** Starts a server as a host does that speaks to it over pipes, and asks for its tools. */
async function toolsOver(
  command: string,
  args: readonly string[],
  env: Record<string, string>,
): Promise<unknown[]> {
  await using server = new Deno.Command(command, {
    args: [...args],
    env,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = server.stdin.getWriter();
  const send = (message: object) =>
    writer.write(new TextEncoder().encode(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`));
  await send({
    id: 1,
    method: "initialize",
    params: {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "host", version: "1.0.0" },
    },
  });
  let tools: unknown[] | null = null;
  let begun = "";
  for await (const part of server.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (begun + part).split("\n");
    begun = lines.pop() ?? "";
    for (const line of lines) {
      const { id, result } = JSON.parse(line);
      if (id === 1) {
        await send({ method: "notifications/initialized" });
        await send({ id: 2, method: "tools/list" });
      } else if (id === 2) {
        tools = result.tools;
        await writer.close();
        server.kill("SIGTERM");
      }
    }
  }
  return tools ?? assert.fail("the server ended without an answer");
}

Deno.test("what the Quickstart gives for Claude Desktop brings its tools to a program that speaks over pipes", async () => {
  await using countersign = await Countersign.start({ localhost: true });
  const token = await (await countersign.org()).agent();
  const home = await Deno.makeTempDir();
  try {
    const way = waysToConnect(countersign.origin).find(({ key }) => key === "claude_desktop");
    const [keep, file] = way?.blocks ?? [];
    const kept = await runPrinted(keep?.text ?? "", {
      env: { HOME: home, [TOKEN_VARIABLE]: token },
    });
    assert.deepEqual([kept.code, kept.err], [0, ""]);
    const { mode } = await Deno.stat(`${home}/.config/countersign/agent_token`);
    assert.equal((mode ?? 0) & 0o077, 0, "only its owner reads the token");
    const { command, args } = local.parse(JSON.parse(file?.text ?? "").mcpServers.countersign);
    const cache = `${Deno.env.get("npm_config_cache") ?? `${Deno.env.get("HOME")}/.npm`}`;
    const tools = await toolsOver(command, args, { HOME: home, npm_config_cache: cache });
    assert.equal(tools.length, MCP_TOOLS.length);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});

/** What the registry's schema of 2025-12-11 demands of a server that is reached by its address. */
const registered = z.strictObject({
  $schema: z.literal(
    "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
  ),
  name: z.string().min(3).max(200).regex(/^[a-zA-Z0-9.-]+\/[a-zA-Z0-9._-]+$/),
  title: z.string().min(1).max(100),
  description: z.string().min(1).max(100),
  version: z.string().max(255).regex(/^\d+\.\d+\.\d+$/),
  remotes: z.array(z.strictObject({
    type: z.literal("streamable-http"),
    url: z.string().regex(/^https?:\/\/[^\s]+$/),
    variables: z.record(
      z.string(),
      z.strictObject({
        description: z.string().min(1),
        isRequired: z.literal(true),
        placeholder: z.string().min(1),
      }),
    ),
  })).length(1),
});

Deno.test("server.json is what the MCP registry takes, for a server that everybody hosts themselves", async () => {
  const text = await projectText("server.json");
  const { title, version, name, remotes: [remote] } = registered.parse(JSON.parse(text));
  assert.equal(title, SERVER_INFO.title);
  assert.equal(version, SERVER_INFO.version);
  assert.ok(name.endsWith(`/${SERVER_INFO.name}`));
  assert.ok(remote !== undefined);
  const named = [...remote.url.matchAll(/\{([^}]+)\}/g)].map(([, variable]) => variable);
  assert.deepEqual(named, Object.keys(remote.variables), "every variable is described, and used");
  const filled = remote.url.replace(
    /\{([^}]+)\}/g,
    (_, variable) => remote.variables[variable]?.placeholder ?? "",
  );
  assert.equal(filled, "https://countersign.example.com/mcp");
});
