import { dirname, join, relative, resolve } from "node:path";
import { chosenStore, isFile, isRemote } from "../store/store_faults.ts";
import { HOST_FILE, type NamedProgram } from "../upstreams/host_file.ts";

/**
 * What each program of a deployment may do on its host: the least that its settings need, and the
 * names of those settings.
 */

/** What can be run over a deployment. */
export type Program = "start" | "recover" | "accept-clock" | "compact";

/** Where a deployment keeps its `data/` and `config/`, and where the code is; absolute. */
export interface Place {
  readonly deployment: string;
  readonly code: string;
  /** Where a path leads through the links of the host. */
  readonly real: (path: string) => string;
}

type Environment = (variable: string) => string | undefined;

/** Read by the runtime itself, when it opens a store over KV Connect. */
const STORE_TOKEN = "DENO_KV_ACCESS_TOKEN";

/** What else of the environment a program gets: the runtime's own, and none that widens rights. */
const RUNTIME = new RegExp(
  "^(?:HOME|USERPROFILE|LOCALAPPDATA|SYSTEMROOT|XDG_CACHE_HOME|TMPDIR|TMP|TEMP|TZ|LANG|LC_ALL|" +
    "NO_COLOR|FORCE_COLOR|TERM|COLORTERM|DENO_DIR|DENO_CERT|DENO_TLS_CA_STORE|DENO_V8_FLAGS|" +
    "DENO_NO_UPDATE_CHECK|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|NPM_CONFIG_REGISTRY|" +
    // Where Deno finds its C library in its own Alpine image.
    "LD_LIBRARY_PATH|HTTPS?_PROXY|ALL_PROXY|NO_PROXY|OTEL_[A-Z0-9_]+)$",
  "i",
);

/**
 * The rights that a program of the deployment needs under these settings, as arguments of `deno run`:
 * every host, for pushes, mails and clients' documents have any (which of them may be private is not
 * for the runtime to say: a name has its addresses only when it is asked); of files, the folder of the store
 * (by both its names where a link leads there), the made secret where no variable gives it, and what
 * pages are made of; of variables, the settings.
 * @throws {SettingRefused} where the store's folder cannot be given without giving more
 */
export function rights(program: Program, environment: Environment, place: Place): string[] {
  const get = (variable: string) => environment(variable) || null;
  const kv = chosenStore(get);
  const folder = isFile(kv) ? storeFolders(kv, place, packages(get)) : [];
  const sealed = program !== "compact" && isFile(kv) && get("COUNTERSIGN_SECRET") === null;
  const pages = program === "start" ? [join(place.code, "static"), join(place.code, "dist")] : [];
  const read = [...folder, ...(sealed ? [join(place.deployment, SECRET_FILE)] : []), ...pages];
  const write = [...folder, ...(sealed ? [join(place.deployment, CONFIG_FOLDER)] : [])];
  return [
    "--no-prompt",
    ...(program === "start" || isRemote(kv) ? ["--allow-net"] : []),
    ...granted("--allow-read", read),
    ...granted("--allow-write", write),
    `--allow-env=${[...VARIABLES, ...(isRemote(kv) ? [STORE_TOKEN] : [])].join()}`,
  ];
}

/**
 * The rights that a start needs besides where it runs upstreams that are programs of this host: to
 * run these commands, and to read what says which they are and which variables they get.
 */
export function programRights(
  own: readonly string[],
  programs: readonly NamedProgram[],
  { deployment }: Place,
): string[] {
  const commands = [...new Set(programs.map(({ command }) => command))];
  const more: Readonly<Record<string, string>> = {
    "--allow-env": programVariables(programs).join(),
    "--allow-read": join(deployment, HOST_FILE),
  };
  return [
    ...own.map((flag) => {
      const added = more[flag.split("=", 1)[0] ?? ""];
      return added === undefined ? flag : `${flag},${added}`;
    }),
    // No argument at all for no command: an empty list stands for every command.
    ...(commands.length === 0 ? [] : [`--allow-run=${commands.join()}`]),
  ];
}

function programVariables(programs: readonly NamedProgram[]): string[] {
  return [...new Set(["PATH", ...programs.flatMap(({ env }) => env)])];
}

/** What bundling the browsers' scripts needs: it reads packages too, wherever Deno keeps them. */
export function bundlingRights(code: string): string[] {
  const write = granted("--allow-write", [join(code, "dist")]);
  return ["--no-prompt", "--unstable-bundle", "--allow-read", ...write];
}

/**
 * The part of an environment that a program gets.
 * @param programs what it runs itself, which gets some of it in turn
 */
export function passedOn(
  environment: Readonly<Record<string, string>>,
  programs: readonly NamedProgram[] = [],
): Record<string, string> {
  const others = programs.length === 0 ? [] : programVariables(programs);
  const settings: readonly string[] = [...VARIABLES, STORE_TOKEN, ...others];
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => settings.includes(name) || RUNTIME.test(name)),
  );
}

/** Where Deno may keep what it runs of others; its own rule, on each system. */
function packages(get: (variable: string) => string | null): string[] {
  const own = get("DENO_DIR");
  if (own !== null) return [own];
  const cache = get("XDG_CACHE_HOME");
  if (cache !== null) return [join(cache, "deno")];
  const [home, local] = [get("HOME"), get("LOCALAPPDATA")];
  return [
    ...(home === null ? [] : [join(home, ".cache/deno"), join(home, "Library/Caches/deno")]),
    ...(local === null ? [] : [join(local, "deno")]),
  ];
}

/**
 * The folder of a store, which is given whole: SQLite and the claim on it keep files beside it. Where
 * a link leads to the file, Deno asks for rights on the path as it is written, SQLite on the real one.
 */
function storeFolders(kv: string, place: Place, packages: readonly string[]): string[] {
  const { deployment, code, real } = place;
  const path = resolve(deployment, kv);
  const given = [...new Set([dirname(path), dirname(real(path))])];
  const reached = new Set([...given, real(dirname(path))]);
  const codes = [code, real(code)];
  const others = [
    ...[CONFIG_FOLDER, SECRET_FILE, ...packages].map((one) => resolve(deployment, one)),
    ...["static", "dist"].map((one) => join(code, one)),
  ].flatMap((one) => [one, real(one)]);
  for (const folder of reached) {
    const kept = codes.find((code) =>
      isWithin(code, folder) || isWithin(folder, code) && !isWithin(folder, join(code, "data"))
    ) ?? others.find((other) =>
      isWithin(other, folder) || isWithin(folder, other)
    );
    if (kept === undefined) continue;
    throw new SettingRefused(
      "COUNTERSIGN_KV",
      `is ${JSON.stringify(kv)}, and with it this process would get the right to write all of ` +
        `${folder}, and so to change what it runs or reads in ${kept}. Give a path below data/, or ` +
        "one in a folder of the store's own elsewhere.",
    );
  }
  return given;
}

function isWithin(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === "" || !/^\.\.(?:[/\\]|$)|^[a-z]:/i.test(way);
}

/** No argument at all for no path: an empty list stands for every path. */
function granted(flag: "--allow-read" | "--allow-write", paths: readonly string[]): string[] {
  // deno run takes a comma for the end of a path, and has no way to write one.
  const unwritable = paths.find((path) => /[,\p{Cc}]/u.test(path));
  if (unwritable !== undefined) {
    throw new SettingRefused(
      "COUNTERSIGN_KV",
      `and where this runs come to the path ${
        JSON.stringify(unwritable)
      }: no right can be given for ` +
        "a path with a comma or a control character. Give one without, or move the folder.",
    );
  }
  return paths.length === 0 ? [] : [`${flag}=${paths.join()}`];
}

/** The variables that are read; the process needs permission for no other of ours. */
export const VARIABLES = [
  "PORT",
  "COUNTERSIGN_KV",
  "DENO_DEPLOYMENT_ID",
  "COUNTERSIGN_URL",
  "COUNTERSIGN_TRUSTED_PROXY",
  "COUNTERSIGN_SECRET",
  "COUNTERSIGN_SECRET_PREVIOUS",
  "COUNTERSIGN_LOG",
  "COUNTERSIGN_MCP_TASKS",
  "COUNTERSIGN_ALLOWLY",
  "COUNTERSIGN_DRAIN_SECONDS",
  "COUNTERSIGN_PRIVATE_HOSTS",
  "COUNTERSIGN_WS_ORIGINS",
  "COUNTERSIGN_SLACK_CLIENT_ID",
  "COUNTERSIGN_SLACK_CLIENT_SECRET",
  "COUNTERSIGN_SLACK_API",
  "COUNTERSIGN_PAGERDUTY_API",
  "COUNTERSIGN_TELEGRAM_API",
  "COUNTERSIGN_BOOTSTRAP_KEY",
  "COUNTERSIGN_BOOTSTRAP_APPROVER_KEY",
  "COUNTERSIGN_BOOTSTRAP_OWNER",
  "SMTP_URL",
  "MAIL_FROM",
] as const;

export type Variable = (typeof VARIABLES)[number];

/** What clients, guards and tests are told by, often in the same terminal: no setting, and no slip. */
const NOT_OF_THE_SERVICE: ReadonlySet<string> = new Set([
  "COUNTERSIGN_AGENT_TOKEN",
  "COUNTERSIGN_API_KEY",
  "COUNTERSIGN_CONFIG",
  "COUNTERSIGN_KEY",
  "COUNTERSIGN_MANAGEMENT_KEY",
  "COUNTERSIGN_PROPERTY_RUNS",
  "COUNTERSIGN_SECRETS",
  "COUNTERSIGN_TIMEOUT_MS",
  "COUNTERSIGN_TOKEN",
]);

/** Of the names of variables those that look like settings, and that nothing reads: misspelled ones. */
export function unreadVariables(names: readonly string[]): string[] {
  const known: ReadonlySet<string> = new Set(VARIABLES);
  return names
    .filter((name) => /^COUNTERSIGN_/i.test(name))
    .filter((name) => !known.has(name) && !NOT_OF_THE_SERVICE.has(name))
    .sort();
}

/** A setting is not what it must be; the start ends with its message. */
export class SettingRefused extends Error {
  readonly code = "setting_refused";

  constructor(readonly variable: Variable, problem: string) {
    super(`${variable} ${problem}`);
  }
}

/** Where the secret is kept that no variable gives; apart from the store. */
export const CONFIG_FOLDER = "config";

export const SECRET_FILE = `${CONFIG_FOLDER}/secret`;
