import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import { compactStore, dropUnfinished, isCompactionDue, NotCompacted } from "./compact.ts";
import { canaryKey, schemaVersionKey } from "./keys.ts";
import { commitOnce, readRecord, type StoreDeps, StoreUnavailable } from "./kv.ts";
import { MalformedRecord } from "./record.ts";
import { CannotOpen } from "./sealing.ts";
import {
  faultOf,
  isFile,
  nextStep,
  PLATFORM_STORE,
  StoreRefused,
  whatIsWrong,
} from "./store_faults.ts";
import { logLine, realPath, systemTimer, taskCommand } from "./system.ts";

/**
 * Opening the store of a deployment, and refusing one that is not to be opened: in use, damaged,
 * newer than this release, or sealed by another secret. Whatever can be wrong is said in one
 * message before anything is written.
 */

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
  // drop SQLite's locks. It is held until the process ends, so the handle is never closed. It belongs
  // to the file, whatever links lead there.
  const name = `${realPath(path)}.lock`;
  const lock = await Deno.open(name, { create: true, write: true, mode: 0o600 });
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

/** What the canary says. */
export const CANARY_WORDS = new TextEncoder().encode("countersign");

export const canaryRecord = z.instanceof(Uint8Array);

/** How long the first answer of the store may take, milliseconds. */
const FIRST_ANSWER_MS = 15_000;

/**
 * Proves at start that no newer release has written the store, and that it lies under the secret, or
 * under the previous one, before anything
 * is sealed under another: a record with known words, sealed when the store was new. Of all that is
 * sealed it is the last to be sealed anew (`lib/server/rotation.ts`), so that a secret is not taken away
 * while records still lie under it.
 * @throws {StoreRefused} when release or secret are others, or the store does not answer
 * @throws {StoreUnavailable} when it takes no write
 */
export async function proveSecret(deps: StoreDeps): Promise<void> {
  const limit = deps.timer(FIRST_ANSWER_MS);
  const tooLate = limit.elapsed.then(() => {
    throw new StoreRefused(
      `COUNTERSIGN_KV: the store did not answer within ${FIRST_ANSWER_MS / 1000} seconds. ` +
        "Check that it runs and can be reached.",
    );
  });
  try {
    await Promise.race([prove(deps), tooLate]);
  } finally {
    limit.cancel();
  }
}

async function prove(deps: StoreDeps): Promise<void> {
  const { kv, sealer } = deps;
  await refuseNewer(deps);
  if (await makeCanary(deps)) return;
  const key = canaryKey();
  const record = await readRecord(kv, key, canaryRecord);
  if (record === null) return;
  try {
    sealer.open(key, record.value);
  } catch (error) {
    if (!(error instanceof CannotOpen)) throw error;
    throw new StoreRefused(
      "COUNTERSIGN_SECRET: the store was written under another secret. Start with that one, or give " +
        "it as COUNTERSIGN_SECRET_PREVIOUS beside the new one. Where none was set, it is the file " +
        "config/secret of that time. A rotation that was under way is to be finished first.",
    );
  }
}

/**
 * Seals the known words where there are none; true when it did. A store without a row gets its
 * version in the same commit.
 */
async function makeCanary(deps: StoreDeps): Promise<boolean> {
  const { kv, sealer } = deps;
  const key = canaryKey();
  try {
    const isNew = (await kv.list({ prefix: [] }, { limit: 1 }).next()).done === true;
    const making = kv.atomic().check({ key: [...key], versionstamp: null })
      .set([...key], sealer.seal(key, CANARY_WORDS));
    return (await commitOnce(deps, isNew ? stampNew(making) : making)).ok;
  } catch (error) {
    throw new StoreUnavailable(error);
  }
}

/**
 * The shape of the rows that this release writes. It is raised, with a step in `lib/server/migrations.ts`,
 * when rows of before are written anew, or when a release of before would misread what is written
 * now. What is only added, and has a default where it is missing, needs no new version.
 */
export const SCHEMA_VERSION = 4;

/** What a store has that was written before there were versions. */
const UNVERSIONED = 0;

export const schemaVersionRecord = z.object({ version: z.number().int().positive() });

/** The version of a store. @throws {MalformedRecord} {StoreUnavailable} */
export async function schemaVersion({ kv }: Pick<StoreDeps, "kv">): Promise<number> {
  const found = await readRecord(kv, schemaVersionKey(), schemaVersionRecord);
  return found?.value.version ?? UNVERSIONED;
}

/**
 * Refuses a store that a newer release has written, before anything else of it is read or written.
 * @throws {StoreRefused} {MalformedRecord} {StoreUnavailable}
 */
export async function refuseNewer(deps: Pick<StoreDeps, "kv">): Promise<void> {
  const version = await schemaVersion(deps);
  if (version <= SCHEMA_VERSION) return;
  throw new StoreRefused(
    `COUNTERSIGN_KV: the store has version ${version}, written by a newer release; this one knows ` +
      `versions up to ${SCHEMA_VERSION}. Start the release that wrote it, or a later one; to stay ` +
      "with this one, restore a backup from before.",
  );
}

/** Has the commit that makes a store write the version of this release. */
export function stampNew(making: Deno.AtomicOperation): Deno.AtomicOperation {
  const key = [...schemaVersionKey()];
  return making.check({ key, versionstamp: null }).set(key, { version: SCHEMA_VERSION });
}

/** Says that the store was brought from one version to another; false where another process did. */
export async function stamp(
  deps: Pick<StoreDeps, "kv" | "random">,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<boolean> {
  const found = await readRecord(deps.kv, schemaVersionKey(), schemaVersionRecord);
  if ((found?.value.version ?? UNVERSIONED) !== from) return false;
  const key = [...schemaVersionKey()];
  const operation = deps.kv.atomic().check({ key, versionstamp: found?.versionstamp ?? null })
    .set(key, { version: to });
  return (await commitOnce(deps, operation)).ok;
}

/** Larger files are not read through at the start: it would take longer than a restart may. */
const LARGEST = 2 * 1024 ** 3;

/** From this size on reading it through is said, for a start then takes seconds. */
const LARGE = LARGEST / 4;

/**
 * Looks through the file of a store before it is opened, so that a damaged page is met by whoever
 * starts the process, not by a request later on. Opened for reading only: the file and what lies in
 * its `-wal` stay as they are, whoever else has them open. A page whose content was exchanged for
 * other well-formed content is not noticed; what is sealed or in a log is found where it is read.
 * @throws {Error} in the words of SQLite
 */
export function lookThrough(path: string, bytes: number): void {
  if (bytes === 0) return;
  const file = new DatabaseSync(path, { readOnly: true });
  try {
    const tables = file.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
    if (tables.length > 0 && !tables.some(({ name }) => name === "kv")) {
      throw new Error("a database of something else: not a database that Deno KV has made");
    }
    if (bytes > LARGEST) {
      logLine("warn", "The store is too large to be looked through at the start", {
        bytes,
        next: "Have `PRAGMA quick_check` run over each backup",
      });
      return;
    }
    if (bytes > LARGE) logLine("info", "Looking through the store", { bytes });
    const { quick_check: found } = file.prepare("PRAGMA quick_check(1)").get() ?? {};
    if (found !== "ok") throw new Error(`malformed: ${String(found).split("\n").at(-1)}`);
  } finally {
    file.close();
  }
}
