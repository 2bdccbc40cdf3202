import assert from "node:assert/strict";
import { z } from "zod";
import { SECRET_PREFIXES } from "../../lib/identity/credentials.ts";
import { SERVER_INFO } from "../../routes/mcp/server.ts";
import { MCP_TOOLS } from "../../routes/mcp/tools.ts";
import { Countersign } from "../helpers/countersign.ts";
import { rawCall, resultOf } from "../helpers/mcp_client.ts";
import { PROJECT, projectText } from "../helpers/project_files.ts";

const HOSTS = new URL("examples/hosts/", PROJECT);
const NAMES = ["claude_code", "claude_desktop", "cursor", "vscode"] as const;
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
  assert.deepEqual(folders.toSorted(), ["README.md", ...NAMES]);
  const readme = await textOf("README.md");
  for (const name of NAMES) {
    const files = await Array.fromAsync(Deno.readDir(new URL(name, HOSTS)), ({ name }) => name);
    assert.deepEqual(files.toSorted(), ["agent_token.json", "oauth.json"], name);
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
