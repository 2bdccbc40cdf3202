import fc from "fast-check";
import assert from "node:assert/strict";
import type { HostAnswer, HostRequest } from "../../lib/deps.ts";
import { keepingFetch } from "../../lib/outside/guarded_fetch.ts";
import { HostSlots } from "../../lib/outside/host_slots.ts";
import { internet } from "../../lib/outside/internet.ts";
import { StrangerFetchFailed, wholeBody } from "../../lib/outside/http_answer.ts";
import { systemTimer, type Timer } from "../../lib/store/system.ts";
import { runs } from "../helpers/property_runs.ts";
import {
  answerOf,
  httpAnswer,
  type Said,
  type Wire,
  WireNetwork,
} from "../helpers/wire_network.ts";

/** Time that goes on when a test says so. */
class HandClock {
  now = 0;
  readonly #waiting = new Set<{ readonly at: number; readonly resolve: () => void }>();

  readonly monotonic = () => this.now;

  readonly timer = (milliseconds: number): Timer => {
    const { promise: elapsed, resolve } = Promise.withResolvers<void>();
    const waits = { at: this.now + milliseconds, resolve };
    this.#waiting.add(waits);
    return { elapsed, cancel: () => void this.#waiting.delete(waits) };
  };

  get running(): number {
    return this.#waiting.size;
  }

  async pass(milliseconds: number): Promise<void> {
    this.now += milliseconds;
    for (const waits of this.#waiting) {
      if (waits.at > this.now) continue;
      this.#waiting.delete(waits);
      waits.resolve();
    }
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  }
}

const A = "https://a.example/mcp";

function clients(answer: (request: string, wire: Wire) => Said | null) {
  const network = new WireNetwork(answer);
  const clock = new HandClock();
  const slots = new HostSlots({ at_once: 200, waiting: 200, in_all: 400 });
  const { timer, monotonic } = clock;
  const make = keepingFetch({ network, timer, monotonic, named: new Set(), slots });
  const one = () => {
    const { ask, close } = make();
    const fetch = (request: Partial<HostRequest> = {}) =>
      ask({ url: A, method: "POST", limit_ms: 20_000, max_body: 100_000, ...request });
    /** The body of an answer. */
    const told = async (request: Partial<HostRequest> = {}) => {
      const { body } = await fetch(request);
      return body === null ? "" : new TextDecoder().decode(await wholeBody(body));
    };
    return { fetch, told, close };
  };
  return { network, clock, slots, client: one(), another: one };
}

const text = (body: string, headers: readonly string[] = []): Said => ({
  pieces: [answerOf(body, headers)],
});

/** A body in chunks, without its end. */
const chunked = (body: string) =>
  httpAnswer(["HTTP/1.1 200 OK", "Transfer-Encoding: chunked"]) +
  `${body.length.toString(16)}\r\n${body}\r\n`;

function failed(code: string, sent: boolean) {
  return (error: unknown) => {
    assert(error instanceof StrangerFetchFailed, String(error));
    assert.deepEqual([error.code, error.sent], [code, sent], error.message);
    return true;
  };
}

const WHOLE: Readonly<Record<string, string>> = {
  "a length": answerOf("hello"),
  "chunks": chunked("hello") + "0\r\n\r\n",
  "chunks and a trailer": chunked("hello") + "0\r\nx-sum: 1\r\n\r\n",
  "no body": httpAnswer(["HTTP/1.1 202 Accepted", "Content-Length: 0"]),
  "204": httpAnswer(["HTTP/1.1 204 No Content"]),
  "keep-alive said": answerOf("hello", ["Connection: Keep-Alive", "Keep-Alive: timeout=5, max=9"]),
  "an interim answer before it": httpAnswer(["HTTP/1.1 103 Early Hints"]) + answerOf("hello"),
};

for (const [name, answer] of Object.entries(WHOLE)) {
  Deno.test(`the next request goes by the same connection after a whole answer: ${name}`, async () => {
    const { network, clock, slots, client } = clients(() => ({ pieces: [answer] }));
    for (let at = 0; at < 3; at++) {
      assert.equal(await client.told(), answer.includes("hello") ? "hello" : "");
    }
    assert.deepEqual(network.counts, [3]);
    assert.doesNotMatch(network.wires[0]?.asked[0] ?? "", /connection:/i);
    assert.deepEqual(network.resolved, ["a.example"]);
    assert.deepEqual(slots.counts, { running: 0, hosts: 0 });
    client.close();
    assert.equal(network.wires[0]?.isClosed, true);
    assert.equal(clock.running, 0, "a timer runs on");
  });
}

const LAST: Readonly<Record<string, Said>> = {
  "HTTP/1.0": { pieces: [httpAnswer(["HTTP/1.0 200 OK", "Content-Length: 2"], "ok")] },
  "connection: close": text("ok", ["Connection: close"]),
  "connection: close among others": text("ok", ["Connection: keep-alive, close"]),
  "two lines of connection": text("ok", ["Connection: keep-alive", "Connection: close"]),
  "connection: upgrade": text("ok", ["Connection: upgrade"]),
  "a refusal": { pieces: [httpAnswer(["HTTP/1.1 404 Not Found", "Content-Length: 2"], "ok")] },
  "a fault": { pieces: [httpAnswer(["HTTP/1.1 500 Oops", "Content-Length: 2"], "ok")] },
  "keep-alive for a second": text("ok", ["Keep-Alive: timeout=1"]),
  "keep-alive for none": text("ok", ["keep-alive: max=5,timeout=0"]),
  "a byte after it": { pieces: [answerOf("ok") + "\n"] },
  "another answer after it": { pieces: [answerOf("ok") + answerOf("theirs")] },
  "another answer in a packet of its own": { pieces: [answerOf("ok"), answerOf("theirs")] },
  "a byte after the chunks": { pieces: [chunked("ok") + "0\r\n\r\n" + "0"] },
  "its end": { ...text("ok"), leaves: true },
};

for (const [name, first] of Object.entries(LAST)) {
  Deno.test(`no request goes by a connection after ${name}`, async () => {
    const { network, client } = clients((_, wire) =>
      wire === network.wires[0] ? first : text("second")
    );
    assert.equal(await client.told(), "ok");
    assert.equal(await client.told({ repeatable: true }), "second");
    assert.deepEqual(network.counts, [1, 1]);
    assert.equal(network.wires[0]?.isClosed, true);
    client.close();
  });
}

Deno.test("204 with a body, which some readers would take for the next answer, ends its connection", async () => {
  const { network, client } = clients(() => ({
    pieces: [httpAnswer(["HTTP/1.1 204 No Content", "Content-Length: 40"])],
  }));
  for (let at = 0; at < 2; at++) await client.told();
  assert.deepEqual(network.counts, [1, 1]);
  client.close();
});

Deno.test("what comes while a connection rests is nobody's answer", async () => {
  for (const injected of [answerOf("theirs"), "x", httpAnswer(["HTTP/1.1 401 No"])]) {
    const { network, client } = clients(() => text("ours"));
    await client.told();
    network.wires[0]?.say(injected);
    assert.equal(await client.told(), "ours");
    assert.deepEqual(network.counts, [1, 1]);
    assert.equal(network.wires[0]?.isClosed, true);
    client.close();
  }
});

Deno.test("a connection that ends while it rests is not written to", async () => {
  const { network, client } = clients(() => text("ok"));
  await client.told();
  network.wires[0]?.leave();
  assert.equal(await client.told(), "ok");
  assert.deepEqual(network.counts, [1, 1]);
  client.close();
});

Deno.test("one that ends as a request arrives leaves it unknown; what may arrive twice is sent once more", async () => {
  const leaving: Said = { pieces: [], leaves: true };
  const { network, client } = clients((_, wire) => wire.asked.length > 1 ? leaving : text("ok"));
  await client.told();
  await assert.rejects(client.told(), failed("unreachable", true));
  assert.deepEqual(network.counts, [2]);
  await client.told();
  assert.equal(await client.told({ repeatable: true }), "ok");
  assert.deepEqual(network.counts, [2, 2, 1]);
  client.close();
});

Deno.test("what may arrive twice is not sent again on a connection of its own, nor once an answer began", async () => {
  const none = clients(() => ({ pieces: [], leaves: true }));
  await assert.rejects(none.client.told({ repeatable: true }), failed("unreachable", true));
  assert.deepEqual(none.network.counts, [1]);
  const begun = clients((_, wire) =>
    wire.asked.length > 1 ? { pieces: ["H"], leaves: true } : text("ok")
  );
  await begun.client.told();
  await assert.rejects(begun.client.told({ repeatable: true }), failed("unreachable", true));
  assert.deepEqual(begun.network.counts, [2]);
});

Deno.test("what must not arrive twice goes by a connection that rested a second at most, and none rests ten", async () => {
  const { network, clock, client } = clients(() => text("ok"));
  await client.told();
  await clock.pass(1000);
  await client.told();
  assert.deepEqual(network.counts, [2]);
  await clock.pass(1001);
  await client.told({ repeatable: true });
  assert.deepEqual(network.counts, [3]);
  await clock.pass(1001);
  await client.told();
  assert.deepEqual(network.counts, [3, 1]);
  await clock.pass(9999);
  assert.deepEqual(network.wires.map(({ isClosed }) => isClosed), [true, false]);
  await clock.pass(10_000);
  assert.deepEqual(network.wires.map(({ isClosed }) => isClosed), [true, true]);
  assert.equal(clock.running, 0, "a timer runs on");
});

Deno.test("a host is looked up again after a minute, however busy its connection is", async () => {
  const { network, clock, client } = clients(() => text("ok"));
  for (let second = 0; second < 60; second++) {
    await client.told();
    await clock.pass(1000);
  }
  assert.deepEqual(network.counts, [60]);
  network.addresses = ["10.0.0.7"];
  await assert.rejects(client.told(), failed("address_refused", false));
  client.close();
});

Deno.test("connections are neither another client's nor another origin's", async () => {
  const { network, client, another } = clients(() => text("ok"));
  await client.told();
  const other = another();
  await other.told();
  await client.told({ url: "https://b.example/mcp" });
  assert.deepEqual(network.counts, [1, 1, 1]);
  await client.told({ url: "https://a.example/other?path" });
  assert.deepEqual(network.counts, [2, 1, 1]);
  client.close();
  await other.told();
  assert.deepEqual(network.counts, [2, 2, 1]);
  other.close();
});

Deno.test("of 100 answers at once each is its own, and eight connections rest", async () => {
  const { network, client, another } = clients((request) =>
    text(request.split("\r\n\r\n")[1] ?? "")
  );
  for (let round = 0; round < 3; round++) {
    const told = await Promise.all(
      Array.from(
        { length: 100 },
        (_, n) => client.told({ body: new TextEncoder().encode(`${n}`) }),
      ),
    );
    assert.deepEqual(told, Array.from({ length: 100 }, (_, n) => `${n}`));
    assert.equal(network.wires.filter(({ isClosed }) => !isClosed).length, 8);
  }
  client.close();
  assert.equal(network.wires.filter(({ isClosed }) => !isClosed).length, 0);
  await client.told();
  assert.equal(network.wires.filter(({ isClosed }) => !isClosed).length, 0, "after the end");
  const many = Array.from({ length: 30 }, another);
  for (const { told } of many) await Promise.all(Array.from({ length: 10 }, () => told()));
  assert.equal(network.wires.filter(({ isClosed }) => !isClosed).length, 200);
  for (const { close } of many) close();
  assert.equal(network.wires.filter(({ isClosed }) => !isClosed).length, 0);
});

Deno.test("where eight rest already, one that has just come to rest takes the place of the oldest", async () => {
  const { network, clock, client } = clients(() => text("ok"));
  await Promise.all(Array.from({ length: 8 }, () => client.told()));
  await clock.pass(1001);
  for (let at = 0; at < 3; at++) await client.told();
  assert.deepEqual(network.counts, [1, 1, 1, 1, 1, 1, 1, 1, 3]);
  assert.equal(network.wires[0]?.isClosed, true);
  assert.equal(network.wires.filter(({ isClosed }) => !isClosed).length, 8);
  client.close();
});

/** Reads the first piece of a stream and leaves. */
async function firstOf(answer: Promise<HostAnswer>): Promise<string> {
  for await (const piece of (await answer).body ?? []) return new TextDecoder().decode(piece);
  return "";
}

Deno.test("of a stream that is left after the answer the end may come a second later, and nothing else", async () => {
  const { network, clock, slots, client } = clients(() => ({ pieces: [chunked("data: 1\n\n")] }));
  assert.equal(await firstOf(client.fetch()), "data: 1\n\n");
  assert.deepEqual(slots.counts.running, 0);
  network.wires[0]?.say("0\r\n\r\n");
  await clock.pass(0);
  assert.equal(await firstOf(client.fetch()), "data: 1\n\n");
  assert.deepEqual(network.counts, [2]);
  await clock.pass(1000);
  assert.equal(network.wires[0]?.isClosed, true);
  await firstOf(client.fetch());
  network.wires[1]?.say("2000\r\n" + "x".repeat(2000));
  await clock.pass(0);
  assert.equal(network.wires[1]?.isClosed, true);
  await firstOf(client.fetch());
  client.close();
  assert.equal(network.wires[2]?.isClosed, true);
  await clock.pass(0);
  assert.equal(clock.running, 0, "a timer runs on");
});

Deno.test("at most eight streams that were left are read on", async () => {
  const { network, client } = clients(() => ({ pieces: [chunked("data: 1\n\n")] }));
  await Promise.all(Array.from({ length: 50 }, () => firstOf(client.fetch())));
  assert.equal(network.wires.filter(({ isClosed }) => !isClosed).length, 8);
  client.close();
  assert.equal(network.wires.filter(({ isClosed }) => !isClosed).length, 0);
});

Deno.test("one who leaves, and one whose time is over, end their connection though it was kept", async () => {
  const { network, clock, slots, client } = clients((_, wire) =>
    wire.asked.length > 1 ? null : text("ok")
  );
  await client.told();
  const leaving = new AbortController();
  const left = client.told({ signal: leaving.signal });
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  leaving.abort(new Error("gone"));
  await assert.rejects(left, /gone/);
  assert.deepEqual([network.counts, network.wires[0]?.isClosed], [[2], true]);
  await client.told();
  const late = client.told({ limit_ms: 500, repeatable: true });
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  await Promise.all([assert.rejects(late, failed("timed_out", true)), clock.pass(500)]);
  assert.deepEqual([network.counts, network.wires[1]?.isClosed], [[2, 2], true]);
  assert.deepEqual(slots.counts.running, 0);
});

Deno.test("an answer is its own request's or nobody's, however hosts cut, add to and end their answers", async () => {
  const behaviour = fc.record({
    framing: fc.constantFrom("length", "chunks"),
    pace: fc.integer({ min: 1, max: 40 }),
    extra: fc.constantFrom("", "", "", "\r\n", "0\r\n\r\n", answerOf("not yours")),
    extraLater: fc.constantFrom("", "", "", answerOf("not yours"), "HTTP/1.1 401 No\r\n\r\n"),
    leaves: fc.constantFrom(false, false, false, true),
    leavesUnanswered: fc.constantFrom(false, false, false, false, true),
  });
  const request = fc.record({ repeatable: fc.boolean(), wait: fc.nat(1500) });
  await fc.assert(
    fc.asyncProperty(
      fc.array(behaviour, { minLength: 1, maxLength: 12 }),
      fc.array(request, { minLength: 2, maxLength: 12 }),
      fc.boolean(),
      async (behaviours, requests, together) => {
        let asked = 0;
        const later: (() => void)[] = [];
        const arrived = new Map<string, number>();
        const { network, clock, client } = clients((request, wire) => {
          const tag = request.split("\r\n\r\n")[1] ?? "";
          arrived.set(tag, (arrived.get(tag) ?? 0) + 1);
          const does = behaviours[asked++ % behaviours.length];
          if (does === undefined || does.leavesUnanswered) return { pieces: [], leaves: true };
          const answer = (does.framing === "length"
            ? answerOf(`for ${tag}`)
            : chunked(`for ${tag}`) + "0\r\n\r\n") + does.extra;
          const pieces = answer.match(new RegExp(`[^]{1,${does.pace}}`, "g")) ?? [];
          if (does.extraLater !== "") {
            later.push(() =>
              wire.say(does.extraLater)
            );
          }
          return { pieces, leaves: does.leaves };
        });
        const one = async ({ repeatable }: { readonly repeatable: boolean }, n: number) => {
          const body = new TextEncoder().encode(`${n}`);
          const told = await client.told({ body, repeatable }).catch((error) => {
            assert(error instanceof StrangerFetchFailed, String(error));
            return null;
          });
          if (told !== null) assert.equal(told, `for ${n}`);
          assert((arrived.get(`${n}`) ?? 0) <= (repeatable ? 2 : 1), `${n} arrived more often`);
        };
        if (together) await Promise.all(requests.map(one));
        else {
          for (const [n, request] of requests.entries()) {
            await one(request, n);
            for (const say of later.splice(0)) say();
            await clock.pass(request.wait);
          }
        }
        client.close();
        assert(network.wires.every(({ isClosed }) => isClosed), "a connection is left open");
      },
    ),
    runs(300),
  );
});

Deno.test("a server on the wire sees one connection, and another once it has closed it", async () => {
  let connections = 0;
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const closed = Promise.withResolvers<void>();
  const serving = (async () => {
    for await (const connection of listener) {
      connections++;
      const bytes = new Uint8Array(4096);
      for (let at = 0; at < 3; at++) {
        if (await connection.read(bytes) === null) break;
        await connection.write(new TextEncoder().encode(answerOf("ok")));
      }
      connection.close();
      closed.resolve();
    }
  })();
  const { ask, close } = keepingFetch({
    network: internet,
    timer: systemTimer,
    monotonic: () => performance.now(),
    named: new Set([`127.0.0.1:${port}`]),
    slots: new HostSlots({ at_once: 4, waiting: 4, in_all: 4 }),
  })();
  const url = `http://127.0.0.1:${port}/`;
  for (let at = 0; at < 4; at++) {
    const { body } = await ask({
      url,
      method: "GET",
      limit_ms: 20_000,
      max_body: 100,
      repeatable: true,
    });
    assert.equal(new TextDecoder().decode(await wholeBody(body ?? ReadableStream.from([]))), "ok");
    if (at === 2) await closed.promise;
  }
  assert.equal(connections, 2);
  close();
  listener.close();
  await serving.catch(() => {});
});
