import { z } from "zod";
import type { Services } from "../services.ts";
import { duePrefix } from "../store/keys.ts";
import { DUE_HANDLERS } from "./handlers.ts";
import { DUE_KINDS, type DueWork } from "./schedule.ts";
import { Slots } from "./slots.ts";

/** How much due work is done at the same time. The queue itself holds nothing back. */
const AT_ONCE = 32;
/** How many rows a sweep takes up at a time. */
const BATCH = 100;

const dueWork: z.ZodType<DueWork> = z.object({
  kind: z.enum(DUE_KINDS),
  at: z.number().int().nonnegative(),
  org: z.string(),
  id: z.string(),
});
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
  const { deps } = services;
  const selector = { prefix: duePrefix(), end: [...duePrefix(), now + 1] };
  let batch: DueWork[] = [];
  for await (const { key, value } of deps.kv.list(selector, { batchSize: BATCH })) {
    const work = dueWork.safeParse(value);
    if (work.success) batch.push(work.data);
    else deps.log("error", "A row of due work is malformed", { key: JSON.stringify(key) });
    if (batch.length < BATCH) continue;
    await doAll(services, batch);
    batch = [];
  }
  await doAll(services, batch);
}

/** Orgs beside each other, the work of one in turn: its commits would only collide. */
async function doAll(services: Services, batch: readonly DueWork[]): Promise<void> {
  const slots = new Slots(AT_ONCE);
  const turns = [...Map.groupBy(batch, ({ org }) => org).values()].map((ofOrg) =>
    slots.run(async () => {
      for (const work of ofOrg) await attempt(services, work);
    })
  );
  await Promise.all(turns);
}

/**
 * Starts what wakes due work up: messages of the queue at its very time where the platform has a
 * queue, and a sweep each minute, which finds whatever messages missed, and what was due while no
 * process ran. Nothing relies on either: whoever reads a record looks at the time.
 */
export function startDueWork(services: Services): DueWorker {
  const { deps } = services;
  const stopping = new AbortController();
  const slots = new Slots(AT_ONCE);
  if (deps.queues) void listen(services, slots, stopping.signal);
  const sweepNow = () => slots.run(() => sweepSafely(services, stopping.signal));
  void sweepNow();
  void Deno.cron("due work", "* * * * *", { signal: stopping.signal }, sweepNow);
  return {
    stop() {
      stopping.abort();
      return slots.idle();
    },
  };
}

async function sweepSafely(services: Services, stopping: AbortSignal): Promise<void> {
  if (stopping.aborted) return;
  const { deps } = services;
  try {
    await sweep(services, deps.now());
  } catch (error) {
    deps.log("error", "A sweep of due work failed", { error: String(error) });
  }
}

/** Takes messages of the queue until the store is closed. */
async function listen(services: Services, slots: Slots, stopping: AbortSignal): Promise<void> {
  const { deps } = services;
  try {
    await deps.kv.listenQueue(async (message: unknown) => {
      const parsed = dueMessage.safeParse(message);
      if (!parsed.success || stopping.aborted) return;
      const { due } = parsed.data;
      // A clock that runs behind the queue's: the sweep finds the row when it is time.
      if (due.at > deps.now()) return;
      await slots.run(() => attempt(services, due));
    });
  } catch (error) {
    if (stopping.aborted) return;
    deps.log("error", "The queue of due work ended; sweeps go on", { error: String(error) });
  }
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
