import assert from "node:assert/strict";
import { VERSION } from "../../lib/base/version.ts";
import { Countersign } from "../helpers/countersign.ts";
import { PROJECT, projectText } from "../helpers/project_files.ts";

/** A release as it is built, and the five lines of each way in, as they are printed. */

async function did(
  [command = "", ...args]: readonly string[],
  cwd: string | URL,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args, cwd, env }).output();
  const text = new TextDecoder();
  assert.equal(
    code,
    0,
    `${command} ${args.join(" ")}: ${text.decode(stdout)}${text.decode(stderr)}`,
  );
  return text.decode(stdout);
}

/** A block of the page of clients, of five lines. */
async function quickstart(language: string): Promise<string> {
  const page = await projectText("docs/clients.md");
  const [, block = ""] = new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, "m").exec(page) ?? [];
  assert.equal(block.trimEnd().split("\n").length, 5, language);
  return block;
}

Deno.test("a release is built with one version, and its five lines run as they are printed", async (t) => {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  await using countersign = await Countersign.start();
  try {
    const task = [Deno.execPath(), "task", "--quiet", "release", "--out", `${folder}/out`];
    const built = (await did(task, PROJECT)).trim().split("\n");
    const [tarball = "", wheel = "", sources = ""] = built;
    assert.deepEqual(built.map((path) => path.replace(`${folder}/out/`, "")), [
      `countersign-${VERSION}.tgz`,
      `countersign_sdk-${VERSION}-py3-none-any.whl`,
      `countersign_sdk-${VERSION}.tar.gz`,
      `n8n-nodes-countersign-${VERSION}.tgz`,
      `countersign-zapier-${VERSION}.tgz`,
    ]);
    const node = await did(["tar", "tzf", built[3] ?? ""], folder);
    assert.match(node, /dist\/nodes\/Countersign\/Countersign\.node\.js\n/);
    assert.match(node, /dist\/icons\/countersign\.svg\n/);
    assert.doesNotMatch(node, /\.ts\n/);
    const listed = await did(["tar", "tzf", sources], folder);
    assert.match(listed, /\/LICENSE\n/);
    assert.doesNotMatch(listed, /__pycache__/);

    const org = await countersign.org();
    await org.tool("refund", { default_permission: "allowed" });
    const env = {
      HOME: folder,
      COUNTERSIGN_URL: countersign.origin,
      COUNTERSIGN_KEY: await org.agent(),
    };
    const project = `${folder}/project`;
    await Deno.mkdir(`${project}/.cursor`, { recursive: true });
    const install = ["npm", "install", "--prefer-offline", "--no-audit", "--no-fund", "--prefix"];
    await did([...install, project, tarball], project);

    await t.step("JavaScript", async () => {
      await Deno.writeTextFile(`${project}/program.mjs`, await quickstart("js"));
      assert.equal(await did(["node", "program.mjs"], project, env), "paid 5\n");
    });

    await t.step("Python", async () => {
      await did(["python3", "-m", "venv", "python"], folder);
      const python = `${folder}/python/bin/python`;
      await did([python, "-m", "pip", "install", "--quiet", wheel], folder);
      await Deno.writeTextFile(`${project}/program.py`, await quickstart("python"));
      assert.equal(await did([python, "program.py"], project, env), "paid 5\n");
      const asked = "from importlib.metadata import version; print(version('countersign-sdk'))";
      assert.equal(await did([python, "-c", asked], project), `${VERSION}\n`);
    });

    await t.step("a terminal", async () => {
      const out = await did(["bash", "-e", "-c", await quickstart("sh")], project, env);
      assert.match(out, /^key +agent, from COUNTERSIGN_KEY$/m);
      assert.match(out, /^ok +Cursor: is told of/m);
      assert.match(out, /^paid 5$/m);
      assert.match(out, /execution\.logged .*tool=refund/);
      const { mcpServers } = JSON.parse(await Deno.readTextFile(`${project}/.cursor/mcp.json`));
      assert.equal(mcpServers.countersign.url, `${countersign.origin}/mcp`);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
