/**
 * Runs a program of the deployment with the rights that its settings call for, and no others:
 *
 *     deno run --no-prompt --allow-env --allow-read --allow-run launch.ts start
 *
 * or `start:stdio`, which runs the upstreams of `config/upstreams.json` besides, `recover EMAIL`,
 * `accept-clock [ORG]`, `compact`; and `client`, which bundles what browsers get,
 * as `start` does by itself where that has changed. Signals go on to the program, and its exit status
 * comes back; 2 is also a setting that is refused. It may itself run whatever it likes, so it takes
 * nothing in but its arguments and its environment, and hands on of that what the program needs.
 */

import { fileURLToPath } from "node:url";
import {
  bundlingRights,
  passedOn,
  type Program,
  programRights,
  rights,
  SettingRefused,
  unreadVariables,
} from "./lib/server/rights.ts";
import { logLine, realPath } from "./lib/store/system.ts";
import {
  HostFileRefused,
  loadHostFile,
  type NamedProgram,
  RUNS_PROGRAMS,
} from "./lib/upstreams/host_file.ts";

const REFUSED = 2;

const CODE = fileURLToPath(new URL(".", import.meta.url));

const SCRIPTS: Record<Program, string> = {
  "start": "main.ts",
  "recover": "recover.ts",
  "accept-clock": "accept_clock.ts",
  "compact": "compact.ts",
};

const UNREAD =
  "Variables that nothing reads: no setting is called so. Correct the names, or unset them; " +
  '"Configuration" in README.md has all';

let child: Deno.ChildProcess | null = null;

let isStopping = false;

async function launch(name = "", ...args: string[]): Promise<number> {
  if (name === "client" && args.length === 0) return await bundled("inherit");
  const place = { deployment: Deno.cwd(), code: CODE, real: realPath };
  if (name === "start:stdio") {
    const programs = [...(await loadHostFile()).values()];
    const own = rights("start", (variable) => Deno.env.get(variable), place);
    return await started(programRights(own, programs, place), [RUNS_PROGRAMS, ...args], programs);
  }
  if (!isProgram(name)) {
    const names = [...Object.keys(SCRIPTS), "start:stdio", "client"];
    console.error(`Name what to run: ${names.join(", ")}.`);
    return REFUSED;
  }
  const flags = rights(name, (variable) => Deno.env.get(variable), place);
  if (name !== "start") return await run(flags, [SCRIPTS[name], ...args], {});
  return await started(flags, args);
}

/** @param programs what the server runs itself */
async function started(
  flags: readonly string[],
  args: readonly string[],
  programs: readonly NamedProgram[] = [],
): Promise<number> {
  const unread = unreadVariables(Object.keys(Deno.env.toObject()));
  if (unread.length > 0) logLine("warn", UNREAD, { variables: unread.join(", ") });
  const code = await bundled("null");
  if (code !== 0 || isStopping) return code;
  // The end of its input tells it that this process is gone, even where that was killed.
  const streams = { stdin: "piped" } as const;
  return await run(flags, [SCRIPTS.start, "--until-input-ends", ...args], streams, programs);
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
  programs: readonly NamedProgram[] = [],
): Promise<number> {
  child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--config", `${CODE}deno.json`, ...flags, CODE + script, ...args],
    clearEnv: true,
    env: passedOn(Deno.env.toObject(), programs),
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
  if (!(error instanceof SettingRefused || error instanceof HostFileRefused)) throw error;
  console.error(error.message);
  Deno.exit(REFUSED);
}
