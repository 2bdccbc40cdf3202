import { isFile } from "../store/store_address.ts";
import { SettingRefused } from "./settings.ts";

/**
 * The secret under which the store is sealed, from `<folder>/secret`; made there, for its owner
 * only, when it is missing. A store in memory gets one that ends with the process.
 * @throws {SettingRefused} when the folder does not take the file, or the file is too short
 */
export async function secretFromFolder(
  folder: string,
  kv: string,
  random: (bytes: number) => Uint8Array,
): Promise<Uint8Array> {
  if (!isFile(kv)) return random(48);
  const path = `${folder}/secret`;
  const secret = new TextEncoder().encode((await readOrMake(folder, path, random)).trim());
  if (secret.length >= 32) return secret;
  throw new SettingRefused(
    "COUNTERSIGN_SECRET",
    `is to come from ${path}, which has ${secret.length} bytes. Restore that file: the store does ` +
      "not open without it.",
  );
}

async function readOrMake(
  folder: string,
  path: string,
  random: (bytes: number) => Uint8Array,
): Promise<string> {
  try {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    try {
      const made = random(48).toBase64();
      await Deno.writeTextFile(path, made, { createNew: true, mode: 0o600 });
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
    return await Deno.readTextFile(path);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new SettingRefused(
      "COUNTERSIGN_SECRET",
      `is to come from ${path}, which cannot be read or made (${why}). Let this user read and write ` +
        `the folder ${folder}, or set the variable.`,
    );
  }
}
