import { CONFIG_FOLDER, SECRET_FILE } from "../server/console.ts";

/**
 * Gives up the right to read the secrets again, once they were read: the variables, the access token
 * of a KV Connect store among them (the runtime keeps what it needs of it), and the file. Whatever
 * later makes this process read a variable or a file that it should not gets nothing that opens the
 * store. Nothing gives the right back.
 * @returns what this process can read all the same, because it was started with more than the task
 *   `start` allows, or on a platform that takes no right away
 */
export async function dropSecrets(): Promise<string[]> {
  const readable: string[] = [];
  if (!await dropped({ name: "env" })) readable.push("variables");
  if (!await dropped({ name: "read", path: SECRET_FILE })) readable.push(SECRET_FILE);
  await dropped({ name: "write", path: CONFIG_FOLDER });
  return readable;
}

async function dropped(right: Deno.PermissionDescriptor): Promise<boolean> {
  try {
    return (await Deno.permissions.revoke(right)).state !== "granted";
  } catch {
    return false;
  }
}
