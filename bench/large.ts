import { Child, type Resident } from "./child.ts";
import type { Load, Measured } from "./measure.ts";
import {
  count,
  MEASURED_HEAD,
  measuredRow,
  milliseconds,
  percent,
  printTable,
  printWanted,
  ratio,
  refuseFailures,
  type Wanted,
} from "./report.ts";
import { checkRequests, getRequests } from "./requests.ts";
import { samplePolicy, sampleQuestions } from "./sample_policy.ts";
import { withScratchFolder } from "./scratch_folder.ts";
import { type Progress, type SeededStore, seedStore } from "./seeded_store.ts";

/**
 * `deno task bench:large [RULES [ENTRIES]]`: whether the check stays as fast, and the process as
 * small, with 100,000 rules or a million entries in the log, and how long a proof takes in there.
 */

const RULES = Number(Deno.args[0] ?? 100_000);
const ENTRIES = Number(Deno.args[1] ?? 1_000_000);
const FEW_RULES = 100;
const ROUNDS = 5;
const SECONDS = 2;
const WARM_UP_SECONDS = 0.5;
const FIRST_WARM_UP_SECONDS = 3;
const PROOFS = 500;

/** How much slower than the small one a large store may be, and what else is wanted. */
const WANTED = {
  slower: 0.1,
  megabytes: 300,
  proofMilliseconds: 20,
  firstAnswerMilliseconds: 3000,
};

/** A server over one of the stores, and what is asked of it. */
interface Subject {
  readonly name: string;
  readonly store: SeededStore;
  readonly server: Child;
  readonly requests: readonly string[];
  /** Start of the process to its first answer, for which it reads the whole policy. */
  readonly firstAnswer: number;
  readonly single: Measured[];
  readonly many: Measured[];
}

await withScratchFolder(large);

async function large(folder: string): Promise<void> {
  const few = samplePolicy(FEW_RULES);
  const much = samplePolicy(RULES);
  const seeding = Date.now();
  const stores = [
    { name: `${count(FEW_RULES)} rules, empty log`, policy: few, entries: 0 },
    { name: `${count(RULES)} rules`, policy: much, entries: 0 },
    { name: `${count(ENTRIES)} entries in the log`, policy: few, entries: ENTRIES },
  ];
  await using generator = await Child.script("generator.ts");
  await using running = new AsyncDisposableStack();
  const subjects: Subject[] = [];
  for (const [i, { name, policy, entries }] of stores.entries()) {
    const store = await seedStore(`${folder}/${i}.kv`, policy, {
      entries,
      progress: progress(name),
    });
    const requests = checkRequests(sampleQuestions(policy), store.key);
    const started = performance.now();
    const server = running.use(await Child.service(store));
    const first = { port: server.port, connections: 1, warmUpSeconds: 0, seconds: 0.001, requests };
    refuseFailures([await generator.load(first)]);
    const firstAnswer = performance.now() - started;
    subjects.push({ name, store, server, requests, firstAnswer, single: [], many: [] });
  }
  console.error(`Loaded in ${Math.round((Date.now() - seeding) / 1000)} seconds. Warming up`);

  const measure = (
    { server, requests }: Subject,
    load: Pick<Load, "connections" | "seconds" | "warmUpSeconds">,
  ) => generator.load({ port: server.port, requests, ...load });
  for (const subject of subjects) {
    await measure(subject, { connections: 32, seconds: 0.1, warmUpSeconds: FIRST_WARM_UP_SECONDS });
  }
  const timing = { seconds: SECONDS, warmUpSeconds: WARM_UP_SECONDS };
  for (let round = 1; round <= ROUNDS; round++) {
    console.error(`Round ${round} of ${ROUNDS}`);
    for (const subject of subjects) {
      subject.many.push(await measure(subject, { connections: 32, ...timing }));
    }
    for (const subject of subjects) {
      subject.single.push(await measure(subject, { connections: 1, ...timing }));
    }
  }
  const proofs = await measureProofs(generator, subjects[2]);
  const memory = await Promise.all(subjects.map(({ server }) => server.resident()));
  report(subjects, proofs, memory);
}

function progress(store: string): Progress {
  let tenths = 0;
  return (what, done, all) => {
    const now = Math.floor(10 * done / all);
    if (now === tenths) return;
    tenths = now % 10;
    console.error(`${store}: ${count(done)} of ${count(all)} ${what}`);
  };
}

/** Inclusion proofs of entries spread over the whole log. */
function measureProofs(generator: Child, subject: Subject | undefined): Promise<Measured> {
  if (subject === undefined) throw new Error("There is no store with entries");
  const paths = Array.from({ length: PROOFS }, (_, i) => {
    const index = Math.floor(i * ENTRIES / PROOFS);
    return `/v1/audit/proof/inclusion?index=${index}`;
  });
  return generator.load({
    port: subject.server.port,
    connections: 1,
    warmUpSeconds: WARM_UP_SECONDS,
    seconds: SECONDS,
    requests: getRequests(paths, subject.store.key),
  });
}

function report(subjects: Subject[], proofs: Measured, memory: (Resident | null)[]): void {
  printTable(MEASURED_HEAD, [
    ...subjects.map(({ name, many }) => measuredRow(name, 32, many)),
    ...subjects.map(({ name, single }) => measuredRow(name, 1, single)),
    measuredRow(`inclusion proof among ${count(ENTRIES)}`, 1, [proofs]),
  ]);
  console.log();
  printTable(
    ["", "first answer ms", "resident MB", "peak MB"],
    subjects.map(({ name, firstAnswer }, i) => [
      name,
      count(firstAnswer),
      memory[i]?.now.toFixed(0) ?? "unknown",
      memory[i]?.peak.toFixed(0) ?? "unknown",
    ]),
  );
  const [small, ...larger] = subjects;
  if (small === undefined) return;
  const wanted = larger.flatMap((subject) => asFastAs(small, subject));
  subjects.forEach(({ name }, i) => {
    const now = memory[i]?.now;
    if (now === undefined) return;
    wanted.push({
      what: `resident memory, ${name}`,
      wanted: `under ${WANTED.megabytes} MB`,
      got: `${now.toFixed(0)} MB`,
      reached: now < WANTED.megabytes,
    });
  });
  for (const { name, firstAnswer } of larger) {
    wanted.push({
      what: `start to first answer, ${name}`,
      wanted: `under ${WANTED.firstAnswerMilliseconds} ms`,
      got: `${count(firstAnswer)} ms`,
      reached: firstAnswer < WANTED.firstAnswerMilliseconds,
    });
  }
  wanted.push({
    what: "inclusion proof, p99",
    wanted: `under ${WANTED.proofMilliseconds} ms`,
    got: `${milliseconds(proofs.p99)} ms`,
    reached: proofs.p99 < WANTED.proofMilliseconds,
  });
  printWanted(wanted);
  refuseFailures([proofs, ...subjects.flatMap(({ single, many }) => [...single, ...many])]);
}

/** Whether a store is within the margin of the small one, in throughput and in the median. */
function asFastAs(small: Subject, { name, single, many }: Subject): Wanted[] {
  const throughput = ratio("perSecond", many, small.many);
  const p50 = ratio("p50", single, small.single);
  return [
    {
      what: `checks a second at 32 connections, ${name}`,
      wanted: `at least ${percent(1 - WANTED.slower)} of the small one's`,
      got: percent(throughput),
      reached: throughput >= 1 - WANTED.slower,
    },
    {
      what: `p50 at one connection, ${name}`,
      wanted: `at most ${percent(1 + WANTED.slower)} of the small one's`,
      got: percent(p50),
      reached: p50 <= 1 + WANTED.slower,
    },
  ];
}
