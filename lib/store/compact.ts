import { dirname } from "node:path";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { erasedKey } from "./keys.ts";
import { realPath } from "./system.ts";

/**
 * Rewrites the file of a store that no process has open. SQLite leaves the bytes of deleted rows where
 * they were until something else needs the room; only a file that is written anew is without them.
 *
 * Every live row is copied into a new file beside the store, which is synced and then takes the place
 * of the old one by a rename. Killed at any moment it leaves the one or the other, whole. SQLite's own
 * VACUUM is not to be had here: Deno refuses it to a process that may not write every file.
 */

/** The store was not rewritten, and is as it was; the message says why, and what to do. */
export class NotCompacted extends Error {
  readonly code = "not_compacted";
}

/** What a compaction did. */
export interface Compacted {
  /** Bytes of the file and its write-ahead log before. */
  readonly before: number;
  readonly after: number;
  readonly rows: number;
}

export interface CompactionOptions {
  /** Milliseconds since 1970: rows whose time is over by then are left out. */
  readonly now: () => number;
  /** Told each second how many rows are copied. */
  readonly progress?: (rows: number) => void;
}

/** How long a compaction runs before it says how far it is, and between two such lines. */
const PROGRESS_MS = 1000;

/** Rows that are copied before the clock is looked at. */
const STRIDE = 1000;

/** What SQLite lays beside a database while it is in use. */
const SIBLINGS = ["-wal", "-shm", "-journal"] as const;

/**
 * Rewrites the store without what was erased or has expired. The caller has its lock.
 * @param path an existing file
 * @throws {NotCompacted}
 */
export async function compactStore(path: string, options: CompactionOptions): Promise<Compacted> {
  let copy: string | null = null;
  try {
    // A name that leads elsewhere would be replaced, and the file that it leads to would stay.
    const store = realPath(path);
    await dropUnfinished(store);
    copy = copyOf(store);
    const before = await bytesOf(store) + await bytesOf(`${store}-wal`);
    await makeLike(store, copy);
    const rows = copyRows(store, copy, options);
    await sync(copy, { write: true });
    const after = await bytesOf(copy);
    await assertAlone(store);
    await Deno.rename(copy, store);
    // Not on every system, nor under every right. A rename that is lost with the power brings back the
    // row that says what is due.
    await sync(dirname(store), { read: true }).catch(() => {});
    return { before, after, rows };
  } catch (error) {
    if (copy !== null) await Deno.remove(copy).catch(() => {});
    throw error instanceof NotCompacted ? error : notCompacted(path, error);
  }
}

/** Whether something was erased since the store was last rewritten. False for one that does not open. */
export function isCompactionDue(path: string): boolean {
  let store: DatabaseSync | null = null;
  try {
    store = new DatabaseSync(path);
    return store.prepare("SELECT 1 FROM kv WHERE k = ?").get(encoded(erasedKey())) !== undefined;
  } catch {
    // A new file, or a damaged one: opening it says what is the matter.
    return false;
  } finally {
    store?.close();
  }
}

/** Removes what a compaction that was killed left beside the store. @throws {NotCompacted} */
export async function dropUnfinished(path: string): Promise<void> {
  const copy = copyOf(realPath(path));
  for (const file of [copy, ...SIBLINGS.map((end) => copy + end)]) {
    await Deno.remove(file).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw notCompacted(file, error);
    });
  }
}

function copyOf(path: string): string {
  return `${path}.compact`;
}

/** An empty file with the owner and the rights of another. */
async function makeLike(original: string, path: string): Promise<void> {
  const { mode, uid, gid } = await Deno.stat(original);
  (await Deno.open(path, { createNew: true, write: true, mode: 0o600 })).close();
  if (mode === null) return;
  const made = await Deno.stat(path);
  if (made.uid !== uid || made.gid !== gid) await Deno.chown(path, uid, gid);
  await Deno.chmod(path, mode & 0o777);
}

/** Copies tables, indexes and what counts of the rows; answers how many rows. */
function copyRows(from: string, to: string, { now, progress }: CompactionOptions): number {
  using source = new DatabaseSync(from);
  using target = new DatabaseSync(to);
  // Fails while any other process has the file open, whether or not it knows of our lock.
  source.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE");
  assertSound(source);
  // A copy that does not come to its end is thrown away, so nothing of it needs a journal.
  target.exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF");
  for (const pragma of ["page_size", "user_version", "application_id"]) {
    const row = source.prepare(`PRAGMA ${pragma}`).get() ?? {};
    target.exec(`PRAGMA ${pragma} = ${Number(row[pragma])}`);
  }
  target.exec("BEGIN");
  const tables = copySchema(source, target);
  let rows = 0;
  let told = now();
  for (const table of tables) {
    const insert = target.prepare(insertInto(target, table));
    for (const row of countingRows(source, table, now())) {
      insert.run(...Object.values(row));
      rows++;
      if (rows % STRIDE !== 0 || now() - told < PROGRESS_MS) continue;
      told = now();
      progress?.(rows);
    }
  }
  target.exec("COMMIT");
  source.exec("COMMIT");
  return rows;
}

/** Makes the tables and indexes of one database in another; answers the names of the tables. */
function copySchema(source: DatabaseSync, target: DatabaseSync): string[] {
  const tables: string[] = [];
  const made = source.prepare(
    "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid",
  );
  for (const { type, name, sql } of made.all()) {
    target.exec(String(sql));
    if (type === "table") tables.push(String(name));
  }
  if (!tables.includes("kv")) throw new NotCompacted("It is no store of Deno KV.");
  return tables;
}

/** The rows of a table that are to stay. */
function countingRows(
  source: DatabaseSync,
  table: string,
  now: number,
): Iterable<Record<string, SQLInputValue>> {
  const all = `SELECT * FROM ${quoted(table)}`;
  const select = table === "kv"
    ? source.prepare(`${all} WHERE NOT (expiration_ms BETWEEN 0 AND ?) AND k <> ?`)
    : source.prepare(all);
  // Versions and times are integers of 64 bits.
  select.setReadBigInts(true);
  return table === "kv" ? select.iterate(now, encoded(erasedKey())) : select.iterate();
}

function insertInto(target: DatabaseSync, table: string): string {
  const columns = target.prepare(`SELECT * FROM ${quoted(table)}`).columns();
  return `INSERT INTO ${quoted(table)} VALUES (${columns.map(() => "?").join(", ")})`;
}

/** What is damaged is not to be copied, and called whole by it. */
function assertSound(source: DatabaseSync): void {
  const { quick_check } = source.prepare("PRAGMA quick_check(1)").get() ?? {};
  if (quick_check === "ok") return;
  throw new NotCompacted(`The file is damaged (${quick_check}). Restore the store from a backup.`);
}

/** A write-ahead log that is left would be taken for one of the new file. */
async function assertAlone(path: string): Promise<void> {
  if (await bytesOf(`${path}-wal`) === 0) return;
  throw new NotCompacted("Another process has opened the file. Stop it, and try again.");
}

async function bytesOf(path: string): Promise<number> {
  try {
    return (await Deno.stat(path)).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

async function sync(path: string, options: Deno.OpenOptions): Promise<void> {
  using file = await Deno.open(path, options);
  await file.sync();
}

function notCompacted(path: string, error: unknown): NotCompacted {
  const why = error instanceof Error ? error.message : String(error);
  if (/is locked|busy/.test(why)) {
    return new NotCompacted("Another process has the file open. Stop it, and try again.");
  }
  if (/is full|os error 28/.test(why)) {
    return new NotCompacted(
      `The disk is full (${why}). Free as many bytes beside ${path} as it has, and try again.`,
    );
  }
  return new NotCompacted(`${path} or its folder cannot be read or written (${why}).`);
}

/** A key whose parts are ASCII texts, as Deno KV writes it. */
function encoded(key: readonly string[]): Uint8Array {
  return new Uint8Array(key.flatMap((part) => [2, ...new TextEncoder().encode(part), 0]));
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
