/** The project's own files, as tests read them that hold its sources and documents to something. */

/** The folder of the project. */
export const PROJECT = new URL("../../", import.meta.url);

/** What is fetched, kept or built, and so no part of it. */
const LEFT_OUT = new Set([".git", "node_modules", "data", "config", "dist"]);

/**
 * Every file of the project, or of the folder `below` it (a path that ends with `/`), as sorted
 * paths from the project's folder.
 */
export async function projectFiles(below = ""): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(new URL(below, PROJECT))) {
    if (LEFT_OUT.has(name)) continue;
    if (isDirectory) found.push(...await projectFiles(`${below}${name}/`));
    else found.push(below + name);
  }
  return found.sort();
}

/** The TypeScript among them. */
export async function sourceFiles(below = ""): Promise<string[]> {
  return (await projectFiles(below)).filter((path) => /\.tsx?$/.test(path));
}

/** The text of a file, by its path from the project's folder. */
export function projectText(path: string): Promise<string> {
  return Deno.readTextFile(new URL(path, PROJECT));
}
