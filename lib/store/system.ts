import { basename, dirname, join, resolve } from "node:path";
import { setImmediate } from "node:timers";

/**
 * What comes from the system itself: time, chance, timers, one line of the log, and how a task is
 * started. Tests bring their own.
 */

/**
 * Anything that begins like one of our secrets, up to where it can end; what begins by `st_` alone may
 * be a name.
 */
const SECRETS =
  /\b(?:(cs_(?:live|mgmt|appr|agent|run|at|rt)_|whsec_)[\x21-\x7e]+|(st_)[0-9A-Za-z]{20}[\x21-\x7e]*)/g;

const ADDRESSES = /[^\s"'<>@]+@[^\s"'<>@]+/g;

/**
 * One line of the log as JSON: time, level, message, fields. A secret or an e-mail address that
 * slipped into a text, say of an error, is cut out: no caller should hand one over, and none gets
 * out if one does.
 */
export function formatLogLine(at: Date, ...[level, message, fields = {}]: Parameters<LogLine>) {
  const cut = (_name: string, value: unknown) =>
    typeof value === "string" ? value.replace(SECRETS, "$1$2…").replace(ADDRESSES, "…@…") : value;
  return JSON.stringify({ at: at.toISOString(), level, message, ...fields }, cut);
}

/** Writes one line of JSON to standard error. */
export const logLine: LogLine = (level, message, fields = {}) => {
  console.error(formatLogLine(new Date(), level, message, fields));
};

/** A wait that can be called off. */
export interface Timer {
  readonly elapsed: Promise<void>;
  cancel(): void;
}

/** One line of the deployment's log: never a secret, never personal data. */
export type LogLine = (
  level: "info" | "warn" | "error",
  message: string,
  fields?: Readonly<Record<string, string | number | boolean | null>>,
) => void;

/** A timer of the system's clock. */
export function systemTimer(milliseconds: number): Timer {
  const { promise, resolve } = Promise.withResolvers<void>();
  const id = setTimeout(resolve, milliseconds);
  return { elapsed: promise, cancel: () => clearTimeout(id) };
}

/** Calls back when this turn of the event loop is over. */
export function afterTurn(callback: () => void): void {
  setImmediate(callback);
}

/** After so much work at once others get their turn, milliseconds. */
const AT_ONCE_MS = 8;

/**
 * Gives others their turn while something long is done in small parts. Asked after each of them: what
 * to wait for then, null while there is time left. By a timer, which lets in what comes from outside;
 * a callback at the end of the turn lets it wait for a third of a second.
 */
export function turns(
  { timer, monotonic }: {
    readonly timer: (milliseconds: number) => Timer;
    readonly monotonic: () => number;
  },
): () => Promise<void> | null {
  let since = monotonic();
  return () => {
    if (monotonic() - since < AT_ONCE_MS) return null;
    return timer(0).elapsed.then(() => {
      since = monotonic();
    });
  };
}

/** Does some work at each full minute of the system's clock, until the signal. */
export function everyMinute(name: string, work: () => Promise<void>, stop: AbortSignal): void {
  void Deno.cron(name, "* * * * *", { signal: stop }, work);
}

/** A place in the ring of those who wait; its own is that of the timer. */
class Place {
  before: Place = this;
  after: Place = this;

  constructor(public ticks: number, readonly refuse: () => void) {}

  /** Takes the last place of a ring. */
  join(ring: Place): void {
    this.before = ring.before;
    this.after = ring;
    ring.before.after = this;
    ring.before = this;
  }

  leave(): void {
    this.before.after = this.after;
    this.after.before = this.before;
    this.before = this;
    this.after = this;
  }
}

/**
 * One timer for all who wait for something that may take some ticks and no longer. It runs on to its
 * next tick when nobody waits any more, for a timer costs more than most waits; then it rests. Those
 * who wait are a ring, for a set makes its table anew every few calls.
 */
export class CoarseTimer {
  readonly #ring = new Place(Infinity, () => {});
  #timer: Timer | null = null;

  /** @param tickMs how exactly it measures, milliseconds */
  constructor(
    readonly deps: { readonly timer: (milliseconds: number) => Timer },
    readonly tickMs: number,
  ) {}

  /** What is awaited, or the error of `late` where it has not come by the given tick from now on. */
  within<T>(ticks: number, awaited: Promise<T>, late: () => Error): Promise<T> {
    return new Promise((resolve, reject) => {
      const place = new Place(ticks, () => reject(late()));
      place.join(this.#ring);
      if (this.#timer === null) this.#wait();
      awaited.then((value) => {
        place.leave();
        resolve(value);
      }, (error) => {
        place.leave();
        reject(error);
      });
    });
  }

  #wait(): void {
    this.#timer = this.deps.timer(this.tickMs);
    void this.#timer.elapsed.then(() => this.#tick());
  }

  #tick(): void {
    for (let place = this.#ring.after, next; place !== this.#ring; place = next) {
      next = place.after;
      if (--place.ticks > 0) continue;
      place.leave();
      place.refuse();
    }
    if (this.#ring.after !== this.#ring) this.#wait();
    else this.#timer = null;
  }
}

/** Milliseconds since the process began, whatever the clock is set to meanwhile. */
export function systemMonotonic(): number {
  return performance.now();
}

const POOL_BYTES = 4096;

let pool = new Uint8Array(0);

let poolUsed = 0;

/** Random bytes of the system; small numbers of them are taken from a block drawn at once. */
export function systemRandom(bytes: number): Uint8Array {
  if (bytes > 64) return crypto.getRandomValues(new Uint8Array(bytes));
  if (poolUsed + bytes > pool.length) {
    pool = crypto.getRandomValues(new Uint8Array(POOL_BYTES));
    poolUsed = 0;
  }
  poolUsed += bytes;
  // A copy: what is handed out must not keep its neighbours' bytes within reach.
  return pool.slice(poolUsed - bytes, poolUsed);
}

/**
 * Where a path leads through the links on its way and at its end; of what is not there yet, where its
 * nearest folder that is. What this process may not look at stays as it is written: whoever opens it
 * is told why.
 */
export function realPath(path: string): string {
  const whole = resolve(path);
  try {
    return Deno.realPathSync(whole);
  } catch {
    const folder = dirname(whole);
    return folder === whole ? whole : join(realPath(folder), basename(whole));
  }
}

/**
 * How whoever started this process starts another task: by the Deno that `npx` fetched for one
 * command, which is on no path, or by an installed one.
 * @param task name and arguments, such as `recover EMAIL`
 */
export function taskCommand(
  task: string,
  [executable, version] = [Deno.execPath(), Deno.version.deno],
): string {
  const deno = /[/\\]_npx[/\\]/.test(executable) ? `npx -y deno@${version}` : "deno";
  return `${deno} task -q ${task}`;
}
