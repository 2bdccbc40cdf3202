import assert from "node:assert/strict";
import type { Kv } from "../../lib/store/kv.ts";
import { Countersign } from "../helpers/countersign.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

/** A store whose commits wait while a test holds them. */
function heldCommits(inner: Deno.Kv): { kv: Kv; hold: () => () => void } {
  let released = Promise.resolve();
  const kv: Kv = {
    get: inner.get.bind(inner),
    getMany: inner.getMany.bind(inner),
    list: inner.list.bind(inner),
    set: inner.set.bind(inner),
    enqueue: inner.enqueue.bind(inner),
    listenQueue: inner.listenQueue.bind(inner),
    close: inner.close.bind(inner),
    atomic() {
      const operation = inner.atomic();
      const commit = operation.commit.bind(operation);
      operation.commit = async () => {
        await released;
        return await commit();
      };
      return operation;
    },
  };
  return {
    kv,
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      released = promise;
      return resolve;
    },
  };
}

Deno.test("attack: more than the ledger's queue holds is refused at once, and nothing is lost", async () => {
  const inner = await Deno.openKv(":memory:");
  const { kv, hold } = heldCommits(inner);
  {
    await using countersign = await Countersign.start({ kv });
    const org = await countersign.org();
    await org.tool("restart");
    const actor = { type: "system", id: "test" } as const;
    const release = hold();
    const flood = Array.from({ length: 12_000 }, () =>
      org.transact((transaction) => {
        transaction.append({ type: "test.flooded", actor, subject: {}, data: {} });
      }).then(() => "stored", (error) => error.code));
    const got = await org.post("/v1/permissions/check", { tool_name: "restart" });
    assert.equal(got.status, 503);
    assert.equal(got.body.code, "overloaded");
    assert.equal(got.headers.get("retry-after"), "1");
    release();
    const ends = await Promise.all(flood);
    const stored = ends.filter((end) => end === "stored").length;
    assert.deepEqual(new Set(ends), new Set(["stored", "overloaded"]));
    const after = await org.post("/v1/permissions/check", { tool_name: "restart" });
    assert.equal(after.body.permission, "allowed");
    const entries = await verifiedLog(countersign.services.deps, org.id);
    assert.equal(entries.filter(({ entry }) => entry.type === "test.flooded").length, stored);
  }
  inner.close();
});
