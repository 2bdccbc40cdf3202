import type { Ledgers } from "../ledger/ledgers.ts";
import { schedule } from "../ledger/commit.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { dueKey } from "../store/keys.ts";
import { eventKey } from "../store/news_keys.ts";
import { type EventRecord, eventRecord, type EventType } from "../store/records/event.ts";
import { type DueWork, dueWork } from "../store/records/log.ts";

/**
 * Telling an event: it becomes deliveries, each of which is then tried until it has arrived or failed.
 * Each step takes its work away in the commit that writes what it made: done twice, by whichever
 * nodes, a delivery is there once, and a process that dies leaves the rest due.
 */

/** Puts deliveries into the commit; says where the next commit goes on, null when all are told. */
export type Telling = (transaction: Transaction) => string | null;

/** Somebody who hears of events. */
export interface Listener {
  /** Names it in work that is due, so it stays the same. */
  readonly name: string;
  /** Whether it may have anybody to tell of such an event, by the policy alone. */
  readonly hears: (snapshot: Snapshot, type: EventType) => boolean;
  /**
   * Whom it tells of an event, as many as a commit takes; null for nobody.
   * @param from what the telling before said; empty at first
   */
  readonly load: (reader: Reader, event: EventRecord, from: string) => Promise<Telling | null>;
}

/** One step: the deliveries of one listener, in one commit. What comes after it is due work again. */
export async function expandEvent(
  { ledgers }: { readonly ledgers: Pick<Ledgers, "transact"> },
  listeners: readonly Listener[],
  work: DueWork,
): Promise<void> {
  const { org } = work;
  const [id = "", name = "", from = ""] = work.id.split(" ");
  const due = dueKey(work.at, work.kind, org, work.id);
  await ledgers.transact(org, {
    async load(reader) {
      // Two nodes may take it up at once: the commit proves that the row was still there.
      if (await reader.get(due, dueWork) === null) return "done";
      const event = await reader.peek(eventKey(org, id), eventRecord);
      return event === null ? null : await nextTelling(reader, listeners, event.value, name, from);
    },
    plan(transaction, step) {
      if (step === "done") return;
      transaction.delete(due);
      if (step === null) return;
      const next = step.tell(transaction);
      const left = next === null ? step.after : `${step.name} ${next}`;
      if (left === null) return;
      schedule(transaction, { kind: work.kind, at: transaction.now, id: `${id} ${left}` });
    },
  });
}

interface Step {
  readonly name: string;
  readonly tell: Telling;
  /** Who is next when this one has told all; null for nobody. */
  readonly after: string | null;
}

/** The first listener from the named one on that has somebody to tell. */
async function nextTelling(
  reader: Reader,
  listeners: readonly Listener[],
  event: EventRecord,
  name: string,
  from: string,
): Promise<Step | null> {
  const hears = (listener: Listener) => listener.hears(reader.snapshot, event.happening.type);
  const first = Math.max(0, listeners.findIndex((listener) => listener.name === name));
  for (const [i, listener] of listeners.entries()) {
    if (i < first || !hears(listener)) continue;
    const tell = await listener.load(reader, event, i === first ? from : "");
    if (tell === null) continue;
    const after = listeners.slice(i + 1).find(hears);
    return { name: listener.name, tell, after: after?.name ?? null };
  }
  return null;
}
