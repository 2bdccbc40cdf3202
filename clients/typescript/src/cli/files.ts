import { randomUUID } from "node:crypto";
import { chmod, mkdir, open, readFile, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { Failed } from "./exit.ts";
import type { Machine } from "./machine.ts";

/** Whether a file, or its folder, is not there. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error &&
    (error.code === "ENOENT" || error.code === "ENOTDIR");
}

/** The text of a file that somebody named. @throws {Failed} */
export async function read(machine: Machine, path: string): Promise<string> {
  try {
    return await readFile(resolve(machine.cwd, path), "utf8");
  } catch (error) {
    throw new Failed(`${path} cannot be read${isMissing(error) ? ": there is no such file" : ""}`);
  }
}

/** The text of a file; null where there is none. */
export async function textOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/**
 * Writes a file whole, so that who reads it meanwhile has the old one or the new one. It keeps its
 * rights, and a link to it stays one; a new file has `mode` from its first byte.
 */
export async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  const known = await realpath(path).catch(() => null);
  const to = known ?? path;
  const rights = known === null ? mode : (await stat(known)).mode & 0o777 & (mode | 0o177);
  await mkdir(dirname(to), { recursive: true, mode: mode === 0o600 ? 0o700 : 0o777 });
  const fresh = `${to}.${randomUUID()}.new`;
  const file = await open(fresh, "wx", rights);
  try {
    await file.writeFile(text);
    await file.sync();
    await file.close();
    // The umask takes away what an old file had.
    await chmod(fresh, rights);
    await rename(fresh, to);
  } catch (error) {
    await file.close().catch(() => {});
    await rm(fresh, { force: true });
    throw error;
  }
}
