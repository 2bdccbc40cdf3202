import type { Ledgers } from "../ledger/ledgers.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { dueKey } from "../store/keys.ts";
import type { DueKind, DueWork } from "../store/records/log.ts";

/**
 * The one way in which whatever is to be sent is tried, to members and to endpoints: taken on in one
 * commit, sent, and what came of it noted in another. Each way says what it loads, and what a try and
 * its outcome make of it.
 */

/** How long a try may be under way before it counts as lost with its process. */
export const LEASE_MS = 2 * 60_000;

/** What is said of such a try. */
export const LOST = "The process ended while it was sent.";

/** A delivery that is to be tried. */
export interface Queued {
  readonly state: "queued";
  /** When it is tried next; while a try is under way, when that one counts as lost. */
  readonly next_at: number;
  readonly under_way: boolean;
}

/** A delivery that is queued, with what its next try depends on. */
export interface Loaded {
  readonly delivery: Queued;
}

/** Where a try goes, or what became of the delivery without one. */
export type Aim<T, O> = { readonly to: T } | { readonly without: O };

/** A try that this process has taken on. */
export interface Claim<L, T> {
  readonly loaded: L;
  readonly to: T;
}

/** How deliveries of one kind are tried. */
export interface Way<L extends Loaded, T, O> {
  readonly kind: DueKind;
  /** Null when there is nothing to try any more. */
  readonly load: (reader: Reader, id: string) => Promise<L | null>;
  readonly aim: (loaded: L, transaction: Transaction) => Aim<T, O>;
  /** Puts the delivery with a try begun into the commit; others keep off until it counts as lost. */
  readonly begin: (transaction: Transaction, loaded: L) => void;
  /** Puts into the commit what came of a try, and the next one when there is to be one. */
  readonly conclude: (transaction: Transaction, loaded: L, outcome: O) => void;
  /** What comes of a try whose process ended. */
  readonly lost: O;
}

/**
 * Tries a delivery: only one of any number of nodes takes it on. A process that dies between the two
 * commits leaves the work behind, due when its try counts as lost: what was sent then may be sent
 * twice. What `send` throws leaves it so, too.
 */
export async function deliver<L extends Loaded, T, O>(
  { ledgers }: { readonly ledgers: Pick<Ledgers, "transact"> },
  way: Way<L, T, O>,
  work: DueWork,
  send: (claim: Claim<L, T>) => Promise<O>,
): Promise<void> {
  const claim = await take(ledgers, way, work);
  if (claim === null) return;
  const outcome = await send(claim);
  await note(ledgers, way, work, { outcome, next_at: claim.next_at });
}

/** Null when there is nothing to do, or nothing any more. */
function take<L extends Loaded, T, O>(
  ledgers: Pick<Ledgers, "transact">,
  way: Way<L, T, O>,
  work: DueWork,
): Promise<Claim<L, T> & { readonly next_at: number } | null> {
  return ledgers.transact(work.org, {
    load: (reader) => way.load(reader, work.id),
    plan(transaction, loaded) {
      const { now } = transaction;
      const due = dueKey(work.at, work.kind, work.org, work.id);
      // A queued delivery has one row of work, at its own time: any other has been overtaken.
      if (loaded === null || loaded.delivery.next_at !== work.at) {
        transaction.delete(due);
        return null;
      }
      if (now < work.at) return null;
      transaction.delete(due);
      if (loaded.delivery.under_way) {
        way.conclude(transaction, loaded, way.lost);
        return null;
      }
      const aim = way.aim(loaded, transaction);
      if ("without" in aim) {
        way.conclude(transaction, loaded, aim.without);
        return null;
      }
      way.begin(transaction, loaded);
      return { loaded, to: aim.to, next_at: now + LEASE_MS };
    },
  });
}

function note<L extends Loaded, T, O>(
  ledgers: Pick<Ledgers, "transact">,
  way: Way<L, T, O>,
  { kind, org, id }: DueWork,
  { outcome, next_at }: { readonly outcome: O; readonly next_at: number },
): Promise<void> {
  return ledgers.transact(org, {
    load: (reader) => way.load(reader, id),
    plan(transaction, loaded) {
      // The try took so long that it counted as lost, and somebody else has gone on.
      if (loaded?.delivery.under_way !== true || loaded.delivery.next_at !== next_at) return;
      transaction.delete(dueKey(next_at, kind, org, id));
      way.conclude(transaction, loaded, outcome);
    },
  });
}
