import { VERSION } from "../lib/base/version.ts";
import { packN8n, packZapier } from "./no_code_packages.ts";

/**
 * Builds the packages of the clients, all of one version: `deno task release --out DIR`. Needs npm,
 * tar and python3, and their registries.
 */

const CLIENT = new URL("../clients/typescript/", import.meta.url);
const PYTHON = new URL("../clients/python/", import.meta.url);
const LICENSE = new URL("../LICENSE", import.meta.url);

/** The frameworks whose guards are entry points, at the versions that were tried. */
const FRAMEWORKS: Readonly<Record<string, string>> = {
  "@anthropic-ai/claude-agent-sdk": "^0.3.295",
  "@google/adk": "^2.0.0",
  "@langchain/langgraph": "^1.7.3",
  "@modelcontextprotocol/server": "^2.4.0",
  "@openai/agents": ">=0.20.0 <1",
  "ai": "^7.0.173",
  "langchain": "^1.5.14",
};

/** The name on the registry; `deno pack` takes none without a scope. */
const NAME = "countersign";

async function run(command: string, args: readonly string[], cwd: string | URL): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args: [...args], cwd })
    .output();
  const text = new TextDecoder();
  if (code !== 0) throw new Error(`${command} ${args[0]}: ${text.decode(stderr)}`);
  return text.decode(stdout);
}

/** The package of the TypeScript client in a folder that is there; its path. Needs npm and tar. */
export async function packTypeScript(out: string): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "countersign-release-" });
  try {
    const raw = `${folder}/raw.tgz`;
    const version = `--set-version=${VERSION}`;
    const options = [
      "pack",
      "--config=pack.json",
      "--quiet",
      "--allow-dirty",
      "--no-source-maps",
      version,
      "-o",
      raw,
    ];
    await run(Deno.execPath(), options, CLIENT);
    await run("tar", ["xzf", raw, "-C", folder], folder);
    const made = `${folder}/package`;
    await Deno.writeTextFile(`${made}/package.json`, await packageJson(`${made}/package.json`));
    await Deno.copyFile(LICENSE, `${made}/LICENSE`);
    await Deno.copyFile(new URL("README.md", CLIENT), `${made}/README.md`);
    const name = await run("npm", ["pack", "--silent", "--pack-destination", out], made);
    return `${out}/${name.trim()}`;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What `deno pack` writes, with the members that it does not carry over, or not as they are. */
async function packageJson(path: string): Promise<string> {
  const { exports: { "./bin": bin, ...exports }, ...made } = JSON.parse(
    await Deno.readTextFile(path),
  );
  const description = "Asks Countersign before an agent acts; if anything breaks, nothing runs.";
  const { imports } = JSON.parse(await Deno.readTextFile(new URL("pack.json", CLIENT)));
  const all = {
    ...made,
    name: NAME,
    description,
    exports,
    bin: { [NAME]: bin.default },
    engines: { node: ">=20" },
    sideEffects: [bin.default],
    dependencies: pinned(imports),
    // What a guard is for: whoever imports it has the framework, and nobody else gets it.
    peerDependencies: FRAMEWORKS,
    peerDependenciesMeta: Object.fromEntries(
      Object.keys(FRAMEWORKS).map((name) => [name, { optional: true }]),
    ),
  };
  return `${JSON.stringify(all, null, 2)}\n`;
}

/** Exactly the versions that were tried, where `deno pack` allows later ones. */
function pinned(imports: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(imports).map(([name, from]) => {
      const [, version] = /^npm:.+@(\d+\.\d+\.\d+)$/.exec(from) ?? [];
      if (version === undefined) throw new Error(`pack.json does not pin ${name}`);
      return [name, version];
    }),
  );
}

/** The wheel and the sources of the Python client, in a folder that is there; their paths. */
export async function packPython(out: string): Promise<string[]> {
  const project = await Deno.readTextFile(new URL("pyproject.toml", PYTHON));
  const [, version] = /^version = "(.+)"$/m.exec(project) ?? [];
  if (version !== VERSION) throw new Error(`The Python client is ${version}, and not ${VERSION}`);
  const [, builder = ""] = /^requires = \["(.+)"\]$/m.exec(project) ?? [];
  const folder = await Deno.makeTempDir({ prefix: "countersign-release-" });
  try {
    await run("python3", ["-m", "venv", `${folder}/python`], folder);
    const python = `${folder}/python/bin/python`;
    await run(python, ["-m", "pip", "install", "--quiet", builder], folder);
    // A copy: what is built has the licence, and nothing that lies about.
    const files = (await run("git", ["ls-files"], PYTHON)).trim().split("\n");
    for (const file of files) {
      const to = new URL(file, `file://${folder}/client/`);
      await Deno.mkdir(new URL(".", to), { recursive: true });
      await Deno.copyFile(new URL(file, PYTHON), to);
    }
    await Deno.copyFile(LICENSE, `${folder}/client/LICENSE`);
    await run(python, ["-m", "hatchling", "build", "-d", out], `${folder}/client`);
    const name = `${out}/countersign_sdk-${VERSION}`;
    return [`${name}-py3-none-any.whl`, `${name}.tar.gz`];
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The folder that the words of the command name; undefined for other words. */
function outOf(words: readonly string[]): string | undefined {
  const [first = "", second, ...more] = words;
  const [, joined] = /^--out=(.+)$/.exec(first) ?? [];
  if (joined !== undefined) return words.length === 1 ? joined : undefined;
  return first === "--out" && more.length === 0 ? second : undefined;
}

if (import.meta.main) {
  const out = outOf(Deno.args);
  if (out === undefined) {
    console.error("Say where to: deno task release --out DIR");
    Deno.exit(2);
  }
  await Deno.mkdir(out, { recursive: true });
  const folder = await Deno.realPath(out);
  console.log(await packTypeScript(folder));
  for (const path of await packPython(folder)) console.log(path);
  console.log(await packN8n(folder));
  console.log(await packZapier(folder));
}
