import { dirname } from "node:path";
import { taskCommand } from "./system.ts";

/**
 * What is wrong with a store, told from what SQLite, the file system or the runtime says, and what
 * whoever operates the host does about it. Nothing here guesses: what is not known is `other`.
 */
export type StoreFault =
  /** Pages of the file are not what SQLite wrote. */
  | "damaged"
  /** The file is no store, whatever it is. */
  | "foreign"
  | "full"
  /** This user may not write the file, its folder or the disk. */
  | "read_only"
  /** The runtime was started without the right to touch the path. */
  | "no_right"
  | "is_folder"
  | "no_folder"
  /** Another program has locked the file. */
  | "locked"
  | "device"
  | "other";

const BY_CODE: Readonly<Record<string, StoreFault>> = {
  ENOSPC: "full",
  EDQUOT: "full",
  EFBIG: "full",
  EROFS: "read_only",
  EACCES: "read_only",
  EPERM: "read_only",
  EISDIR: "is_folder",
  ENOTDIR: "no_folder",
  EEXIST: "no_folder",
  ENOENT: "no_folder",
  EIO: "device",
};

/** By the words of SQLite (`sqlite3_errstr`), which the runtime hands on without their number. */
const BY_WORDS: readonly (readonly [RegExp, StoreFault])[] = [
  [/malformed/, "damaged"],
  [/not a database|unsupported file format/, "foreign"],
  [/disk is full/, "full"],
  [/read-?only database|access permission denied/, "read_only"],
  // The file itself was opened before: what cannot be made are those beside it.
  [/unable to open database/, "read_only"],
  [/database (table )?is locked/, "locked"],
  [/disk I\/O error/, "device"],
];

/** What an error says of the store. */
export function faultOf(error: unknown): StoreFault {
  if (!(error instanceof Error)) return "other";
  if (error instanceof Deno.errors.NotCapable) return "no_right";
  const code = "code" in error ? String(error.code) : "";
  const [, fault = "other"] = BY_WORDS.find(([words]) => words.test(error.message)) ?? [];
  return BY_CODE[code] ?? fault;
}

/** What is wrong, after the name of the store; null where only the error itself says it. */
const WHAT: Readonly<Record<StoreFault, string | null>> = {
  damaged: "the file is damaged",
  foreign: "the file is no store",
  full: "the disk is full",
  read_only: "it cannot be written",
  no_right: null,
  is_folder: "it is a folder",
  no_folder: "its folder cannot be made",
  locked: "another program has locked it",
  device: "the disk reports an error",
  other: null,
};

/** A fault in words: what is wrong, with what was said about it. */
export function whatIsWrong(error: unknown): string {
  const said = error instanceof Error ? error.message : String(error);
  const what = WHAT[faultOf(error)];
  return what === null ? said : `${what} (${said})`;
}

/** The next step for whoever operates the host. */
export function nextStep(kv: string, fault: StoreFault): string {
  if (kv === PLATFORM_STORE) return "Assign a Deno KV database to the app.";
  if (!isFile(kv)) {
    return "Check the URL, and that DENO_KV_ACCESS_TOKEN holds an access token that may write.";
  }
  const folder = dirname(kv);
  switch (fault) {
    case "damaged":
      return 'Keep a copy of it, put a backup in its place ("Backup" in docs/operations.md), ' +
        `without the files ${kv}-wal and ${kv}-shm, and start again.`;
    case "foreign":
      return "Give the path of another file, or move this one away and start again; if it was a " +
        'store once, put a backup in its place ("Backup" in docs/operations.md).';
    case "full":
      return `Free space on the disk of ${folder}, or move the store to a larger one, and start again.`;
    case "read_only":
      return `Let this user write the folder ${folder} and the files in it whose names begin with ` +
        `the store's, on a disk that is not mounted read-only.`;
    case "is_folder":
      return `Give the path of a file, such as ${kv.replace(/\/+$/, "")}/countersign.kv.`;
    case "no_folder":
      return `Make ${folder} a folder that this user may write, or give another path.`;
    case "locked":
      return "End what has it open (a backup, a sqlite3 shell), and start again.";
    case "device":
      return "Look at the disk; put a backup on a sound one if it stays.";
    case "no_right":
    case "other":
      return `Let this user write the folder ${folder}, or give a path in another one; start it by ` +
        `\`${taskCommand("start")}\`, which gives the process the right to the folder.`;
  }
}

/** The database that Deno Deploy assigned to the app: opened without a name. */
export const PLATFORM_STORE = "deno-deploy";

/** True when a store is reached over the network. */
export function isRemote(kv: string): boolean {
  return kv === PLATFORM_STORE || /^https?:\/\//.test(kv);
}

/** True when a store is a file of this host. */
export function isFile(kv: string): boolean {
  return kv !== ":memory:" && !isRemote(kv);
}

/** The store that the settings name; without one, that of the platform or a file beside the code. */
export function chosenStore(
  get: (variable: "COUNTERSIGN_KV" | "DENO_DEPLOYMENT_ID") => string | null,
): string {
  const own = get("DENO_DEPLOYMENT_ID") === null ? "data/countersign.kv" : PLATFORM_STORE;
  return get("COUNTERSIGN_KV") ?? own;
}

/** The store does not open, or is not to be opened; the start ends with the message. */
export class StoreRefused extends Error {
  readonly code = "store_refused";
}
