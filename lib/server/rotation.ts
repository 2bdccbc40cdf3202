import type { JsonObject } from "../json/json_value.ts";
import type { Operation } from "../ledger/operation.ts";
import { countsByKind, type Walk, walkSealedRows } from "../rotation/walk_sealed_rows.ts";
import type { Services } from "../services.ts";
import { CANARY_WORDS, canaryRecord } from "../store/canary.ts";
import { canaryKey, DEPLOYMENT_ORG, SEALED_KINDS, type SealedKind } from "../store/keys.ts";
import { CannotOpen } from "../store/sealing.ts";

/** The least time between two lines about how far it is, milliseconds. */
const PROGRESS_MS = 10_000;

/** How long after a failure it begins again, milliseconds. */
const RETRY_MS = 60_000;

/** A rotation that came to its end. */
export interface RotatedSecret {
  /** All sealed rows there are. */
  readonly rows: Record<SealedKind, number>;
  /** Those that this process sealed anew. */
  readonly resealed: Record<SealedKind, number>;
  readonly unreadable: Walk["unreadable"];
}

/** A rotation that goes on beside the requests. */
export interface SecretRotation {
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
