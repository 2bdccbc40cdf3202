import { makeSecret } from "../lib/identity/credentials.ts";
import { systemRandom } from "../lib/store/system.ts";
import { Child, type Resident } from "./child.ts";
import type { Load, Measured } from "./measure.ts";
import { type Operation, OPERATION_NAMES, Operations } from "./operations.ts";
import { INBOX_REQUESTS, type MeasuredPages, measurePages } from "./pages.ts";
import {
  atLeast,
  atMost,
  MEASURED_HEAD,
  measuredRow,
  percent,
  printTable,
  printWanted,
  ratio,
  refuseFailures,
  times,
} from "./report.ts";
import { checkRequests } from "./requests.ts";
import { send } from "./rest.ts";
import { type Question, samplePolicy, sampleQuestions } from "./sample_policy.ts";
import { withScratchFolder } from "./scratch_folder.ts";
import { seedStore } from "./seeded_store.ts";

/**
 * `deno task bench [ROUNDS [SECONDS]] [--kv=URL]`: the durable check beside a bare echo, an echo
 * that is stored, a plain implementation of itself, and a bare commit; the same of several
 * organizations at once; and what else is asked of the service. Machines are noisy, so the subjects
 * take turns, and ratios are taken within a round. Over KV Connect with a database that must be
 * empty where one is named.
 */

const NUMBERS = Deno.args.filter((arg) => !arg.startsWith("--"));
const KV = Deno.args.find((arg) => arg.startsWith("--kv="))?.slice("--kv=".length);
const RULES = 20;
const ROUNDS = Number(NUMBERS[0] ?? 5);
const SECONDS = Number(NUMBERS[1] ?? 2);
const WARM_UP_SECONDS = 0.3;
const FIRST_WARM_UP_SECONDS = 2;
/** How many organizations are asked at once, of the same number of connections in all. */
const ORGS = [1, 4, 32] as const;

/** What is wanted, all at 32 connections but for the medians, which are those at one. */
const WANTED = {
  shareOfDurableEcho: { wanted: 0.55, better: 0.65 },
  timesDurableEchoP50: { wanted: 1.5, better: 1.35 },
  timesPlain: { wanted: 4.5, better: 8 },
  shareOfOneOrg: { 4: { wanted: 0.9 }, 32: { wanted: 0.6, better: 0.9 } },
  timesOneOrgP99: { wanted: 2 },
  timesBarePage: { wanted: 8 },
};

type Subject = "echo" | "durable" | "check" | "plain";
const NAMES: Record<Subject, string> = {
  echo: "bare JSON echo on Deno.serve",
  durable: "durable echo",
  check: "durable check",
  plain: "plain check: 20 reads, 1 write",
};

/** All rounds of everything. */
class Rounds {
  readonly many: Record<Subject, Measured[]> = { echo: [], durable: [], check: [], plain: [] };
  readonly single: Record<Subject, Measured[]> = { echo: [], durable: [], check: [], plain: [] };
  readonly bare: Measured[] = [];
  readonly orgs: Record<typeof ORGS[number], Measured[]> = { 1: [], 4: [], 32: [] };
  readonly operations: Record<Operation, Measured[]> = { mint: [], consume: [], mcp: [], ask: [] };

  get all(): Measured[] {
    const groups = [this.many, this.single, this.orgs, this.operations];
    return groups.flatMap((group) => Object.values<Measured[]>(group).flat());
  }
}

await withScratchFolder(bench);

async function bench(folder: string): Promise<void> {
  if (KV !== undefined) await assertEmpty(KV);
  const storeOf = (name: string) => KV ?? `${folder}/${name}.kv`;
  const policy = samplePolicy(RULES);
  const questions = sampleQuestions(policy);
  const store = await seedStore(storeOf("check"), policy, { orgs: Math.max(...ORGS) });
  const plainKey = makeSecret("standard", systemRandom);

  await using running = new AsyncDisposableStack();
  const script = async (name: string, ...args: string[]) =>
    running.use(await Child.script(name, ...args));
  const generator = await script("generator.ts");
  const check = running.use(await Child.service(store));
  const commits = await script("bare_commit.ts", storeOf("commits"));
  const requests = checkRequests(questions, store.key);
  const asked: Partial<Record<Subject, Pick<Load, "port" | "requests">>> = {
    echo: { port: (await script("echo.ts")).port, requests },
    durable: { port: (await script("durable_echo.ts", storeOf("durable"))).port, requests },
    check: { port: check.port, requests },
  };
  if (KV === undefined) {
    const plain = await script("plain_check.ts", storeOf("plain"), String(RULES), plainKey);
    asked.plain = { port: plain.port, requests: checkRequests(questions, plainKey) };
    await assertSameDecisions(questions, [check.port, store.key], [plain.port, plainKey]);
  }
  const subjects = Object.entries(asked) as [Subject, Pick<Load, "port" | "requests">][];
  const operations = await Operations.over(generator, { port: check.port, ...store }, questions);

  const timing = { seconds: SECONDS, warmUpSeconds: WARM_UP_SECONDS };
  const firstTiming = { seconds: 0.1, warmUpSeconds: FIRST_WARM_UP_SECONDS };
  const measureOrgs = (orgs: number, time: Pick<Load, "seconds" | "warmUpSeconds">) =>
    generator.load({
      port: check.port,
      connections: 32,
      requests: store.orgs.slice(0, orgs).flatMap(({ key }) => checkRequests(questions, key)),
      parts: orgs,
      ...time,
    });

  console.error("Warming up");
  for (const [, load] of subjects) {
    await generator.load({ ...load, connections: 32, ...firstTiming });
  }
  await commits.ask(FIRST_WARM_UP_SECONDS / 2);
  await measureOrgs(Math.max(...ORGS), firstTiming);
  await operations.round({ seconds: 1, warmUpSeconds: 0.1 });

  const rounds = new Rounds();
  for (let round = 1; round <= ROUNDS; round++) {
    console.error(`Round ${round} of ${ROUNDS}`);
    for (const [subject, load] of subjects) {
      rounds.many[subject].push(await generator.load({ ...load, connections: 32, ...timing }));
    }
    for (const [subject, load] of subjects) {
      rounds.single[subject].push(await generator.load({ ...load, connections: 1, ...timing }));
      // Beside what it is compared with, so that both have the machine as it is just then.
      if (subject === "check") rounds.bare.push(await commits.ask(SECONDS / 2));
    }
    for (const orgs of ORGS) rounds.orgs[orgs].push(await measureOrgs(orgs, timing));
    const measured = await operations.round(timing);
    for (const operation of Object.keys(OPERATION_NAMES) as Operation[]) {
      rounds.operations[operation].push(measured[operation]);
    }
  }
  report(rounds, subjects.map(([subject]) => subject), await check.resident());
  if (KV !== undefined) {
    console.log(
      "\nSkipped over KV Connect: the plain check, which keeps its rows where the service has its " +
        "own, and the pages, which are measured on a store in memory. The rows written stay there.",
    );
    return;
  }
  console.error("Pages");
  reportPages(await measurePages());
}

/** @throws where a database has rows: they would be somebody's, and the bench writes beside them */
async function assertEmpty(url: string): Promise<void> {
  const kv = await Deno.openKv(url);
  try {
    for await (const _ of kv.list({ prefix: [] }, { limit: 1 })) {
      throw new Error(`The database at ${url} is not empty. Name one for the bench alone.`);
    }
  } finally {
    kv.close();
  }
}

/** Both kinds of check must answer alike, so far as they answer the same. */
async function assertSameDecisions(
  questions: readonly Question[],
  ...services: readonly (readonly [port: number, key: string])[]
): Promise<void> {
  for (const question of questions) {
    const decisions = await Promise.all(services.map(async ([port, key]) => {
      const { permission, resolved_from } = await send(
        port,
        key,
        "POST",
        "/v1/permissions/check",
        question,
      );
      return `${permission} by ${resolved_from}`;
    }));
    if (new Set(decisions).size > 1) {
      throw new Error(`The service and the plain check differ: ${decisions.join(", and ")}`);
    }
  }
}

function report(rounds: Rounds, subjects: readonly Subject[], resident: Resident | null): void {
  const { many, single, bare, orgs, operations } = rounds;
  printTable(MEASURED_HEAD, [
    ...subjects.map((subject) => measuredRow(NAMES[subject], 32, many[subject])),
    ...subjects.map((subject) => measuredRow(NAMES[subject], 1, single[subject])),
    measuredRow("bare atomic commit, in-process", 1, bare),
    ...ORGS.map((count) => measuredRow(`durable checks, orgs: ${count}`, 32, orgs[count])),
    ...Object.entries(OPERATION_NAMES).map(([operation, name]) =>
      measuredRow(name, 32, operations[operation as Operation])
    ),
  ]);
  if (resident !== null) {
    console.log(`\nMemory of the service: ${resident.now.toFixed(0)} MB resident`);
  }
  printWanted([
    atLeast(
      "durable checks a second, of what the durable echo answers, at 32 connections",
      ratio("perSecond", many.check, many.durable),
      WANTED.shareOfDurableEcho,
      percent,
    ),
    atMost(
      "p50 of a durable check over that of the durable echo, at one connection",
      ratio("p50", single.check, single.durable),
      WANTED.timesDurableEchoP50,
      times,
    ),
    ...(subjects.includes("plain")
      ? [atLeast(
        "durable checks a second over plain ones, at 32 connections",
        ratio("perSecond", many.check, many.plain),
        WANTED.timesPlain,
        times,
      )]
      : []),
    ...([4, 32] as const).flatMap((count) => [
      atLeast(
        `checks a second of ${count} organizations, of what one has, at 32 connections in all`,
        ratio("perSecond", orgs[count], orgs[1]),
        WANTED.shareOfOneOrg[count],
        percent,
      ),
      atMost(
        `p99 of a check of ${count} organizations over that of one, at 32 connections in all`,
        ratio("p99", orgs[count], orgs[1]),
        WANTED.timesOneOrgP99,
        times,
      ),
    ]),
  ]);
  refuseFailures(rounds.all);
}

function reportPages({ bare, inbox }: MeasuredPages): void {
  console.log(
    `\nPages, p50 over HTTP: ${bare.toFixed(2)} ms with an empty list, ${
      inbox.toFixed(2)
    } ms with ${INBOX_REQUESTS} requests`,
  );
  printWanted([
    atMost(
      `the inbox with ${INBOX_REQUESTS} requests over a bare page`,
      inbox / bare,
      WANTED.timesBarePage,
      times,
    ),
  ]);
}
