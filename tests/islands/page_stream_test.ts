import assert from "node:assert/strict";
import { followStream, type StreamState } from "../../islands/page_stream.tsx";

/** A stream that says what a test lets it say. */
class ToldSource extends EventTarget {
  static readonly CLOSED = 2;
  static readonly all: ToldSource[] = [];
  readyState = 1;

  constructor(readonly path: string) {
    super();
    ToldSource.all.push(this);
  }

  say(event: string): void {
    this.dispatchEvent(new MessageEvent(event, { data: "null" }));
  }

  close(): void {
    this.readyState = ToldSource.CLOSED;
  }
}

/** Time that passes when a test says so. */
class ToldTime {
  #now = 0;
  #last = 0;
  readonly #due = new Map<number, { at: number; run: () => void }>();

  readonly set = (run: () => void, milliseconds = 0): number => {
    this.#due.set(++this.#last, { at: this.#now + milliseconds, run });
    return this.#last;
  };
  readonly clear = (id?: number): void => {
    if (id !== undefined) this.#due.delete(id);
  };

  pass(milliseconds: number): void {
    this.#now += milliseconds;
    for (const [id, { at, run }] of this.#due) {
      if (at > this.#now) continue;
      this.#due.delete(id);
      run();
    }
  }
}

Deno.test("a page is not live once its stream is silent for 12 seconds, and tries again", () => {
  const time = new ToldTime();
  const page = Object.assign(new EventTarget(), { hidden: false, querySelector: () => null });
  const before = { setTimeout, clearTimeout };
  Object.assign(globalThis, {
    document: page,
    EventSource: ToldSource,
    setTimeout: time.set,
    clearTimeout: time.clear,
  });
  try {
    const states: StreamState[] = [];
    const stop = followStream({
      path: "/inbox/live",
      onNews: () => {},
      onState: (state) => states.push(state),
    });
    const [first] = ToldSource.all;
    first?.say("reader");
    first?.say("news");
    assert.deepEqual(states, ["live"]);
    for (let n = 0; n < 20; n++) {
      time.pass(5000);
      first?.say("beat");
    }
    assert.deepEqual(states, ["live"]);
    time.pass(12_000);
    assert.deepEqual(states, ["live", "lost"]);
    assert.equal(first?.readyState, ToldSource.CLOSED);
    time.pass(3000);
    const [, second] = ToldSource.all;
    second?.say("news");
    assert.deepEqual(states, ["live", "lost", "live"]);
    // One that a proxy keeps for itself brings nothing at all.
    time.pass(12_000);
    time.pass(3000);
    time.pass(12_000);
    assert.deepEqual(states.slice(3), ["lost", "lost"]);
    stop();
    time.pass(60_000);
    assert.equal(ToldSource.all.length, 3);
  } finally {
    Object.assign(globalThis, before);
    Reflect.deleteProperty(globalThis, "document");
    Reflect.deleteProperty(globalThis, "EventSource");
  }
});
