import assert from "node:assert/strict";
import { serialize } from "node:v8";
import fc from "fast-check";
import { type AskedWrite, GATHERED_LIMITS, GatheredRows } from "../../lib/ledger/gathered_rows.ts";
import { GuardedRows, HELD_LIMITS } from "../../lib/ledger/guarded_rows.ts";
import { keyText } from "../../lib/store/kv.ts";
import {
  budgetKey,
  budgetPrefix,
  gatheredKey,
  gatheredPrefix,
  mandateCountKey,
  mandateKey,
} from "../../lib/store/mandate_keys.ts";
import { type BudgetRow, budgetRow } from "../../lib/store/records/budget.ts";
import { mandateCount } from "../../lib/store/records/mandate.ts";
import { Countersign } from "../helpers/countersign.ts";
import { CHECK, granted, shop } from "../helpers/mandates.ts";
import { runs } from "../helpers/property_runs.ts";
import { WatchedStore } from "../helpers/watched_store.ts";

const ORG = "org";

const HEAD = ["log_head", ORG] as const;

function spent(settled: number): BudgetRow {
  return {
    limit: 1000,
    period: "month",
    ask_above: null,
    window: 0,
    settled,
    held: [],
    told: 0,
  };
}

function asked(
  writes: readonly AskedWrite[],
): Map<string, AskedWrite> {
  return new Map(writes.map((write) => [keyText(write.key), write]));
}

/** A process that counts: what it knows, and under which head. */
class Node {
  #head: string | null | undefined;

  constructor(readonly kv: Deno.Kv, readonly gathered: GatheredRows) {}

  /** Commits as the ledger does; another one's commit may come between its reads and its own. */
  async commit(
    writes: readonly AskedWrite[],
    fate: "lands" | "overtaken" | "lost",
    other: () => Promise<void>,
  ): Promise<boolean> {
    const head = (await this.kv.get(HEAD)).versionstamp;
    if (head !== this.#head) this.gathered.doubt();
    this.#head = head;
    await this.gathered.follow(this.kv, ORG);
    const gathering = this.gathered.gather(ORG, asked(writes));
    if (fate === "overtaken") await other();
    const operation = this.kv.atomic().check({ key: HEAD, versionstamp: head }).set(HEAD, 1);
    for (const { key, value } of gathering.writes) {
      if (value === undefined) operation.delete([...key]);
      else operation.set([...key], value);
    }
    const result = await operation.commit();
    if (result.ok && fate !== "lost") {
      gathering.landed();
      this.#head = result.versionstamp;
    } else this.#head = undefined;
    return result.ok;
  }

  /** A counter as this process knows it while the head stays. */
  async known(key: ReturnType<typeof budgetKey>): Promise<BudgetRow | null> {
    const found = this.gathered.counter(keyText(key), budgetRow);
    return found === undefined ? (await this.kv.get<BudgetRow>(key)).value : found;
  }
}

interface Act {
  readonly node: 0 | 1;
  readonly fate: "lands" | "overtaken" | "lost";
  readonly writes: readonly { readonly name: number; readonly how: "set" | "apart" | "delete" }[];
}

const act = fc.record<Act>({
  node: fc.constantFrom(0, 1),
  fate: fc.constantFrom("lands", "lands", "lands", "overtaken", "lost"),
  writes: fc.uniqueArray(
    fc.record({
      name: fc.nat(11),
      how: fc.constantFrom("set", "set", "set", "apart", "delete"),
    }),
    { selector: ({ name }) => name, minLength: 1, maxLength: 5 },
  ),
});

Deno.test("whatever two processes count, delete and lose, a counter is what was last committed, for both and for whoever begins anew", async () => {
  const bounds = fc.record({
    rows: fc.integer({ min: 1, max: 5 }),
    written: fc.integer({ min: 0, max: 2000 }),
    characters: fc.integer({ min: 0, max: 900 }),
    ended: fc.integer({ min: 1, max: 3 }),
    apart: fc.nat(4),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 60 }), bounds, async (acts, limits) => {
      using kv = await Deno.openKv(":memory:");
      const nodes = [0, 1].map(() => new Node(kv, new GatheredRows(limits)));
      const model = new Map<number, number>();
      let count = 0;
      const keyOf = (name: number) => budgetKey(ORG, `mandate:m${name}`);
      const one = async ({ node, fate, writes }: Act, other: () => Promise<void>) => {
        const planned = writes.map(({ name, how }) => ({ name, how, count: ++count }));
        const rows = planned.map(({ name, how, count }) => ({
          key: keyOf(name),
          value: how === "delete" ? undefined : spent(count),
          isApart: how === "apart",
        }));
        if (!await nodes[node]!.commit(rows, fate, other)) return;
        for (const { name, how, count } of planned) {
          if (how === "delete") model.delete(name);
          else model.set(name, count);
        }
      };
      for (const [i, given] of acts.entries()) {
        const between = acts[(i + 1) % acts.length]!;
        const other = { ...between, node: given.node === 0 ? 1 : 0, fate: "lands" } as const;
        await one(given, () => one(other, () => Promise.resolve()));
        const anew = new GatheredRows(limits);
        const both = nodes[given.node]!;
        const lookup = await new GatheredRows(limits).lookup(kv, ORG);
        for (let name = 0; name < 12; name++) {
          const key = keyOf(name);
          const value = model.get(name);
          const expected = value === undefined ? null : spent(value);
          assert.deepEqual(await anew.newest(kv, key, budgetRow), expected);
          assert.deepEqual(lookup(key, budgetRow) ?? (await kv.get(key)).value, expected);
          if (given.fate === "lands") assert.deepEqual(await both.known(key), expected);
        }
        const rows = await Array.fromAsync(kv.list({ prefix: [...gatheredPrefix(ORG)] }));
        assert.equal(anew.size.rows, rows.length);
      }
    }),
    runs(60),
  );
});

Deno.test("what is listed by its keys has a row of its own, and goes with it", async () => {
  using kv = await Deno.openKv(":memory:");
  const node = new Node(kv, new GatheredRows());
  const key = budgetKey(ORG, "org");
  const own = async () =>
    (await Array.fromAsync(kv.list({ prefix: [...budgetPrefix(ORG)] }))).length;
  const commit = (value: BudgetRow | undefined, isApart = false) =>
    node.commit([{ key, value, isApart }], "lands", () => Promise.resolve());
  await commit(spent(1), true);
  await commit(spent(2));
  assert.deepEqual([await own(), await node.known(key)], [1, spent(2)]);
  await commit(spent(3), true);
  assert.deepEqual([await own(), await node.known(key)], [1, spent(3)]);
  await commit(undefined);
  assert.deepEqual([await own(), await node.known(key)], [0, null]);
  await commit(spent(4), true);
  assert.deepEqual([await own(), await node.known(key)], [1, spent(4)]);
});

Deno.test("a counter that was held from a row of its own, gathered, and put into its row again is as it was last written", async () => {
  using kv = await Deno.openKv(":memory:");
  const limits = { rows: 1, written: 0, characters: 0, ended: 2, apart: 4 };
  const rows = new GuardedRows(HELD_LIMITS, new GatheredRows(limits));
  const [key, other] = [budgetKey(ORG, "mandate:m1"), budgetKey(ORG, "mandate:m2")];
  await kv.set(key, spent(1));
  rows.under("0");
  assert.deepEqual(await rows.get(kv, key), spent(1));
  const commit = async (writes: readonly AskedWrite[], head: string) => {
    const operation = kv.atomic();
    const gathering = await rows.gather(kv, ORG, asked(writes));
    for (const { key, value } of gathering.writes) {
      if (value === undefined) operation.delete([...key]);
      else operation.set([...key], value);
    }
    await operation.commit();
    rows.follow(asked(writes), head, gathering);
  };
  await commit([{ key, value: spent(2) }], "1");
  assert.deepEqual([rows.get(kv, key), rows.size.entries], [spent(2), 0]);
  await commit([{ key: other, value: spent(3) }], "2");
  assert.deepEqual((await kv.get(key)).value, spent(2));
  assert.deepEqual(await rows.get(kv, key), spent(2));
});

Deno.test("however many counters a commit writes and the oldest rows have, it writes few rows, and each fits a value", async () => {
  using kv = await Deno.openKv(":memory:");
  const gathered = new GatheredRows();
  const node = new Node(kv, gathered);
  const name = (i: number) => budgetKey(ORG, `user:${String(i).padStart(100, "ü")}`);
  let before = 0;
  for (let round = 0; round < 140; round++) {
    const writes = Array.from({ length: round === 0 ? 800 : 60 }, (_, i) => ({
      key: name(round * 60 + i),
      value: spent(round),
    }));
    const { writes: rows } = gathered.gather(ORG, asked(writes));
    const planned = [...rows];
    const apart = planned.filter(({ key }) => key[0] === "budget");
    const ended = planned.filter(({ value }) => value === undefined);
    const most = Math.max(GATHERED_LIMITS.apart, writes.length);
    assert.ok(apart.length <= most && ended.length <= GATHERED_LIMITS.ended);
    assert.ok(planned.length < apart.length + 20, `${planned.length}`);
    for (const { value } of planned) assert.ok(serialize(value).length < 65_000);
    assert.ok(await node.commit(writes, "lands", () => Promise.resolve()));
    before = gathered.size.rows;
  }
  assert.ok(before <= GATHERED_LIMITS.rows + 2, `${before}`);
  // Whoever begins anew reads no more than that, and what the last commits added.
  assert.ok(gathered.size.written < 2 * GATHERED_LIMITS.written, `${gathered.size.written}`);
  // What was written once and never again has rows of its own by now.
  const most = GATHERED_LIMITS.characters * 2;
  assert.ok(gathered.size.characters < most, `${gathered.size.characters}`);
});

Deno.test("a gathered row that is missing or is no row stops what is counted, and nothing is guessed", async () => {
  using kv = await Deno.openKv(":memory:");
  const node = new Node(kv, new GatheredRows());
  const key = (i: number) => budgetKey(ORG, `mandate:m${i}`);
  for (let i = 0; i < 5; i++) {
    await node.commit([{ key: key(i), value: spent(i) }], "lands", () => Promise.resolve());
  }
  const row = (await kv.get(gatheredKey(ORG, 2))).value;
  const reading = () => new GatheredRows().newest(kv, key(4), budgetRow);
  assert.deepEqual(await reading(), spent(4));
  for (const value of ["no JSON", '{"from":0}', '{"from":0,"rows":[[["budget"],{}]]}', 7]) {
    await kv.set(gatheredKey(ORG, 2), value);
    await assert.rejects(reading(), { code: "malformed_record" });
  }
  await kv.delete(gatheredKey(ORG, 2));
  await assert.rejects(reading(), { code: "malformed_record" });
  await kv.set(gatheredKey(ORG, 2), row);
  await kv.delete(gatheredKey(ORG, 0));
  await assert.rejects(reading(), { code: "malformed_record" });
});

Deno.test("checks of one commit under as many mandates write one row for all that they count", async () => {
  using kv = await Deno.openKv(":memory:");
  const store = new WatchedStore(kv);
  await using countersign = await Countersign.start({ kv: store });
  const org = await shop(await countersign.org());
  const budget = { limit_micros: 1000, period: "month" };
  const ids = await Promise.all(Array.from({ length: 40 }, () => granted(org, { budget })));
  const round = async () => {
    const before = store.seen.length;
    const checks = ids.map((mandate_id) => ({
      tool_name: "refund",
      mandate_id,
      estimated_cost_micros: 1,
    }));
    const { body } = await org.post(`${CHECK}-batch`, { checks });
    for (const { permission } of body.results) assert.equal(permission, "allowed");
    return store.seen.slice(before);
  };
  await round();
  const commits = await round();
  assert.equal(commits.length, 1);
  for (const { kinds } of commits) {
    assert.equal(kinds.filter((kind) => kind === "gathered").length, 1);
    assert.equal(kinds.filter((kind) => kind === "budget" || kind === "mandate_count").length, 0);
  }
  const listed = (await org.get("/v1/mandates?limit=50")).body.data;
  assert.equal(listed.length, 40);
  for (const { seq, checks, budget } of listed) {
    assert.deepEqual([seq, checks, budget.settled], [3, 2, 2]);
  }
});

Deno.test("counters in rows of their own, as they were written before, are counted on", async () => {
  using kv = await Deno.openKv(":memory:");
  let id = "";
  let at = { org: "", standard: "" };
  {
    await using countersign = await Countersign.start({ kv });
    const org = await shop(await countersign.org());
    id = await granted(org, { budget: { limit_micros: 10, period: "total" } });
    at = { org: org.id, standard: org.standard };
  }
  // As a process of before left it: no gathered rows, and one for each counter.
  for await (const { key } of kv.list({ prefix: [...gatheredPrefix(at.org)] })) {
    await kv.delete(key);
  }
  await kv.set(mandateCountKey(at.org, id), mandateCount.parse({ seq: 7, checks: 6 }));
  await kv.set(
    budgetKey(at.org, `mandate:${id}`),
    budgetRow.parse({ ...spent(9), limit: 10, period: "total" }),
  );
  assert.ok((await kv.get(mandateKey(at.org, id))).value !== null);
  await using countersign = await Countersign.start({ kv });
  const ask = () =>
    countersign.request("POST", CHECK, {
      key: at.standard,
      body: { tool_name: "refund", mandate_id: id, estimated_cost_micros: 1 },
    });
  const [first, second] = [await ask(), await ask()];
  assert.deepEqual([first.body.permission, first.body.mandate.seq], ["allowed", 8]);
  assert.deepEqual([second.body.resolved_from, second.body.mandate.seq], ["mandate_budget", 9]);
});
