import { erasedKey, type logPrivateKey } from "../store/keys.ts";
import { logPrivateRecord, type PrivateParts, type PrivateRow } from "../store/records/log.ts";
import { type Actor, openPrivateRow, privateRowKey } from "./entry.ts";
import type { Ledgers } from "./ledgers.ts";
import type { Operation, Transaction } from "./transaction.ts";

/**
 * Erasing private values: they go from their sealed rows, and no hash changes, for leaves hold only
 * digests. What was erased, by whom and why, is an entry itself.
 */

/** What is to be erased, and who had it erased. */
export interface Erasure {
  readonly index: number;
  /** Names of private parts; all of the entry's when absent. */
  readonly names?: readonly string[];
  readonly actor: Actor;
}

/** An entry, and which of its private parts are to go. */
export interface EntryErasure {
  readonly index: number;
  readonly takes: (name: string) => boolean;
}

type RowKey = ReturnType<typeof logPrivateKey>;

interface LoadedRow {
  readonly key: RowKey;
  readonly row: PrivateRow;
}

/** So many entries one erasure names at most: their indexes have to fit into its own entry. */
const MAX_NAMED = 400;

/**
 * Erases private parts of one entry for good: value and salt go, the digest in the leaf stays and
 * tells nothing without them, so the log verifies as before. The entry `private.erased` names what
 * went. Answers the names; none, and no entry, when nothing of that name was left.
 */
export async function erasePrivate(
  ledgers: Ledgers,
  org: string,
  { index, names, actor }: Erasure,
): Promise<string[]> {
  const takes = (name: string) => names?.includes(name) ?? true;
  return await eraseFromRow(ledgers, org, [{ index, takes }], actor);
}

/**
 * The same for many entries, in ascending order: one commit, and one entry `private.erased`, for
 * those that lie together.
 */
export async function erasePrivateParts(
  ledgers: Ledgers,
  org: string,
  entries: readonly EntryErasure[],
  actor: Actor,
): Promise<void> {
  const { kv } = ledgers.deps;
  let together: EntryErasure[] = [];
  let row: RowKey | null = null;
  const flush = async () => {
    if (together.length > 0) await eraseFromRow(ledgers, org, together, actor);
    together = [];
  };
  for (const entry of entries) {
    const key = await privateRowKey(kv, org, entry.index);
    if (key?.[2] !== row?.[2] || together.length === MAX_NAMED) await flush();
    row = key;
    together.push(entry);
  }
  await flush();
}

/** Erases from the one row that holds all of these entries. Answers the names of what went. */
async function eraseFromRow(
  ledgers: Ledgers,
  org: string,
  entries: readonly EntryErasure[],
  actor: Actor,
): Promise<string[]> {
  const { kv, sealer } = ledgers.deps;
  const wanted = new Map(entries.map((entry) => [entry.index, entry.takes]));
  const operation: Operation<LoadedRow | null, string[]> = {
    async load(reader) {
      const [first] = entries;
      const key = first === undefined ? null : await privateRowKey(kv, org, first.index);
      if (key === null) return null;
      const record = await reader.get(key, logPrivateRecord);
      return record === null
        ? null
        : { key, row: openPrivateRow(sealer, key, record.value.sealed) };
    },
    plan(transaction, loaded) {
      if (loaded === null) return [];
      const indexes: number[] = [];
      const names = new Set<string>();
      const row = loaded.row.flatMap(([index, parts]): PrivateRow => {
        const takes = wanted.get(index);
        const erased = takes === undefined ? [] : Object.keys(parts).filter(takes);
        if (erased.length === 0) return [[index, parts]];
        indexes.push(index);
        for (const name of erased) names.add(name);
        const rest = without(parts, erased);
        return Object.keys(rest).length === 0 ? [] : [[index, rest]];
      });
      if (indexes.length === 0) return [];
      const { key } = loaded;
      markErased(transaction);
      if (row.length === 0) transaction.delete(key);
      else transaction.set(key, sealer.sealJson(key, row));
      const [index = 0] = indexes;
      transaction.append({
        type: "private.erased",
        actor,
        subject: {},
        data: { ...(indexes.length === 1 ? { index } : { indexes }), names: [...names] },
      });
      return [...names];
    },
  };
  return await ledgers.transact(org, operation);
}

/**
 * Says that this commit erases something: the next start rewrites the store's file, where the bytes
 * of deleted rows stay until then.
 */
export function markErased(transaction: Transaction): void {
  transaction.set(erasedKey(), { at: transaction.now });
}

function without(parts: PrivateParts, names: readonly string[]): PrivateParts {
  return Object.fromEntries(Object.entries(parts).filter(([name]) => !names.includes(name)));
}
