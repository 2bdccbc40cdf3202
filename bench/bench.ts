import { makeSecret } from "../lib/identity/credentials.ts";
import { systemRandom } from "../lib/store/system.ts";
import { Child, type Resident } from "./child.ts";
import { checkRequests, type Measured } from "./measure.ts";
import { INBOX_REQUESTS, type MeasuredPages, measurePages } from "./pages.ts";
import {
  MEASURED_HEAD,
  measuredRow,
  percent,
  printTable,
  printWanted,
  ratio,
  refuseFailures,
  times,
} from "./report.ts";
import { type Question, samplePolicy, sampleQuestions } from "./sample_policy.ts";
import { withScratchFolder } from "./scratch_folder.ts";
import { seedStore } from "./seeded_store.ts";

/**
 * `deno task bench`: the durable check beside a bare echo, a plain implementation of itself, and a
 * bare commit. Machines are noisy, so the subjects take turns, and ratios are taken within a round.
 */

const RULES = 20;
const ROUNDS = Number(Deno.args[0] ?? 5);
const SECONDS = Number(Deno.args[1] ?? 2);
const WARM_UP_SECONDS = 0.3;
const FIRST_WARM_UP_SECONDS = 2;

/** What is wanted at 32 connections, and of the median at one. */
const WANTED = { shareOfEcho: 0.15, timesPlain: 5, timesBareCommit: 1.5, timesBarePage: 8 };

type Subject = "echo" | "check" | "plain";
const NAMES: Record<Subject, string> = {
  echo: "bare JSON echo on Deno.serve",
  check: "durable check",
  plain: "plain check: 20 reads, 1 write",
};

/** One subject's rounds at one number of connections. */
type Rounds = Record<Subject, Measured[]>;

/** The service answers for its own name only, which is not the address that it is reached at. */
const client = Deno.createHttpClient({ allowHost: true });

await withScratchFolder(bench);

async function bench(folder: string): Promise<void> {
  const policy = samplePolicy(RULES);
  const store = await seedStore(`${folder}/check.kv`, policy);
  const plainKey = makeSecret("standard", systemRandom);

  await using generator = await Child.script("generator.ts");
  await using echo = await Child.script("echo.ts");
  await using check = await Child.service(store);
  await using plain = await Child.script(
    "plain_check.ts",
    `${folder}/plain.kv`,
    String(RULES),
    plainKey,
  );
  await using commits = await Child.script("bare_commit.ts", `${folder}/commits.kv`);

  const questions = sampleQuestions(policy);
  const requests = checkRequests(questions, store.key);
  const subjects = {
    echo: { port: echo.port, requests },
    check: { port: check.port, requests },
    plain: { port: plain.port, requests: checkRequests(questions, plainKey) },
  };
  const measure = (subject: Subject, connections: number, seconds: number, warmUpSeconds: number) =>
    generator.load({ ...subjects[subject], connections, seconds, warmUpSeconds });

  for (const question of questions) {
    const [ours, plainly] = await Promise.all([
      decisionOf(check.port, store.key, question),
      decisionOf(plain.port, plainKey, question),
    ]);
    if (ours !== plainly) {
      throw new Error(`The service and the plain check differ: ${ours}, and ${plainly}`);
    }
  }

  const order: Subject[] = ["echo", "check", "plain"];
  console.error("Warming up");
  for (const subject of order) await measure(subject, 32, 0.1, FIRST_WARM_UP_SECONDS);
  await commits.ask(FIRST_WARM_UP_SECONDS / 2);

  const single: Rounds = { echo: [], check: [], plain: [] };
  const many: Rounds = { echo: [], check: [], plain: [] };
  const bare: Measured[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    console.error(`Round ${round} of ${ROUNDS}`);
    for (const subject of order) {
      many[subject].push(await measure(subject, 32, SECONDS, WARM_UP_SECONDS));
    }
    for (const subject of order) {
      single[subject].push(await measure(subject, 1, SECONDS, WARM_UP_SECONDS));
      // Beside what it is compared with, so that both have the machine as it is just then.
      if (subject === "check") bare.push(await commits.ask(SECONDS / 2));
    }
  }
  report(single, many, bare, await check.resident());
  console.error("Pages");
  reportPages(await measurePages());
}

/** What is answered to a question, so far as both kinds of check must answer alike. */
async function decisionOf(port: number, key: string, question: Question): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/v1/permissions/check`, {
    client,
    method: "POST",
    headers: { host: "localhost", "x-api-key": key, "content-type": "application/json" },
    body: JSON.stringify(question),
  });
  const { permission, resolved_from } = await response.json();
  return `${permission} by ${resolved_from}`;
}

function report(single: Rounds, many: Rounds, bare: Measured[], resident: Resident | null): void {
  const subjects = Object.keys(NAMES) as Subject[];
  printTable(MEASURED_HEAD, [
    ...subjects.map((subject) => measuredRow(NAMES[subject], 32, many[subject])),
    ...subjects.map((subject) => measuredRow(NAMES[subject], 1, single[subject])),
    measuredRow("bare atomic commit, in-process", 1, bare),
  ]);
  if (resident !== null) {
    console.log(`\nMemory of the service: ${resident.now.toFixed(0)} MB resident`);
  }
  const shareOfEcho = ratio("perSecond", many.check, many.echo);
  const timesPlain = ratio("perSecond", many.check, many.plain);
  const timesBareCommit = ratio("p50", single.check, bare);
  printWanted([
    {
      what: "durable checks a second, of what the echo answers, at 32 connections",
      wanted: `at least ${percent(WANTED.shareOfEcho)}`,
      got: percent(shareOfEcho),
      reached: shareOfEcho >= WANTED.shareOfEcho,
    },
    {
      what: "durable checks a second over plain ones, at 32 connections",
      wanted: `at least ${times(WANTED.timesPlain)}`,
      got: times(timesPlain),
      reached: timesPlain >= WANTED.timesPlain,
    },
    {
      what: "p50 of a durable check over that of a bare commit, at one connection",
      wanted: `at most ${times(WANTED.timesBareCommit)}`,
      got: times(timesBareCommit),
      reached: timesBareCommit <= WANTED.timesBareCommit,
    },
  ]);
  refuseFailures([...Object.values(single), ...Object.values(many)].flat());
}

function reportPages({ bare, inbox }: MeasuredPages): void {
  console.log(
    `\nPages, p50 over HTTP: ${bare.toFixed(2)} ms with an empty list, ${
      inbox.toFixed(2)
    } ms with ${INBOX_REQUESTS} requests`,
  );
  const timesBarePage = inbox / bare;
  printWanted([{
    what: `the inbox with ${INBOX_REQUESTS} requests over a bare page`,
    wanted: `at most ${times(WANTED.timesBarePage)}`,
    got: times(timesBarePage),
    reached: timesBarePage <= WANTED.timesBarePage,
  }]);
}
