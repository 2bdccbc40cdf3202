import assert from "node:assert/strict";
import fc from "fast-check";
import { storeHistory } from "../../lib/approvals/advance.ts";
import { GuardedRows, isGuarded, NAMES_A_PREFIX } from "../../lib/ledger/guarded_rows.ts";
import type { Operation, Reader, Transaction } from "../../lib/ledger/transaction.ts";
import * as keys from "../../lib/store/keys.ts";
import {
  approvalCountKey,
  approvalHistoryKey,
  approvalHistoryPrefix,
  logHeadKey,
  runTokenKey,
  type StoreKey,
} from "../../lib/store/keys.ts";
import { keyText, type Kv } from "../../lib/store/kv.ts";
import type { AskHistory } from "../../lib/store/records/approval.ts";
import type { RunTokenRecord } from "../../lib/store/records/token.ts";
import { Countersign } from "../helpers/countersign.ts";
import { FailingStore, type Fault, FAULTS } from "../helpers/failing_store.ts";
import { projectText, sourceFiles } from "../helpers/project_files.ts";
import { runs } from "../helpers/property_runs.ts";
import { setAsAnotherNode, verifiedLog } from "../helpers/stored_log.ts";
import { counted, counting, countOf, storeCount } from "./counting.ts";

const PREFIX = approvalHistoryPrefix("org", "agt");

const ASKED: AskHistory = { asked: 1, denied: 0, last_denial: null };

/** What a commit wrote, as the transaction has it. */
function byText(writes: readonly { readonly key: StoreKey; readonly value: unknown }[]) {
  return writes.map((write) => [keyText(write.key), write] as const);
}

/** A store with so many rows below the prefix. */
async function storeOf(count: number) {
  const kv = await Deno.openKv(":memory:");
  for (let i = 0; i < count; i++) await kv.set([...PREFIX, `d${i}`], ASKED);
  return kv;
}

function written(name: string, value: AskHistory | undefined = ASKED) {
  return byText([{ key: approvalHistoryKey("org", "agt", name), value }]);
}

Deno.test("a row is known to be missing only while the head is the one it was read under", async () => {
  using kv = await storeOf(1);
  const rows = new GuardedRows();
  rows.under("1");
  assert.equal(rows.lacks(PREFIX, "other"), false, "before anything was read");
  await rows.look(kv, PREFIX);
  assert.deepEqual([rows.lacks(PREFIX, "d0"), rows.lacks(PREFIX, "other")], [
    false,
    true,
  ]);
  rows.under("1");
  assert.equal(rows.lacks(PREFIX, "other"), true);
  rows.follow(written("other"), "2");
  rows.under("2");
  assert.deepEqual([rows.lacks(PREFIX, "other"), rows.lacks(PREFIX, "third")], [
    false,
    true,
  ]);
  rows.under("3");
  assert.equal(rows.lacks(PREFIX, "third"), false);
  await rows.look(kv, PREFIX);
  rows.drop();
  assert.equal(rows.lacks(PREFIX, "third"), false);
});

Deno.test("what was being read when a commit landed is not held", async () => {
  using kv = await storeOf(0);
  const rows = new GuardedRows();
  rows.under(null);
  const looking = rows.look(kv, PREFIX);
  const key = approvalCountKey("org", "agt");
  const reading = rows.get(kv, key);
  rows.follow(written("d0"), "1");
  await Promise.all([looking, reading]);
  assert.equal(rows.lacks(PREFIX, "other"), false);
  assert.ok(rows.get(kv, key) instanceof Promise, "it is read again");
  await rows.look(kv, PREFIX);
  assert.equal(rows.lacks(PREFIX, "other"), true);
});

Deno.test("who wants what is being read waits for the same read, and one that failed is made again", async () => {
  using inner = await storeOf(1);
  const store = new FailingStore(inner);
  const rows = new GuardedRows();
  rows.under(null);
  const key = approvalCountKey("org", "agt");
  const wanted = () => [
    rows.look(store, PREFIX),
    rows.look(store, PREFIX),
    rows.get(store, key),
  ];
  store.fault = () => "fails";
  const failed = await Promise.allSettled(wanted());
  assert.deepEqual(failed.map(({ status }) => status), [
    "rejected",
    "rejected",
    "rejected",
  ]);
  assert.equal(rows.lacks(PREFIX, "other"), false);
  await store.heal();
  await Promise.all([...wanted(), rows.get(store, key)]);
  assert.equal(store.calls, 4);
  assert.equal(rows.lacks(PREFIX, "other"), true);
  assert.equal(rows.get(store, key), null);
});

Deno.test("below a prefix with too many rows each is read by itself, and it is listed once, however often others commit", async () => {
  using inner = await storeOf(NAMES_A_PREFIX + 1);
  await inner.set([...approvalHistoryPrefix("org", "few"), "d0"], ASKED);
  const store = new FailingStore(inner);
  const rows = new GuardedRows();
  rows.under("1");
  await rows.look(store, PREFIX);
  const few = approvalHistoryPrefix("org", "few");
  await rows.look(store, few);
  const { calls } = store;
  rows.under("2");
  await rows.look(store, PREFIX);
  assert.equal(store.calls, calls);
  assert.equal(rows.lacks(PREFIX, "other"), false);
  assert.equal(
    await rows.get(store, approvalHistoryKey("org", "agt", "other")),
    null,
  );
  assert.deepEqual(
    await rows.get(store, approvalHistoryKey("org", "agt", "d7")),
    ASKED,
  );
  assert.equal(
    rows.lacks(few, "other"),
    false,
    "of few it is read what others wrote",
  );
  await rows.look(store, few);
  assert.equal(rows.lacks(few, "other"), true);
  const more = Array.from(
    { length: NAMES_A_PREFIX },
    (_, i) => ({ key: [...few, `e${i}`], value: ASKED }),
  );
  rows.follow(byText(more), "3");
  assert.equal(rows.lacks(few, "other"), false, "it has too many by now");
});

Deno.test("a commit that writes such a row moves the log's head, entries or not, and set() takes none", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const { kv } = countersign.services.deps;
  const before = await kv.get([...logHeadKey(org.id)]);
  const request = {
    requester: { type: "agent" as const, id: "agt", name: "a" },
    action_digest: "d",
    mandate: null,
  };
  await org.transact((transaction) => storeHistory(transaction, request, ASKED));
  const after = await kv.get([...logHeadKey(org.id)]);
  assert.deepEqual(after.value, before.value);
  assert.notEqual(after.versionstamp, before.versionstamp);
  const key: StoreKey = approvalCountKey(org.id, "agt");
  await assert.rejects(org.transact((transaction) => transaction.set(key, {})), /setGuarded/);
  const another = approvalCountKey("another", "agt");
  await assert.rejects(org.transact((transaction) => transaction.delete(another)), /its own log/);
});

Deno.test("what only looks, or writes without an entry, is made again when another node moved the head", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const { deps: { kv }, ledgers } = countersign.services;
  const key = approvalCountKey(org.id, "agt");
  await ledgers.transact(org.id, counting(key));
  const look: Operation<number, number> = {
    load: async (reader: Reader) => countOf(await reader.guarded(key)),
    plan: (_transaction, seen) => seen,
  };
  const noted: StoreKey = ["noted", org.id];
  const note: Operation<number, number> = {
    ...look,
    plan(transaction: Transaction, seen: number) {
      transaction.set(noted, { seen });
      return seen;
    },
  };
  assert.equal(await ledgers.transact(org.id, look), 1);
  await setAsAnotherNode(kv, org.id, key, counted(5));
  assert.equal(await ledgers.transact(org.id, look), 5);
  await setAsAnotherNode(kv, org.id, key, counted(6));
  assert.equal(await ledgers.transact(org.id, note), 6);
  assert.deepEqual((await kv.get([...noted])).value, { seen: 6 });
});

Deno.test("a commit of many that count on one row reads it once, and checks nothing for it", async () => {
  const inner = await Deno.openKv(":memory:");
  const store = new FailingStore(inner);
  await using countersign = await Countersign.start({ kv: store });
  const org = await countersign.org();
  const { ledgers } = countersign.services;
  const key = approvalCountKey(org.id, "agt");
  const all = () =>
    Promise.all(
      Array.from(
        { length: 300 },
        () => ledgers.transact(org.id, counting(key)),
      ),
    );
  assert.deepEqual(await all(), Array.from({ length: 300 }, (_, i) => i + 1));
  const before = store.calls;
  assert.deepEqual(await all(), Array.from({ length: 300 }, (_, i) => i + 301));
  // The first goes alone, the others together.
  assert.equal(store.calls - before, 2);
  await countersign.server.shutdown();
  inner.close();
});

Deno.test("two processes that count on one row lose nothing", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/countersign.kv`;
  const kv = await Deno.openKv(path);
  await using here = await Countersign.start({ kv });
  const org = await here.org();
  const script = new URL("counting_node.ts", import.meta.url).pathname;
  const config = new URL("../../deno.dev.json", import.meta.url).pathname;
  const other = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-check", "-A", "--config", config, script],
      ...[path, here.secret.toHex(), org.id, "100"],
    ],
    stdout: "piped",
  }).spawn();
  const key = approvalCountKey(org.id, "agt");
  const ended = other.output();
  let isOver = false;
  void ended.then(() => isOver = true);
  const counts: number[] = [];
  while (!isOver) counts.push(await here.services.ledgers.transact(org.id, counting(key)));
  const { stdout, success } = await ended;
  assert.ok(success);
  counts.push(...JSON.parse(new TextDecoder().decode(stdout)) as number[]);
  assert.deepEqual(
    counts.toSorted((a, b) => a - b),
    Array.from(counts, (_, i) => i + 1),
  );
  await verifiedLog(here.services.deps, org.id);
  await here.server.shutdown();
  kv.close();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("nothing but the ledger writes such rows: others would not move the head", async () => {
  const builders = Object.entries(keys).flatMap(([name, make]) => {
    if (typeof make !== "function" || !/^approval|^runToken|^tokenKey/.test(name)) return [];
    const key = (make as (...parts: string[]) => StoreKey)("a", "b", "c", "d");
    return isGuarded(key) ? [name] : [];
  });
  assert.ok(builders.length >= 6, "the builders of their keys are found");
  // A signing key is never written from what was read of it.
  assert.deepEqual(keys.SEALED_KINDS.filter((kind) => isGuarded([kind])), ["token_key"]);
  const commits = /\.atomic\(\)|\bkv\.set\(|commitOnce\(/;
  for (const path of [...await sourceFiles("lib/"), ...await sourceFiles("routes/")]) {
    if (path.startsWith("lib/ledger/")) continue;
    const text = await projectText(path);
    if (!commits.test(text)) continue;
    for (const name of builders) assert.ok(!text.includes(name), `${path} names ${name}`);
  }
});

// --- Against an oracle that knows of no memory. ---

const NAMES = 3;
const NODES = 2;

/** What a step does on one of two nodes over one store. */
interface Deed {
  readonly kind:
    | "add"
    | "add_alone"
    | "taken_back"
    | "part_taken_back"
    | "look"
    | "delete";
  readonly node: number;
  readonly name: number;
}

interface Step {
  /** All at once. */
  readonly deeds: readonly Deed[];
  /** What befalls one of the commits. */
  readonly fault: Fault | null;
  readonly at: number;
  /** What is done then before each commit of the first node, as by a third one. */
  readonly overtaken: boolean;
}

const deed = fc.record<Deed>({
  kind: fc.constantFrom(
    "add",
    "add",
    "add",
    "add_alone",
    "taken_back",
    "part_taken_back",
    "look",
    "delete",
  ),
  node: fc.nat(NODES - 1),
  name: fc.nat(NAMES - 1),
});

const step = fc.record<Step>({
  deeds: fc.array(deed, { minLength: 1, maxLength: 8 }),
  fault: fc.oneof(
    { weight: 2, arbitrary: fc.constant(null) },
    fc.constantFrom(...FAULTS),
  ),
  at: fc.nat(2),
  overtaken: fc.boolean(),
});

Deno.test("over two nodes, lost commits and what was taken back, a row is what the entries make of it", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 8 }),
      async (steps) => {
        await using world = await World.start();
        for (const one of steps) await world.take(one);
        await world.compare();
      },
    ),
    runs(25),
  );
});

/** Two nodes over one store, each with faults of its own. */
class World {
  private constructor(
    readonly kv: Deno.Kv,
    readonly org: string,
    readonly nodes: readonly {
      readonly it: Countersign;
      readonly store: FailingStore;
    }[],
  ) {}

  static async start(): Promise<World> {
    const kv = await Deno.openKv(":memory:");
    const nodes = [];
    const secret = new Uint8Array(32).fill(7);
    for (let i = 0; i < NODES; i++) {
      const store = new FailingStore(kv);
      const deps = { timer: store.timer };
      nodes.push({
        it: await Countersign.start({ kv: store, secret, deps }),
        store,
      });
    }
    const { id } = await nodes[0]?.it.org() ?? assert.fail();
    return new World(kv, id, nodes);
  }

  async take({ deeds, fault, at, overtaken }: Step): Promise<void> {
    const first = this.nodes[0] ?? assert.fail();
    let commits = 0;
    first.store.fault = ({ kind }) => kind === "commit" && commits++ === at ? fault : null;
    let turn = 0;
    first.store.before = async () => {
      if (overtaken && turn++ === 1) {
        await setAsAnotherNode(this.kv, this.org, ["nothing", "x"], 1);
      }
    };
    // What the store did not tell of may have landed or not; the entries say.
    await Promise.allSettled(deeds.map((one) => this.#do(one)));
    first.store.before = () => Promise.resolve();
    await first.store.heal();
  }

  async #do({ kind, node, name }: Deed): Promise<void> {
    const { it } = this.nodes[node] ?? assert.fail();
    const transact = <L, R>(operation: Operation<L, R>) =>
      it.services.ledgers.transact(this.org, operation);
    const key = this.#key(name);
    const add = counting(key);
    switch (kind) {
      case "add":
        return void await transact(add);
      case "add_alone":
        return void await transact<number, void>({
          load: async (reader) => countOf(await reader.guarded(key)),
          plan: (transaction, before) => storeCount(transaction, key, before + 1),
        });
      case "taken_back":
        return void await transact({
          ...add,
          plan(transaction, loaded) {
            add.plan(transaction, loaded);
            throw new Error("taken back");
          },
        });
      case "part_taken_back":
        return void await transact({
          ...add,
          plan(transaction, loaded) {
            assert.throws(() =>
              transaction.attempt(() => {
                storeCount(transaction, key, 1000);
                throw new Error("taken back");
              })
            );
            return add.plan(transaction, loaded);
          },
        });
      case "delete":
        return void await transact({
          plan(transaction) {
            storeCount(transaction, key, 0);
            transaction.delete(key);
          },
        });
      case "look": {
        // Between what was there before it began and what is there when it has ended.
        const seen = await transact<number, number>({
          load: async (reader) => countOf(await reader.guarded(key)),
          plan: (_transaction, found) => found,
        });
        assert.ok(seen >= 0 && seen < 1000);
      }
    }
  }

  /** Each entry goes on from the one before it; the rows, and what each node holds, are the last. */
  async compare(): Promise<void> {
    const { deps } = this.nodes[0]?.it.services ?? assert.fail();
    const expected = new Map<string, number>();
    for (
      const { entry } of await verifiedLog({ ...deps, kv: this.kv }, this.org)
    ) {
      if (entry.type !== "test.counted") continue;
      const { name, count } = entry.data as { name: string; count: number };
      if (count !== 0) {
        assert.equal(
          count,
          (expected.get(name) ?? 0) + 1,
          "goes on from the last",
        );
      }
      expected.set(name, count);
    }
    for (let name = 0; name < NAMES; name++) {
      const key = this.#key(name);
      const count = expected.get(String(key.at(-1))) ?? 0;
      assert.equal(
        countOf(
          (await this.kv.get<ReturnType<typeof counted>>([...key])).value,
        ),
        count,
      );
      for (const { it } of this.nodes) {
        const seen = await it.services.ledgers.transact<number, number>(
          this.org,
          {
            load: async (reader) => countOf(await reader.guarded(key)),
            plan: (_transaction, found) => found,
          },
        );
        assert.equal(seen, count, "what a node holds is what the store holds");
      }
    }
  }

  #key(name: number) {
    return approvalCountKey(this.org, `agt${name}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { it } of this.nodes) await it[Symbol.asyncDispose]();
    this.kv.close();
  }
}

/** What is done to the rows of one org, by this process or by others. */
interface Act {
  readonly kind:
    | "get"
    | "get_named"
    | "lacks"
    | "write"
    | "remove"
    | "other_node"
    | "drop";
  readonly name: number;
}

const act = fc.record<Act>({
  kind: fc.constantFrom(
    "get",
    "get",
    "get_named",
    "get_named",
    "lacks",
    "write",
    "remove",
    "other_node",
    "drop",
  ),
  name: fc.nat(19),
});

Deno.test("within any bound a row is held as it is in the store, and no more of them than the bound", async () => {
  const bounds = fc.record({
    entries: fc.integer({ min: 1, max: 12 }),
    bytes: fc.integer({ min: 1, max: 4000 }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(act, { maxLength: 120 }),
      bounds,
      async (acts, limits) => {
        using kv = await Deno.openKv(":memory:");
        const rows = new GuardedRows(limits);
        let head = 0;
        const reading = new FailingStore(kv);
        for (const { kind, name } of acts) {
          rows.under(String(head));
          const single = approvalCountKey("org", `agt${name}`);
          const named = approvalHistoryKey("org", `agt${name % 2}`, `d${name}`);
          const prefix = approvalHistoryPrefix("org", `agt${name % 2}`);
          const stored = async (key: StoreKey) => (await kv.get([...key])).value;
          switch (kind) {
            case "get":
              assert.deepEqual(
                await rows.get(reading, single),
                await stored(single),
              );
              break;
            case "get_named":
              assert.deepEqual(
                await rows.get(reading, named),
                await stored(named),
              );
              break;
            case "lacks":
              if (rows.lacks(prefix, `d${name}`)) {
                assert.equal(
                  await stored(named),
                  null,
                );
              }
              break;
            case "write":
            case "other_node": {
              const row = { asked: head, denied: 0, last_denial: null };
              await kv.atomic().set([...single], counted(head)).set(
                [...named],
                row,
              ).commit();
              head++;
              const writes = [{ key: single, value: counted(head - 1) }, {
                key: named,
                value: row,
              }];
              if (kind === "write") rows.follow(byText(writes), String(head));
              break;
            }
            case "remove":
              await kv.atomic().delete([...single]).delete([...named]).commit();
              rows.follow(
                byText([single, named].map((key) => ({ key, value: undefined }))),
                String(++head),
              );
              break;
            case "drop":
              rows.drop();
          }
          assert.ok(
            rows.size.entries <= limits.entries &&
              rows.size.bytes <= limits.bytes,
          );
        }
      },
    ),
    runs(60),
  );
});

Deno.test("what is used is held longer than what is not", async () => {
  using inner = await Deno.openKv(":memory:");
  const kv: Kv = inner;
  const rows = new GuardedRows({ entries: 10, bytes: 100_000 });
  rows.under(null);
  const used = approvalCountKey("org", "used");
  await rows.get(kv, used);
  for (let i = 0; i < 100; i++) {
    assert.equal(rows.get(kv, used), null, "held");
    await rows.get(kv, approvalCountKey("org", `agt${i}`));
  }
  assert.equal(rows.size.entries, 10);
});

/** A store that counts what is read of it. */
class CountedStore extends FailingStore {
  reads = 0;

  override get: Kv["get"] = (key, options) => {
    this.reads++;
    return this.inner.get(key, options);
  };
}

Deno.test("tokens that are used in the order they were minted in are held, though they are more than are", async () => {
  using kv = await Deno.openKv(":memory:");
  const store = new CountedStore(kv);
  const rows = new GuardedRows({ entries: 20, bytes: 100_000 });
  rows.under(null);
  const token = (i: number): RunTokenRecord => ({
    id: `rtk${i}`,
    status: "minted",
    tool: "deploy",
    tenant: null,
    resource: null,
    method: null,
    action_digest: "sha256:0",
    decision_id: "dec",
    approval_id: null,
    policy_version: 1,
    definition_digest: null,
    mandate_id: null,
    reserved: [],
    holds: true,
    key_id: "k",
    minter: { type: "api_key", id: "key" },
    minted_at: 1,
    expires_at: 2,
    held_until: null,
  });
  const key = (i: number) => runTokenKey("org", `rtk${i}`);
  const write = async (i: number, value: RunTokenRecord) => {
    await kv.set([...key(i)], value);
    rows.follow(byText([{ key: key(i), value }]), null);
  };
  for (let i = 0; i < 25; i++) await write(i, token(i));
  for (let i = 0; i < 25; i++) {
    assert.deepEqual(await rows.get(store, key(i)), token(i));
    await write(i, {
      ...token(i),
      status: "consumed",
      consumed_at: 1,
      consumed_by: { type: "api_key", id: "key" },
      consumed_by_request: "req",
      binding: "checked",
      report_due_at: 3,
      call_id: null,
    });
  }
  assert.ok(store.reads <= 6, `${store.reads} of 25 were read again`);
  assert.equal((await rows.get(store, key(24)))?.status, "consumed");
});
