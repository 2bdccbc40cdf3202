import type { Settings } from "../services.ts";
import { faultOf, isFile, PLATFORM_STORE, whatIsWrong } from "../store/store_faults.ts";
import { CONFIG_FOLDER, SECRET_FILE, SettingRefused } from "./rights.ts";

/**
 * The secret of a deployment, and the console of whoever started it: how the one is come by and
 * given up again, and what the other is told.
 */

/**
 * Prints what is for whoever started the process alone: links that let in, and mails with codes. Not
 * by `console.log`, which the runtime hands on to OpenTelemetry where that is switched on; on Deno
 * Deploy that is the only console there is.
 */
export function operatorConsole({ kv }: Pick<Settings, "kv">): (text: string) => void {
  if (kv === PLATFORM_STORE) return console.log;
  return (text) => {
    const bytes = new TextEncoder().encode(`${text}\n`);
    for (let from = 0; from < bytes.length;) from += Deno.stdout.writeSync(bytes.subarray(from));
  };
}

/**
 * The secret under which the store is sealed, from `config/secret`; made there, for its owner only,
 * when it is missing. A store in memory gets one that ends with the process.
 * @throws {SettingRefused} when the folder does not take the file, or the file holds no secret
 */
export async function secretFromFile(
  kv: string,
  random: (bytes: number) => Uint8Array,
): Promise<Uint8Array> {
  if (!isFile(kv)) return random(48);
  const text = (await readOrMake(random)).trim();
  const secret = new TextEncoder().encode(text);
  if (secret.length < 32) {
    throw new SettingRefused(
      "COUNTERSIGN_SECRET",
      `is to come from ${SECRET_FILE}, which has ${secret.length} bytes. Restore that file: the ` +
        "store does not open without it.",
    );
  }
  const problem = chosenSecretProblem(text);
  if (problem === null) return secret;
  throw new SettingRefused(
    "COUNTERSIGN_SECRET",
    `is to come from ${SECRET_FILE}, and what stands there ${problem} Put the output of ` +
      "`openssl rand -base64 48` there, and give the old text as COUNTERSIGN_SECRET_PREVIOUS.",
  );
}

async function readOrMake(random: (bytes: number) => Uint8Array): Promise<string> {
  try {
    await Deno.mkdir(CONFIG_FOLDER, { recursive: true, mode: 0o700 });
    try {
      const made = random(48).toBase64();
      await Deno.writeTextFile(SECRET_FILE, made, { createNew: true, mode: 0o600 });
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) await forget(error);
    }
    return await Deno.readTextFile(SECRET_FILE);
  } catch (error) {
    const fault = faultOf(error);
    const next = fault === "full"
      ? "Free space on its disk, or set the variable."
      : `Let this user read and write the folder ${CONFIG_FOLDER}, or set the variable.`;
    throw new SettingRefused(
      "COUNTERSIGN_SECRET",
      `is to come from ${SECRET_FILE}, which cannot be read or made: ${
        whatIsWrong(error)
      }. ${next}`,
    );
  }
}

/** Removes the file that a full disk left empty: the next start would take it for a lost secret. */
async function forget(error: unknown): Promise<never> {
  if (faultOf(error) === "full") await Deno.remove(SECRET_FILE).catch(() => {});
  throw error;
}

/** Fewer than any that was made by chance has: 32 random hexadecimal digits have 13 to 14. */
const MIN_DISTINCT = 10;

/**
 * What is wrong with a secret that an operator chose, as the end of a sentence that begins with its
 * name; null for nothing. Counts which characters it has: `aaaa…` and `0101…` are long, and guessed.
 * @param text without a prefix that every one of its kind has
 */
export function chosenSecretProblem(text: string): string | null {
  const distinct = new Set(text).size;
  if (distinct >= MIN_DISTINCT) return null;
  return `has ${distinct} distinct characters; ${MIN_DISTINCT} are the least, or it can be guessed.`;
}

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
