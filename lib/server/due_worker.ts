import { z } from "zod";
import { DUE_HANDLERS, OUTSIDE_KINDS } from "../due/handlers.ts";
import { OutsideWork } from "../due/outside_work.ts";
import { Slots } from "../due/slots.ts";
import { DUE_NOW, type DueWork, dueWork } from "../ledger/due.ts";
import type { Services } from "../services.ts";
import { duePrefix } from "../store/keys.ts";

/** How much due work is done at the same time. The queue itself holds nothing back. */
const AT_ONCE = 32;

/** How long the end of the worker waits for servers of others, milliseconds. */
const OUTSIDE_GRACE_MS = 5000;

/** How many rows a sweep takes up at a time. */
const BATCH = 100;

const dueMessage = z.object({ due: dueWork });

/** The worker of one process. */
export interface DueWorker {
  /** Ends the waking; work under way is finished. The queue ends with the store. */
  stop(): Promise<void>;
}

/**
 * Does all work that is due at `now` (milliseconds). Work that fails stays where it is for the next
 * sweep, and holds nothing else up.
 */
export async function sweep(services: Services, now: number): Promise<void> {
  const outside = new OutsideWork();
  await sweepInside(services, now, outside);
  await outside.idle();
}

/** The same, without waiting for work that waits for others. */
async function sweepInside(services: Services, now: number, outside: OutsideWork): Promise<void> {
  const { deps } = services;
  const selector = { prefix: duePrefix(), end: [...duePrefix(), now + 1] };
  let batch: DueWork[] = [];
  for await (const { key, value } of deps.kv.list(selector, { batchSize: BATCH })) {
    const work = dueWork.safeParse(value);
    if (work.success) batch.push(work.data);
    else deps.log("error", "A row of due work is malformed", { key: JSON.stringify(key) });
    if (batch.length < BATCH) continue;
    await doAll(services, batch, outside);
    batch = [];
  }
  await doAll(services, batch, outside);
}

/** Orgs beside each other, the work of one in turn: its commits would only collide. */
async function doAll(
  services: Services,
  batch: readonly DueWork[],
  outside: OutsideWork,
): Promise<void> {
  const slots = new Slots(AT_ONCE);
  const turns = [...Map.groupBy(batch, ({ org }) => org).values()].map((ofOrg) =>
    slots.run(async () => {
      for (const work of ofOrg) await begin(services, work, outside);
    })
  );
  await Promise.all(turns);
}

/**
 * Starts what wakes due work up: messages of the queue at its very time where the platform has a
 * queue; elsewhere the commits of this process, for what is due at once; and a sweep each minute,
 * which finds whatever these missed, and what was due while no process ran. Nothing relies on any:
 * whoever reads a record looks at the time.
 */
export function startDueWork(services: Services): DueWorker {
  const { deps } = services;
  const stopping = new AbortController();
  const slots = new Slots(AT_ONCE);
  const outside = new OutsideWork();
  const sweepNow = () => slots.run(() => sweepSafely(services, stopping.signal, outside));
  if (deps.queues) void listen(services, { slots, outside, stopping: stopping.signal });
  else void sweepOnNews(services, sweepNow, stopping.signal);
  void sweepNow();
  void Deno.cron("due work", "* * * * *", { signal: stopping.signal }, sweepNow);
  return {
    async stop() {
      stopping.abort();
      outside.stop();
      await slots.idle();
      const grace = deps.timer(OUTSIDE_GRACE_MS);
      await Promise.race([outside.idle(), grace.elapsed]);
      grace.cancel();
    },
  };
}

async function sweepSafely(
  services: Services,
  stopping: AbortSignal,
  outside: OutsideWork,
): Promise<void> {
  if (stopping.aborted) return;
  const { deps } = services;
  try {
    await sweepInside(services, deps.now(), outside);
  } catch (error) {
    deps.log("error", "A sweep of due work failed", { error: String(error) });
  }
}

/** Takes messages of the queue until the store is closed. */
async function listen(
  services: Services,
  { slots, outside, stopping }: {
    readonly slots: Slots;
    readonly outside: OutsideWork;
    readonly stopping: AbortSignal;
  },
): Promise<void> {
  const { deps } = services;
  try {
    await deps.kv.listenQueue(async (message: unknown) => {
      const parsed = dueMessage.safeParse(message);
      if (!parsed.success || stopping.aborted) return;
      const { due } = parsed.data;
      // A clock that runs behind the queue's: the sweep finds the row when it is time.
      if (due.at > deps.now()) return;
      await slots.run(() => begin(services, due, outside));
    });
  } catch (error) {
    if (stopping.aborted) return;
    deps.log("error", "The queue of due work ended; sweeps go on", { error: String(error) });
  }
}

/** Where there is no queue, work that is due at once is taken up when this process commits it. */
async function sweepOnNews(
  { ledgers }: Services,
  sweepNow: () => Promise<void>,
  stopping: AbortSignal,
): Promise<void> {
  const stopped = new Promise<void>((resolve) => {
    stopping.addEventListener("abort", () => resolve(), { once: true });
  });
  let listening = ledgers.listen(DUE_NOW);
  while (!stopping.aborted) {
    await Promise.race([listening.news, stopped]);
    listening.stop();
    // Before the sweep, so that it hears what is committed meanwhile.
    listening = ledgers.listen(DUE_NOW);
    if (!stopping.aborted) await sweepNow();
  }
  listening.stop();
}

/** Does a piece of work; one that waits for others is begun only. */
async function begin(services: Services, work: DueWork, outside: OutsideWork): Promise<void> {
  if (OUTSIDE_KINDS.has(work.kind)) outside.begin(work, () => attempt(services, work));
  else await attempt(services, work);
}

async function attempt(services: Services, work: DueWork): Promise<void> {
  try {
    await DUE_HANDLERS[work.kind](services, work);
  } catch (error) {
    services.deps.log("error", "Due work failed and is tried again", {
      kind: work.kind,
      org: work.org,
      id: work.id,
      error: String(error),
    });
  }
}
