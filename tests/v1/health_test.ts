import assert from "node:assert/strict";
import { VERSION } from "../../lib/base/version.ts";
import { createOrgOperation } from "../../lib/catalog/create_org.ts";
import { DEPLOYMENT_ORG } from "../../lib/store/keys.ts";
import type { Kv } from "../../lib/store/kv.ts";
import { Countersign } from "../helpers/countersign.ts";

/** A store whose plain writes can be made to fail, and are counted. */
function watchedStore(kv: Deno.Kv) {
  const state = { writes: 0, fails: false };
  const store: Kv = {
    get: kv.get.bind(kv),
    getMany: kv.getMany.bind(kv),
    list: kv.list.bind(kv),
    atomic: kv.atomic.bind(kv),
    enqueue: kv.enqueue.bind(kv),
    listenQueue: kv.listenQueue.bind(kv),
    close: kv.close.bind(kv),
    set(key, value, options) {
      state.writes++;
      if (state.fails) return Promise.reject(new Error("disk full at /var/lib/store"));
      return kv.set(key, value, options);
    },
  };
  return { state, store };
}

const READY = {
  status: "ready",
  process: "serving",
  store: "ok",
  policy: "ok",
  clock: "ok",
  forwarded_for: "ok",
  waking: "sweep",
};

Deno.test("/healthz answers whoever asks, and only that the process is up, and of which release", async () => {
  await using countersign = await Countersign.start();
  const { status, body } = await countersign.request("GET", "/healthz");
  assert.deepEqual({ status, body }, { status: 200, body: { status: "ok", version: VERSION } });
});

Deno.test("/readyz is ready when the store takes a write", async () => {
  await using countersign = await Countersign.start();
  const { status, body } = await countersign.request("GET", "/readyz");
  assert.deepEqual({ status, body }, { status: 200, body: READY });
});

Deno.test("/readyz says that a queue wakes what is due where the store has one", async () => {
  await using countersign = await Countersign.start({ deps: { queues: true } });
  const { body } = await countersign.request("GET", "/readyz");
  assert.equal(body.waking, "queue");
});

Deno.test("/readyz is 503 while the store refuses writes, names no detail, and recovers", async () => {
  using kv = await Deno.openKv(":memory:");
  const { state, store } = watchedStore(kv);
  await using countersign = await Countersign.start({ kv: store });
  state.fails = true;
  const failing = await countersign.request("GET", "/readyz");
  assert.equal(failing.status, 503);
  assert.deepEqual(failing.body, { ...READY, status: "not_ready", store: "failing" });
  assert.ok(!failing.text.includes("disk"));
  state.fails = false;
  countersign.clock.advance(1000);
  assert.equal((await countersign.request("GET", "/readyz")).status, 200);
});

Deno.test("/readyz writes once a second however often strangers ask", async () => {
  using kv = await Deno.openKv(":memory:");
  const { state, store } = watchedStore(kv);
  await using countersign = await Countersign.start({ kv: store });
  await Promise.all(Array.from({ length: 50 }, () => countersign.request("GET", "/readyz")));
  assert.equal(state.writes, 1);
  countersign.clock.advance(999);
  await countersign.request("GET", "/readyz");
  assert.equal(state.writes, 1);
  countersign.clock.advance(1);
  await countersign.request("GET", "/readyz");
  assert.equal(state.writes, 2);
});

Deno.test("/readyz is 503 when the clock falls more than 5 minutes behind a log", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.post("/v1/permissions/check", { tool_name: "a" });
  countersign.clock.advance(-5 * 60_000);
  assert.equal((await countersign.request("GET", "/readyz")).status, 200);
  countersign.clock.advance(-1);
  const { status, body } = await countersign.request("GET", "/readyz");
  assert.equal(status, 503);
  assert.deepEqual(body, { ...READY, status: "not_ready", clock: "behind" });
});

Deno.test("/readyz is 503 when policy or log in the store cannot be read", async () => {
  await using countersign = await Countersign.start();
  const { deps, ledgers } = countersign.services;
  const own = { id: DEPLOYMENT_ORG, name: "deployment", host: "test" };
  const system = { type: "system" as const, id: "test" };
  await ledgers.transact(own.id, await createOrgOperation(deps, own, system));
  await deps.kv.set(["policy_version", DEPLOYMENT_ORG], { version: "many" });
  await deps.kv.set(["log_head", DEPLOYMENT_ORG], "gone");
  const { status, body } = await countersign.request("GET", "/readyz");
  assert.equal(status, 503);
  assert.deepEqual(body, { ...READY, status: "not_ready", policy: "failing", clock: "unknown" });
});

Deno.test("a forwarded address that is not trusted is said once in the log, and on /readyz", async () => {
  const lines: string[] = [];
  for (const [proxies, said] of [["0", "ignored"], ["1", "ok"]] as const) {
    await using countersign = await Countersign.start({
      variables: { COUNTERSIGN_TRUSTED_PROXY: proxies },
      deps: { log: (_, message) => lines.push(message) },
    });
    const org = await countersign.org();
    assert.equal((await countersign.request("GET", "/readyz")).body.forwarded_for, "ok");
    for (let n = 0; n < 3; n++) {
      await org.post("/v1/permissions/check", { tool_name: "restart" }, org.standard, {
        "x-forwarded-for": "203.0.113.9",
      });
    }
    const { status, body } = await countersign.request("GET", "/readyz");
    assert.deepEqual([status, body.forwarded_for], [200, said]);
  }
  assert.equal(lines.filter((line) => line.includes("X-Forwarded-For is ignored")).length, 1);
});

/** A store on a disk that is full: what is small still fits, what is larger does not. */
function fullStore(kv: Deno.Kv) {
  const state = { error: null as Error | null };
  const { store } = watchedStore(kv);
  store.atomic = () => {
    const operation = kv.atomic();
    const commit = operation.commit.bind(operation);
    operation.commit = () => state.error === null ? commit() : Promise.reject(state.error);
    return operation;
  };
  return { state, store };
}

Deno.test("/readyz is 503 from the commit on that failed, though a small write is taken, and ready again once one lands", async () => {
  using kv = await Deno.openKv(":memory:");
  const { state, store } = fullStore(kv);
  const lines: string[] = [];
  const log = (level: string, message: string) => void lines.push(`${level} ${message}`);
  await using countersign = await Countersign.start({ kv: store, deps: { log } });
  const org = await countersign.org();
  await org.tool("deploy");
  const ready = async () => (await countersign.request("GET", "/readyz")).status;
  assert.equal(await ready(), 200);
  state.error = new TypeError("database or disk is full");
  // Nobody has met it yet: the report of a moment ago stands.
  assert.equal(await ready(), 200);
  const refused = await org.post("/v1/permissions/check", { tool_name: "deploy" });
  assert.equal(refused.status, 503, refused.text);
  assert.equal(refused.body.code, "store_unavailable");
  assert.ok(!refused.text.includes("disk"));
  const failing = await countersign.request("GET", "/readyz");
  assert.deepEqual(failing.body, { ...READY, status: "not_ready", store: "failing" });
  countersign.clock.advance(1000);
  assert.equal(await ready(), 503, "the next look tries a commit, too");
  state.error = null;
  countersign.clock.advance(1000);
  assert.equal(await ready(), 200, "without a request that would show it");
  const told = lines.filter((line) => /commits/.test(line));
  assert.deepEqual(told, [
    "error The store does not take commits",
    "info The store takes commits again",
  ]);
});

Deno.test("/readyz stays 503 once the file is found damaged, whatever still works", async () => {
  using kv = await Deno.openKv(":memory:");
  const { state, store } = fullStore(kv);
  await using countersign = await Countersign.start({ kv: store });
  const org = await countersign.org();
  await org.tool("deploy");
  state.error = new TypeError("database disk image is malformed");
  const refused = await org.post("/v1/permissions/check", { tool_name: "deploy" });
  assert.equal(refused.body.code, "store_unavailable");
  state.error = null;
  for (let look = 0; look < 3; look++) {
    countersign.clock.advance(1000);
    const { status, body } = await countersign.request("GET", "/readyz");
    assert.deepEqual([status, body.store], [503, "failing"]);
  }
});
