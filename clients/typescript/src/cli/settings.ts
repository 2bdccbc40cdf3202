import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Failed, WrongUse } from "./exit.ts";
import { isMissing, replaceFile } from "./files.ts";
import type { Machine } from "./machine.ts";
import { storedSecret } from "./secrets.ts";

/**
 * Where Countersign is and by what key it is asked: said with the call, in the environment, or kept
 * by `login`. A project's folder says neither: a clone must not choose where keys are sent.
 */

/** The folder of what this computer keeps for one user. */
export function configFolder({ env, home, platform }: Machine): string {
  const own = env["COUNTERSIGN_CONFIG"];
  if (own) return own;
  if (platform === "win32" && env["APPDATA"]) return join(env["APPDATA"], "countersign");
  return join(env["XDG_CONFIG_HOME"] || join(home, ".config"), "countersign");
}

function settingsPath(machine: Machine): string {
  return join(configFolder(machine), "settings.json");
}

/** What is kept besides secrets. */
export interface Kept {
  readonly url?: string;
}

/** @throws {Failed} for a file that cannot be read */
export async function keptSettings(machine: Machine): Promise<Kept> {
  const path = settingsPath(machine);
  try {
    const value: unknown = JSON.parse(await readFile(path, "utf8"));
    if (typeof value === "object" && value !== null) return value;
  } catch (error) {
    if (isMissing(error)) return {};
  }
  throw new Failed(`${path} is no JSON object. Mend it, or remove it and log in again`);
}

/** Keeps where Countersign is. */
export async function keepSettings(machine: Machine, kept: Kept): Promise<void> {
  await replaceFile(settingsPath(machine), `${JSON.stringify(kept, null, 2)}\n`, 0o600);
}

/** @throws {WrongUse} {Failed} */
export async function serviceOf(machine: Machine, said: string | undefined): Promise<URL> {
  const text = said ?? machine.env["COUNTERSIGN_URL"] ?? (await keptSettings(machine)).url;
  if (!text) {
    throw new Failed(
      "Nobody said where Countersign is. Set COUNTERSIGN_URL, or run: countersign login --url URL",
    );
  }
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.protocol !== "https:" && url.protocol !== "http:") {
    throw new WrongUse(`${JSON.stringify(text)} is no address, such as http://localhost:8000`);
  }
  return url;
}

/** A key, and where it came from. */
export interface Credential {
  readonly key: string;
  readonly from: "--key" | "COUNTERSIGN_KEY" | "COUNTERSIGN_AGENT_TOKEN" | "keychain" | "file";
}

/** The key to ask that service with; null for none. A kept one goes to its own service alone. */
export async function credentialOf(
  machine: Machine,
  url: URL,
  said: string | undefined,
): Promise<Credential | null> {
  if (said !== undefined) return { key: said, from: "--key" };
  for (const from of ["COUNTERSIGN_KEY", "COUNTERSIGN_AGENT_TOKEN"] as const) {
    const key = machine.env[from];
    if (key) return { key, from };
  }
  const stored = await storedSecret(machine, url.origin);
  return stored === null ? null : { key: stored.secret, from: stored.place };
}
