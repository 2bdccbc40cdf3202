import { z } from "zod";
import { deliverAlert } from "../alerts/deliver.ts";
import { alertListener, expandAlert } from "../alerts/expand.ts";
import {
  cancelForAgent,
  cancelForMandate,
  cancelForPolicy,
  cancelForTool,
  cancelForUser,
  settleDueApproval,
} from "../approvals/advance.ts";
import { sweepPolicy } from "../catalog/staging.ts";
import { deliverToChannel, tellOwnerOfChannel } from "../channels/sending.ts";
import { endpointListener } from "../endpoints/expand.ts";
import { expandEvent } from "../events/expand.ts";
import { deliverIdentityEvent } from "../identity/events.ts";
import { clearDeletedOrg, eraseOrg } from "../leaving/org.ts";
import { endOrgless } from "../leaving/orgless_accounts.ts";
import { erasePerson, forgetMember } from "../leaving/person.ts";
import { DUE_NOW } from "../ledger/commit.ts";
import { forgetMadeOf, forgetOver } from "../mandates/in_force.ts";
import { endGrantInTime } from "../oauth/grants.ts";
import { tellKeeper } from "../people/credential_letters.ts";
import { tellOwner } from "../people/letters.ts";
import { deliverRemovedPasskey } from "../people/passkeys.ts";
import { holdRecovered } from "../people/recovery_holds.ts";
import type { Services } from "../services.ts";
import { duePrefix } from "../store/keys.ts";
import { endpointDuePrefix } from "../store/news_keys.ts";
import { type DueKind, type DueWork, dueWork } from "../store/records/log.ts";
import { reportDue } from "../tokens/execution.ts";
import { refreshDue } from "../gateway/refresh.ts";
import { refreshDueCredential } from "../vault/refresh.ts";
import { deliverWebhook, tellOwnerOfWebhook } from "../webhooks/sending.ts";

/**
 * Does what is due: finds it, hands each kind to whoever does it, and holds what waits for servers
 * of others apart. A process that ends, or two that do the same, change nothing about what is
 * done.
 */

/** How much due work is done at the same time. The queue itself holds nothing back. */
const WORK_AT_ONCE = 32;

/** How long the end of the worker waits for servers of others, milliseconds. */
const OUTSIDE_GRACE_MS = 5000;

/** How many rows a sweep takes up at a time. */
const BATCH = 100;

/** How much of what is due for one endpoint a sweep takes up. */
const ENDPOINT_BATCH = 50;

const dueMessage = z.object({ due: dueWork });

/** The worker of one process. */
interface DueWorker {
  /** Ends the waking; work under way is finished. The queue ends with the store. */
  stop(): Promise<void>;
}

/**
 * Does all work that is due at `now` (milliseconds). Work that fails stays where it is for the next
 * sweep, and holds nothing else up.
 */
export async function sweep(services: Services, now: number): Promise<void> {
  let isCut = true;
  const outside = new OutsideWork(() => isCut = true);
  while (isCut) {
    isCut = false;
    await sweepInside(services, now, outside);
    await outside.idle();
  }
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
  await sweepEndpoints(services, now, outside);
}

/**
 * Begins what is due for each endpoint, the oldest first, unless more waits for it than it takes: what
 * is left over costs a sweep nothing, however much it is.
 */
async function sweepEndpoints(
  services: Services,
  now: number,
  outside: OutsideWork,
): Promise<void> {
  const { deps } = services;
  const prefix = endpointDuePrefix();
  // Times are numbers, and `true` comes after them all.
  let after: { readonly start?: Deno.KvKey } = {};
  for (;;) {
    const rest = deps.kv.list({ prefix, ...after }, { limit: 1 });
    const { value: first } = await rest.next();
    if (first === undefined) return;
    const endpoint = String(first.key[prefix.length]);
    after = { start: [...prefix, endpoint, true] };
    if (outside.isWaiting(endpoint)) continue;
    const queue = { start: [...prefix, endpoint], end: [...prefix, endpoint, now + 1] };
    let taken = 0;
    for await (const { key, value } of deps.kv.list(queue, { limit: ENDPOINT_BATCH })) {
      taken++;
      const work = dueWork.safeParse(value);
      if (work.success) await begin(services, work.data, outside);
      else deps.log("error", "A row of due work is malformed", { key: JSON.stringify(key) });
    }
    if (taken === ENDPOINT_BATCH) outside.cut(endpoint);
  }
}

/** Orgs beside each other, the work of one in turn: its commits would only collide. */
async function doAll(
  services: Services,
  batch: readonly DueWork[],
  outside: OutsideWork,
): Promise<void> {
  const slots = new Slots(WORK_AT_ONCE);
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
  const slots = new Slots(WORK_AT_ONCE);
  const outside: OutsideWork = new OutsideWork(() => void sweepNow());
  const sweepNow = () => slots.run(() => sweepSafely(services, stopping.signal, outside));
  if (deps.queues) void listen(services, { slots, outside, stopping: stopping.signal });
  else void sweepOnNews(services, sweepNow, stopping.signal);
  void sweepNow();
  deps.everyMinute("due work", sweepNow, stopping.signal);
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
  // Each wait has a word of its own that ends it: one for all would gather what every wait left there.
  let wake = () => {};
  stopping.addEventListener("abort", () => wake(), { once: true });
  let listening = ledgers.listen(DUE_NOW);
  while (!stopping.aborted) {
    const woken = Promise.withResolvers<void>();
    wake = woken.resolve;
    void listening.news.then(woken.resolve);
    await woken.promise;
    listening.stop();
    // Before the sweep, so that it hears what is committed meanwhile.
    listening = ledgers.listen(DUE_NOW);
    if (!stopping.aborted) await sweepNow();
  }
  listening.stop();
}

/** Does a piece of work; one that waits for others is begun only. */
async function begin(services: Services, work: DueWork, outside: OutsideWork): Promise<void> {
  const lane = LANES[work.kind]?.(work);
  if (lane === undefined) await attempt(services, work);
  else outside.begin(work, lane, () => attempt(services, work));
}

/** Whether it was done. */
async function attempt(services: Services, work: DueWork): Promise<boolean> {
  try {
    await DUE_HANDLERS[work.kind](services, work);
    return true;
  } catch (error) {
    services.deps.log("error", "Due work failed and is tried again", {
      kind: work.kind,
      org: work.org,
      id: work.id,
      error: String(error),
    });
    return false;
  }
}

/**
 * Does work that is due and removes its row, in the commit that does it. Looks at the state by
 * itself: done twice, or by two nodes at once, it counts once.
 */
type DueHandler = (services: Services, work: DueWork) => Promise<void>;

/** Who hears of events. Each is named in work that is due. */
const LISTENERS = [alertListener, endpointListener];

/** Who does which kind of work. */
const DUE_HANDLERS: Readonly<Record<DueKind, DueHandler>> = {
  approval_ends: settleDueApproval,
  approval_lapses: settleDueApproval,
  tool_changed: cancelForTool,
  async mandate_ended(services, work) {
    await forgetMadeOf(services, work);
    await cancelForMandate(services, work);
  },
  mandate_over: forgetOver,
  user_key_gone: cancelForUser,
  policy_applied: cancelForPolicy,
  policy_sweep: sweepPolicy,
  agent_rotated: cancelForAgent,
  report_due: reportDue,
  identity_event: deliverIdentityEvent,
  passkey_removed: deliverRemovedPasskey,
  recovery_hold: holdRecovered,
  recovery_letter: tellOwner,
  event_expand: (services, work) => expandEvent(services, LISTENERS, work),
  alert_nearing_expiry: expandAlert,
  alert_new_request: expandAlert,
  alert_second_level: expandAlert,
  alert_decided: expandAlert,
  alert_delivery: deliverAlert,
  webhook_delivery: deliverWebhook,
  channel_delivery: deliverToChannel,
  endpoint_letter: (services, work) =>
    (work.id.startsWith("chn_") ? tellOwnerOfChannel : tellOwnerOfWebhook)(services, work),
  org_deleted: clearDeletedOrg,
  org_erased: eraseOrg,
  person_erased: erasePerson,
  member_forgotten: forgetMember,
  account_orgless: endOrgless,
  grant_ends: endGrantInTime,
  upstream_refresh: refreshDue,
  credential_refresh: refreshDueCredential,
  credential_letter: tellKeeper,
};

/** A queue of its own for work that waits for the same others. */
interface Lane {
  readonly name: string;
  /** How many conversations run in it at the same time. */
  readonly at_once: number;
}

/** Mail and push: our own mail server, and a few services that answer. */
const LETTERS: Lane = { name: "letters", at_once: 8 };

/** Each endpoint has a lane: one that hangs holds up nothing but what waits for it. */
const endpointLane = ({ id }: DueWork): Lane => ({ name: id.split(" ")[0] ?? "", at_once: 2 });

/** Work that waits for somebody else's server, and in which lane: it holds up nothing of our own. */
const LANES: Partial<Readonly<Record<DueKind, (work: DueWork) => Lane>>> = {
  alert_delivery: () => LETTERS,
  recovery_letter: () => LETTERS,
  endpoint_letter: () => LETTERS,
  credential_letter: () => LETTERS,
  webhook_delivery: endpointLane,
  upstream_refresh: ({ org, id }) => ({ name: `upstream ${org} ${id}`, at_once: 1 }),
  credential_refresh: ({ org, id }) => ({ name: `credential ${org} ${id}`, at_once: 1 }),
  channel_delivery: endpointLane,
};

/** How much work waits in a lane at most; the rest stays where it is for a later sweep. */
const MOST_WAITING = 500;

/** Work that waits for others: beside everything else, each piece once at a time. */
class OutsideWork {
  readonly #lanes = new Map<string, Slots>();
  readonly #underWay = new Set<string>();
  readonly #cut = new Set<string>();
  #stopped = false;

  /** @param goOn called when a lane is empty for which more is due than was begun */
  constructor(readonly goOn: () => void) {}

  /** Whether something waits for room in a lane. */
  isWaiting(name: string): boolean {
    return (this.#lanes.get(name)?.waiting ?? 0) > 0;
  }

  /** Says that more is due in a lane than was begun. */
  cut(name: string): void {
    if (this.#lanes.has(name)) this.#cut.add(name);
  }

  /** Begins it when there is room in its lane, unless it runs or waits already. */
  begin(work: DueWork, { name, at_once }: Lane, attempt: () => Promise<boolean>): void {
    const piece = JSON.stringify([work.kind, work.org, work.id, work.at]);
    const lane = this.#lanes.get(name) ?? new Slots(at_once);
    if (this.#underWay.has(piece) || lane.waiting >= MOST_WAITING) return;
    this.#lanes.set(name, lane);
    this.#underWay.add(piece);
    const unlessStopped = async () => {
      // What fails is not tried again at once, but by the next sweep that would come anyhow.
      if (!this.#stopped && !await attempt()) this.#cut.delete(name);
    };
    void lane.run(unlessStopped).finally(() => {
      this.#underWay.delete(piece);
      if (lane.isIdle) this.#lanes.delete(name);
      if (lane.waiting === 0 && this.#cut.delete(name) && !this.#stopped) this.goOn();
    });
  }

  /** Begins nothing more: what waits for room stays due. */
  stop(): void {
    this.#stopped = true;
  }

  /** Resolves when nothing runs or waits any more. */
  async idle(): Promise<void> {
    while (this.#lanes.size > 0) {
      await Promise.all([...this.#lanes.values()].map((lane) => lane.idle()));
    }
  }
}

/** Lets so many things happen at the same time; the rest waits for its turn. */
class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];
  readonly #running = new Set<Promise<void>>();

  constructor(count: number) {
    this.#free = count;
  }

  /** How many wait for room. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Whether nothing runs or waits. */
  get isIdle(): boolean {
    return this.#running.size === 0;
  }

  /** Runs it when there is room; resolves when it is done. */
  run(thing: () => Promise<void>): Promise<void> {
    const running = this.#run(thing).finally(() => this.#running.delete(running));
    this.#running.add(running);
    return running;
  }

  /** Resolves when nothing runs or waits any more, however it ended. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  async #run(thing: () => Promise<void>): Promise<void> {
    if (this.#free === 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push(resolve);
      await promise;
    } else {
      this.#free--;
    }
    try {
      await thing();
    } finally {
      // The place goes straight to whoever waits longest.
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}
