import assert from "node:assert/strict";
import { systemTimer, type Timer } from "../../lib/store/system.ts";
import { MAX_IN_FLIGHT, type NotSent, type UpstreamPlace } from "../../lib/upstreams/port.ts";
import {
  callEcho,
  connections,
  ERAS,
  events,
  NEVER,
  UpstreamServer,
} from "../helpers/upstream_server.ts";

/** Connections that are kept, proved and ended. */

/** A clock that a test moves, and timers of a minute that end when it says so. */
class Minutes {
  now = 0;
  readonly waiting = new Set<() => void>();

  readonly monotonic = (): number => this.now;

  readonly timer = (milliseconds: number): Timer => {
    if (milliseconds !== 60_000) return systemTimer(milliseconds);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.waiting.add(resolve);
    return { elapsed: promise, cancel: () => void this.waiting.delete(resolve) };
  };

  async pass(): Promise<void> {
    for (const resolve of this.waiting) resolve();
    this.waiting.clear();
    await systemTimer(0).elapsed;
  }
}

function mcp({ url }: { readonly url: string }) {
  return { kind: "mcp", url, headers: {} } as const;
}

Deno.test("connections: so many places at an upstream of an org, and each is given back once", async () => {
  await using server = new UpstreamServer({ era: "modern" });
  await using ports = connections([server.host]);
  const upstream = { org_id: "org_a", name: "one", target: mcp(server), credential: null };
  const taken: UpstreamPlace[] = [];
  for (let place = ports.take(upstream); place !== null; place = ports.take(upstream)) {
    taken.push(place);
  }
  assert.equal(taken.length, MAX_IN_FLIGHT);
  // Neither another org nor another upstream waits for them.
  const others = [{ ...upstream, org_id: "org_b" }, { ...upstream, name: "two" }];
  for (const other of others) {
    const place = ports.take(other);
    assert(place !== null);
    assert.notEqual(place.port, taken[0]?.port);
    place.release();
  }
  taken[0]?.release();
  taken[0]?.release();
  const again = ports.take(upstream);
  assert(again !== null);
  assert.equal(again.port, taken[1]?.port);
  assert.equal(ports.take(upstream), null);
});

Deno.test("connections: as many calls as may run at an upstream, whosever credentials they carry", async () => {
  await using server = new UpstreamServer({ era: "modern" });
  await using ports = connections([server.host]);
  const carrying = (id: string) => {
    const refused: NotSent = {
      is: "not_sent",
      why: "unauthorized",
      says: "",
      retry_after_seconds: null,
    };
    const credential = {
      id,
      refused,
      open: () => Promise.resolve(refused),
      instead: () => Promise.resolve(null),
    };
    return ports.take({ org_id: "org_a", name: "one", target: mcp(server), credential });
  };
  const taken = Array.from({ length: MAX_IN_FLIGHT }, (_, n) => carrying(`crd_${n}`));
  assert.equal(new Set(taken.map((place) => place?.port)).size, MAX_IN_FLIGHT);
  assert.equal(carrying("crd_9"), null);
  taken[0]?.release();
  assert.notEqual(carrying("crd_9"), null);
});

Deno.test("connections: one that nobody used for a minute ends, and its session with it", async () => {
  await using server = new UpstreamServer({ era: "legacy" });
  const minutes = new Minutes();
  await using ports = connections([server.host], minutes);
  const take = () => {
    const place = ports.take({
      org_id: "org_a",
      name: "one",
      target: mcp(server),
      credential: null,
    });
    assert(place !== null);
    return place;
  };
  const first = take();
  assert.equal((await callEcho(first.port)).is, "result");
  first.release();
  const second = take();
  await minutes.pass();
  assert.equal(second.port, first.port);
  second.release();
  await minutes.pass();
  const third = take();
  assert.notEqual(third.port, first.port);
  assert.equal((await callEcho(third.port)).is, "result");
  third.release();
  await ports.close();
  assert.equal(server.sessions.size, 0);
  const late = await callEcho(third.port);
  assert(late.is === "not_sent");
  assert.equal(late.why, "stopped");
});

Deno.test("connections: what runs when they close is unknown, and the upstream is left", async () => {
  const arrived = Promise.withResolvers<void>();
  await using server = new UpstreamServer({
    era: "modern",
    answer: ({ method }) => {
      if (method !== "tools/call") return null;
      arrived.resolve();
      return events([": alive\n\n"], "hang");
    },
  });
  await using ports = connections([server.host]);
  const place = ports.take({ org_id: "org_a", name: "one", target: mcp(server), credential: null });
  assert(place !== null);
  const calling = callEcho(place.port);
  await arrived.promise;
  await ports.close();
  const outcome = await calling;
  assert(outcome.is === "unknown");
  assert.equal(outcome.why, "stopped");
});

Deno.test("connections: an upstream of the host's own that it does not have costs nothing", async () => {
  await using ports = connections([]);
  const target = { kind: "mcp_stdio", url: "stdio:files", headers: {} } as const;
  const place = ports.take({ org_id: "org_a", name: "files", target, credential: null });
  assert(place !== null);
  const connected = await place.port.connect(NEVER);
  assert(connected.is === "not_sent");
  assert.equal(connected.why, "unreachable");
  const outcome = await callEcho(place.port);
  assert.equal(outcome.is, "not_sent");
});

for (const era of ERAS) {
  Deno.test(`connections, ${era}: one that lay idle is proved before a call, and begun anew where it is lost`, async () => {
    const minutes = new Minutes();
    const server = new UpstreamServer({ era });
    await using ports = connections([server.host], minutes);
    const place = ports.take({
      org_id: "org_a",
      name: "one",
      target: mcp(server),
      credential: null,
    });
    assert(place !== null);
    const { port } = place;
    const proof = era === "modern" ? "server/discover" : "ping";
    const begun = era === "modern" ? 1 : 0;
    assert.equal((await port.connect(NEVER)).is, "connected");
    assert.equal((await port.connect(NEVER)).is, "connected");
    assert.equal(server.named(proof).length, begun);
    minutes.now += 11_000;
    assert.equal((await port.connect(NEVER)).is, "connected");
    assert.equal((await port.connect(NEVER)).is, "connected");
    assert.equal(server.named(proof).length, begun + 1);
    if (era === "legacy") {
      server.sessions.clear();
      minutes.now += 11_000;
      assert.equal((await port.connect(NEVER)).is, "connected");
      assert.equal(server.named("initialize").length, 2);
      assert.equal((await callEcho(port)).is, "result");
      assert.equal(server.named("tools/call").length, 1);
    }
    await server[Symbol.asyncDispose]();
    minutes.now += 11_000;
    const dead = await port.connect(NEVER);
    assert(dead.is === "not_sent");
    assert.equal(dead.why, "unreachable");
    const stopped = await port.connect(AbortSignal.abort());
    assert(stopped.is === "not_sent");
    assert.equal(stopped.why, "stopped");
  });
}
