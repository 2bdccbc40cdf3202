import { DatabaseSync } from "node:sqlite";
import { logLine } from "./system.ts";

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
