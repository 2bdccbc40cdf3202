/**
 * Runs a program of the deployment with the rights that its settings call for, and no others:
 *
 *     deno run --no-prompt --allow-env --allow-read --allow-run launch.ts start
 *
 * or `recover EMAIL`, `accept-clock [ORG]`, `compact`; and `client`, which bundles what browsers get,
 * as `start` does by itself where that has changed. Signals go on to the program, and its exit status
 * comes back; 2 is also a setting that is refused. It may itself run whatever it likes, so it takes
 * nothing in but its arguments and its environment, and hands on of that what the program needs.
 */

import { fileURLToPath } from "node:url";
import {
  bundlingRights,
  passedOn,
  type Program,
  rights,
  SettingRefused,
} from "./lib/server/rights.ts";
import { realPath } from "./lib/store/system.ts";

const REFUSED = 2;

const CODE = fileURLToPath(new URL(".", import.meta.url));

const SCRIPTS: Record<Program, string> = {
  "start": "main.ts",
  "recover": "recover.ts",
  "accept-clock": "accept_clock.ts",
  "compact": "compact.ts",
};

let child: Deno.ChildProcess | null = null;

let isStopping = false;

async function launch(name = "", ...args: string[]): Promise<number> {
  if (name === "client" && args.length === 0) return await bundled("inherit");
  if (!isProgram(name)) {
    console.error(`Name what to run: ${[...Object.keys(SCRIPTS), "client"].join(", ")}.`);
    return REFUSED;
  }
  const place = { deployment: Deno.cwd(), code: CODE, real: realPath };
  const flags = rights(name, (variable) => Deno.env.get(variable), place);
  if (name !== "start") return await run(flags, [SCRIPTS[name], ...args], {});
  const code = await bundled("null");
  if (code !== 0 || isStopping) return code;
  // The end of its input tells it that this process is gone, even where that was killed.
  return await run(flags, [SCRIPTS.start, "--until-input-ends", ...args], { stdin: "piped" });
}

function isProgram(name: string): name is Program {
  return Object.hasOwn(SCRIPTS, name);
}

function bundled(stdout: "inherit" | "null"): Promise<number> {
  return run(bundlingRights(CODE), ["tools/bundle_client.ts"], { stdin: "null", stdout });
}

/** Runs a script in an environment of its own, and gives its exit status. */
async function run(
  flags: readonly string[],
  [script = "", ...args]: readonly string[],
  streams: Pick<Deno.CommandOptions, "stdin" | "stdout">,
): Promise<number> {
  child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--config", `${CODE}deno.json`, ...flags, CODE + script, ...args],
    clearEnv: true,
    env: passedOn(Deno.env.toObject()),
    ...streams,
  }).spawn();
  const { code } = await child.status;
  child = null;
  return code;
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.addSignalListener(signal, () => {
    isStopping = true;
    try {
      child?.kill(signal);
    } catch {
      // It has ended by itself.
    }
  });
}

try {
  Deno.exit(await launch(...Deno.args));
} catch (error) {
  if (!(error instanceof SettingRefused)) throw error;
  console.error(error.message);
  Deno.exit(REFUSED);
}
