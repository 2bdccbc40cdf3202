import assert from "node:assert/strict";
import { packTypeScript } from "../../tools/release.ts";
import { Countersign } from "../helpers/countersign.ts";
import { StartedProcess } from "../helpers/started_process.ts";

/**
 * The package in other runtimes than Node and Deno: Bun, and the one of Cloudflare's Workers, which
 * has `fetch` and WebCrypto and nothing of Node.
 */

/** Their programs, as npm has them for this computer. */
const PROGRAMS: Readonly<Record<string, readonly [bun: string, workerd: string]>> = {
  "x86_64-unknown-linux-gnu": [
    "@oven/bun-linux-x64@1.4.5",
    "@cloudflare/workerd-linux-64@1.20261117.1",
  ],
  "aarch64-unknown-linux-gnu": [
    "@oven/bun-linux-aarch64@1.4.5",
    "@cloudflare/workerd-linux-arm64@1.20261117.1",
  ],
  "aarch64-apple-darwin": [
    "@oven/bun-darwin-aarch64@1.4.5",
    "@cloudflare/workerd-darwin-arm64@1.20261117.1",
  ],
};

/** What a program of an agent sees: of a tool that is allowed, one that is not, and a dead server. */
const SEEN = `
export async function seen(Countersign, { url, dead, key }) {
  const runs = [];
  const called = async (url, tool_name) => {
    const client = new Countersign({ url, key });
    const tool = client.guard({ tool_name, run: ({ amount }) => runs.push([tool_name, amount]) });
    try {
      await tool({ amount: 5 }, { reason: "Order 17 came back", wait: 0 });
      return "ran";
    } catch (error) {
      return error.name + " " + error.code;
    }
  };
  const allowed = await called(url, "refund");
  const denied = await called(url, "payout");
  const gone = await called(dead, "refund");
  const client = new Countersign({ url, key });
  const { decision_id, is_fallback } = await client.check({ tool_name: "refund" });
  const { entry } = await client.receipts.get(decision_id);
  const fallback = await new Countersign({ url: dead, key }).check({ tool_name: "refund" });
  const receipt = entry.type + " " + is_fallback;
  return { allowed, denied, gone, runs, receipt, dead: fallback.permission + " " + fallback.code };
}
`;

const EXPECTED = {
  allowed: "ran",
  denied: "NotRun disabled",
  gone: "NotRun unreachable",
  runs: [["refund", 5]],
  receipt: "permission.checked false",
  dead: "disabled unreachable",
};

/** Guards for frameworks, which need none of them until they are given one. */
const GUARDS = ["adk", "ai", "langchain", "mcp", "openai_agents"];

const BUN = `${SEEN}
import { Countersign } from "countersign";
${GUARDS.map((name) => `import "countersign/${name.replace("_", "-")}";`).join("\n")}
console.log(JSON.stringify(await seen(Countersign, await Bun.stdin.json())));
`;

const WORKER = `${SEEN}
import { Countersign } from "./countersign/src/mod.js";
${GUARDS.map((name) => `import "./countersign/src/${name}.js";`).join("\n")}
export default {
  fetch: async (request) => Response.json(await seen(Countersign, await request.json())),
};
`;

/** The package's own files as modules, the commands aside, and no compatibility with Node. */
async function workerConfig(folder: string): Promise<string> {
  const names = (await Array.fromAsync(Deno.readDir(`${folder}/node_modules/countersign/src`)))
    .map(({ name }) => name).filter((name) => name.endsWith(".js"));
  const modules = names.map((name) =>
    `(name = "countersign/src/${name}", esModule = embed "node_modules/countersign/src/${name}")`
  );
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "internet", network = (allow = ["private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [(name = "main.js", esModule = embed "worker.js"), ${modules.join(", ")}],
  compatibilityDate = "2026-01-01",
);
`;
}

Deno.test("a guarded tool runs, is refused, and has nobody to ask, in Bun and in a Worker alike", async (t) => {
  const programs = PROGRAMS[Deno.build.target];
  if (programs === undefined) return;
  const folder = await Deno.makeTempDir();
  await using countersign = await Countersign.start();
  try {
    const package_ = await packTypeScript(folder);
    const words = ["install", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"];
    const { success, stderr } = await new Deno.Command("npm", {
      args: [...words, "--prefix", folder, package_, ...programs],
      cwd: folder,
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    const [bun, workerd] = programs.map((name) =>
      `${folder}/node_modules/${name.replace(/@[^@]*$/, "")}/bin/`
    );
    const org = await countersign.org();
    await org.tool("refund", { default_permission: "allowed" });
    await org.tool("payout", { default_permission: "disabled" });
    const free = Deno.listen({ port: 0, hostname: "127.0.0.1" });
    const dead = `http://127.0.0.1:${free.addr.port}`;
    free.close();
    const given = JSON.stringify({ url: countersign.origin, dead, key: org.standard });

    await t.step("Bun", async () => {
      await Deno.writeTextFile(`${folder}/program.mjs`, BUN);
      const process = new Deno.Command(`${bun}bun`, {
        args: ["program.mjs"],
        cwd: folder,
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      const writer = process.stdin.getWriter();
      await writer.write(new TextEncoder().encode(given));
      await writer.close();
      const { stdout, stderr } = await process.output();
      const text = new TextDecoder();
      assert.deepEqual(JSON.parse(text.decode(stdout) || "null"), EXPECTED, text.decode(stderr));
    });

    await t.step("a Worker", async () => {
      await Deno.writeTextFile(`${folder}/worker.js`, WORKER);
      await Deno.writeTextFile(`${folder}/config.capnp`, await workerConfig(folder));
      const command = `exec ${workerd}workerd serve config.capnp --control-fd=1`;
      await using process = StartedProcess.inTerminal(folder, command, {});
      const port = await process.found('"event":"listen"', /"port":(\d+)/);
      const answer = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: given });
      const text = await answer.text();
      assert.equal(answer.status, 200, text);
      assert.deepEqual(JSON.parse(text), EXPECTED);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
