const PROJECT = new URL("../", import.meta.url);

/** No part of a copy that something is run in. */
const LEFT_OUT = new Set([".git", "node_modules", "data", "config"]);

/**
 * Copies the project to a folder of its own, to be broken there.
 * @returns its path, with a `/` at the end; whoever asked removes it
 */
export async function copyProject(): Promise<string> {
  const copy = `${await Deno.makeTempDir({ prefix: "mutants_" })}/`;
  await copyTree(PROJECT, new URL(`file://${copy}`));
  return copy;
}

async function copyTree(from: URL, to: URL): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory, isFile } of Deno.readDir(from)) {
    if (LEFT_OUT.has(name)) continue;
    const [source, target] = [new URL(name, from), new URL(name, to)];
    if (isDirectory) await copyTree(new URL(`${source}/`), new URL(`${target}/`));
    else if (isFile) await Deno.copyFile(source, target);
  }
}
