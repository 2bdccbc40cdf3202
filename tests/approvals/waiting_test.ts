import assert from "node:assert/strict";
import { readSeen, readWaiting } from "../../lib/approvals/waiting.ts";
import { approvalKey, approvalPendingKey } from "../../lib/store/keys.ts";
import type { Kv } from "../../lib/store/kv.ts";
import { DecisionOrg, type Person } from "../helpers/decision_org.ts";

/** What waits, as a member finds it: each request by its method. */
async function found(it: DecisionOrg, person: Person, countersign = it.countersign) {
  const { snapshot, caller } = await it.org.as(person.session, "see_requests", {
    plan: ({ snapshot }, caller) => ({ snapshot, caller }),
  });
  const waiting = await readWaiting(countersign.services, caller, snapshot);
  return waiting.map(({ facts, mine }) =>
    `${facts.method}${facts.progress.level}${mine ? "*" : ""}`
  );
}

Deno.test("readWaiting() finds what waits, at its level, and what the member can decide", async () => {
  await using it = await DecisionOrg.start();
  const one = await it.person("approver", { groups: [1] });
  const two = await it.person("approver", { groups: [2] });
  const viewer = await it.person("viewer");
  assert.deepEqual(await found(it, one), []);
  await it.pending({ method: "A" });
  await it.secondLevel();
  const { id } = await it.pending({ method: "B" });
  assert.deepEqual(await found(it, one), ["A1*", "B1*"]);
  assert.deepEqual(await found(it, two), ["A1", "B1"]);
  await one.approve(id);
  assert.deepEqual(await found(it, one), ["A1*", "B2"]);
  assert.deepEqual(await found(it, two), ["A1", "B2*"]);
  assert.deepEqual(await found(it, viewer), ["A1", "B2"]);
  await two.deny(id);
  assert.deepEqual(await found(it, two), ["A1"]);
});

Deno.test("readWaiting() notes what has expired, and is right on every node", async () => {
  await using it = await DecisionOrg.start();
  const ann = await it.person("owner");
  const { id } = await it.pending({ method: "A", timeout_seconds: 60 });
  await using other = await it.countersign.another();
  assert.deepEqual(await found(it, ann, other), ["A1*"]);
  await it.pending({ method: "B", timeout_seconds: 120 });
  assert.deepEqual(await found(it, ann, other), ["A1*", "B1*"]);
  it.countersign.clock.advance(61_000);
  assert.deepEqual(await found(it, ann, other), ["B1*"]);
  assert.equal((await it.entries("approval.expired", id)).length, 1);
  assert.deepEqual(await found(it, ann), ["B1*"]);
});

Deno.test("readWaiting() reads the request itself where its row has the id alone, as rows once had", async () => {
  await using it = await DecisionOrg.start();
  const ann = await it.person("owner");
  const { id } = await it.pending({ method: "A" });
  await it.pending({ method: "B" });
  await it.org.transact((transaction) => {
    transaction.set(approvalPendingKey(it.org.id, id), { id });
  });
  assert.deepEqual(await found(it, ann), ["A1*", "B1*"]);
});

/** A store that counts the rows that are read of it. */
function counting(inner: Kv): { readonly kv: Kv; rows: number } {
  const counted = {
    rows: 0,
    kv: {
      ...passed(inner),
      get: ((key, options) => {
        counted.rows++;
        return inner.get(key, options);
      }) as Kv["get"],
      getMany: ((keys: Deno.KvKey[], options) => {
        counted.rows += keys.length;
        return inner.getMany(keys, options);
      }) as Kv["getMany"],
      list: ((selector, options) => {
        const iterator = inner.list<never>(selector, options);
        const next = iterator.next.bind(iterator);
        iterator.next = async () => {
          const result = await next();
          if (result.done !== true) counted.rows++;
          return result;
        };
        return iterator;
      }) as Kv["list"],
    },
  };
  return counted;
}

function passed(inner: Kv): Omit<Kv, "get" | "getMany" | "list"> {
  return {
    atomic: () => inner.atomic(),
    set: (key, value, options) => inner.set(key, value, options),
    enqueue: (value, options) => inner.enqueue(value, options),
    listenQueue: (handler) => inner.listenQueue(handler),
    close: () => inner.close(),
  };
}

Deno.test("a list of what waits reads a row of the index each, once, and the requests that are shown", async () => {
  const counted = counting(await Deno.openKv(":memory:"));
  await using it = await DecisionOrg.start({ kv: counted.kv });
  try {
    const ann = await it.person("owner");
    const ids: string[] = [];
    for (let n = 0; n < 15; n++) ids.push((await it.pending({ method: `M${n}` })).id);
    const { services } = it.countersign;
    const { snapshot, caller } = await it.org.as(ann.session, "see_requests", {
      plan: ({ snapshot }, caller) => ({ snapshot, caller }),
    });
    const rowsOf = async (read: () => Promise<readonly unknown[]>) => {
      counted.rows = 0;
      const { length } = await read();
      return [length, counted.rows];
    };
    const waiting = () => readWaiting(services, caller, snapshot);
    assert.deepEqual(await rowsOf(waiting), [15, 16]);
    assert.deepEqual(await rowsOf(waiting), [15, 1], "nothing has changed since");
    const shown = ids.slice(0, 4);
    const seen = () => readSeen(services, caller, snapshot, shown);
    assert.deepEqual(await rowsOf(seen), [4, 8], "each request and its arguments");
    await it.pending({ method: "new" });
    assert.deepEqual(await rowsOf(waiting), [16, 17]);
  } finally {
    counted.kv.close();
  }
});

Deno.test("readSeen() leaves out what is not there", async () => {
  await using it = await DecisionOrg.start();
  const ann = await it.person("owner");
  const { id } = await it.pending({ method: "A" });
  const { snapshot, caller } = await it.org.as(ann.session, "see_requests", {
    plan: ({ snapshot }, caller) => ({ snapshot, caller }),
  });
  const { services } = it.countersign;
  const gone = approvalKey(it.org.id, id)[2].replace(/.$/, "!");
  const seen = await readSeen(services, caller, snapshot, [gone, id]);
  assert.deepEqual(seen.map(({ record }) => record.id), [id]);
});
