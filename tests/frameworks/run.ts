import { Countersign } from "../helpers/countersign.ts";
import { PROJECT } from "../helpers/project_files.ts";
import { changedFiles, concerned } from "./changed.ts";
import { CASES, runBare, runFault, runOwn, runPage, type World } from "./conformance.ts";
import { environmentOf } from "./environment.ts";
import { type Framework, FRAMEWORKS } from "./list.ts";
import { type Result, resultsText, withTables } from "./results.ts";

/**
 * Tries the guards of frameworks: `deno task test:frameworks [--all] [names]`. Without either, those
 * that changed. Writes what it measured, and the table of `docs/frameworks.md`; in CI it compares,
 * since there nobody looks at what is written. Needs npm or Python 3 with pip, and their registries.
 */

const RESULTS = new URL("tests/frameworks/results.json", PROJECT);
const TABLE = new URL("docs/frameworks.md", PROJECT);

type Outcome<T> = { readonly value: T; readonly said: "passed" } | {
  readonly value: null;
  readonly said: string;
};

/** One framework as it is tried: what passed, what failed, and what came of it. */
class Trying {
  passed = 0;
  failed = 0;
  /** Null where it has no environment, or its own hook cannot be looked at. */
  result: Result | null = null;

  private constructor(readonly framework: Framework) {}

  static async all(framework: Framework, countersign: Countersign): Promise<Trying> {
    const trying = new Trying(framework);
    trying.result = await trying.#all(countersign);
    return trying;
  }

  async #step<T>(title: string, what: () => Promise<T>): Promise<Outcome<T>> {
    const name = `${this.framework.name}: ${title}`;
    try {
      const value = await what();
      this.passed++;
      console.log(`${name} ... ok`);
      return { value, said: "passed" };
    } catch (error) {
      this.failed++;
      const why = error instanceof Error ? error.message : String(error);
      console.log(`${name} ... FAILED\n${why}`);
      return { value: null, said: why.split("\n")[0] ?? "" };
    }
  }

  async #all(countersign: Countersign): Promise<Result | null> {
    const { framework } = this;
    const made = await this.#step("its packages", () => environmentOf(framework));
    if (made.value === null) return null;
    const environment = made.value;
    const world = { framework, environment, countersign };
    const cases: Record<string, string> = {};
    for (const [title, tried] of Object.entries(CASES)) {
      cases[title] = (await this.#step(title, () => tried(world))).said;
    }
    await this.#step("the program of its page", () => runPage(world));
    if (framework.flow !== undefined) {
      await this.#step("what is its own", () => runOwn(world));
    }
    const { value: bare } = await this.#step("its own hook throws", () => runBare(world));
    if (bare === null) return null;
    console.log(`${framework.name}: where its own hook throws, the tool ${bare}`);
    const measured = { version: environment.version, bare, cases };
    return framework.faults === undefined
      ? measured
      : { ...measured, faults: await this.#faults(world) };
  }

  /** What becomes of a call in a host whose hook is struck by each of its faults. */
  async #faults(world: World): Promise<Record<string, "open" | "closed">> {
    const found: Record<string, "open" | "closed"> = {};
    for (const fault of world.framework.faults ?? []) {
      const { value } = await this.#step(`the hook ${fault}`, () => runFault(world, fault));
      if (value !== null) found[fault] = value;
    }
    return found;
  }
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
async function tryAll(
  frameworks: readonly Framework[],
  countersign: Countersign,
): Promise<Trying[]> {
  const tried: Trying[] = [];
  const open = [...frameworks];
  const worker = async () => {
    for (let next = open.shift(); next !== undefined; next = open.shift()) {
      tried.push(await Trying.all(next, countersign));
    }
  };
  await Promise.all([worker(), worker()]);
  return tried;
}

/** So many are tried once more; where more failed, it is not for the load of the machine. */
const AGAIN = 3;

/**
 * A few that failed are tried once more with nothing beside them: what passes then hung on the load
 * of this machine and is named, what fails again fails.
 */
async function settled(tried: Trying[], countersign: Countersign): Promise<readonly Trying[]> {
  const failed = tried.filter((one) => one.failed > 0);
  if (failed.length > AGAIN) return tried;
  for (const first of failed) {
    const { name } = first.framework;
    console.log(`${name}: once more, alone`);
    const again = await Trying.all(first.framework, countersign);
    if (again.failed === 0) console.log(`UNSTEADY, passed only when run alone: ${name}`);
    tried[tried.indexOf(first)] = again;
  }
  return tried;
}

const began = performance.now();
const kept = await Deno.readTextFile(RESULTS).catch(() => "{}");
const frameworks = await chosen(Deno.args);
const countersign = await Countersign.start();
const tried = await settled(await tryAll(frameworks, countersign), countersign);
await countersign[Symbol.asyncDispose]();

const results: Record<string, Result> = JSON.parse(kept);
for (const { framework, result } of tried) if (result !== null) results[framework.name] = result;
const text = resultsText(results);
const passed = tried.reduce((sum, one) => sum + one.passed, 0);
let failed = tried.reduce((sum, one) => sum + one.failed, 0);
if (Deno.env.get("CI") === undefined) {
  await Deno.writeTextFile(RESULTS, text);
  await Deno.writeTextFile(TABLE, withTables(await Deno.readTextFile(TABLE), results));
} else if (text !== kept) {
  failed++;
  console.log(`Other than tests/frameworks/results.json says: run it, and commit that.\n${text}`);
}
const seconds = Math.round((performance.now() - began) / 1000);
const word = failed === 0 ? "ok" : "FAILED";
console.log(`\n${word} | ${passed} passed | ${failed} failed (${seconds}s)`);
Deno.exit(failed === 0 ? 0 : 1);
