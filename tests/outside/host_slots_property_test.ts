import fc from "fast-check";
import assert from "node:assert/strict";
import { HostSlots } from "../../lib/outside/host_slots.ts";
import { StrangerFetchFailed } from "../../lib/outside/http_answer.ts";
import type { Timer } from "../../lib/store/system.ts";
import { runs } from "../helpers/property_runs.ts";

/** One who asks for a slot, and what came of it. */
interface Asker {
  readonly host: string;
  readonly leaving: AbortController;
  readonly late: () => void;
  state: "waiting" | "running" | "busy" | "left" | "done";
  release: () => void;
}

class Askers {
  readonly all: Asker[] = [];
  /** In the order in which they were given a slot. */
  readonly served: Asker[] = [];

  constructor(readonly slots: HostSlots) {}

  ask(host: string): Asker {
    const { promise: elapsed, resolve: late } = Promise.withResolvers<void>();
    const limit: Timer = { elapsed, cancel: () => {} };
    const leaving = new AbortController();
    const asker: Asker = { host, leaving, late, state: "waiting", release: () => {} };
    this.all.push(asker);
    this.slots.take(host, () => limit, leaving.signal).then((release) => {
      asker.state = "running";
      asker.release = release;
      this.served.push(asker);
    }, (error) => {
      asker.state = error instanceof StrangerFetchFailed ? "busy" : "left";
    });
    return asker;
  }

  in(state: Asker["state"], host?: string): Asker[] {
    return this.all.filter((asker) =>
      asker.state === state && (host === undefined || asker.host === host)
    );
  }
}

/** All that follows from what was done without waiting for anything else. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

const HOSTS = ["a.example", "b.example", "c.example"];

const step = fc.record({
  does: fc.constantFrom("ask", "ask", "ask", "end", "end", "leave", "late"),
  host: fc.nat({ max: HOSTS.length - 1 }),
  which: fc.nat({ max: 30 }),
  /** Whether the next is done before anything follows from this. */
  atOnce: fc.boolean(),
});

Deno.test("slots: never more at once than may, none lost, first come first served, whatever is done", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        at_once: fc.integer({ min: 1, max: 3 }),
        waiting: fc.integer({ min: 0, max: 3 }),
        in_all: fc.integer({ min: 1, max: 6 }),
      }),
      fc.array(step, { maxLength: 60 }),
      async (limits, steps) => {
        const slots = new HostSlots(limits);
        const askers = new Askers(slots);
        for (const { does, host, which, atOnce } of steps) {
          const name = HOSTS[host] ?? "";
          const pick = (state: Asker["state"]) => {
            const some = askers.in(state, name);
            return some[which % Math.max(1, some.length)];
          };
          if (does === "ask") askers.ask(name);
          if (does === "leave") pick("waiting")?.leaving.abort();
          if (does === "late") pick("waiting")?.late();
          const ended = does === "end" ? pick("running") : undefined;
          if (ended !== undefined) {
            ended.state = "done";
            ended.release();
            ended.release();
          }
          if (atOnce) continue;
          await settled();
          for (const one of HOSTS) {
            assert(askers.in("running", one).length <= limits.at_once);
            const waiting = askers.in("waiting", one).length;
            assert(waiting <= limits.waiting);
            // Nobody waits where a slot of that host is free.
            if (waiting > 0) assert.equal(askers.in("running", one).length, limits.at_once);
            const order = askers.served.filter((asker) => asker.host === one)
              .map((asker) => askers.all.indexOf(asker));
            assert.deepEqual(order, order.toSorted((a, b) => a - b));
          }
          assert(askers.in("running").length <= limits.in_all);
          assert.equal(slots.counts.running, askers.in("running").length);
        }
        await settled();
        for (;;) {
          const running = askers.in("running");
          if (running.length === 0) break;
          for (const asker of running) {
            asker.state = "done";
            asker.release();
          }
          await settled();
        }
        assert.deepEqual(askers.in("waiting"), []);
        assert.deepEqual(slots.counts, { running: 0, hosts: 0 });
      },
    ),
    runs(300),
  );
});

Deno.test("slots: a host that holds all of its slots leaves the others theirs", async () => {
  const slots = new HostSlots({ at_once: 2, waiting: 3, in_all: 100 });
  const askers = new Askers(slots);
  for (let each = 0; each < 10; each++) askers.ask("hangs.example");
  await settled();
  const counts = () =>
    ["running", "waiting", "busy"].map((state) =>
      askers.in(state as Asker["state"], "hangs.example").length
    );
  assert.deepEqual(counts(), [2, 3, 5]);
  for (let each = 0; each < 20; each++) {
    const other = askers.ask(`h${each}.example`);
    await settled();
    assert.equal(other.state, "running");
  }
  assert.deepEqual(counts(), [2, 3, 5]);
});

Deno.test("slots: whoever has left before asking takes none", async () => {
  const slots = new HostSlots({ at_once: 1, waiting: 1, in_all: 1 });
  const limit = () => assert.fail("nobody waits");
  await assert.rejects(
    slots.take("a.example", limit, AbortSignal.abort(new Error("left"))),
    /left/,
  );
  assert.deepEqual(slots.counts, { running: 0, hosts: 0 });
});
