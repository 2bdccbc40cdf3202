import { IdMaker } from "../lib/base/id.ts";
import {
  budgetKey,
  mandateByAgentKey,
  mandateByUserKey,
  mandateCountKey,
  mandateInForceKey,
  mandateKey,
} from "../lib/store/mandate_keys.ts";
import { budgetRow } from "../lib/store/records/budget.ts";
import { mandateCount, type MandateRecord, mandateRecord } from "../lib/store/records/mandate.ts";
import { dueKey, orgPrefix, schemaVersionKey } from "../lib/store/keys.ts";
import { SCHEMA_VERSION } from "../lib/store/open_store.ts";
import { systemRandom } from "../lib/store/system.ts";
import { Child, type Resident } from "./child.ts";
import { median } from "./percentile.ts";
import { atMost, count, percent, printTable, printWanted } from "./report.ts";
import { send } from "./rest.ts";
import { samplePolicy, sampleQuestions, TOOLS } from "./sample_policy.ts";
import { withScratchFolder } from "./scratch_folder.ts";
import { type SeededStore, seedStore } from "./seeded_store.ts";

/**
 * `deno task bench:many-mandates [COUNT [STARTS]]`: how long a service takes from the start of its
 * process to its first answer, and what it holds in memory then and after a thousand checks, with a
 * million mandates in its store, in turn with one that has none. The rows are written as a grant
 * writes them, without the log, which is of the same length in both.
 */

const MANDATES = Number(Deno.args[0] ?? 1_000_000);
const STARTS = Number(Deno.args[1] ?? 7);
const ROWS_A_COMMIT = 900;
const COMMITS_AT_ONCE = 16;
const CHECKS = 1000;
const AGENT = "bench";

interface Subject {
  readonly name: string;
  readonly store: SeededStore;
  readonly starts: number[];
  readonly resident: Resident[];
}

await withScratchFolder(compare);

async function compare(folder: string): Promise<void> {
  const policy = samplePolicy(100);
  const none = await seedStore(`${folder}/none.kv`, policy);
  const many = await seedStore(`${folder}/many.kv`, policy);
  for (const { path } of [none, many]) await stampVersion(path);
  const began = performance.now();
  const ids = await writeMandates(many.path);
  const took = Math.round((performance.now() - began) / 1000);
  console.error(`Wrote ${count(ids.length)} mandates in ${took} s`);
  const subjects: Subject[] = [
    { name: "no mandates", store: none, starts: [], resident: [] },
    { name: `${count(ids.length)} mandates`, store: many, starts: [], resident: [] },
  ];
  const [question] = sampleQuestions(policy);
  for (let round = 0; round < STARTS; round++) {
    for (const subject of round % 2 === 0 ? subjects : subjects.toReversed()) {
      const started = performance.now();
      await using service = await Child.service(subject.store);
      const ask = (more: object = {}) =>
        send(service.port, subject.store.key, "POST", "/v1/permissions/check", {
          ...question,
          ...more,
        });
      await ask();
      subject.starts.push(performance.now() - started);
      // The same work in both: without a mandate, for what is asked under one is held in memory.
      for (let i = 0; i < CHECKS; i++) await ask();
      const resident = await service.resident();
      if (resident !== null) subject.resident.push(resident);
      if (subject.store !== many || round > 0) continue;
      const under = await ask({ mandate_id: ids[Math.floor(ids.length / 2)] });
      console.error(`A check under one of them: ${under["permission"]}`);
    }
  }
  printTable(
    ["", "file MB", "first answer ms", "resident MB"],
    subjects.map(({ name, store, starts, resident }) => [
      name,
      // A start looks through the file, whatever is in it.
      count(Deno.statSync(store.path).size / 1e6),
      count(median(starts)),
      median(resident.map(({ now }) => now)).toFixed(0),
    ]),
  );
  const [small, large] = subjects;
  if (small === undefined || large === undefined) return;
  const over = (of: (subject: Subject) => readonly number[]) =>
    median(of(large).map((value, i) => value / (of(small)[i] ?? NaN)));
  const aim = { wanted: 1.1 };
  printWanted([
    atMost("start to first answer", over(({ starts }) => starts), aim, percent),
    atMost("memory", over(({ resident }) => resident.map(({ now }) => now)), aim, percent),
  ]);
}

/** Has a store be of this release, so that no start brings it there. */
async function stampVersion(path: string): Promise<void> {
  using kv = await Deno.openKv(path);
  await kv.set([...schemaVersionKey()], { version: SCHEMA_VERSION });
}

/** Writes the rows of mandates of the one org of a store, newest last; their ids. */
async function writeMandates(path: string): Promise<string[]> {
  using kv = await Deno.openKv(path);
  let org = "";
  for await (const { key } of kv.list({ prefix: orgPrefix() })) org = String(key[1]);
  const maker = new IdMaker(systemRandom);
  const ids: string[] = [];
  const now = Date.now();
  const ends = now + 30 * 24 * 60 * 60 * 1000;
  let rows: [readonly (string | number)[], unknown][] = [];
  const underWay: Promise<unknown>[] = [];
  const write = async () => {
    const operation = kv.atomic();
    for (const [key, value] of rows) operation.set([...key], value);
    rows = [];
    underWay.push(operation.commit());
    if (underWay.length > COMMITS_AT_ONCE) await underWay.shift();
  };
  for (let i = 0; i < MANDATES; i++) {
    const id = maker.make("mdt", now);
    const user_id = `user-${i % 100_000}`;
    const record: MandateRecord = mandateRecord.parse({
      id,
      user_id,
      tenant: null,
      agent: AGENT,
      bundle: null,
      own_scopes: TOOLS.map((name) => ({
        name,
        decision: "allow",
        resources: null,
        conditions: [],
      })),
      scopes: TOOLS,
      granted_by: { type: "api_key", id: "key_bench" },
      created_at: now,
      expires_at: ends,
      replaces: null,
      metadata: {},
      ended: null,
    });
    ids.push(id);
    rows.push(
      [mandateKey(org, id), record],
      [mandateCountKey(org, id), mandateCount.parse({ seq: 1, checks: 0 })],
      [mandateByUserKey(org, user_id, id), { id }],
      [mandateByAgentKey(org, AGENT, id), { id }],
      [mandateInForceKey(org, "org", "", id), { id }],
      [mandateInForceKey(org, "user", user_id, id), { id }],
      [mandateInForceKey(org, "agent", AGENT, id), { id }],
      [dueKey(ends, "mandate_over", org, id), { kind: "mandate_over", at: ends, org, id }],
      [
        budgetKey(org, `mandate:${id}`),
        budgetRow.parse({
          limit: 1,
          period: "month",
          ask_above: null,
          window: 0,
          settled: 0,
          held: [],
        }),
      ],
    );
    if (rows.length >= ROWS_A_COMMIT) await write();
    if (i % 100_000 === 99_999) console.error(`${count(i + 1)} of ${count(MANDATES)}`);
  }
  await write();
  await Promise.all(underWay);
  return ids;
}
