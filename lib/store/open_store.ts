import { dirname } from "node:path";
import { systemTimer } from "../deps.ts";
import { taskCommand } from "../settings/operator_console.ts";
import { compactStore, dropUnfinished, isCompactionDue, NotCompacted } from "./compact.ts";
import { MalformedRecord, StoreUnavailable } from "./kv.ts";
import { lookThrough } from "./look_through.ts";
import { isFile, PLATFORM_STORE } from "./store_address.ts";
import { faultOf, nextStep, whatIsWrong } from "./store_faults.ts";
import { logLine } from "./system.ts";

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
    throw refusal(kv, "does not open", error);
  }
}

/**
 * Does what a start or a command of the operator does over an open store. What the store fails with
 * before that has an answer of its own refuses the start, as if it had not opened.
 * @throws {StoreRefused}
 */
export async function overStore<T>(kv: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof MalformedRecord) {
      throw new StoreRefused(`COUNTERSIGN_KV: ${error.message}`);
    }
    if (error instanceof StoreUnavailable) throw refusal(kv, "cannot be used", error.cause);
    if (error instanceof StoreRefused || faultOf(error) === "other") throw error;
    throw refusal(kv, "cannot be used", error);
  }
}

function refusal(kv: string, how: string, error: unknown): StoreRefused {
  return new StoreRefused(
    `COUNTERSIGN_KV: the store ${kv} ${how}: ${whatIsWrong(error)}. ${
      nextStep(kv, faultOf(error))
    }`,
  );
}

/**
 * Makes a store's file this process's own until it ends, and makes the file where there is none.
 * @param waitMs how long another process that holds the file may take to end
 * @throws {StoreRefused} when it does not, or when the file cannot be used
 */
export async function claimFile(path: string, waitMs = 0): Promise<void> {
  try {
    await claim(path, waitMs);
  } catch (error) {
    throw error instanceof StoreRefused ? error : refusal(path, "does not open", error);
  }
}

async function claim(path: string, waitMs: number): Promise<void> {
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
  const { size } = await file.stat();
  file.close();
  lookThrough(path, size);
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
    logLine("warn", message, { why: error.message, next: taskCommand("compact") });
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
  try {
    await Deno.stat(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw refusal(path, "does not open", error);
    throw new StoreRefused(
      `COUNTERSIGN_KV: there is no store ${path}. Give the one of the service.`,
    );
  }
}
