import { Child } from "./child.ts";
import type { Measured } from "./measure.ts";
import { type Operation, OPERATION_NAMES, Operations } from "./operations.ts";
import { median } from "./percentile.ts";
import { MEASURED_HEAD, measuredRow, percent, printTable, refuseFailures } from "./report.ts";
import { checkRequests } from "./requests.ts";
import { samplePolicy, sampleQuestions } from "./sample_policy.ts";
import { withScratchFolder } from "./scratch_folder.ts";
import { type Started, startServed } from "./started_service.ts";

/**
 * `deno task bench:versions BEFORE [AFTER]`: the durable check of two checkouts, and what else is
 * asked of them, round by round in turn, so that what the machine does besides hits both. Each is
 * set up over REST alone, because nothing else is the same in every version. AFTER is this checkout
 * unless it is named; naming one twice shows what two runs of the same build differ.
 */

const ROUNDS = 9;
const SECONDS = 3;
const WARM_UP_SECONDS = 0.5;
const FIRST_WARM_UP_SECONDS = 4;
const OPERATION_SECONDS = 1.5;
const CONNECTIONS = [32, 1] as const;
const RULES = 20;

interface Version extends Started {
  readonly name: "before" | "after";
}

/** The rounds of one subject in both versions. */
type Pair = Record<Version["name"], Measured[]>;

await withScratchFolder(compare);

async function compare(folder: string): Promise<void> {
  const here = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
  const [before, after = here] = Deno.args;
  if (before === undefined) {
    console.error("Name the checkout to compare with: deno task bench:versions ../before");
    Deno.exitCode = 2;
    return;
  }
  await using generator = await Child.script("generator.ts");
  const policy = samplePolicy(RULES);
  const of = async (name: Version["name"], checkout: string): Promise<Version> => ({
    name,
    ...await startServed(checkout, `${folder}/${name}.kv`, policy),
  });
  const first = await of("before", before);
  await using _first = first.child;
  const second = await of("after", after);
  await using _second = second.child;
  const questions = sampleQuestions(policy);

  const subjects: { name: string; connections: number; pair: Pair }[] = [];
  const subject = (name: string, connections: number): Pair => {
    const pair: Pair = { before: [], after: [] };
    subjects.push({ name, connections, pair });
    return pair;
  };
  for (const connections of CONNECTIONS) {
    const pair = subject("check", connections);
    await inTurns(`${connections} connections`, [first, second], async (version, round) => {
      const measured = await generator.load({
        port: version.port,
        requests: checkRequests(questions, version.key),
        connections,
        warmUpSeconds: round === 0 ? FIRST_WARM_UP_SECONDS : WARM_UP_SECONDS,
        seconds: SECONDS,
      });
      pair[version.name].push(measured);
    });
  }
  const operations = {
    before: await Operations.over(generator, first, questions),
    after: await Operations.over(generator, second, questions),
  };
  const pairs = Object.fromEntries(
    Object.entries(OPERATION_NAMES).map(([operation, name]) => [operation, subject(name, 32)]),
  ) as Record<Operation, Pair>;
  const timing = { seconds: OPERATION_SECONDS, warmUpSeconds: WARM_UP_SECONDS };
  for (const { name } of [first, second]) await operations[name].round(timing);
  await inTurns("operations", [first, second], async ({ name }) => {
    const measured = await operations[name].round(timing);
    for (const operation of Object.keys(pairs) as Operation[]) {
      pairs[operation][name].push(measured[operation]);
    }
  });

  printTable(
    MEASURED_HEAD,
    subjects.flatMap(({ name, connections, pair }) => [
      measuredRow(`${name}, before`, connections, pair.before),
      measuredRow(`${name}, after`, connections, pair.after),
    ]),
  );
  console.log();
  for (const { name, connections, pair } of subjects) {
    const change = (field: "perSecond" | "p50") =>
      median(pair.after.map((round, i) => round[field] / (pair.before[i]?.[field] ?? NaN)));
    console.log(
      `${name}, connections: ${connections}: after has ${percent(change("perSecond"))} of the ` +
        `rate before, and ${percent(change("p50"))} of its p50 (medians of ${ROUNDS} ratios)`,
    );
  }
  refuseFailures(subjects.flatMap(({ pair }) => [...pair.before, ...pair.after]));
}

/** Runs the rounds of something. Whoever goes second finds the disk busier: they swap at that. */
async function inTurns(
  what: string,
  [first, second]: readonly [Version, Version],
  run: (version: Version, round: number) => Promise<void>,
): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    console.error(`${what}: round ${round + 1} of ${ROUNDS}`);
    for (const version of round % 2 === 0 ? [first, second] : [second, first]) {
      await run(version, round);
    }
  }
}
