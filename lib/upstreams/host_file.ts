import { hash } from "node:crypto";
import { canonicalJson } from "../base/canonical.ts";
import { isJsonObject, type JsonObject, type JsonValue, memberOf } from "../base/json.ts";

/**
 * The file by which whoever operates the host names MCP servers that are programs of this host. It is
 * the only place that can: an API that took a command would run whatever it is told.
 */

/** Where the file is, from the folder of the deployment. */
export const HOST_FILE = "config/upstreams.json";

/** How a process is told that it runs the programs of that file. */
export const RUNS_PROGRAMS = "--run-upstreams";

/** A program as the file has it. */
export interface NamedProgram {
  readonly command: string;
  readonly args: readonly string[];
  /** Names of variables that it gets besides `PATH`. */
  readonly env: readonly string[];
  /** The folder that it runs in; null for that of the deployment. */
  readonly cwd: string | null;
  /** The ids of the orgs whose upstream it is; null for the one of a deployment that has one. */
  readonly orgs: readonly string[] | null;
}

/** The same with the values of its variables: all of the environment that it gets. */
export interface HostProgram extends Omit<NamedProgram, "env"> {
  /** The name of the upstream. */
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
}

/** By the URLs that stand for them. */
export type HostPrograms = ReadonlyMap<string, HostProgram>;

/**
 * What stands for a program where an upstream has its address: its name in the file, and a digest of
 * all that the file says it runs. Whoever approved its tools approved them of this one.
 */
function programUrl(name: string, { command, args, env, cwd }: NamedProgram): string {
  const text = canonicalJson({ v: 1, command, args: [...args], env: [...env], cwd });
  return `stdio:${name}#${hash("sha256", text, "hex")}`;
}

/** The file is not what it must be; the message names the place, and no value but a name. */
export class HostFileRefused extends Error {
  constructor(problem: string) {
    super(`${HOST_FILE} ${problem}`);
  }
}

const NAME = /^[a-z0-9][a-z0-9-]{0,31}$/;

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]{0,99}$/;

/**
 * Variables that no program of an upstream gets: what opens our store or acts as us, and what would
 * have another program run in its place.
 */
const KEPT = /^(?:COUNTERSIGN_.*|SMTP_URL|DENO_.*|LD_.*|DYLD_.*|PATH)$/i;

/** Most programs of a host. */
const MAX_PROGRAMS = 50;

const MAX_ARGUMENTS = 100;

const MAX_ORGS = 100;

/** Reads the file of the deployment that this process is started in. @throws {HostFileRefused} */
export async function loadHostFile(): Promise<ReadonlyMap<string, NamedProgram>> {
  let text: string;
  try {
    text = await Deno.readTextFile(HOST_FILE);
  } catch (error) {
    const why = error instanceof Error ? error.name : "unknown";
    throw new HostFileRefused(
      `cannot be read (${why}). Name the programs that are upstreams there, or start without them.`,
    );
  }
  return readHostFile(text);
}

/** Reads the file's text. @throws {HostFileRefused} */
export function readHostFile(text: string): ReadonlyMap<string, NamedProgram> {
  let file: JsonValue;
  try {
    file = JSON.parse(text);
  } catch {
    throw new HostFileRefused("is not JSON.");
  }
  const upstreams = memberOf(file, "upstreams");
  if (!isJsonObject(file) || !isJsonObject(upstreams) || Object.keys(file).length !== 1) {
    throw new HostFileRefused('is to have one member, "upstreams", that is an object.');
  }
  const entries = Object.entries(upstreams);
  if (entries.length > MAX_PROGRAMS) {
    throw new HostFileRefused(`names ${entries.length} upstreams; at most ${MAX_PROGRAMS}.`);
  }
  return new Map(entries.map(([name, program]) => {
    if (!NAME.test(name)) {
      throw new HostFileRefused(
        `names an upstream ${JSON.stringify(name)}; give lower-case letters, digits and -, at ` +
          "most 32.",
      );
    }
    return [name, readProgram(name, program)];
  }));
}

const MEMBERS: readonly string[] = ["command", "args", "env", "cwd", "orgs"];

const ORG_ID = /^org_[a-zA-Z0-9_-]{1,100}$/;

function readProgram(name: string, program: JsonValue): NamedProgram {
  const refused = (problem: string) =>
    new HostFileRefused(`has upstream ${name}, which ${problem}`);
  if (!isJsonObject(program)) throw refused("is no object.");
  const other = Object.keys(program).find((member) => !MEMBERS.includes(member));
  if (other !== undefined) throw refused(`has ${JSON.stringify(other)}, which nothing is made of.`);
  const command = memberOf(program, "command");
  // deno run takes a comma for the end of a command that may be run, and has no way to write one.
  if (typeof command !== "string" || command === "" || /[,\p{Cc}]/u.test(command)) {
    throw refused("has no command that is a text without commas.");
  }
  const args = texts(program, "args", MAX_ARGUMENTS);
  if (args === null || args.some((arg) => arg.includes("\0"))) {
    throw refused(`has args that are no list of at most ${MAX_ARGUMENTS} texts.`);
  }
  const env = texts(program, "env", MAX_ARGUMENTS);
  const wrong = env?.find((variable) => !VARIABLE.test(variable) || KEPT.test(variable));
  if (env === null || wrong !== undefined) {
    throw refused(
      "has env that is no list of names of variables that it may get" +
        (wrong === undefined ? "." : `: ${JSON.stringify(wrong)} is none.`),
    );
  }
  const cwd = memberOf(program, "cwd") ?? null;
  if (cwd !== null && (typeof cwd !== "string" || cwd === "" || cwd.includes("\0"))) {
    throw refused("has a cwd that is no path.");
  }
  const orgs = program["orgs"] === undefined ? null : texts(program, "orgs", MAX_ORGS);
  const isNone = program["orgs"] !== undefined && orgs?.every((id) => ORG_ID.test(id)) !== true;
  if (isNone) throw refused("has orgs that is no list of ids of organizations.");
  return { command, args, env, cwd, orgs };
}

function texts(program: JsonObject, name: string, most: number): string[] | null {
  const list = memberOf(program, name) ?? [];
  if (!Array.isArray(list) || list.length > most) return null;
  const found = list.filter((one) => typeof one === "string");
  return found.length === list.length ? found : null;
}

/** The programs with the values of the variables that they get; one that is not set is left out. */
export function withEnvironment(
  named: ReadonlyMap<string, NamedProgram>,
  get: (variable: string) => string | undefined,
): HostPrograms {
  return new Map([...named].map(([name, program]) => {
    const pairs = ["PATH", ...program.env].map((variable) => [variable, get(variable)] as const);
    const env = Object.fromEntries(pairs.filter(([, value]) => value !== undefined));
    const made = { ...program, name, env: env as Record<string, string> };
    return [programUrl(name, program), made];
  }));
}
