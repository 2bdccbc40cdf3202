import type { Broken } from "./evidence.ts";
import { type Options, optionsOf, USAGE } from "./options.ts";
import { type Ended, type Plan, run } from "./run.ts";
import { shrink } from "./shrink.ts";

/**
 * Runs seeds, one after the other, and ends at the first that breaks a promise, with the least that
 * still does and how to run just that again (`deno task simulate`, whose options are in `USAGE`).
 *
 * Or runs one seed in a process that has one core, in one that has all, and in both once more, and fails
 * where any of them took another step than the others (`--cores`; Linux, by `taskset`).
 * Exit status: 0 no promise is broken, 1 one is, 2 wrong usage.
 */

/** How often progress is told, milliseconds. */
const PROGRESS_MS = 5000;

/** How many lines of the trace a failure is told with. */
const TOLD = 40;

const options = asked(Deno.args);

function asked(args: string[]): Options {
  try {
    return optionsOf(args);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    Deno.exit(2);
  }
}

function planOf(seed: number): Plan {
  return { seed, suffering_ms: options.suffering * 1000, without: options.without };
}

function commandOf({ seed, suffering_ms, without }: Plan): string {
  const names = [...without.faults, ...without.actors];
  return `deno task simulate --replay ${seed} --suffering ${suffering_ms / 1000}` +
    (names.length === 0 ? "" : ` --without ${names.join(",")}`) + " --verbose";
}

/** The last lines of what was asked and answered. */
async function traceOf(plan: Plan): Promise<{ lines: string[]; ended: Ended }> {
  const lines: string[] = [];
  const begun = Date.UTC(2026, 0, 1);
  const ended = await run(plan, (at, owner, what) => {
    if (owner === "·") lines.push(`${((at - begun) / 1000).toFixed(3).padStart(9)} s  ${what}`);
  });
  return { lines, ended };
}

function tell(broken: readonly Broken[]): void {
  for (const { invariant, where } of broken.slice(0, 10)) {
    console.log(`  ${invariant}\n    ${where}`);
  }
}

async function replay(plan: Plan): Promise<boolean> {
  const { lines, ended } = await traceOf(plan);
  if (options.verbose) { for (const line of lines) console.log(line); }
  console.log(`seed ${plan.seed}: ${ended.steps} steps, trace ${ended.trace}`);
  tell(ended.broken);
  return ended.broken.length === 0;
}

/** Whether a seed takes the very same steps in processes that have one core, and that have all. */
async function isAlikeOnAnyCores(plan: Plan): Promise<boolean> {
  const all = `0-${navigator.hardwareConcurrency - 1}`;
  const program = ["run", "--config", "deno.dev.json", "-A", "--no-check", import.meta.filename!];
  const { seed, suffering_ms, without: { faults, actors } } = plan;
  const without = [...faults, ...actors].join(",");
  const more = ["--suffering", String(suffering_ms / 1000), "--without", without];
  const told = new Set<string>();
  for (const cores of ["0", all, "0", all]) {
    const { stdout } = await new Deno.Command("taskset", {
      args: ["-c", cores, Deno.execPath(), ...program, "--replay", String(seed), ...more],
    }).output();
    const steps = new TextDecoder().decode(stdout).trim();
    console.log(`cores ${cores.padEnd(all.length)}  ${steps}`);
    told.add(steps);
  }
  return told.size === 1;
}

async function search(): Promise<boolean> {
  const begun = performance.now();
  const { minutes, from: first } = options;
  const limit = minutes === null ? Infinity : minutes * 60_000;
  const last = minutes === null ? first + options.seeds : Infinity;
  let told = begun;
  let steps = 0;
  let simulated = 0;
  let seeds = 0;
  const summary = () => {
    const took = (performance.now() - begun) / 1000;
    return `${seeds} seeds, ${steps} steps in ${took.toFixed(0)} s: ` +
      `${Math.round(steps / took)} steps a second, ${
        Math.round(simulated / 1000 / took)
      } × real time`;
  };
  for (let seed = first; seed < last && performance.now() - begun < limit; seed++) {
    const plan = planOf(seed);
    const ended = await run(plan);
    seeds++;
    steps += ended.steps;
    simulated += ended.simulated_ms;
    const { broken } = ended;
    const [worst] = broken;
    if (worst !== undefined) {
      console.log(`seed ${seed} breaks a promise`);
      tell(broken);
      if (!options.shrinks) return false;
      console.log("Looking for the least that does…");
      const least = await shrink(plan, worst.invariant, (tried) => console.log(`  ${tried}`));
      const { lines, ended: still } = await traceOf(least);
      for (const line of lines.slice(-TOLD)) console.log(line);
      tell(still.broken);
      console.log(`\nAgain, with the whole trace:\n  ${commandOf(least)}`);
      return false;
    }
    if (performance.now() - told > PROGRESS_MS) {
      told = performance.now();
      console.log(`seed ${seed}: ${summary()}`);
    }
  }
  console.log(`No promise is broken: ${summary()}`);
  return true;
}

const { replay: one } = options;
const isWhole = one === null
  ? await search()
  : options.cores
  ? await isAlikeOnAnyCores(planOf(one))
  : await replay(planOf(one));
Deno.exit(isWhole ? 0 : 1);
