import type { JsonObject } from "../base/json.ts";
import type { Deps } from "../deps.ts";
import { markErased } from "../ledger/erase_private.ts";
import type { Operation } from "../ledger/transaction.ts";
import type { Services } from "../services.ts";
import {
  canaryKey,
  DEPLOYMENT_ORG,
  SEALED_KINDS,
  type SealedKind,
  sealedPrefix,
  type StoreKey,
} from "../store/keys.ts";
import { commitOnce } from "../store/kv.ts";
import { CANARY_WORDS, canaryRecord } from "../store/open_store.ts";
import { reseal, type RowAnew } from "../store/sealed_rows.ts";
import { CannotOpen } from "../store/sealing.ts";

/** The least time between two lines about how far it is, milliseconds. */
const PROGRESS_MS = 10_000;

/** How long after a failure it begins again, milliseconds. */
const RETRY_MS = 60_000;

/** A rotation that came to its end. */
interface RotatedSecret {
  /** All sealed rows there are. */
  readonly rows: Record<SealedKind, number>;
  /** Those that this process sealed anew. */
  readonly resealed: Record<SealedKind, number>;
  readonly unreadable: Walk["unreadable"];
}

/** A rotation that goes on beside the requests. */
interface SecretRotation {
  /** Ends it after the commit under way; the next start goes on with the rest. */
  stop(): Promise<void>;
}

/**
 * Where a previous secret is set, seals anew in the background whatever lies under it, and says in
 * the log when it can be taken away. Begins again after a failure.
 */
export function startSecretRotation(services: Services): SecretRotation {
  const { deps } = services;
  const stopping = new AbortController();
  const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
  const run = async () => {
    while (!stopping.signal.aborted) {
      try {
        await rotateSecret(services, stopping.signal);
        return;
      } catch (error) {
        deps.log("error", "Sealing anew under COUNTERSIGN_SECRET failed and is tried again", {
          error: String(error),
        });
        const timer = deps.timer(RETRY_MS);
        await Promise.race([timer.elapsed, stopped]);
        timer.cancel();
      }
    }
  };
  const running = deps.sealer.hasPrevious ? run() : Promise.resolve();
  return {
    async stop() {
      stopping.abort();
      stop();
      await running;
    },
  };
}

/**
 * Seals anew until a walk over everything finds nothing more: also what a node that knew only the
 * previous secret wrote behind the first walk. At the end the canary follows, and with it goes the
 * entry `secret.rotated` into the deployment's log: one a rotation, whoever finishes it.
 * Null when it was stopped before.
 * @throws {CannotOpen} when the canary lies under a third secret, and what the store throws
 */
export async function rotateSecret(
  services: Services,
  stopping: AbortSignal,
): Promise<RotatedSecret | null> {
  const { deps } = services;
  const resealed = countsByKind();
  const progress = progressLine(services);
  deps.log("info", "Sealing anew what lies under COUNTERSIGN_SECRET_PREVIOUS");
  for (;;) {
    const walk = await walkSealedRows(deps, stopping, progress);
    if (stopping.aborted) return null;
    for (const kind of SEALED_KINDS) resealed[kind] += walk.resealed[kind];
    if (total(walk.resealed) > 0 || walk.contended > 0) continue;
    const rotated = { rows: walk.rows, resealed, unreadable: walk.unreadable };
    await services.ledgers.transact(DEPLOYMENT_ORG, conclude(services, rotated));
    report(services, rotated);
    return rotated;
  }
}

/** Moves the canary under the current secret, unless another node has. */
function conclude(
  { deps: { sealer } }: Services,
  { rows, resealed, unreadable }: RotatedSecret,
): Operation<boolean, void> {
  const key = canaryKey();
  return {
    async load(reader) {
      const canary = await reader.get(key, canaryRecord);
      if (canary === null) return false;
      const opened = sealer.tryOpen(key, canary.value);
      // Under a third secret: another node is a rotation ahead, and its canary is to stay.
      if (opened === null) throw new CannotOpen(key);
      return opened.under === "current";
    },
    plan(transaction, isMoved) {
      if (isMoved) return;
      transaction.set(key, sealer.seal(key, CANARY_WORDS));
      // What lay under the previous secret still stands in the file, for whoever got hold of that.
      markErased(transaction);
      transaction.append({
        type: "secret.rotated",
        actor: { type: "system", id: "secret_rotation" },
        subject: {},
        data: {
          rows: rows satisfies JsonObject,
          resealed: resealed satisfies JsonObject,
          unreadable: unreadable.rows,
        },
      });
    },
  };
}

function report({ deps }: Services, { rows, resealed, unreadable }: RotatedSecret): void {
  if (unreadable.rows > 0) {
    deps.log(
      "warn",
      "Sealed rows are malformed or open neither under COUNTERSIGN_SECRET nor under " +
        "COUNTERSIGN_SECRET_PREVIOUS; they were left as they are",
      { rows: unreadable.rows, first_key: JSON.stringify(unreadable.first) },
    );
  }
  deps.log(
    "info",
    "The secret is rotated: nothing that opens lies under the previous one any more. Remove " +
      "COUNTERSIGN_SECRET_PREVIOUS before the next start",
    {
      rows: total(rows),
      resealed: total(resealed),
      ...Object.fromEntries(Object.entries(resealed).filter(([, count]) => count > 0)),
    },
  );
}

/** Says how far a walk is, but not too often. */
function progressLine({ deps }: Services): (walk: Walk) => void {
  let last = deps.now();
  return (walk) => {
    const now = deps.now();
    if (now - last < PROGRESS_MS) return;
    last = now;
    deps.log("info", "Sealing anew goes on", {
      rows: total(walk.rows),
      resealed: total(walk.resealed),
    });
  };
}

function total(counts: Record<SealedKind, number>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

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
interface Walk {
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
async function walkSealedRows(
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
function countsByKind(): Record<SealedKind, number> {
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
