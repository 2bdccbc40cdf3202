import { makeSecret } from "../lib/identity/credentials.ts";
import { systemRandom } from "../lib/store/system.ts";
import { Child } from "./child.ts";
import type { Measured } from "./measure.ts";
import { type Operation, OPERATION_NAMES, Operations, type Served } from "./operations.ts";
import { median } from "./percentile.ts";
import { MEASURED_HEAD, measuredRow, percent, printTable, refuseFailures } from "./report.ts";
import { checkRequests } from "./requests.ts";
import { send } from "./rest.ts";
import { CATEGORY, samplePolicy, sampleQuestions, TAG, TOOLS } from "./sample_policy.ts";
import { withScratchFolder } from "./scratch_folder.ts";

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
/** 32 random bytes, which every version takes for a secret of the operator's. */
const SECRET_BYTES = 32;

interface Version extends Served {
  readonly name: "before" | "after";
  readonly child: Child;
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
  const first = await started("before", before, `${folder}/before.kv`);
  await using _first = first.child;
  const second = await started("after", after, `${folder}/after.kv`);
  await using _second = second.child;
  const questions = sampleQuestions(samplePolicy(RULES));

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

/** A version with the sample policy, and a key and an agent without a rate limit. */
async function started(
  name: Version["name"],
  checkout: string,
  path: string,
): Promise<Version> {
  const management = makeSecret("management", systemRandom);
  const sealingSecret = systemRandom(SECRET_BYTES).toBase64();
  const child = await Child.version(checkout, { path, sealingSecret }, {
    COUNTERSIGN_BOOTSTRAP_KEY: management,
  });
  const { port } = child;
  const put = (route: string, body: unknown) => send(port, management, "PUT", route, body);
  const policy = samplePolicy(RULES);
  await put(`/v1/categories/${CATEGORY}`, { default_permission: "requires_approval" });
  for (const tool of TOOLS) {
    const fields = { category: CATEGORY, tags: [TAG], annotations_acknowledged: true };
    await put(`/v1/tools/${tool}`, { ...fields, status: "approved" });
  }
  for (const id of policy.tenants) await put(`/v1/tenants/${id}`, { name: id });
  for (const { selector, permission } of policy.rules) {
    const named = Object.entries(selector).filter(([, value]) => value !== null);
    await put("/v1/rules", { selector: Object.fromEntries(named), permission });
  }
  const fields = { name: "bench", rate_limit_per_minute: null };
  const { key } = await send(port, management, "POST", "/v1/api-keys", {
    ...fields,
    tier: "standard",
  });
  const { token } = await send(port, management, "POST", "/v1/agents", fields);
  return { name, child, port, key: String(key), agent: String(token), management };
}
