import assert from "node:assert/strict";
import { z } from "zod";
import type { Deps } from "../../lib/deps.ts";
import type { EntryDraft, Placed } from "../../lib/ledger/entry.ts";
import { LogTail } from "../../lib/ledger/log_tail.ts";
import type { Operation, Transaction } from "../../lib/ledger/transaction.ts";
import * as keys from "../../lib/store/keys.ts";
import type { Kv } from "../../lib/store/kv.ts";
import { systemRandom, systemTimer } from "../../lib/store/system.ts";
import { Countersign } from "../helpers/countersign.ts";
import { FailingStore } from "../helpers/failing_store.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

const number = z.object({ value: z.number() });

function draft(name: string, data = {}): EntryDraft {
  return {
    type: "test.done",
    actor: { type: "system", id: "test" },
    subject: { name },
    data,
  };
}

/** Adds one to a number in the store, with an entry that says what it became. */
function increment(key: keys.StoreKey, options: { logged: boolean }): Operation<number, number> {
  return {
    load: async (reader) => (await reader.get(key, number))?.value.value ?? 0,
    plan(transaction, before) {
      transaction.set(key, { value: before + 1 });
      if (options.logged) transaction.append(draft("increment", { value: before + 1 }));
      return before + 1;
    },
  };
}

async function valueOf(countersign: Countersign, key: keys.StoreKey): Promise<number> {
  const { value } = await countersign.services.deps.kv.get(key as Deno.KvKey);
  return number.parse(value).value;
}

Deno.test("transact() keeps each of 400 mixed parallel operations whole or absent", async () => {
  await using countersign = await Countersign.start();
  const { id } = await countersign.org();
  const { ledgers, deps } = countersign.services;
  class Refused extends Error {}
  const kinds = [
    "writes",
    "refuses late",
    "throws early",
    "too large an entry",
    "too large a value",
  ];
  const ask = (i: number) => {
    const kind = kinds[i % kinds.length];
    return ledgers.transact<void, Placed[]>(id, {
      plan(transaction) {
        if (kind === "throws early") throw new Refused();
        transaction.set(["test_row", id, i], { value: i });
        const first = transaction.append({ ...draft(`${i}/1`), private: { secret: `s${i}` } });
        if (kind === "refuses late") throw new Refused();
        if (kind === "too large an entry") {
          transaction.append(draft(`${i}/2`, { text: "x".repeat(9000) }));
        }
        if (kind === "too large a value") {
          transaction.set(["test_big", id, i], { value: "x".repeat(750_000) });
        }
        return [first, transaction.append(draft(`${i}/2`))];
      },
    });
  };
  const answers = await Promise.allSettled(Array.from({ length: 400 }, (_, i) => ask(i)));

  const log = await verifiedLog(deps, id);
  const byName = new Map(log.map((entry) => [entry.entry.subject.name, entry]));
  for (const [i, answer] of answers.entries()) {
    const whole = kinds[i % kinds.length] === "writes";
    assert.equal(answer.status, whole ? "fulfilled" : "rejected", `operation ${i}`);
    const row = await deps.kv.get(["test_row", id, i]);
    assert.equal(row.versionstamp !== null, whole, `row of operation ${i}`);
    const stored = [1, 2].map((part) => byName.get(`${i}/${part}`));
    if (answer.status === "fulfilled") {
      const places = stored.map((entry) => ({ index: entry?.index, leaf_hash: entry?.leaf_hash }));
      assert.deepEqual(answer.value, places);
      assert.equal(stored[1]?.index, (stored[0]?.index ?? 0) + 1, "entries stand together");
    } else {
      assert.deepEqual(stored, [undefined, undefined]);
    }
  }
});

Deno.test("transact() answers in the order of the log when operations come one after another", async () => {
  await using countersign = await Countersign.start();
  const { id } = await countersign.org();
  const indices: number[] = [];
  await Promise.all(Array.from({ length: 300 }, async (_, i) => {
    const placed = await countersign.services.ledgers.transact(id, {
      plan: (transaction) => transaction.append(draft(String(i))),
    });
    indices.push(placed.index);
  }));
  assert.deepEqual(indices, indices.toSorted((a, b) => a - b));
});

Deno.test("transact() commits 300 parallel operations that each read a key of their own", async () => {
  await using countersign = await Countersign.start();
  const { id } = await countersign.org();
  const { ledgers, deps } = countersign.services;
  const operations = Array.from(
    { length: 300 },
    (_, i) => ledgers.transact(id, increment(["test", id, i], { logged: true })),
  );
  assert.deepEqual(await Promise.all(operations), Array(300).fill(1));
  await verifiedLog(deps, id);
});

Deno.test("transact() ends the batch at a policy change: what follows is decided on it", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("deploy");
  const { ledgers } = countersign.services;
  const look = () =>
    ledgers.transact(org.id, {
      plan: (transaction) => ({
        status: transaction.snapshot.tool("deploy")?.status,
        version: transaction.policyVersion,
        at: transaction.append(draft("look")).index,
      }),
    });
  const disable = () =>
    org.transact((transaction) => {
      const tool = transaction.snapshot.tool("deploy");
      transaction.setPolicy(keys.toolKey(org.id, "deploy"), { ...tool, status: "disabled" });
      return { version: transaction.policyVersion, at: transaction.append(draft("change")).index };
    });
  const before = Array.from({ length: 20 }, look);
  const change = disable();
  const after = Array.from({ length: 20 }, look);
  const changed = await change;
  for (const seen of await Promise.all(before)) {
    assert.deepEqual([seen.status, seen.version], ["approved", changed.version - 1]);
    assert.ok(seen.at < changed.at);
  }
  for (const seen of await Promise.all(after)) {
    assert.deepEqual([seen.status, seen.version], ["disabled", changed.version]);
    assert.ok(seen.at > changed.at);
  }
});

Deno.test("transact() keeps the neighbours of a value that the store does not take", async () => {
  await using countersign = await Countersign.start();
  const { id } = await countersign.org();
  const { ledgers, deps } = countersign.services;
  const answers = await Promise.allSettled(
    Array.from({ length: 21 }, (_, i) =>
      ledgers.transact(id, {
        plan(transaction) {
          // Fits the commit, but not the 64 KiB that one value of Deno KV may have.
          if (i === 10) transaction.set(["test_big", id], { value: "x".repeat(100_000) });
          return transaction.append(draft(String(i)));
        },
      })),
  );
  assert.deepEqual(
    answers.map(({ status }) => status),
    Array.from({ length: 21 }, (_, i) => i === 10 ? "rejected" : "fulfilled"),
  );
  const log = await verifiedLog(deps, id);
  assert.equal(log.filter(({ entry }) => entry.type === "test.done").length, 20);
});

Deno.test("transact() refuses a policy record that nobody could read again", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await assert.rejects(org.tool("deploy", { required_tier: 9 }));
  await org.tool("deploy");
  const got = await org.post("/v1/permissions/check", { tool_name: "deploy" });
  assert.equal(got.body.permission, "allowed");
});

for (const logged of [true, false]) {
  const what = logged ? "with entries" : "without entries";
  Deno.test(`200 parallel increments ${what} over two nodes lose no update`, async () => {
    await using one = await Countersign.start();
    await using two = await one.another();
    const { id } = await one.org();
    const key = ["test_counter", id];
    const values = await Promise.all(Array.from({ length: 200 }, (_, i) => {
      const node = i % 2 === 0 ? one : two;
      return node.services.ledgers.transact(id, increment(key, { logged }));
    }));
    assert.equal(await valueOf(one, key), 200);
    const sorted = values.toSorted((a, b) => a - b);
    assert.deepEqual(sorted, Array.from({ length: 200 }, (_, i) => i + 1));
    await verifiedLog(one.services.deps, id);
  });
}

/** A store of one node, in which another one commits before each commit of it. */
class OvertakenStore extends FailingStore {
  overtake: () => Promise<void> = () => Promise.resolve();

  override atomic: Kv["atomic"] = () => {
    const operation = this.inner.atomic();
    const commit = operation.commit.bind(operation);
    operation.commit = async () => {
      await this.overtake();
      return await commit();
    };
    return operation;
  };
}

Deno.test("a node gets its commits in while another one commits without pause", async () => {
  const kv = await Deno.openKv(":memory:");
  const store = new OvertakenStore(kv);
  let heldBack = Promise.withResolvers<void>();
  let goOn = Promise.withResolvers<void>();
  /** Without jitter no pause takes time but that of a node which was asked to let another in. */
  const deps: Partial<Deps> = {
    random: (bytes) => bytes === 1 ? Uint8Array.of(0) : systemRandom(bytes),
    timer(milliseconds) {
      if (milliseconds >= 1000) return systemTimer(milliseconds);
      if (milliseconds === 0) return { elapsed: Promise.resolve(), cancel: () => {} };
      heldBack.resolve();
      return { elapsed: goOn.promise, cancel: () => {} };
    },
  };
  {
    await using one = await Countersign.start({ kv, deps });
    const shared = { clock: one.clock, secret: one.secret };
    await using two = await Countersign.start({ kv: store, ...shared });
    const { id } = await one.org();
    const append = (node: Countersign, name: string) =>
      node.services.ledgers.transact(id, {
        plan: (transaction: Transaction) => transaction.append(draft(name)),
      });
    await append(two, "first");
    let overtaken = 0;
    let busy: Promise<unknown> = Promise.resolve();
    store.overtake = async () => {
      overtaken++;
      busy = append(one, "busy");
      // It commits, or it was asked and holds back.
      await Promise.race([busy, heldBack.promise]);
    };
    for (let round = 1; round <= 5; round++) {
      await append(two, "quiet");
      goOn.resolve();
      await busy;
      heldBack = Promise.withResolvers();
      goOn = Promise.withResolvers();
      assert.ok(overtaken <= 4 * round, `${overtaken} attempts for ${round} commits`);
    }
    const log = await verifiedLog(one.services.deps, id);
    const count = (name: string) => log.filter(({ entry }) => entry.subject.name === name).length;
    assert.deepEqual([count("quiet"), count("busy")], [5, overtaken]);
  }
  kv.close();
});

Deno.test("a node that another one overtook by whole pages fills its own page all the same", async () => {
  await using one = await Countersign.start();
  await using two = await one.another();
  const { id } = await one.org();
  const append = (node: Countersign, count: number) =>
    node.services.ledgers.transact(id, {
      plan: (transaction: Transaction) =>
        Array.from({ length: count }, (_, i) => transaction.append(draft(String(i)))).at(-1),
    });
  const start = (await append(one, 1))?.index ?? 0;
  await append(one, 510 - start - 1);
  assert.equal((await append(two, 1))?.index, 510);
  await append(one, 600);
  // Its own tail still ends at 511: the page that it fills there is long full.
  assert.equal((await append(two, 1))?.index, 1111);
  await verifiedLog(one.services.deps, id);
});

Deno.test("transact() makes again what was planned on a key that another node changed meanwhile", async () => {
  const kv = await Deno.openKv(":memory:");
  {
    await using one = await Countersign.start({ kv });
    const { id } = await one.org();
    const key = ["test_shared", id];
    await kv.set(key, { value: 1 });
    const { promise: mayRead, resolve: letRead } = Promise.withResolvers<void>();
    const { promise: wasRead, resolve: read } = Promise.withResolvers<void>();
    // Two operations of one batch read the same key; it changes between the one and the other.
    const look = (name: string, before: Promise<void>) =>
      one.services.ledgers.transact<number, number>(id, {
        load: async (reader) => {
          await before;
          const seen = (await reader.get(key, number))?.value.value ?? 0;
          read();
          return seen;
        },
        plan(transaction, seen) {
          transaction.append(draft(name, { seen }));
          return seen;
        },
      });
    const batchBefore = one.services.ledgers.transact(id, { plan: () => null });
    const seen = [look("early", Promise.resolve()), look("late", mayRead)];
    await wasRead;
    await kv.set(key, { value: 2 });
    letRead();
    assert.deepEqual(await Promise.all(seen), [2, 2]);
    await batchBefore;
  }
  kv.close();
});

Deno.test("a node that refused by an old policy commits, time after time, what it makes of the new one", async () => {
  await using first = await Countersign.start();
  const { id } = await first.org();
  await using second = await first.another();
  class NotYet extends Error {}
  for (const row of ["one", "two", "three"]) {
    // What nobody has changed since, the second node knows; of what comes next it does not.
    await second.services.ledgers.transact(id, { plan: ({ snapshot }) => snapshot.version });
    await first.services.ledgers.transact<void, void>(id, {
      plan(transaction) {
        const { org } = transaction.snapshot;
        transaction.setPolicy(keys.orgKey(id), { ...org, name: row });
      },
    });
    // Without an entry: nothing but a mark of its own tells whether such a commit landed.
    await second.services.ledgers.transact<void, void>(id, {
      plan(transaction) {
        if (transaction.snapshot.org.name !== row) throw new NotYet();
        transaction.set(["test_row", id, row], { value: 1 });
      },
    });
    assert.equal(await valueOf(first, ["test_row", id, row]), 1);
  }
});

Deno.test("LogTail.load() takes a log that another node begins meanwhile for no damage", async () => {
  await using countersign = await Countersign.start();
  const { id } = await countersign.org();
  const store = new FailingStore(countersign.services.deps.kv);
  // The head as it was before the other node's commit; all else as it is after.
  store.get = (key) => Promise.resolve({ key: key as never, value: null, versionstamp: null });
  const tail = await LogTail.load(store, id);
  assert.equal(tail.versionstamp, null);
  assert.equal(tail.head.size, 0);
});
