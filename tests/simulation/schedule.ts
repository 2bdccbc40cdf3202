import { setImmediate } from "node:timers";
import type { Timer } from "../../lib/store/system.ts";
import { Chance } from "./chance.ts";

/**
 * Who owns all time of a simulation. Whatever anybody waits for is a turn: an answer of the store, a
 * timer, the end of a signature. One is taken at a time, the earliest first and by the seed where
 * several are due; the next is taken only when nothing is left to do of the one before.
 */

/** Whom a turn belongs to. What belongs to one who has died never comes. */
export interface Owner {
  readonly name: string;
  isAlive: boolean;
}

/** A thing that happens at some moment. */
interface Turn {
  readonly at: number;
  /** Orders what is due at the same moment. */
  readonly tie: number;
  readonly owner: Owner;
  readonly what: string;
  /** Does it; what has to come from outside first may be awaited. */
  act: (() => void | Promise<void>) | null;
}

/** The turns that are still to come, the earliest first: a binary heap. */
class Queue {
  readonly #heap: Turn[] = [];

  get size(): number {
    return this.#heap.length;
  }

  put(turn: Turn): void {
    let at = this.#heap.push(turn) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(turn, this.#heap[parent]!)) break;
      this.#heap[at] = this.#heap[parent]!;
      at = parent;
    }
    this.#heap[at] = turn;
  }

  take(): Turn | undefined {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (first === undefined || last === undefined || this.#heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#heap.length) break;
      const right = this.#heap[child + 1];
      if (right !== undefined && isBefore(right, this.#heap[child]!)) child++;
      if (!isBefore(this.#heap[child]!, last)) break;
      this.#heap[at] = this.#heap[child]!;
      at = child;
    }
    this.#heap[at] = last;
    return first;
  }
}

function isBefore(one: Turn, other: Turn): boolean {
  return one.at < other.at || one.at === other.at && one.tie < other.tie;
}

/** Nobody's own: the network, the store, the world itself. */
export const WORLD: Owner = { name: "world", isAlive: true };

/** FNV-1a over the trace, in two halves of 32 bits, so that seeds can be told from each other. */
class TraceHash {
  #a = 0x811c9dc5;
  #b = 0x01000193;

  add(text: string): void {
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      this.#a = Math.imul(this.#a ^ code, 0x01000193);
      this.#b = Math.imul(this.#b ^ code, 0x85ebca6b) + i | 0;
    }
  }

  get hex(): string {
    return [this.#a, this.#b].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
  }
}

/** What may be said of a step, for whoever reads the trace. */
type Listener = (at: number, owner: string, what: string) => void;

/** All turns of one simulation, and what time it is in it. */
export class Schedule {
  /** Milliseconds since 1970, of the world: nobody's clock shows it. */
  now = Date.UTC(2026, 0, 1);
  /** How many turns were taken. */
  steps = 0;
  /** Hears of each turn that is taken. */
  listener: Listener | null = null;
  readonly #queue = new Queue();
  readonly #ties: Chance;
  readonly #trace = new TraceHash();

  constructor(chance: Chance) {
    this.#ties = chance.fork("ties");
  }

  /** Stands for all that happened and when: equal for equal runs. */
  get trace(): string {
    return this.#trace.hex;
  }

  /** Has something happen after so many milliseconds. Answers how it is called off. */
  after(
    milliseconds: number,
    owner: Owner,
    what: string,
    act: () => void | Promise<void>,
  ): () => void {
    const at = this.now + Math.max(milliseconds, 0);
    const turn: Turn = { at, tie: this.#ties.word(), owner, what, act };
    this.#queue.put(turn);
    return () => turn.act = null;
  }

  /** A wait of somebody's that can be called off. */
  timer(milliseconds: number, owner: Owner): Timer {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.after(milliseconds, owner, "timer", resolve);
    return { elapsed: promise, cancel };
  }

  /** Says in the trace that something happened within this turn. */
  note(what: string): void {
    this.#trace.add(what);
    this.listener?.(this.now, "·", what);
  }

  /** Takes turns until something is so, or nothing is left to happen; answers whether it is so. */
  async until(isSo: () => boolean, most = Infinity): Promise<boolean> {
    for (let count = 0; count < most && !isSo(); count++) {
      const turn = this.#queue.take();
      if (turn === undefined) return isSo();
      const { at, owner, what, act } = turn;
      if (act === null || !owner.isAlive) continue;
      this.now = Math.max(this.now, at);
      this.steps++;
      this.#trace.add(`${this.now} ${owner.name} ${what}\n`);
      this.listener?.(this.now, owner.name, what);
      turn.act = null;
      const done = act();
      if (done !== undefined) await done;
      // All that follows from this turn by itself has happened when the next turn of the loop comes.
      await new Promise<void>((resolve) => void setImmediate(resolve));
    }
    return isSo();
  }
}
