import fc from "fast-check";
import assert from "node:assert/strict";
import { z } from "zod";
import type { EntryDraft } from "../../lib/ledger/entry.ts";
import { Ledgers } from "../../lib/ledger/ledgers.ts";
import { KV_CONNECT_LIMITS, KV_LIMITS } from "../../lib/ledger/commit_limits.ts";
import type { Operation } from "../../lib/ledger/transaction.ts";
import { draftToolRecord } from "../../lib/policy/draft_tool.ts";
import { type StoreKey, toolKey } from "../../lib/store/keys.ts";
import { PatientStore, StoreUnavailable } from "../../lib/store/kv.ts";
import { Countersign } from "../helpers/countersign.ts";
import { FailingStore, type Fault, FAULTS } from "../helpers/failing_store.ts";
import { runs } from "../helpers/property_runs.ts";
import { verifiedLog } from "../helpers/stored_log.ts";
import { WatchedStore } from "../helpers/watched_store.ts";

const ORGS = 4;
const NODES = 2;
const COUNTERS = 2;

/** One operation: what it does, where, and for whom. */
interface Asked {
  readonly kind: "append" | "blind" | "count" | "change" | "refuse" | "large" | "look";
  readonly node: number;
  readonly org: number;
  readonly counter: number;
}

/** Operations that are asked for at once. */
interface Round {
  readonly asked: readonly Asked[];
  /** What goes wrong with the commits of that round, by their number modulo the count of these. */
  readonly faults: readonly (Fault | null)[];
}

const asked: fc.Arbitrary<Asked> = fc.record({
  kind: fc.constantFrom<Asked["kind"]>(
    ...["append", "append", "append", "append", "blind", "count", "count"] as const,
    ...["change", "refuse", "large", "look"] as const,
  ),
  // Mostly one node, or its commits would hardly carry several orgs.
  node: fc.constantFrom(0, 0, 0, 0, 0, 1),
  org: fc.nat(ORGS - 1),
  counter: fc.nat(COUNTERS - 1),
});

const fault = fc.oneof(
  { weight: 3, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.constantFrom<Fault>(...FAULTS) },
);

const round: fc.Arbitrary<Round> = fc.record({
  asked: fc.array(asked, { minLength: 4, maxLength: 24 }),
  faults: fc.array(fault, { minLength: 1, maxLength: 4 }),
});

class Refused extends Error {}

const number = z.object({ value: z.number() });
const counterKey = (counter: number): StoreKey => ["test_counter", counter];
const rowKey = (org: string, name: string): StoreKey => ["test_row", org, name];

/** What an operation is told, which its row and its entry say too. */
interface Told {
  readonly value: number;
  /** Where its entry stands; null when it has none. */
  readonly index: number | null;
}

function operation(org: string, name: string, { kind, counter }: Asked): Operation<number, Told> {
  const draft = (value: number): EntryDraft => ({
    type: "test.done",
    actor: { type: "system", id: "test" },
    subject: { name },
    data: { value },
    private: { secret: name },
  });
  return {
    load: async (reader) => {
      if (kind !== "count" && kind !== "look") return 0;
      return (await reader.get(counterKey(counter), number))?.value.value ?? 0;
    },
    plan(transaction, before) {
      if (kind === "look") return { value: before, index: null };
      const value = before + 1;
      if (kind === "count") transaction.set(counterKey(counter), { value });
      if (kind === "change") {
        const record = draftToolRecord(name, transaction.id("tol"), transaction.at);
        transaction.setPolicy(toolKey(org, name), record);
      }
      if (kind === "large") {
        for (let i = 0; i < 5; i++) {
          transaction.set([...rowKey(org, name), i], new Uint8Array(50_000));
        }
      }
      const index = kind === "blind" ? null : transaction.append(draft(value)).index;
      transaction.set(rowKey(org, name), { value, index });
      if (kind === "refuse") throw new Refused();
      return { value, index };
    },
  };
}

const toldRow = z.object({ value: z.number(), index: z.number().nullable() });

/** What happened in all runs together: a test in which nothing was shared would show nothing. */
const happened = { shared: 0, refused: 0, lost: 0 };

async function holds(rounds: readonly Round[], isRemote: boolean): Promise<void> {
  using kv = await Deno.openKv(":memory:");
  await using sound = await Countersign.start({ kv });
  const { deps } = sound.services;
  const orgs: string[] = [];
  while (orgs.length < ORGS) orgs.push((await sound.org()).id);
  const nodes = Array.from({ length: NODES }, () => {
    const failing = new FailingStore(kv);
    const watched = new WatchedStore(failing);
    const store = new PatientStore(watched, { timer: failing.timer, log: () => {} });
    const limits = isRemote ? KV_CONNECT_LIMITS : KV_LIMITS;
    const ledgers = new Ledgers({ ...deps, kv: store, timer: failing.timer }, limits);
    return { failing, watched, ledgers };
  });

  const answers: { name: string; org: string; asked: Asked; told: Told | null }[] = [];
  for (const [n, { asked, faults }] of rounds.entries()) {
    for (const { failing } of nodes) {
      let commits = 0;
      failing.fault = ({ kind }) =>
        kind === "commit" ? faults[commits++ % faults.length] ?? null : null;
    }
    await Promise.all(asked.map(async (one, i) => {
      const org = orgs[one.org] ?? assert.fail();
      const name = `t_${n}_${i}`;
      const { ledgers } = nodes[one.node] ?? assert.fail();
      const [outcome] = await Promise.allSettled([
        ledgers.transact(org, operation(org, name, one)),
      ]);
      if (outcome.status === "rejected") {
        const expected = one.kind === "refuse" ? [Refused, StoreUnavailable] : [StoreUnavailable];
        assert.ok(expected.some((type) => outcome.reason instanceof type), String(outcome.reason));
      } else assert.notEqual(one.kind, "refuse");
      const told = outcome.status === "fulfilled" ? outcome.value : null;
      answers.push({ name, org, asked: one, told });
    }));
    for (const { failing } of nodes) await failing.heal();
  }

  const counted = Array.from({ length: COUNTERS }, (): number[] => []);
  for (const org of orgs) {
    const log = await verifiedLog(deps, org);
    const found = new Map<string, Told[]>();
    for (const { index, entry } of log) {
      if (entry.type !== "test.done") continue;
      const name = String(entry.subject.name);
      found.set(name, [...found.get(name) ?? [], { index, value: Number(entry.data.value) }]);
    }
    for (const { name, asked: { kind, counter }, told } of answers.filter((a) => a.org === org)) {
      if (kind === "look") continue;
      const entries = found.get(name) ?? [];
      found.delete(name);
      const row = (await kv.get([...rowKey(org, name)])).value;
      const stored = row === null ? null : toldRow.parse(row);
      assert.ok(entries.length <= 1, `${name}: at most once in the log`);
      if (told !== null) assert.deepEqual(stored, told, `${name}: answered, so stored`);
      if (kind !== "blind") {
        assert.deepEqual(stored, entries[0] ?? null, `${name}: a row with its entry, or neither`);
      }
      if (kind === "refuse") assert.equal(stored, null, `${name}: refused, so nothing of it`);
      if (kind === "count" && stored !== null) counted[counter]?.push(stored.value);
    }
    assert.deepEqual([...found.keys()], [], "nobody asked for these entries");
  }
  for (const [counter, values] of counted.entries()) {
    const { value } = await kv.get([...counterKey(counter)]);
    const last = value === null ? 0 : number.parse(value).value;
    const all = Array.from({ length: last }, (_, i) => i + 1);
    assert.deepEqual(values.toSorted((a, b) => a - b), all, `counter ${counter}: none lost`);
  }

  for (const { watched } of nodes) {
    for (const { checks, of, ok } of watched.seen) {
      assert.ok(checks <= (isRemote ? 10 : 100));
      if (of.length < 2) continue;
      happened.shared++;
      if (ok === false) happened.refused++;
      if (ok === null) happened.lost++;
    }
  }
}

for (const isRemote of [false, true]) {
  const where = isRemote ? "over KV Connect" : "in a file";
  Deno.test(`orgs that share commits ${where}: each operation is answered by what is stored, whatever fails`, async () => {
    Object.assign(happened, { shared: 0, refused: 0, lost: 0 });
    const rounds = fc.array(round, { minLength: 1, maxLength: 4 });
    await fc.assert(fc.asyncProperty(rounds, (rounds) => holds(rounds, isRemote)), runs(25));
    for (const [what, times] of Object.entries(happened)) {
      assert.ok(times > 0, `no commit of several orgs was ${what}`);
    }
  });
}
