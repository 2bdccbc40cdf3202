import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Failed } from "./exit.ts";
import { replaceFile, textOf } from "./files.ts";
import type { Machine } from "./machine.ts";
import { configFolder } from "./settings.ts";

/**
 * Secrets of services, by their origin: in the system's keychain where it has one that answers, else
 * in a file that its user alone can read. None is ever an argument of a program: arguments of all
 * processes can be read by every user of a computer.
 */

export interface StoredSecret {
  readonly secret: string;
  readonly place: "keychain" | "file";
}

/** A keychain as a program offers it: secrets go in by its input and come out by its output. */
interface Keychain {
  readonly program: string;
  readonly keep: (origin: string, secret: string) => Ask;
  readonly find: (origin: string) => Ask;
  readonly forget: (origin: string) => Ask;
}

interface Ask {
  readonly args: readonly string[];
  readonly input: string;
}

const NAME = "countersign";

const SECRET_TOOL: Keychain = {
  program: "secret-tool",
  keep: (origin, secret) => ({
    args: ["store", "--label=Countersign", "service", NAME, "account", origin],
    input: secret,
  }),
  find: (origin) => ({ args: ["lookup", "service", NAME, "account", origin], input: "" }),
  forget: (origin) => ({ args: ["clear", "service", NAME, "account", origin], input: "" }),
};

const SECURITY: Keychain = {
  program: "security",
  // Its command takes the secret as an argument only; by -i it reads commands from its input.
  keep: (origin, secret) => ({
    args: ["-i"],
    input: `add-generic-password -U -s ${NAME} -a ${origin} -w ${secret}\n`,
  }),
  find: (origin) => ({
    args: ["find-generic-password", "-s", NAME, "-a", origin, "-w"],
    input: "",
  }),
  forget: (origin) => ({ args: ["delete-generic-password", "-s", NAME, "-a", origin], input: "" }),
};

function keychainOf({ platform, env }: Machine): Keychain | null {
  if (env["COUNTERSIGN_SECRETS"] === "file") return null;
  if (platform === "darwin") return SECURITY;
  // Without a session's bus nothing answers, and some versions wait for it.
  return platform === "linux" && env["DBUS_SESSION_BUS_ADDRESS"] ? SECRET_TOOL : null;
}

/** What a keychain answers; null where it does not, or has none. */
async function asked(
  machine: Machine,
  keychain: Keychain,
  { args, input }: Ask,
): Promise<string | null> {
  try {
    const { code, out } = await machine.run(keychain.program, args, { input });
    return code === 0 ? out.replace(/\n$/, "") : null;
  } catch {
    return null;
  }
}

/** The secret that is kept for a service; null for none. @throws {Failed} for a file that others read */
export async function storedSecret(machine: Machine, origin: string): Promise<StoredSecret | null> {
  const keychain = keychainOf(machine);
  const found = keychain === null ? null : await asked(machine, keychain, keychain.find(origin));
  if (found) return { secret: found, place: "keychain" };
  const secret = (await fileSecrets(machine))[origin];
  return secret === undefined ? null : { secret, place: "file" };
}

/** Keeps a service's secret, in place of the one before. @returns where it is now */
export async function keepSecret(
  machine: Machine,
  origin: string,
  secret: string,
): Promise<StoredSecret["place"]> {
  // What a keychain's own commands could read otherwise than it is meant.
  if (!/^[A-Za-z0-9_.~+/=-]+$/.test(secret)) throw new Failed("That is no secret of Countersign");
  await forgetSecret(machine, origin);
  const keychain = keychainOf(machine);
  if (keychain !== null) {
    await asked(machine, keychain, keychain.keep(origin, secret));
    // Some say that they did and did not: it is kept once it can be read.
    if (await asked(machine, keychain, keychain.find(origin)) === secret) return "keychain";
  }
  await writeSecrets(machine, { ...await fileSecrets(machine), [origin]: secret });
  return "file";
}

/** Forgets a service's secret, wherever it is kept. */
export async function forgetSecret(machine: Machine, origin: string): Promise<void> {
  const keychain = keychainOf(machine);
  if (keychain !== null) await asked(machine, keychain, keychain.forget(origin));
  const { [origin]: known, ...others } = await fileSecrets(machine);
  if (known !== undefined) await writeSecrets(machine, others);
}

export function secretsPath(machine: Machine): string {
  return join(configFolder(machine), "secrets.json");
}

type Secrets = Readonly<Record<string, string>>;

async function fileSecrets(machine: Machine): Promise<Secrets> {
  const path = secretsPath(machine);
  const text = await textOf(path);
  if (text === null) return {};
  // Windows has no such rights; the folder is the user's own there.
  const mode = machine.platform === "win32" ? 0 : (await stat(path)).mode;
  if ((mode & 0o077) !== 0) {
    throw new Failed(
      `${path} can be read by others. Make new keys for what is in it, and run: chmod 600 ${path}`,
    );
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Secrets;
  } catch {
    // Said below.
  }
  throw new Failed(`${path} cannot be read. Remove it, and log in again`);
}

async function writeSecrets(machine: Machine, secrets: Secrets): Promise<void> {
  const path = secretsPath(machine);
  if (Object.keys(secrets).length === 0) return await rm(path, { force: true });
  await replaceFile(path, `${JSON.stringify(secrets, null, 2)}\n`, 0o600);
}
