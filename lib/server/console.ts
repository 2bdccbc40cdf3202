import { chosenSecretProblem } from "../settings/chosen_secret.ts";
import { SettingRefused } from "../settings/setting_refused.ts";
import { isFile } from "../store/store_address.ts";
import { faultOf, whatIsWrong } from "../store/store_faults.ts";

/** Where the secret is kept that no variable gives; apart from the store. */
export const CONFIG_FOLDER = "config";

export const SECRET_FILE = `${CONFIG_FOLDER}/secret`;

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
