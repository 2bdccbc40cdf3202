import { packN8n, packZapier } from "../../tools/no_code_packages.ts";
import { packTypeScript } from "../../tools/release.ts";
import { PROJECT, projectFiles } from "../helpers/project_files.ts";
import type { Framework } from "./list.ts";

/** Where drivers run: each framework with exactly the packages that its folder pins. */

const HERE = "tests/frameworks/";

/** The runtime of the drivers in JavaScript: some frameworks want a later one than may be there. */
const NODE = "node@22.22.3";

/** What is kept from run to run. */
const CACHE = new URL("data/frameworks/", PROJECT);

export interface Environment {
  readonly folder: string;
  /** Runs a program that lies in the folder. */
  readonly launcher: readonly string[];
  readonly driver: string;
  /** What runs the program of its page: that itself, or what stands beside it for that. */
  readonly page: string;
  /** The framework's own version, as it is installed. */
  readonly version: string;
  readonly variables: Readonly<Record<string, string>>;
}

/** Runs a command that has to succeed. */
export async function ran(
  [command = "", ...args]: readonly string[],
  cwd: string | URL = PROJECT,
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args, cwd }).output();
  const text = new TextDecoder();
  if (!success) throw new Error(`${command} ${args[0]}: ${text.decode(stderr).slice(-2000)}`);
  return text.decode(stdout).trim();
}

async function exists(path: string | URL): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

async function digestOf(...paths: readonly string[]): Promise<string> {
  const texts = await Promise.all(paths.map((path) => Deno.readTextFile(new URL(path, PROJECT))));
  const bytes = new TextEncoder().encode(JSON.stringify(texts));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex().slice(0, 16);
}

const making = new Map<string, Promise<string>>();

/** A folder of the cache, made once, whoever asks for it at the same time. */
async function cached(name: string, make: (folder: string) => Promise<void>): Promise<string> {
  const made = making.get(name) ?? whole(name, make);
  making.set(name, made);
  return await made;
}

/** A folder that is whole once it is there: what broke off is made anew. */
async function whole(name: string, make: (folder: string) => Promise<void>): Promise<string> {
  const folder = new URL(name, CACHE).pathname;
  if (await exists(`${folder}/.made`)) return folder;
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  await Deno.mkdir(folder, { recursive: true });
  await make(folder);
  await Deno.writeTextFile(`${folder}/.made`, "");
  return folder;
}

/** The program of Node, from its package. */
export async function nodeProgram(): Promise<string> {
  const folder = await cached(NODE, async (folder) => {
    await Deno.writeTextFile(`${folder}/package.json`, "{}");
    await ran(["npm", "install", "--prefer-offline", "--no-audit", "--no-fund", NODE], folder);
  });
  return `${folder}/node_modules/node/bin/node`;
}

/**
 * Lays the framework's files, and what all drivers of its language share, where they run; what runs
 * the program of its page.
 */
async function layFiles(framework: Framework, folder: string): Promise<string> {
  const { language, flow } = framework;
  const name = framework.within ?? framework.name;
  const shared = language === "typescript" ? /^[^/]+\.mjs$/ : /^[^/]+\.py$/;
  for (const path of await projectFiles(HERE)) {
    const file = path.slice(HERE.length);
    const inside = file.startsWith(`${name}/`) ? file.slice(name.length + 1) : null;
    if (inside === null && !shared.test(file)) continue;
    await Deno.copyFile(new URL(path, PROJECT), `${folder}/${inside ?? file}`);
  }
  const page = await Deno.readTextFile(new URL(`docs/frameworks/${name}.md`, PROJECT));
  const block = flow === undefined ? /^```(?:js|python)\n([^]*?)^```/m : /^```json\n([^]*?)^```/m;
  const [, program] = block.exec(page) ?? [];
  const ending = language === "typescript" ? "mjs" : "py";
  if (program === undefined) {
    // Commands that set a host up: its driver runs them as they stand there, in each of its runs.
    if (!/^```sh\n/m.test(page)) throw new Error(`docs/frameworks/${name}.md has no program`);
    await Deno.writeTextFile(`${folder}/${name}.md`, page);
    return `driver.${ending}`;
  }
  await Deno.writeTextFile(`${folder}/program.${flow === undefined ? ending : "json"}`, program);
  const runs = `${HERE}${name}/page.${ending}`;
  return await exists(new URL(runs, PROJECT)) ? `page.${ending}` : `program.${ending}`;
}

const PACKERS = {
  "countersign": packTypeScript,
  "n8n-nodes-countersign": packN8n,
  "countersign-zapier": packZapier,
};

const tarballs = new Map<string, Promise<string>>();

/** A package of ours as others install it, made once a run. */
async function packed(name: keyof typeof PACKERS): Promise<string> {
  const made = tarballs.get(name) ?? Deno.makeTempDir().then(PACKERS[name]);
  tarballs.set(name, made);
  return await made;
}

/** Puts our packages of today in the place of earlier ones. */
async function layOwn({ flow }: Framework, folder: string): Promise<void> {
  for (const name of ["countersign", ...(flow === undefined ? [] : [flow])] as const) {
    const own = `${folder}/node_modules/${name}`;
    await Deno.remove(own, { recursive: true }).catch(() => {});
    await Deno.mkdir(own);
    await ran(["tar", "xzf", await packed(name), "-C", own, "--strip-components=1"]);
  }
}

const laid = new Map<string, Promise<string>>();

/** Lays all of today into a folder, once a run: another that shares it may run from there already. */
async function lay(framework: Framework, folder: string): Promise<string> {
  const page = laid.get(folder) ??
    layOwn(framework, folder).then(() => layFiles(framework, folder));
  laid.set(folder, page);
  return await page;
}

/** Of a folder that several share, each has a program by its own name. */
function driverOf({ name, within }: Framework, ending: string): string {
  return `${within === undefined ? "driver" : name}.${ending}`;
}

async function inTypeScript(framework: Framework): Promise<Environment> {
  const name = framework.within ?? framework.name;
  const pins = ["package.json", "package-lock.json"].map((file) => `${HERE}${name}/${file}`);
  const folder = await cached(`${name}-${await digestOf(...pins)}`, async (folder) => {
    for (const path of pins) {
      await Deno.copyFile(
        new URL(path, PROJECT),
        `${folder}/${path.slice(path.lastIndexOf("/") + 1)}`,
      );
    }
    const words = ["npm", "ci", "--prefer-offline", "--no-audit", "--no-fund"];
    // Engines of flows have parts that are compiled where they are installed, for what no test does.
    await ran(framework.flow === undefined ? words : [...words, "--ignore-scripts"], folder);
  });
  const page = await lay(framework, folder);
  const said = await Deno.readTextFile(`${folder}/node_modules/${framework.package}/package.json`);
  return {
    folder,
    launcher: [await nodeProgram()],
    driver: driverOf(framework, "mjs"),
    page,
    version: JSON.parse(said).version,
    variables: {},
  };
}

async function inPython(framework: Framework): Promise<Environment> {
  const name = framework.within ?? framework.name;
  const pins = `${HERE}${name}/requirements.txt`;
  const folder = await cached(`${name}-${await digestOf(pins)}`, async (folder) => {
    await ran(["python3", "-m", "venv", folder]);
    const file = new URL(pins, PROJECT).pathname;
    await ran([`${folder}/bin/python`, "-m", "pip", "install", "--quiet", "-r", file]);
  });
  const page = await layFiles(framework, folder);
  const python = `${folder}/bin/python`;
  const asked = "import sys, importlib.metadata as m; print(m.version(sys.argv[1]))";
  return {
    folder,
    launcher: [python],
    driver: driverOf(framework, "py"),
    page,
    version: await ran([python, "-c", asked, framework.package]),
    variables: {
      PYTHONPATH: new URL("clients/python/src", PROJECT).pathname,
      PYTHONDONTWRITEBYTECODE: "1",
    },
  };
}

/** Makes a framework's environment where there is none yet, and lays the files of today in it. */
export async function environmentOf(framework: Framework): Promise<Environment> {
  return framework.language === "typescript"
    ? await inTypeScript(framework)
    : await inPython(framework);
}
