import { Countersign } from "../helpers/countersign.ts";
import { PROJECT } from "../helpers/project_files.ts";
import { changedFiles, concerned } from "./changed.ts";
import { CASES, runBare, runFault, runOwn, runPage, type World } from "./conformance.ts";
import { environmentOf } from "./environment.ts";
import { type Framework, FRAMEWORKS } from "./list.ts";
import { type Result, type Results, resultsText, withTables } from "./results.ts";

/**
 * Tries the guards of frameworks: `deno task test:frameworks [--all] [names]`. Without either, those
 * that changed. Writes what it measured, and the table of `docs/frameworks.md`; in CI it compares,
 * since there nobody looks at what is written. Needs npm or Python 3 with pip, and their registries.
 */

const RESULTS = new URL("tests/frameworks/results.json", PROJECT);
const TABLE = new URL("docs/frameworks.md", PROJECT);

const ran = { passed: 0, failed: 0 };

type Outcome<T> = { readonly value: T; readonly said: "passed" } | {
  readonly value: null;
  readonly said: string;
};

async function step<T>(name: string, what: () => Promise<T>): Promise<Outcome<T>> {
  try {
    const value = await what();
    ran.passed++;
    console.log(`${name} ... ok`);
    return { value, said: "passed" };
  } catch (error) {
    ran.failed++;
    const why = error instanceof Error ? error.message : String(error);
    console.log(`${name} ... FAILED\n${why}`);
    return { value: null, said: why.split("\n")[0] ?? "" };
  }
}

/** All of one framework; null where it has no environment, or its own hook cannot be looked at. */
async function tried(framework: Framework, countersign: Countersign): Promise<Result | null> {
  const { name } = framework;
  const made = await step(`${name}: its packages`, () => environmentOf(framework));
  if (made.value === null) return null;
  const environment = made.value;
  const world = { framework, environment, countersign };
  const cases: Record<string, string> = {};
  for (const [title, tried] of Object.entries(CASES)) {
    cases[title] = (await step(`${name}: ${title}`, () => tried(world))).said;
  }
  await step(`${name}: the program of its page`, () => runPage(world));
  if (framework.flow !== undefined) {
    await step(`${name}: what is its own`, () => runOwn(world));
  }
  const { value: bare } = await step(`${name}: its own hook throws`, () => runBare(world));
  if (bare === null) return null;
  console.log(`${name}: where its own hook throws, the tool ${bare}`);
  const measured = { version: environment.version, bare, cases };
  return framework.faults === undefined ? measured : { ...measured, faults: await faultsOf(world) };
}

/** What becomes of a call in a host whose hook is struck by each of its faults. */
async function faultsOf(world: World): Promise<Record<string, "open" | "closed">> {
  const { name, faults = [] } = world.framework;
  const found: Record<string, "open" | "closed"> = {};
  for (const fault of faults) {
    const { value } = await step(`${name}: the hook ${fault}`, () => runFault(world, fault));
    if (value !== null) found[fault] = value;
  }
  return found;
}

async function chosen(words: readonly string[]): Promise<readonly Framework[]> {
  if (words.includes("--all")) return FRAMEWORKS;
  if (words.length > 0) {
    const wrong = words.find((word) => !FRAMEWORKS.some(({ name }) => name === word));
    if (wrong === undefined) return FRAMEWORKS.filter(({ name }) => words.includes(name));
    console.error(
      `${wrong} is none of --all, ${FRAMEWORKS.map(({ name }) => name).join(", ")}`,
    );
    Deno.exit(2);
  }
  const changed = await changedFiles();
  if (changed === null) {
    console.log("There is no earlier commit to compare with: all of them");
    return FRAMEWORKS;
  }
  const found = concerned(changed.paths);
  const names = found.map(({ name }) => name).join(", ");
  console.log(`Changed since ${changed.since}: ${names || "none, nor what they stand on"}`);
  return found;
}

/** Two at a time: a driver mostly starts. */
async function tryAll(frameworks: readonly Framework[], results: Results): Promise<Results> {
  await using countersign = await Countersign.start();
  const measured: Record<string, Result> = { ...results };
  const open = [...frameworks];
  const worker = async () => {
    for (let next = open.shift(); next !== undefined; next = open.shift()) {
      const result = await tried(next, countersign);
      if (result !== null) measured[next.name] = result;
    }
  };
  await Promise.all([worker(), worker()]);
  return measured;
}

const began = performance.now();
const kept = await Deno.readTextFile(RESULTS).catch(() => "{}");
const results = await tryAll(await chosen(Deno.args), JSON.parse(kept));
const text = resultsText(results);
if (Deno.env.get("CI") === undefined) {
  await Deno.writeTextFile(RESULTS, text);
  await Deno.writeTextFile(TABLE, withTables(await Deno.readTextFile(TABLE), results));
} else if (text !== kept) {
  ran.failed++;
  console.log(`Other than tests/frameworks/results.json says: run it, and commit that.\n${text}`);
}
const seconds = Math.round((performance.now() - began) / 1000);
const word = ran.failed === 0 ? "ok" : "FAILED";
console.log(`\n${word} | ${ran.passed} passed | ${ran.failed} failed (${seconds}s)`);
Deno.exit(ran.failed === 0 ? 0 : 1);
