import type { AnswerHead } from "../deps.ts";
import type { Timer } from "../store/system.ts";
import type { Connection } from "./connection.ts";
import { AnswerReader } from "./http_answer.ts";

/**
 * Connections that rest between two requests. What belongs to one answer must never be read as the
 * next one's, so a connection rests only after an answer whose end is beyond doubt and with nothing
 * behind it, and is given up over the first byte that comes while it rests.
 */

/** A connection to an origin, and what is read off it. */
export class Line {
  readonly reader: AnswerReader;
  /** How long it may rest, milliseconds: as the other side says, where it says so. */
  mayRestFor = REST_MS;
  /** When it came to rest the last time. */
  restsSince = 0;

  /** @param madeAt when its host was looked up */
  constructor(
    readonly connection: Connection,
    readonly origin: string,
    readonly madeAt: number,
  ) {
    this.reader = new AnswerReader(connection);
  }

  /** Whether it stands and nothing came of which nobody knows what it is. */
  get isQuiet(): boolean {
    return this.reader.isEmpty && this.connection.isQuiet;
  }
}

/** Longest rest, milliseconds. */
const REST_MS = 10_000;

/**
 * Longest rest before a request that must not be sent twice. Servers close what rested, most after
 * five seconds or more, and one that does so as a request arrives leaves nobody able to tell what
 * became of it.
 */
const YOUNG_MS = 1000;

/** A connection is used for so long; then its host is looked up anew, milliseconds. */
const LONGEST_USE_MS = 60_000;

/** Most bytes of an answer that are read on once nobody waits for them. */
const MOST_UNREAD = 1024;

/** How long they may take to come, milliseconds. */
const ENDING_MS = 1000;

/** Most connections to one upstream that rest. */
const MOST_RESTING = 8;

/** Most of all upstreams together. */
const MOST_IN_ALL = 200;

/** What measures time here. */
export interface KeepingClock {
  readonly timer: (milliseconds: number) => Timer;
  readonly monotonic: () => number;
}

/** How many rest in this process. */
export class Resting {
  count = 0;
}

/** The resting connections of one client to the hosts that it asks. */
export class KeptConnections {
  /** The one that rested least is the last. */
  #resting: Line[] = [];
  /** Of an answer that nobody reads any more. */
  readonly #ending = new Set<Line>();
  #sweep: Timer | null = null;
  #isClosed = false;

  constructor(readonly clock: KeepingClock, readonly inAll: Resting) {}

  /**
   * The one to an origin that rested least; null where none may be used.
   * @param repeatable whether what is to be sent may be sent a second time
   */
  take(origin: string, repeatable: boolean): Line | null {
    const now = this.clock.monotonic();
    this.#keepThose((line) => line.isQuiet && !isOver(line, now));
    const at = this.#resting.findLastIndex((line) =>
      line.origin === origin && (repeatable || now - line.restsSince <= YOUNG_MS)
    );
    if (at < 0) return null;
    this.inAll.count--;
    return this.#resting.splice(at, 1)[0] ?? null;
  }

  /** Has a connection rest after an answer that was read to its end, or closes it. */
  rest(line: Line, head: AnswerHead): void {
    const now = this.clock.monotonic();
    const seconds = keepAliveSeconds(head.headers);
    if (seconds !== null) line.mayRestFor = Math.min(REST_MS, (seconds - 1) * 1000);
    line.restsSince = now;
    if (this.#isClosed || !line.isQuiet || isOver(line, now)) return line.connection.close();
    // The one that rested longest makes room: what rests is to be young.
    if (this.#resting.length >= MOST_RESTING || this.inAll.count >= MOST_IN_ALL) {
      const [oldest] = this.#resting;
      this.#keepThose((other) => other !== oldest);
    }
    if (this.inAll.count >= MOST_IN_ALL) return line.connection.close();
    this.inAll.count++;
    this.#resting.push(line);
    this.#sweepLater();
  }

  /** The same once what is left of an answer has come, if that is next to nothing and comes soon. */
  async restAfter(pieces: AsyncIterable<Uint8Array>, line: Line, head: AnswerHead): Promise<void> {
    if (this.#isClosed || this.#ending.size + this.#resting.length >= MOST_RESTING) {
      return line.connection.close();
    }
    this.#ending.add(line);
    const late = this.clock.timer(ENDING_MS);
    void late.elapsed.then(() => line.connection.close());
    const isWhole = await readOn(pieces, MOST_UNREAD);
    late.cancel();
    this.#ending.delete(line);
    if (isWhole) this.rest(line, head);
    else line.connection.close();
  }

  /** Closes what rests, and from now on whatever would. */
  close(): void {
    this.#isClosed = true;
    this.#sweep?.cancel();
    this.#sweep = null;
    this.#keepThose(() => false);
    for (const line of this.#ending) line.connection.close();
  }

  /** One timer for all: they end by their time where nobody takes them any more. */
  #sweepLater(): void {
    if (this.#sweep !== null) return;
    const sweep = this.clock.timer(REST_MS / 2);
    this.#sweep = sweep;
    void sweep.elapsed.then(() => {
      if (this.#sweep !== sweep) return;
      this.#sweep = null;
      const now = this.clock.monotonic();
      this.#keepThose((line) => line.isQuiet && !isOver(line, now));
      if (this.#resting.length > 0) this.#sweepLater();
    });
  }

  #keepThose(stays: (line: Line) => boolean): void {
    if (this.#resting.every(stays)) return;
    this.#resting = this.#resting.filter((line) => {
      if (stays(line)) return true;
      this.inAll.count--;
      line.connection.close();
      return false;
    });
  }
}

function isOver({ restsSince, mayRestFor, madeAt }: Line, now: number): boolean {
  return now - restsSince >= mayRestFor || now - madeAt >= LONGEST_USE_MS;
}

/** Reads what is left of an answer; false where that is more than so much, or it breaks off. */
async function readOn(pieces: AsyncIterable<Uint8Array>, most: number): Promise<boolean> {
  let left = most;
  try {
    for await (const piece of pieces) {
      left -= piece.length;
      if (left < 0) return false;
    }
    return true;
  } catch {
    return false;
  }
}

/** What `Keep-Alive: timeout=5` says; null where it says nothing. */
function keepAliveSeconds(headers: Headers): number | null {
  const [, seconds] = /(?:^|[,\s])timeout=([0-9]{1,9})(?:$|[,;\s])/i.exec(
    headers.get("keep-alive") ?? "",
  ) ?? [];
  return seconds === undefined ? null : Number(seconds);
}
