import { Child } from "./child.ts";
import type { Measured } from "./measure.ts";
import { median } from "./percentile.ts";
import {
  atLeast,
  atMost,
  count,
  MEASURED_HEAD,
  measuredRow,
  percent,
  printTable,
  printWanted,
  ratio,
  refuseFailures,
  times,
  type Wanted,
} from "./report.ts";
import { checkRequests } from "./requests.ts";
import { send } from "./rest.ts";
import { type Question, samplePolicy, sampleQuestions, TOOLS } from "./sample_policy.ts";
import { withScratchFolder } from "./scratch_folder.ts";
import { type Started, startServed } from "./started_service.ts";

/**
 * `deno task bench:mandates [BEFORE [ROUNDS [SECONDS]]]`: a check under a mandate in turn with the same
 * one under none: under sixty-four mandates, under one whose budget all checks count against, under a
 * thousand with a budget each. With the checkout of another version, the check under none is asked of
 * that too. Beside what is answered in a second stands what the one thread that runs scripts spends,
 * which other work of the machine hardly touches.
 */

const HERE = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
const [BEFORE = "", ROUNDS = "9", SECONDS = "2"] = Deno.args;
const WARM_UP_SECONDS = 0.3;
const FIRST_WARM_UP_SECONDS = 4;
const CONNECTIONS = [32, 1] as const;
const RULES = 20;
const FEW = 64;
const MANY = 1000;
const BUDGET = { limit_micros: Number.MAX_SAFE_INTEGER, period: "month" };

type Connections = (typeof CONNECTIONS)[number];

/** One load, and the microseconds of the thread that each of its checks took; NaN where unknown. */
interface Round extends Measured {
  readonly thread: number;
}

interface Subject {
  readonly name: string;
  readonly service: Started;
  readonly requests: readonly string[];
  readonly rounds: Record<Connections, Round[]>;
}

await withScratchFolder(compare);

async function compare(folder: string): Promise<void> {
  const policy = samplePolicy(RULES);
  await using running = new AsyncDisposableStack();
  const start = async (name: string, checkout: string) => {
    const started = await startServed(checkout, `${folder}/${name}.kv`, policy);
    running.use(started.child);
    return started;
  };
  const now = await start("now", HERE);
  const questions = await allowed(now, sampleQuestions(policy));
  console.error(`Granting ${count(FEW + MANY + 1)} mandates`);
  const subject = (name: string, asked: readonly Question[], service = now): Subject => ({
    name,
    service,
    requests: checkRequests(asked, service.key),
    rounds: { 1: [], 32: [] },
  });
  const under = (mandates: readonly string[]) =>
    Array.from({ length: Math.max(questions.length, mandates.length) }, (_, i) => ({
      ...questions[i % questions.length] as Question,
      mandate_id: mandates[i % mandates.length],
      estimated_cost_micros: 1,
    }));
  const none = subject("no mandate", questions);
  const few = subject(`${FEW} mandates`, under(await grant(now, FEW, null)));
  const hot = subject("one budget", under(await grant(now, 1, BUDGET)));
  const many = subject(`${count(MANY)} budgets`, under(await grant(now, MANY, BUDGET)));
  const before = BEFORE === ""
    ? null
    : subject("no mandate, before", questions, await start("before", BEFORE));
  const subjects = [none, few, hot, many, ...before === null ? [] : [before]];
  await using generator = await Child.script("generator.ts");
  for (let round = 0; round < Number(ROUNDS); round++) {
    console.error(`Round ${round + 1} of ${ROUNDS}`);
    for (const connections of CONNECTIONS) {
      // Whoever goes first finds the machine in another state: they swap at that.
      const turn = round % subjects.length;
      for (const one of [...subjects.slice(turn), ...subjects.slice(0, turn)]) {
        const warmUp = round === 0 ? FIRST_WARM_UP_SECONDS : WARM_UP_SECONDS;
        one.rounds[connections].push(await measured(generator, one, connections, warmUp));
      }
    }
  }
  printTable(
    [...MEASURED_HEAD, "thread µs"],
    CONNECTIONS.flatMap((connections) =>
      subjects.map(({ name, rounds }) => [
        ...measuredRow(name, connections, rounds[connections]),
        median(rounds[connections].map(({ thread }) => thread)).toFixed(1),
      ])
    ),
  );
  printWanted([
    atMost(`p50 at one connection, ${few.name}`, over("p50", few, none, 1), { wanted: 1.3 }, times),
    atLeast(`rate at 32, ${few.name}`, over("perSecond", few, none, 32), { wanted: 0.9 }, percent),
    atLeast(`rate at 32, ${hot.name}`, over("perSecond", hot, none, 32), { wanted: 0.8 }, percent),
    atLeast(
      `rate at 32, ${many.name}`,
      over("perSecond", many, none, 32),
      { wanted: 0.8 },
      percent,
    ),
    ...before === null ? [] : asBefore(none, before),
  ]);
  console.log();
  for (const one of subjects.slice(1)) {
    const share = CONNECTIONS.map((n) => times(over("thread", one, none, n))).join(" and ");
    console.log(
      `${one.name}: ${share} the thread's time of no mandate, at 32 and at one connection`,
    );
  }
  refuseFailures(subjects.flatMap(({ rounds }) => [...rounds[1], ...rounds[32]]));
}

/** Two runs of one version differ by a few in a hundred. */
function asBefore(none: Subject, before: Subject): Wanted[] {
  return CONNECTIONS.map((connections) =>
    atMost(
      `thread's time without a mandate, ${connections} connections`,
      over("thread", none, before, connections),
      { wanted: 1.05 },
      times,
    )
  );
}

function over(
  field: "perSecond" | "p50" | "thread",
  one: Subject,
  other: Subject,
  connections: Connections,
): number {
  const [rounds, under] = [one.rounds[connections], other.rounds[connections]];
  if (field !== "thread") return ratio(field, rounds, under);
  return median(rounds.map(({ thread }, i) => thread / (under[i]?.thread ?? NaN)));
}

async function measured(
  generator: Child,
  { service: { port, child }, requests }: Subject,
  connections: Connections,
  warmUpSeconds: number,
): Promise<Round> {
  const load = { port, requests, connections };
  await generator.load({ ...load, warmUpSeconds, seconds: 0.01 });
  const from = await child.threadTime();
  const seconds = Number(SECONDS);
  const got = await generator.load({ ...load, warmUpSeconds: 0, seconds });
  const to = await child.threadTime();
  const thread = from === null || to === null ? NaN : (to - from) / (got.perSecond * seconds);
  return { ...got, thread };
}

/** Those of the questions that the policy allows: what it does not allow counts against nothing. */
async function allowed(
  { port, key }: Started,
  questions: readonly Question[],
): Promise<readonly Question[]> {
  const all: Question[] = [];
  for (const question of questions) {
    const answer = await send(port, key, "POST", "/v1/permissions/check", question);
    if (answer["permission"] === "allowed") all.push(question);
  }
  return all;
}

/** Grants mandates for everything that is asked, each of a user of its own; their ids. */
async function grant(
  { port, management }: Started,
  mandates: number,
  budget: typeof BUDGET | null,
): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < mandates; i++) {
    const { id } = await send(port, management, "POST", "/v1/mandates", {
      user_id: `user-${i}`,
      agent: "bench",
      scopes: TOOLS.map((tool) => ({
        tool,
        decision: "allow",
        conditions: [{ when: [{ field: "/count", op: "gt", value: 1000 }], decision: "deny" }],
      })),
      budget,
    });
    ids.push(String(id));
  }
  return ids;
}
