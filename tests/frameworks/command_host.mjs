import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { BROKEN_PROGRAMS } from "./hook_faults.mjs";
import { modelServer } from "./model_server.mjs";

/**
 * What drivers of hosts have alike that run their tools themselves and ask a command before: the
 * real program of the host, in a home and a project of its own, which the commands of the host's
 * page have set up as they stand there.
 */

const { env } = process;
const HERE = import.meta.dirname;

/** The server of the tool, as hosts are told to start it. */
export const SHOP = {
  command: process.execPath,
  args: [join(HERE, "shop_server.mjs")],
  env: { EFFECT_FILE: env.EFFECT_FILE },
};

/** Runs a program to its end. */
export function ran(command, words, options) {
  return new Promise((done, failed) => {
    const child = spawn(command, words, { stdio: ["ignore", "pipe", "pipe"], ...options });
    const parts = [];
    child.stdout.on("data", (part) => parts.push(part));
    child.stderr.on("data", (part) => parts.push(part));
    child.on("error", failed);
    child.on("close", (code) => done({ code, said: Buffer.concat(parts).toString() }));
  });
}

async function succeeded(command, words, options) {
  const { code, said } = await ran(command, words, options);
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${said.slice(-2000)}`);
}

/** The first block of a language on a page. */
export function blockOf(page, language) {
  return new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, "m").exec(page)[1];
}

/** The program `countersign` as it lies in the path of who installed it; or what is there instead. */
function layProgram(path, fault) {
  const own = join(HERE, "node_modules/countersign");
  const { bin } = JSON.parse(readFileSync(join(own, "package.json"), "utf8"));
  // A bug within: the first thing that the hook makes for itself cannot be made.
  const bug = "data:text/javascript,globalThis.AbortController=function(){throw new TypeError()}";
  const words = env.GUARD_BUG === "1" ? `--import '${bug}' ` : "";
  const line = BROKEN_PROGRAMS[fault] ??
    `exec ${process.execPath} ${words}${join(own, bin.countersign)} "$@"`;
  rmSync(path, { force: true });
  if (fault !== "is missing") writeFileSync(path, `#!/bin/sh\n${line}\n`, { mode: 0o755 });
}

/**
 * Runs a host once; what its model was told of the call.
 * @param host its `name`; `calls` that its model makes, of `input`; `variables`, `words` and whatever
 *   is `prepared` before it starts, all of them of a place; its own hook, where it is `bare`; and
 *   whether what was `written` is what its page shows
 */
export async function runHost(host, input) {
  const root = mkdtempSync(join(tmpdir(), "countersign-host-"));
  const [home, project, bin] = ["home", "project", "bin"].map((name) => join(root, name));
  for (const folder of [home, project, bin]) mkdirSync(folder);
  symlinkSync(process.execPath, join(bin, "node"));
  const model = await modelServer(host.calls(input, env.HOOK_FAULT));
  const place = { root, home, project, model: model.url };
  const { HTTP_PROXY = "", HTTPS_PROXY = "", NO_PROXY = "" } = env;
  const variables = {
    PATH: `${bin}:${env.PATH}`,
    HOME: home,
    ...{ HTTP_PROXY, HTTPS_PROXY, NO_PROXY },
    COUNTERSIGN_URL: env.COUNTERSIGN_URL,
    COUNTERSIGN_KEY: env.COUNTERSIGN_API_KEY,
    ...host.variables(place),
  };
  const options = { cwd: project, env: variables };
  try {
    const program = join(bin, "countersign");
    if (env.BARE === "1") host.bare(place);
    else {
      layProgram(program, null);
      const page = readFileSync(join(HERE, `${host.name}.md`), "utf8");
      await succeeded("sh", ["-ec", blockOf(page, "sh")], options);
      host.written(place, page);
      layProgram(program, env.HOOK_FAULT ?? null);
    }
    await host.prepared(place, env.HOOK_FAULT ?? null, options);
    const [command, ...words] = host.words(place);
    await succeeded(command, words, options);
    return model.told().at(-1);
  } finally {
    model.close();
    rmSync(root, { recursive: true, force: true });
  }
}
