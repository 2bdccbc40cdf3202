import assert from "node:assert/strict";
import { packTypeScript } from "../../tools/release.ts";
import { Countersign } from "../helpers/countersign.ts";
import { PROJECT } from "../helpers/project_files.ts";

/** The package of the TypeScript client, as others install it. */

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly errors: string;
}

async function run(
  [command = "", ...args]: readonly string[],
  cwd: string | URL,
  env: Record<string, string> = {},
): Promise<Ended> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args, cwd, env }).output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), errors: text.decode(stderr) };
}

/** The program of the package's own page. */
async function printedProgram(): Promise<string> {
  const page = await Deno.readTextFile(new URL("clients/typescript/README.md", PROJECT));
  return /```ts\n([^]*?)```/.exec(page)?.[1] ?? assert.fail("the page has no program");
}

Deno.test("the package installs with nothing else, and its printed program runs under Node and Deno", async () => {
  const folder = await Deno.makeTempDir();
  await using countersign = await Countersign.start();
  try {
    const package_ = await packTypeScript(folder);
    const installed = await run(
      ["npm", "install", "--offline", "--no-audit", "--no-fund", "--prefix", folder, package_],
      folder,
    );
    assert.equal(installed.code, 0, installed.errors);
    const at = `${folder}/node_modules/countersign`;
    const { exports, engines, dependencies } = JSON.parse(
      await Deno.readTextFile(`${at}/package.json`),
    );
    assert.equal(dependencies, undefined);
    assert.equal(engines.node, ">=20");
    for (const path of Object.values<string>(exports["."])) await Deno.stat(`${at}/${path}`);
    assert.match(exports["."].types, /\.d\.ts$/);

    const org = await countersign.org();
    await org.tool("refund", { default_permission: "allowed" });
    const url = `http://127.0.0.1:${countersign.server.addr.port}`;
    const program = (await printedProgram()).replace("http://localhost:8000", url);
    await Deno.writeTextFile(`${folder}/program.mjs`, program);
    const env = { COUNTERSIGN_KEY: org.standard };
    const launchers = [["node"], [
      Deno.execPath(),
      "run",
      "--quiet",
      "--no-prompt",
      "--allow-net",
      "--allow-env",
    ]];
    for (const launcher of launchers) {
      const { code, out, errors } = await run([...launcher, "program.mjs"], folder, env);
      assert.equal(code, 0, errors);
      assert.equal(out, "refunded 5\n");
    }
    const { body } = await org.get("/v1/activity?type=execution.logged", org.standard);
    assert.equal(body.data.length, launchers.length);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("importing the client asks for nothing: no network, no file, no variable", async () => {
  const { code, errors } = await run(
    [Deno.execPath(), "run", "--no-prompt", "--no-config", "clients/typescript/src/mod.ts"],
    PROJECT,
  );
  assert.equal(code, 0, errors);
});
