import assert from "node:assert/strict";
import { HeldKeys, KEYS_A_PREFIX } from "../../lib/ledger/held_keys.ts";
import { storeHistory } from "../../lib/approvals/advance.ts";
import { approvalHistoryKey, approvalHistoryPrefix, logHeadKey } from "../../lib/store/keys.ts";
import type { Kv } from "../../lib/store/kv.ts";
import { Countersign } from "../helpers/countersign.ts";
import { FailingStore } from "../helpers/failing_store.ts";

const PREFIX = approvalHistoryPrefix("org", "agt");

/** A store with so many rows below the prefix. */
async function storeOf(count: number) {
  const kv = await Deno.openKv(":memory:");
  for (let i = 0; i < count; i++) await kv.set([...PREFIX, `d${i}`], { asked: 1 });
  return kv;
}

function written(name: string, value: unknown = {}) {
  return [{ key: approvalHistoryKey("org", "agt", name), value }];
}

Deno.test("a key is known to be missing only while the head is the one it was read under", async () => {
  using kv = await storeOf(1);
  const held = new HeldKeys();
  held.under("1");
  assert.equal(held.lacks(PREFIX, "other"), false, "before anything was read");
  await held.look(kv, PREFIX);
  assert.deepEqual([held.lacks(PREFIX, "d0"), held.lacks(PREFIX, "other")], [false, true]);
  held.under("1");
  assert.equal(held.lacks(PREFIX, "other"), true);
  held.follow(written("other"), "2");
  held.under("2");
  assert.deepEqual([held.lacks(PREFIX, "other"), held.lacks(PREFIX, "third")], [false, true]);
  held.follow(written("other", undefined), "2");
  assert.equal(
    held.lacks(PREFIX, "other"),
    false,
    "a deletion may be of a row that was made since",
  );
  held.under("3");
  assert.equal(held.lacks(PREFIX, "third"), false);
  await held.look(kv, PREFIX);
  held.drop();
  assert.equal(held.lacks(PREFIX, "third"), false);
});

Deno.test("what was being read when a commit landed is not believed", async () => {
  using kv = await storeOf(0);
  const held = new HeldKeys();
  held.under(null);
  const reading = held.look(kv, PREFIX);
  held.follow(written("d0"), "1");
  await reading;
  assert.equal(held.lacks(PREFIX, "d0"), false);
  assert.equal(held.lacks(PREFIX, "other"), false);
  await held.look(kv, PREFIX);
  assert.equal(held.lacks(PREFIX, "other"), true);
});

Deno.test("who asks while a prefix is read waits for the same read, and a read that failed is made again", async () => {
  using inner = await storeOf(1);
  const store = new FailingStore(inner);
  const held = new HeldKeys();
  held.under(null);
  store.fault = () => "fails";
  const failed = await Promise.allSettled([held.look(store, PREFIX), held.look(store, PREFIX)]);
  assert.deepEqual(failed.map(({ status }) => status), ["rejected", "rejected"]);
  assert.equal(held.lacks(PREFIX, "other"), false);
  await store.heal();
  await Promise.all([held.look(store, PREFIX), held.look(store, PREFIX)]);
  assert.equal(store.calls, 2);
  assert.equal(held.lacks(PREFIX, "other"), true);
});

Deno.test("a prefix with too many keys is not held, and the oldest go when there are too many in all", async () => {
  using kv = await storeOf(KEYS_A_PREFIX);
  const held = new HeldKeys();
  held.under(null);
  await held.look(kv, PREFIX);
  assert.equal(held.lacks(PREFIX, "other"), true);
  held.follow(written("one more"), "1");
  assert.equal(held.lacks(PREFIX, "other"), false);
  await kv.set([...PREFIX, "one more"], {});
  held.drop();
  await held.look(kv, PREFIX);
  assert.equal(held.lacks(PREFIX, "other"), false);

  const others = Array.from({ length: 10_000 }, (_, i) => approvalHistoryPrefix("org", `agt${i}`));
  const empty: Pick<Kv, "list"> = { list: () => kv.list<never>({ prefix: ["nothing"] }) };
  for (const prefix of others) await held.look(empty as Kv, prefix);
  const known = others.filter((prefix) => held.lacks(prefix, "other"));
  assert.equal(known.length, 9_999 + 1);
  assert.equal(held.lacks(others[0] ?? [], "other"), true);
  await held.look(empty as Kv, approvalHistoryPrefix("org", "the last"));
  assert.equal(held.lacks(others[0] ?? [], "other"), false);
});

Deno.test("a prefix with too many keys is listed once, however often others commit", async () => {
  using inner = await storeOf(KEYS_A_PREFIX + 1);
  await inner.set([...approvalHistoryPrefix("org", "few"), "d0"], { asked: 1 });
  const store = new FailingStore(inner);
  const held = new HeldKeys();
  held.under("1");
  await held.look(store, PREFIX);
  const few = approvalHistoryPrefix("org", "few");
  await held.look(store, few);
  const { calls } = store;
  held.under("2");
  await held.look(store, PREFIX);
  assert.equal(store.calls, calls);
  assert.equal(held.lacks(PREFIX, "other"), false, "whoever asks reads the row");
  assert.equal(held.lacks(few, "other"), false, "of few it is read what others wrote");
  await held.look(store, few);
  assert.ok(store.calls > calls);
  assert.equal(held.lacks(few, "other"), true);
});

Deno.test("rows of other kinds are never held, as their commits need not move the head", async () => {
  using kv = await storeOf(0);
  const held = new HeldKeys();
  held.under(null);
  await held.look(kv, ["approval_open", "org", "agt"]);
  assert.equal(held.lacks(["approval_open", "org", "agt"], "any"), false);
});

Deno.test("a commit that writes a row of a held kind moves the log's head without an entry", async () => {
  await using countersign = await Countersign.start();
  const { id } = await countersign.org();
  const { ledgers, deps: { kv } } = countersign.services;
  const before = await kv.get([...logHeadKey(id)]);
  await ledgers.transact(id, {
    plan: (transaction) => {
      const request = {
        requester: { type: "agent" as const, id: "agt", name: "a" },
        action_digest: "d",
      };
      storeHistory(transaction, request, { asked: 1, denied: 0, last_denial: null });
    },
  });
  const after = await kv.get([...logHeadKey(id)]);
  assert.deepEqual(after.value, before.value);
  assert.notEqual(after.versionstamp, before.versionstamp);
});
