import assert from "node:assert/strict";
import { VERSION } from "../../lib/base/version.ts";
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
  env: Readonly<Record<string, string>> = {},
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

/** Node 22, as npm has it: the computer's own is any from 20 on. */
const NODE_22 = "node@22.22.3";

/** The package in a folder, installed as others do. */
async function install(folder: string, ...more: readonly string[]): Promise<string> {
  const words = ["npm", "install", "--prefer-offline", "--no-audit", "--no-fund"];
  const installed = await run(
    [...words, "--prefix", folder, await packTypeScript(folder), ...more],
    folder,
  );
  assert.equal(installed.code, 0, installed.errors);
  return `${folder}/node_modules`;
}

Deno.test("the package installs with one other, and its printed program runs under Node and Deno", async () => {
  const folder = await Deno.makeTempDir();
  await using countersign = await Countersign.start();
  try {
    const at = `${await install(folder)}/countersign`;
    const { exports, engines, dependencies, peerDependencies, peerDependenciesMeta } = JSON.parse(
      await Deno.readTextFile(`${at}/package.json`),
    );
    assert.deepEqual(dependencies, { citty: "0.2.2" });
    assert.equal(engines.node, ">=20");
    for (const path of Object.values<string>(exports["."])) await Deno.stat(`${at}/${path}`);
    assert.match(exports["."].types, /\.d\.ts$/);
    // The guards for frameworks are there, and their frameworks are not.
    const entries = Object.keys(exports).map((entry) => `countersign${entry.slice(1)}`);
    assert.ok(entries.length > 5, entries.join());
    const peers = Object.keys(peerDependencies);
    assert.deepEqual(Object.keys(peerDependenciesMeta), peers);
    for (const peer of peers) await assert.rejects(Deno.stat(`${folder}/node_modules/${peer}`));
    const importing = entries.map((entry) => `await import("${entry}");`).join("\n");
    await Deno.writeTextFile(`${folder}/entries.mjs`, importing);

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
      const imported = await run([...launcher, "entries.mjs"], folder);
      assert.equal(imported.code, 0, imported.errors);
    }
    const { body } = await org.get("/v1/activity?type=execution.logged", org.standard);
    assert.equal(body.data.length, launchers.length);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the command runs from the package on Node 20 or what is there, on Node 22, and on Deno", async () => {
  const folder = await Deno.makeTempDir();
  await using countersign = await Countersign.start();
  try {
    const modules = await install(folder, NODE_22);
    const org = await countersign.org();
    await org.tool("refund", { default_permission: "allowed" });
    await org.tool("payout", { default_permission: "disabled" });
    const env = { COUNTERSIGN_URL: countersign.origin, COUNTERSIGN_KEY: org.standard };
    const bin = `${modules}/countersign/src/cli/bin.js`;
    const launchers = [
      ["npx", "--offline", "countersign"],
      [`${modules}/node/bin/node`, bin],
      [Deno.execPath(), "run", "-A", bin],
    ];
    for (const launcher of launchers) {
      const ran = (...words: string[]) => run([...launcher, ...words], folder, env);
      const version = await ran("--version");
      assert.deepEqual([version.code, version.out], [0, `${VERSION}\n`], version.errors);
      const asked = await Promise.all([
        ran("check", "refund"),
        ran("check", "payout", "--json"),
        ran("check", "refund", "--urll", "x"),
        ran("check", "refund", "--url", "http://127.0.0.1:1"),
      ]);
      assert.deepEqual(asked.map(({ code }) => code), [0, 3, 2, 5], launcher.join(" "));
      assert.equal(JSON.parse(asked[1]?.out ?? "").permission, "disabled");
      const { decision_id } = JSON.parse(asked[1]?.out ?? "");
      const got = await ran("receipts", "get", decision_id, "--out", "receipt.json");
      assert.equal(got.code, 0, got.errors);
      assert.match((await ran("verify", "receipt.json")).out, /^receipt +genuine$/m);
      const guarded = await ran("guard", "--tool", "refund", "--", "sh", "-c", "exit 7");
      assert.equal(guarded.code, 7, guarded.errors);
    }
    const { out } = await run([`${modules}/node/bin/node`, "--version"], folder);
    assert.match(out, /^v22\./);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

const HOOK_CALL = JSON.stringify({
  hook_event_name: "PreToolUse",
  tool_name: "Bash",
  tool_input: { command: "ls" },
});

Deno.test("a hook as hosts start it ends with 0 for a yes, and with 2 for a no and for every fault of its own", async () => {
  const folder = await Deno.makeTempDir();
  await using countersign = await Countersign.start();
  try {
    const modules = await install(folder);
    const org = await countersign.org();
    await org.tool("claude/Bash", { default_permission: "allowed" });
    const env = { COUNTERSIGN_URL: countersign.origin, COUNTERSIGN_KEY: await org.agent() };
    await Deno.writeTextFile(`${folder}/call.json`, HOOK_CALL);
    const home = { HOME: folder };
    const connected = await run(
      ["npx", "--offline", "countersign", "connect", "claude-code", "--hook", "--yes"],
      folder,
      { ...env, ...home },
    );
    assert.equal(connected.code, 0, connected.errors);
    const settings = JSON.parse(await Deno.readTextFile(`${folder}/.claude/settings.json`));
    const [{ command }] = settings.hooks.PreToolUse[0].hooks;
    assert.equal(command, "npx --no-install countersign hook claude || exit 2");
    const hooked = (more: Readonly<Record<string, string>> = {}) =>
      run(["sh", "-c", `(${command}) < call.json`], folder, { ...env, ...home, ...more });

    const yes = await hooked();
    assert.equal(yes.code, 0, yes.errors);
    assert.equal(JSON.parse(yes.out).hookSpecificOutput.permissionDecision, "allow");
    // An answer that reaches nobody is none.
    if (await Deno.stat("/dev/full").then(() => true, () => false)) {
      const unread = await run(["sh", "-c", `(${command}) < call.json > /dev/full`], folder, {
        ...env,
        ...home,
      });
      assert.equal(unread.code, 2);
    }
    const wrong = await hooked({ COUNTERSIGN_KEY: "cs_agent_x" });
    assert.deepEqual([wrong.code, wrong.out], [2, ""]);
    assert.equal((await hooked({ COUNTERSIGN_URL: "http://127.0.0.1:1" })).code, 2);
    // Without a file of its own, and of the package that it stands on, by itself and as it is set.
    const bin = `${modules}/countersign/src/cli/bin.js`;
    const parts = ["countersign/src/cli/hook.js", "citty", "countersign/src/cli/main.js"];
    for (const part of parts) {
      await Deno.rename(`${modules}/${part}`, `${modules}/gone`);
      const broken = await run(["sh", "-c", `node ${bin} hook claude < call.json`], folder, env);
      assert.deepEqual([broken.code, broken.out], [2, ""], part);
      const checked = await run(["node", bin, "check", "claude/Bash"], folder, env);
      assert.equal(checked.code, part.endsWith("hook.js") ? 0 : 1, part);
      await Deno.rename(`${modules}/gone`, `${modules}/${part}`);
    }
    await Deno.remove(modules, { recursive: true });
    assert.equal((await hooked()).code, 2);
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
