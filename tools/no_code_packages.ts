import { VERSION } from "../lib/base/version.ts";

/** The packages of builders without code: the node for n8n, and the integration for Zapier. */

const N8N = new URL("../clients/n8n/", import.meta.url);
const ZAPIER = new URL("../clients/zapier/", import.meta.url);
const CLIENT = new URL("../clients/typescript/src/", import.meta.url);
const LICENSE = new URL("../LICENSE", import.meta.url);

const COMPILER = "typescript@5.9.3";

/** What the node takes of the client: a node that n8n verifies depends on no other package. */
const TAKEN = [
  "answers",
  "authorize",
  "clock",
  "errors",
  "openapi",
  "refusal",
  "sender",
  "step",
  "wire",
];

/** The configuration that n8n wants to find, to the letter. */
const LINT = "import { config } from '@n8n/node-cli/eslint';\n\nexport default config;\n";

async function run(
  command: string,
  args: readonly string[],
  cwd: string | URL,
): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    cwd,
  })
    .output();
  const text = new TextDecoder();
  const said = text.decode(stdout);
  if (code !== 0) {
    throw new Error(`${command} ${args[0]}: ${said}${text.decode(stderr)}`);
  }
  return said;
}

/** The node's files in a folder of their own, as n8n's own tools want to find them. */
export async function layN8n(folder: string): Promise<void> {
  await copied(N8N, folder);
  const sdk = `${folder}/nodes/Countersign/sdk`;
  await Deno.mkdir(sdk);
  for (const name of TAKEN) {
    await Deno.copyFile(new URL(`${name}.ts`, CLIENT), `${sdk}/${name}.ts`);
  }
  await Deno.writeTextFile(`${folder}/eslint.config.mjs`, LINT);
}

/** The package of the node for n8n, in a folder that is there; its path. Needs npm. */
export async function packN8n(out: string): Promise<string> {
  return await packed(out, async (folder) => {
    await layN8n(folder);
    // What the types of n8n have to say is asked where n8n is installed.
    await run("npx", ["-y", "-p", COMPILER, "tsc", "--noCheck"], folder);
    await Deno.mkdir(`${folder}/dist/icons`);
    for await (const { name } of Deno.readDir(`${folder}/icons`)) {
      await Deno.copyFile(
        `${folder}/icons/${name}`,
        `${folder}/dist/icons/${name}`,
      );
    }
  });
}

/** The integration for Zapier, which `zapier-platform push` takes; its path. Needs npm. */
export async function packZapier(out: string): Promise<string> {
  return await packed(out, (folder) => copied(ZAPIER, folder));
}

async function packed(
  out: string,
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "countersign-release-" });
  try {
    await make(folder);
    const { name, version, dependencies } = JSON.parse(
      await Deno.readTextFile(`${folder}/package.json`),
    );
    if (version !== VERSION) {
      throw new Error(`${name} is ${version}, and not ${VERSION}`);
    }
    const client = dependencies?.countersign ?? VERSION;
    if (client !== VERSION) {
      throw new Error(`${name} has countersign ${client}, not ${VERSION}`);
    }
    const words = [
      "pack",
      "--silent",
      "--ignore-scripts",
      "--pack-destination",
      out,
    ];
    return `${out}/${(await run("npm", words, folder)).trim()}`;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What belongs to the project of a folder, and nothing that lies about. */
async function copied(from: URL, folder: string): Promise<void> {
  const words = ["ls-files", "--cached", "--others", "--exclude-standard"];
  for (const file of (await run("git", words, from)).trim().split("\n")) {
    const to = new URL(file, `file://${folder}/`);
    await Deno.mkdir(new URL(".", to), { recursive: true });
    await Deno.copyFile(new URL(file, from), to);
  }
  await Deno.copyFile(LICENSE, `${folder}/LICENSE`);
}
