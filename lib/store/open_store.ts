import { dirname } from "node:path";
import { systemTimer } from "../deps.ts";
import { logLine } from "../settings/log_line.ts";
import { compactStore, dropUnfinished, isCompactionDue, NotCompacted } from "./compact.ts";
import { isFile, PLATFORM_STORE } from "./store_address.ts";

/** The store does not open, or is not to be opened; the start ends with the message. */
export class StoreRefused extends Error {
  readonly code = "store_refused";
}

/**
 * Opens the store; a file is made for its owner only, folder and all, and belongs to this process
 * until it ends.
 * @param waitMs how long another process that holds the file may take to end
 * @throws {StoreRefused} saying what to do
 */
export async function openStore(kv: string, waitMs = 0): Promise<Deno.Kv> {
  if (kv === ":memory:") return await Deno.openKv(kv);
  try {
    if (isFile(kv)) {
      await claimFile(kv, waitMs);
      await compactWhenDue(kv);
    }
    return await (kv === PLATFORM_STORE ? Deno.openKv() : Deno.openKv(kv));
  } catch (error) {
    if (error instanceof StoreRefused) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new StoreRefused(`COUNTERSIGN_KV: the store ${kv} does not open (${why}). ${advice(kv)}`);
  }
}

/**
 * Makes a store's file this process's own until it ends, and makes the file where there is none.
 * @param waitMs how long another process that holds the file may take to end
 * @throws {StoreRefused} when it does not
 */
export async function claimFile(path: string, waitMs = 0): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
  // SQLite lets two processes open one file, and then fails commits of both with "database is
  // locked". The lock lies on a file of its own: closing another handle on the database file would
  // drop SQLite's locks. It is held until the process ends, so the handle is never closed.
  const lock = await Deno.open(`${path}.lock`, { create: true, write: true, mode: 0o600 });
  if (!await lock.tryLock(true) && !await isFreeWithin(lock, waitMs)) {
    throw new StoreRefused(
      `COUNTERSIGN_KV: another process holds the store ${path}. Stop that one first, or give this ` +
        "one a store of its own; several processes share a store only over KV Connect.",
    );
  }
  // SQLite gives the files it makes beside this one the same mode.
  const file = await Deno.open(path, { create: true, write: true, mode: 0o600 });
  file.close();
}

/** What was erased goes from the file as well. A start that cannot see to it now leaves it to the next. */
async function compactWhenDue(path: string): Promise<void> {
  const progress = (rows: number) => logLine("info", "Compacting the store", { rows });
  try {
    await dropUnfinished(path);
    if (!isCompactionDue(path)) return;
    const { before, after } = await compactStore(path, { now: Date.now, progress });
    const sizes = { before_bytes: before, after_bytes: after };
    logLine("info", "Compacted the store: what was erased is not in its file any more", sizes);
  } catch (error) {
    if (!(error instanceof NotCompacted)) throw error;
    const message = "The store is not compacted, so its file may hold what was erased";
    logLine("warn", message, { why: error.message, next: "deno task compact" });
  }
}

/** Waits for the lock of a process that is being stopped. One that is not keeps it. */
async function isFreeWithin(lock: Deno.FsFile, waitMs: number): Promise<boolean> {
  if (waitMs === 0) {
    lock.close();
    return false;
  }
  logLine("info", "Waiting for the process that holds the store to end", { milliseconds: waitMs });
  const timer = systemTimer(waitMs);
  const locked = lock.lock(true).then(() => true);
  try {
    // The start ends where it stays locked, and the wait with it.
    return await Promise.race([locked, timer.elapsed.then(() => false)]);
  } finally {
    timer.cancel();
  }
}

/** Opening would make a new store, in which nothing is found. @throws {StoreRefused} */
export async function assertExists(path: string): Promise<void> {
  const found = await Deno.stat(path).catch(() => null);
  if (found !== null) return;
  throw new StoreRefused(`COUNTERSIGN_KV: there is no store ${path}. Give the one of the service.`);
}

function advice(kv: string): string {
  if (kv === PLATFORM_STORE) return "Assign a Deno KV database to the app.";
  return isFile(kv)
    ? "Give a path below data/ that this user may write, or run with --allow-read and --allow-write " +
      "for another folder; a file that is no database must be moved away first."
    : "Check the URL, and that DENO_KV_ACCESS_TOKEN holds its access token.";
}
