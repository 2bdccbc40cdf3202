import assert from "node:assert/strict";
import { credentialUsedPrefix } from "../../lib/store/keys.ts";
import { Countersign } from "../helpers/countersign.ts";
import { FailingStore } from "../helpers/failing_store.ts";

const CHECK = "/v1/permissions/check";
const BODY = { tool_name: "restart" };

Deno.test("Last use is seen at once on the node of the request, after a flush on every node", async () => {
  await using one = await Countersign.start();
  await using two = await one.another();
  const org = await one.org();
  await org.tool("restart");
  const made = await org.manage("POST", "/v1/agents", { name: "agent" });
  const lastUsed = async (node: Countersign) => {
    const path = `/v1/agents/${made.body.id}`;
    return (await node.request("GET", path, { key: org.standard })).body.last_used_at;
  };
  assert.equal(await lastUsed(one), null);
  one.clock.advance(5000);
  const used = new Date(one.clock.now).toISOString();
  await org.post(CHECK, BODY, made.body.token);
  assert.equal(await lastUsed(one), used);
  assert.equal(await lastUsed(two), null);
  await one.services.lastUsed.flush();
  assert.equal(await lastUsed(two), used);

  one.clock.advance(5000);
  await org.post(CHECK, BODY, made.body.token);
  assert.equal(await lastUsed(one), new Date(one.clock.now).toISOString());
});

Deno.test("However often a credential is used, a flush writes it once, and nothing when unused", async () => {
  const kv = await Deno.openKv(":memory:");
  const store = new FailingStore(kv);
  let commits = 0;
  {
    await using countersign = await Countersign.start({ kv: store });
    const org = await countersign.org();
    for (let i = 0; i < 5; i++) await org.get("/v1/agents");
    store.fault = ({ kind }) => {
      if (kind === "commit") commits++;
      return null;
    };
    await countersign.services.lastUsed.flush();
    await countersign.services.lastUsed.flush();
    assert.equal(commits, 1);
  }
  kv.close();
});

Deno.test("A store that does not take the time of last use costs no request and loses no time", async () => {
  const kv = await Deno.openKv(":memory:");
  const store = new FailingStore(kv);
  {
    await using countersign = await Countersign.start({ kv: store });
    const org = await countersign.org();
    await org.get("/v1/agents");
    store.fault = ({ kind }) => kind === "commit" ? "fails" : null;
    await countersign.services.lastUsed.flush();
    const listed = await org.get("/v1/api-keys");
    assert.equal(listed.status, 200);
    const rows = () => Array.fromAsync(kv.list({ prefix: credentialUsedPrefix(org.id) }));
    assert.equal((await rows()).length, 0);
    await store.heal();
    await countersign.services.lastUsed.flush();
    assert.equal((await rows()).length, 1);
  }
  kv.close();
});

Deno.test("The times are stored every minute while it runs, and once more when it stops", async () => {
  let elapse = () => {};
  let waiting = Promise.withResolvers<void>();
  const timer = (milliseconds: number) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (milliseconds === 60_000) {
      elapse = resolve;
      waiting.resolve();
    }
    return { elapsed: promise, cancel: () => {} };
  };
  await using countersign = await Countersign.start({ deps: { timer } });
  const org = await countersign.org();
  const { lastUsed, deps } = countersign.services;
  const rows = async () =>
    (await Array.fromAsync(deps.kv.list({ prefix: credentialUsedPrefix(org.id) }))).length;
  lastUsed.start();
  await org.get("/v1/agents");
  assert.equal(await rows(), 0);
  waiting = Promise.withResolvers();
  elapse();
  await waiting.promise;
  assert.equal(await rows(), 1);
  await org.manage("GET", "/v1/agents");
  await lastUsed.stop();
  assert.equal(await rows(), 2);
});
