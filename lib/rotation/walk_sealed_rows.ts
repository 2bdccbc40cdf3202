import type { Deps } from "../deps.ts";
import { commitOnce } from "../store/commit.ts";
import { SEALED_KINDS, type SealedKind, sealedPrefix, type StoreKey } from "../store/keys.ts";
import { reseal, type RowAnew } from "../store/sealed_rows.ts";

/** Rows a commit: over KV Connect one takes ten checks, one for its mark, and nine values of 64 KiB fit. */
const BATCH = 9;

/** Rows read between two pauses. */
const PAGE = 50;

/** The pause after each commit and each page, milliseconds: requests come first. */
const PAUSE_MS = 10;

/** How often rows that others change meanwhile are tried; the next walk finds them again. */
const MAX_ATTEMPTS = 5;

/** A row to be written, and the stamp that it must still have. */
interface StaleRow extends RowAnew {
  readonly versionstamp: string;
}

/** What a walk over all sealed rows came to. */
export interface Walk {
  /** Rows that hold sealed bytes. */
  readonly rows: Record<SealedKind, number>;
  /** Of these, how many this walk sealed anew. */
  readonly resealed: Record<SealedKind, number>;
  /** How many changed under the walk so often that they were left to the next one. */
  contended: number;
  /** Malformed rows, and those that open under neither secret. */
  readonly unreadable: { rows: number; first: StoreKey | null };
}

/**
 * Walks once over every sealed row of every org and seals under the current secret what opens only
 * under the previous one. A row is written only while it is as it was read, so what others write or
 * erase meanwhile stands, and any number of nodes may walk at once, stop anywhere and begin again.
 * Ends early when `stopping` is aborted.
 * @param looked called from time to time with the walk so far
 * @throws what the store throws, {StoreUnavailable} when it is silent
 */
export async function walkSealedRows(
  deps: Deps,
  stopping: AbortSignal,
  looked: (walk: Walk) => void = () => {},
): Promise<Walk> {
  const walk: Walk = {
    rows: countsByKind(),
    resealed: countsByKind(),
    contended: 0,
    unreadable: { rows: 0, first: null },
  };
  for (const kind of SEALED_KINDS) await walkKind(deps, kind, walk, { stopping, looked });
  return walk;
}

/** A count of nothing for each kind. */
export function countsByKind(): Record<SealedKind, number> {
  return Object.fromEntries(SEALED_KINDS.map((kind) => [kind, 0])) as Record<SealedKind, number>;
}

async function walkKind(
  deps: Deps,
  kind: SealedKind,
  walk: Walk,
  { stopping, looked }: { stopping: AbortSignal; looked: (walk: Walk) => void },
): Promise<void> {
  let batch: StaleRow[] = [];
  const flush = async () => {
    if (batch.length > 0) await write(deps, kind, batch, walk);
    batch = [];
    looked(walk);
    await pause(deps);
  };
  for await (const row of rowsOf(deps, kind)) {
    if (stopping.aborted) return;
    walk.rows[kind]++;
    const { anew, unreadable } = reseal(deps.sealer, kind, row, deps.now());
    if (unreadable) {
      walk.unreadable.rows++;
      walk.unreadable.first ??= row.key;
    }
    if (anew !== null) batch.push({ ...anew, versionstamp: row.versionstamp });
    if (batch.length === BATCH || walk.rows[kind] % PAGE === 0) await flush();
  }
  if (batch.length > 0) await flush();
}

async function* rowsOf(deps: Deps, kind: SealedKind) {
  const rows = deps.kv.list<unknown>({ prefix: [...sealedPrefix(kind)] }, { batchSize: PAGE });
  for (;;) {
    const next = await rows.next();
    if (next.done) return;
    const { key, value, versionstamp } = next.value;
    yield { key: key as StoreKey, value, versionstamp };
  }
}

async function write(
  deps: Deps,
  kind: SealedKind,
  batch: readonly StaleRow[],
  walk: Walk,
): Promise<void> {
  let rows = batch;
  for (let attempt = 1; rows.length > 0; attempt++) {
    const operation = deps.kv.atomic();
    for (const { key, versionstamp, value, expireIn } of rows) {
      operation.check({ key: [...key], versionstamp });
      operation.set([...key], value, expireIn === undefined ? {} : { expireIn });
    }
    const { ok } = await commitOnce(deps, operation);
    if (ok) {
      walk.resealed[kind] += rows.length;
      return;
    }
    if (attempt === MAX_ATTEMPTS) {
      walk.contended += rows.length;
      return;
    }
    await pause(deps);
    rows = await readAgain(deps, kind, rows);
  }
}

/** Those of the rows that are still there and still lie under the previous secret. */
async function readAgain(
  deps: Deps,
  kind: SealedKind,
  rows: readonly StaleRow[],
): Promise<StaleRow[]> {
  const keys: Deno.KvKey[] = rows.map(({ key }) => [...key]);
  const entries = await deps.kv.getMany(keys);
  return entries.flatMap(({ key, value, versionstamp }) => {
    if (versionstamp === null) return [];
    const row = { key: key as StoreKey, value };
    const { anew } = reseal(deps.sealer, kind, row, deps.now());
    return anew === null ? [] : [{ ...anew, versionstamp }];
  });
}

function pause({ timer }: Deps): Promise<void> {
  return timer(PAUSE_MS).elapsed;
}
