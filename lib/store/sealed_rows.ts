import { z } from "zod";
import type { SealedKind, SealedRowKey, StoreKey } from "./keys.ts";
import { MalformedRecord, parseRecord } from "./record.ts";
import { logPrivateRecord } from "./records/log.ts";
import type { Sealer } from "./sealing.ts";

/**
 * Every kind of row that is sealed, and how one is sealed anew: rotation of the secret walks this
 * list, so that none is forgotten.
 */

/** Gives sealed bytes back under the current secret; those that are, or do not open, as they are. */
type Anew = (key: SealedRowKey, sealed: Uint8Array) => Uint8Array;

/** How rows of one kind hold what is sealed. */
interface SealedRows {
  /** The value of a row with `anew` on all its sealed bytes. @throws {MalformedRecord} */
  readonly replaced: (key: SealedRowKey, value: unknown, anew: Anew) => object;
  /** Whether the store may drop a row at its `expires_at`. */
  readonly ends: boolean;
}

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, "expected bytes");

// Loose, so that a row keeps what else is in it, whatever that is.
const whole = z.looseObject({ sealed: bytes });

const logKey = z.looseObject({ sealed_private_key: bytes });

const approval = z.looseObject({
  reason: bytes,
  decisions: z.array(z.looseObject({ level: z.number(), note: bytes.nullable() })),
});

const ending = z.object({ expires_at: z.number() });

const replacedWhole: SealedRows["replaced"] = (key, value, anew) => {
  const record = parseRecord(key, whole, value);
  return { ...record, sealed: anew(key, record.sealed) };
};

/** What is sealed where. */
export const SEALED_ROWS: Readonly<Record<SealedKind, SealedRows>> = {
  log_key: {
    replaced(key, value, anew) {
      const record = parseRecord(key, logKey, value);
      const sealed = record.sealed_private_key;
      // That of a retired key was wiped.
      return { ...record, sealed_private_key: sealed.length === 0 ? sealed : anew(key, sealed) };
    },
    ends: false,
  },
  token_key: { replaced: replacedWhole, ends: true },
  receipt_key: { replaced: replacedWhole, ends: false },
  run_token_arguments: { replaced: replacedWhole, ends: true },
  approval: {
    replaced(key, value, anew) {
      const record = parseRecord(key, approval, value);
      const decisions = record.decisions.map((decision) => ({
        ...decision,
        note: decision.note === null
          ? null
          : anew([...key, `note ${decision.level}`], decision.note),
      }));
      return { ...record, decisions, reason: anew([...key, "reason"], record.reason) };
    },
    ends: false,
  },
  approval_view: { replaced: replacedWhole, ends: false },
  approval_ask: { replaced: replacedWhole, ends: false },
  log_private: {
    replaced: (key, value, anew) => anew(key, parseRecord(key, logPrivateRecord, value).sealed),
    ends: false,
  },
  push_key: { replaced: replacedWhole, ends: false },
  identity_event: { replaced: replacedWhole, ends: false },
  webhook_secret: { replaced: replacedWhole, ends: false },
  channel_secret: { replaced: replacedWhole, ends: false },
  call_result: { replaced: replacedWhole, ends: true },
  vault_secret: { replaced: replacedWhole, ends: false },
  vault_before: { replaced: replacedWhole, ends: true },
  vault_grant: { replaced: replacedWhole, ends: false },
  vault_connect: { replaced: replacedWhole, ends: true },
  device_login: { replaced: replacedWhole, ends: true },
};

/** A row as it is to be written. */
export interface RowAnew {
  readonly key: StoreKey;
  readonly value: object;
  /** Milliseconds until the store may drop the row; undefined when it stays. */
  readonly expireIn: number | undefined;
}

/** What became of the sealed bytes of a row. */
export interface Resealed {
  /** Null when nothing in the row lies under the previous secret. */
  readonly anew: RowAnew | null;
  /** Whether the row is malformed, or holds bytes that open under neither secret: they stay. */
  readonly unreadable: boolean;
}

/** Seals under the current secret what opens only under the previous one; `now` in milliseconds. */
export function reseal(
  sealer: Sealer,
  kind: SealedKind,
  row: { readonly key: StoreKey; readonly value: unknown },
  now: number,
): Resealed {
  const { replaced, ends } = SEALED_ROWS[kind];
  let stale = 0;
  let unreadable = false;
  const anew: Anew = (key, sealed) => {
    const opened = sealer.tryOpen(key, sealed);
    if (opened?.under === "previous") {
      stale++;
      return sealer.seal(key, opened.plain);
    }
    unreadable ||= opened === null;
    return sealed;
  };
  try {
    const value = replaced([kind, ...row.key.slice(1)], row.value, anew);
    // A row that is to end keeps its end: written without one it would stay for ever.
    const expireIn = ends
      ? Math.max(1, parseRecord(row.key, ending, value).expires_at - now)
      : undefined;
    return { anew: stale === 0 ? null : { key: row.key, value, expireIn }, unreadable };
  } catch (error) {
    if (error instanceof MalformedRecord) return { anew: null, unreadable: true };
    throw error;
  }
}
