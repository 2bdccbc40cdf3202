import fc from "fast-check";
import assert from "node:assert/strict";
import type { HostRequest } from "../../lib/deps.ts";
import type { Network } from "../../lib/outside/connection.ts";
import { guardedFetch, hostFetch } from "../../lib/outside/guarded_fetch.ts";
import { HostSlots } from "../../lib/outside/host_slots.ts";
import {
  firstBytes,
  type StrangerFailure,
  StrangerFetchFailed,
  wholeBody,
} from "../../lib/outside/http_answer.ts";
import { connectTls, internet } from "../../lib/outside/internet.ts";
import { systemTimer, type Timer } from "../../lib/store/system.ts";
import { runs } from "../helpers/property_runs.ts";
import { SELF_SIGNED } from "../helpers/self_signed.ts";
import { runAsService } from "../helpers/started_process.ts";
import { answerOf, httpAnswer } from "../helpers/wire_network.ts";
import { StrangerNetwork } from "./stranger_network.ts";
import { AUTHORITY, CLIENT_EXAMPLE } from "../helpers/test_authority.ts";

/** Timers that end when a test says so. */
class Clocks {
  readonly made: { readonly milliseconds: number; readonly end: () => void; cancelled: boolean }[] =
    [];

  readonly timer = (milliseconds: number): Timer => {
    const { promise: elapsed, resolve: end } = Promise.withResolvers<void>();
    const clock = { milliseconds, end, cancelled: false };
    this.made.push(clock);
    return { elapsed, cancel: () => clock.cancelled = true };
  };

  /** Ends what runs with this length. */
  end(milliseconds: number): void {
    for (const clock of this.made) {
      if (clock.milliseconds === milliseconds && !clock.cancelled) clock.end();
    }
  }

  get running(): number {
    return this.made.filter((clock) => !clock.cancelled).length;
  }
}

function client(
  named: readonly string[],
  { network = internet, timer = systemTimer }: {
    readonly network?: Network;
    readonly timer?: (milliseconds: number) => Timer;
  } = {},
) {
  const slots = new HostSlots({ at_once: 2, waiting: 2, in_all: 20 });
  const fetch = hostFetch({ network, timer, named: new Set(named), slots });
  const ask = (url: string, request: Partial<HostRequest> = {}) =>
    fetch({ url, method: "GET", limit_ms: 20_000, max_body: 1024 * 1024, ...request });
  return { slots, ask };
}

function failed(code: StrangerFailure, sent: boolean) {
  return (error: unknown) => {
    assert.ok(error instanceof StrangerFetchFailed, String(error));
    assert.deepEqual([error.code, error.sent], [code, sent], error.message);
    return true;
  };
}

/** A server on this computer that answers by hand, and what it is asked by. */
class ByHand implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #taken: Deno.Conn[] = [];

  get host(): string {
    return `127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;
  }

  async accept(): Promise<Deno.Conn> {
    const connection = await this.#listener.accept();
    this.#taken.push(connection);
    return connection;
  }

  /** A connection whose request has arrived. */
  async asked(): Promise<Deno.Conn> {
    const connection = await this.accept();
    let text = "";
    const bytes = new Uint8Array(4096);
    while (!text.includes("\r\n\r\n")) {
      const count = await connection.read(bytes);
      assert.ok(count !== null);
      text += new TextDecoder().decode(bytes.subarray(0, count));
    }
    return connection;
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#taken) {
      try {
        connection.close();
      } catch {
        // It has been closed.
      }
    }
    this.#listener.close();
    return Promise.resolve();
  }
}

async function say(connection: Deno.Conn, text: string): Promise<void> {
  const writer = connection.writable.getWriter();
  await writer.write(new TextEncoder().encode(text));
  writer.releaseLock();
}

/** Resolves when the other side has left. */
async function gone(connection: Deno.Conn): Promise<void> {
  const bytes = new Uint8Array(4096);
  while (await connection.read(bytes).catch(() => null) !== null);
}

const CHUNKED = httpAnswer(["HTTP/1.1 200 OK", "Transfer-Encoding: chunked"]);

Deno.test("an answer is handed on as it arrives, before it has ended", async () => {
  await using server = new ByHand();
  const { ask, slots } = client([server.host]);
  const asking = ask(`http://${server.host}/events`);
  const connection = await server.asked();
  await say(connection, CHUNKED);
  const { status, body } = await asking;
  assert.equal(status, 200);
  const reader = body?.[Symbol.asyncIterator]();
  for (const text of ["data: 1\n\n", "data: 2\n\n"]) {
    await say(connection, `${text.length.toString(16)}\r\n${text}\r\n`);
    assert.equal(new TextDecoder().decode((await reader?.next())?.value), text);
  }
  assert.deepEqual(slots.counts, { running: 1, hosts: 1 });
  await say(connection, "0\r\n\r\n");
  assert.equal((await reader?.next())?.done, true);
  assert.deepEqual(slots.counts, { running: 0, hosts: 0 });
  await gone(connection);
});

Deno.test("every method is sent with its body, and an answer without one holds nothing", async () => {
  const asked: string[] = [];
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      asked.push(`${request.method} ${request.headers.get("host")} ${await request.text()}`);
      return new Response(null, { status: asked.length % 2 === 0 ? 204 : 200 });
    },
  );
  const host = `127.0.0.1:${server.addr.port}`;
  const { ask, slots } = client([host]);
  for (const method of ["POST", "PUT", "PATCH", "DELETE"] as const) {
    const { body } = await ask(`http://${host}/x`, {
      method,
      body: new TextEncoder().encode("hi"),
    });
    assert.equal(body, null);
    assert.equal(slots.counts.running, 0);
    assert.equal(asked.pop(), `${method} ${host} hi`);
    asked.push(method);
  }
});

Deno.test("a host that hangs holds up those who wait for it, and nobody else", async () => {
  await using hanging = new ByHand();
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response("fine"),
  );
  const well = `127.0.0.1:${server.addr.port}`;
  const { ask, slots } = client([hanging.host, well]);
  const leaving = new AbortController();
  const { signal } = leaving;
  const asking = Array.from({ length: 5 }, () => ask(`http://${hanging.host}/`, { signal }));
  const ends = Promise.allSettled(asking);
  const connections = [await hanging.asked(), await hanging.asked()];
  await assert.rejects(asking[4] ?? Promise.resolve(), failed("busy", false));
  for (let each = 0; each < 10; each++) {
    const { body } = await ask(`http://${well}/`);
    assert.equal(
      new TextDecoder().decode(await wholeBody(body ?? ReadableStream.from([]))),
      "fine",
    );
  }
  assert.deepEqual(slots.counts, { running: 2, hosts: 1 });
  leaving.abort(new Error("stopping"));
  const reasons = (await ends).map((end) => end.status === "rejected" ? end.reason.message : "");
  assert.deepEqual(reasons.slice(0, 4), ["stopping", "stopping", "stopping", "stopping"]);
  assert.deepEqual(slots.counts, { running: 0, hosts: 0 });
  await Promise.all(connections.map(gone));
});

Deno.test("a body that never ends is cut off at its limit", async () => {
  let made = 0;
  const piece = new Uint8Array(64 * 1024);
  const left: PromiseWithResolvers<void>[] = [];
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
    const leaving = Promise.withResolvers<void>();
    left.push(leaving);
    return new Response(
      new ReadableStream({
        pull(controller) {
          made += piece.length;
          controller.enqueue(piece);
        },
        cancel: () => leaving.resolve(),
      }),
    );
  });
  const host = `127.0.0.1:${server.addr.port}`;
  const { ask, slots } = client([host]);

  const read = await ask(`http://${host}/`);
  await assert.rejects(
    wholeBody(read.body ?? ReadableStream.from([])),
    failed("answer_too_large", true),
  );
  await left[0]?.promise;
  assert.deepEqual(slots.counts, { running: 0, hosts: 0 });
  assert(made < 32 * 1024 * 1024, `${made} bytes were sent`);
});

/** A network whose one host says something, and then the same for ever. */
class Endless {
  bytes = 0;
  closed = 0;

  constructor(readonly head: string, readonly again: string) {}

  readonly network: Network = {
    resolve: () => Promise.resolve(["10.0.0.7"]),
    connect: () => {
      let text = this.head;
      return Promise.resolve({
        isQuiet: false,
        read: (into: Uint8Array) => {
          while (text.length < into.length) text += this.again;
          const { written } = new TextEncoder().encodeInto(text, into);
          text = text.slice(written);
          this.bytes += written;
          return Promise.resolve(written);
        },
        write: () => Promise.resolve(),
        close: () => void this.closed++,
      });
    },
  };
}

Deno.test("a body that nobody reads is left with its host, and is given up when its time is over", async () => {
  const endless = new Endless(CHUNKED, "3e8\r\n" + "x".repeat(1000) + "\r\n");
  const clocks = new Clocks();
  const { network } = endless;
  const { ask, slots } = client(["a.corp"], { network, timer: clocks.timer });
  const answer = await ask("http://a.corp/", { max_body: Number.MAX_SAFE_INTEGER });
  for (let turn = 0; turn < 1000; turn++) await Promise.resolve();
  assert(endless.bytes <= 16 * 1024, `${endless.bytes} bytes were read`);
  assert.deepEqual(slots.counts.running, 1);
  clocks.end(20_000);
  await assert.rejects(
    wholeBody(answer.body ?? ReadableStream.from([])),
    failed("timed_out", true),
  );
  assert.deepEqual([slots.counts.running, endless.closed, clocks.running], [0, 1, 0]);
  assert(endless.bytes <= 16 * 1024);
});

Deno.test("a body in crumbs, which would take more memory than bytes, is refused", async () => {
  const { network } = new Endless(CHUNKED, "1\r\nx\r\n");
  const { ask, slots } = client(["a.corp"], { network });
  const { body } = await ask("http://a.corp/");
  await assert.rejects(wholeBody(body ?? ReadableStream.from([])), (error) => {
    assert.match(String(error), /in more than 65536 pieces/);
    return failed("answer_too_large", true)(error);
  });
  assert.equal(slots.counts.running, 0);
});

Deno.test("headers that never end are cut off at 16 KiB", async () => {
  const endless = new Endless("HTTP/1.1 200 OK\r\n", "x: y\r\n");
  const { ask, slots } = client(["a.corp"], { network: endless.network });
  await assert.rejects(ask("http://a.corp/"), failed("answer_malformed", true));
  assert(endless.bytes <= 64 * 1024);
  assert.deepEqual([slots.counts.running, endless.closed], [0, 1]);
});

Deno.test("slow drip: what comes keeps nothing alive beyond the time for all of it", async () => {
  await using server = new ByHand();
  const clocks = new Clocks();
  const { ask, slots } = client([server.host], { timer: clocks.timer });
  const asking = ask(`http://${server.host}/`);
  const connection = await server.asked();
  for (const letter of "HTTP/1.1 200 O") await say(connection, letter);
  clocks.end(20_000);
  await assert.rejects(asking, failed("timed_out", true));
  await gone(connection);
  assert.deepEqual([slots.counts.running, clocks.running], [0, 0]);
});

Deno.test("a body that stops coming is given up, and each piece of it gives the host new time", async () => {
  await using server = new ByHand();
  const clocks = new Clocks();
  const { ask, slots } = client([server.host], { timer: clocks.timer });
  const asking = ask(`http://${server.host}/`, { idle_ms: 700 });
  const connection = await server.asked();
  await say(connection, CHUNKED);
  const reader = (await asking).body?.[Symbol.asyncIterator]();
  const first = clocks.made.at(-1);
  await say(connection, "1\r\nx\r\n");
  await reader?.next();
  assert.deepEqual([first?.milliseconds, first?.cancelled], [700, true]);
  // One that was called off, and fires all the same, ends nothing.
  first?.end();
  await say(connection, "1\r\ny\r\n");
  assert.equal((await reader?.next())?.value?.[0], "y".charCodeAt(0));
  const silent = reader?.next() ?? Promise.resolve();
  clocks.end(700);
  await assert.rejects(silent, failed("timed_out", true));
  await gone(connection);
  assert.deepEqual([slots.counts.running, clocks.running], [0, 0]);
});

Deno.test("a body that is cut off fails where it is read", async () => {
  await using server = new ByHand();
  const { ask, slots } = client([server.host]);
  const asking = ask(`http://${server.host}/`);
  const connection = await server.asked();
  await say(connection, `${CHUNKED}5\r\nhel`);
  const reader = (await asking).body?.[Symbol.asyncIterator]();
  assert.equal(new TextDecoder().decode((await reader?.next())?.value), "hel");
  connection.close();
  await assert.rejects(reader?.next() ?? Promise.resolve(), failed("unreachable", true));
  assert.equal(slots.counts.running, 0);
});

Deno.test("a host that does not listen was sent nothing", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const host = `127.0.0.1:${(listener.addr as Deno.NetAddr).port}`;
  listener.close();
  const { ask, slots } = client([host]);
  await assert.rejects(ask(`http://${host}/`), failed("unreachable", false));
  assert.equal(slots.counts.running, 0);
});

Deno.test("what is to happen before sending happens on a connection that stands, and can still forbid it", async () => {
  await using server = new ByHand();
  const { ask, slots } = client([server.host]);
  const accepted = server.accept();
  const asking = ask(`http://${server.host}/`, {
    async beforeSending() {
      await accepted;
      throw new Error("not allowed any more");
    },
  });
  await assert.rejects(asking, /^Error: not allowed any more$/);
  assert.equal(await (await accepted).read(new Uint8Array(1)).catch(() => null), null);
  assert.equal(slots.counts.running, 0);

  // Whoever is told that the time is over is told when that has ended, and that nothing was sent.
  const clocks = new Clocks();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const network = new StrangerNetwork({ answers: [answerOf("")] });
  const late = client([], { network, timer: clocks.timer }).ask("https://client.example/", {
    async beforeSending() {
      begin();
      await ended;
    },
  });
  let told = false;
  late.catch(() => told = true);
  await begun;
  clocks.end(20_000);
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  assert.equal(told, false);
  end();
  await assert.rejects(late, failed("timed_out", false));
  assert.deepEqual(network.sent, [""]);
});

Deno.test("a header that cannot be sent is told before a slot is taken", async () => {
  const { ask, slots } = client([], { network: new StrangerNetwork() });
  await assert.rejects(
    ask("https://client.example/", { headers: { "x": "1\r\ny: 2" } }),
    TypeError,
  );
  assert.deepEqual(slots.counts, { running: 0, hosts: 0 });
});

Deno.test("whenever whoever asks leaves, connection, slot and timers are given back", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat({ max: 60 }),
      fc.integer({ min: 1, max: 40 }),
      fc.constantFrom("hello".repeat(20), ""),
      async (turns, pace, text) => {
        const network = new StrangerNetwork({ answers: [answerOf(text)], pace });
        const clocks = new Clocks();
        const { ask, slots } = client([], { network, timer: clocks.timer });
        const leaving = new AbortController();
        const reason = new Error("left");
        const asking = ask("https://client.example/", { signal: leaving.signal, idle_ms: 1000 })
          .then(({ body }) => wholeBody(body ?? ReadableStream.from([])))
          .then((bytes) => new TextDecoder().decode(bytes), (error) => error);
        for (let turn = 0; turn < turns; turn++) await Promise.resolve();
        leaving.abort(reason);
        const end = await asking;
        assert.ok(end === reason || end === text, String(end));
        for (let turn = 0; turn < 20; turn++) await Promise.resolve();
        assert.deepEqual(slots.counts, { running: 0, hosts: 0 });
        assert.equal(network.closed, network.sent.length);
        assert.equal(clocks.running, 0);
      },
    ),
    runs(200),
  );
});

Deno.test("firstBytes() shows the beginning of a body, and leaves the rest of it unread", async () => {
  const text = async (answer: string, most: number) => {
    const network = new StrangerNetwork({ answers: [answer], pace: 7 });
    const { ask, slots } = client([], { network });
    const { body } = await ask("https://client.example/", { max_body: 50 });
    const bytes = await firstBytes(body, most);
    assert.deepEqual([slots.counts.running, network.closed], [0, 1]);
    return new TextDecoder().decode(bytes);
  };
  assert.equal(await text(answerOf("hello, world"), 5), "hello");
  assert.equal(await text(answerOf("hello"), 100), "hello");
  assert.equal(await text(answerOf(""), 100), "");
  assert.equal(await text(answerOf("x".repeat(51)), 100), "");
  assert.equal(await text(httpAnswer(["HTTP/1.1 200 OK", "Content-Length: 9"], "cut"), 100), "cut");
  assert.equal(await text(httpAnswer(["HTTP/1.1 200 OK"], "until it ends"), 100), "");
});

Deno.test("a named host proves its name by TLS, or its address where that is what was named", async () => {
  for (
    const [certificate, authority, name] of [
      [CLIENT_EXAMPLE, AUTHORITY, "client.example"],
      [SELF_SIGNED, SELF_SIGNED.cert, "127.0.0.2"],
    ] as const
  ) {
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {}, ...certificate },
      (request) => new Response(request.headers.get("host")),
    );
    const host = `${name}:${server.addr.port}`;
    const other = name === "127.0.0.2" ? "localhost" : "127.0.0.2";
    for (
      const [asked, authorities, proved] of [
        [host, [authority], true],
        [host, [], false],
        [`${other}:${server.addr.port}`, [authority], false],
      ] as const
    ) {
      const network: Network = {
        resolve: () => Promise.resolve(["127.0.0.1"]),
        connect: (to, signal) => connectTls({ ...to, address: "127.0.0.1", authorities }, signal),
      };
      const asking = client([asked], { network }).ask(`https://${asked}/`);
      if (!proved) {
        await assert.rejects(asking, failed("unreachable", false));
        continue;
      }
      const bytes = await firstBytes((await asking).body, 100);
      assert.equal(new TextDecoder().decode(bytes), host);
    }
  }
});

Deno.test("a name that only this computer knows is found where the operator named it, and never else", async () => {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => new Response(request.headers.get("host")),
  );
  const host = `localhost:${server.addr.port}`;
  const { body } = await client([host]).ask(`http://${host}/`);
  assert.equal(new TextDecoder().decode(await firstBytes(body, 100)), host);
  await assert.rejects(client([]).ask(`http://${host}/`), failed("address_refused", false));
  // What strangers name is not looked at by the list at all.
  await assert.rejects(
    guardedFetch(internet, systemTimer)({
      url: `http://${host}/`,
      method: "GET",
      limit_ms: 5000,
      max_body: 10,
      bodyWanted: () => true,
    }),
    failed("address_refused", false),
  );
});

Deno.test("named hosts are asked with the permissions of the task start, and no more", async () => {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response("asked"),
  );
  const program = `
    import { hostFetch } from "./lib/outside/guarded_fetch.ts";
    import { HostSlots } from "./lib/outside/host_slots.ts";
    import { internet } from "./lib/outside/internet.ts";
    import { systemTimer } from "./lib/store/system.ts";
    const host = "localhost:${server.addr.port}";
    const slots = new HostSlots({ at_once: 1, waiting: 1, in_all: 1 });
    const ask = hostFetch({ network: internet, timer: systemTimer, named: new Set([host]), slots });
    const { body } = await ask({ url: "http://" + host, method: "GET", limit_ms: 10_000, max_body: 9 });
    console.log(await new Response(body).text());
  `;
  const { out, err } = await runAsService(program);
  assert.match(out + err, /^asked$/m);
});
