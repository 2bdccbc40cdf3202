import { parseArgs } from "node:util";
import { FAULT_NAMES, type FaultName } from "./faults.ts";
import type { Broken } from "./evidence.ts";
import { type Ended, type Plan, run } from "./run.ts";
import { shrink } from "./shrink.ts";

/**
 * Runs seeds, one after the other, and ends at the first that breaks a promise, with the least that
 * still does and how to run just that again:
 *
 *     deno task simulate [--seeds N] [--from S] [--minutes M] [--suffering SECONDS]
 *     deno task simulate --replay SEED [--suffering SECONDS] [--without NAME,NAME] [--verbose]
 *
 * Or runs one seed in a process that has one core, in one that has all, and in both once more, and fails
 * where any of them took another step than the others (Linux, by `taskset`):
 *
 *     deno task simulate --replay SEED --cores
 */

/** How long things go wrong in a run, seconds of its world. */
const SUFFERING_SECONDS = 60;

/** How often progress is told, milliseconds. */
const PROGRESS_MS = 5000;

/** How many lines of the trace a failure is told with. */
const TOLD = 40;

const { values } = parseArgs({
  args: Deno.args,
  options: {
    seeds: { type: "string", default: "100" },
    from: { type: "string", default: "1" },
    minutes: { type: "string" },
    replay: { type: "string" },
    suffering: { type: "string", default: String(SUFFERING_SECONDS) },
    without: { type: "string", default: "" },
    verbose: { type: "boolean", default: false },
    "no-shrinking": { type: "boolean", default: false },
    cores: { type: "boolean", default: false },
  },
});

function planOf(seed: number): Plan {
  const names = values.without.split(",").filter((name) => name !== "");
  const isFault = (name: string): name is FaultName => FAULT_NAMES.some((fault) => fault === name);
  return {
    seed,
    suffering_ms: Number(values.suffering) * 1000,
    without: {
      faults: names.filter(isFault),
      actors: names.filter((name) => !isFault(name)),
    },
  };
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
  if (values.verbose) { for (const line of lines) console.log(line); }
  console.log(`seed ${plan.seed}: ${ended.steps} steps, trace ${ended.trace}`);
  tell(ended.broken);
  return ended.broken.length === 0;
}

/** Whether a seed takes the very same steps in processes that have one core, and that have all. */
async function isAlikeOnAnyCores(seed: string): Promise<boolean> {
  const all = `0-${navigator.hardwareConcurrency - 1}`;
  const program = ["run", "--config", "deno.dev.json", "-A", "--no-check", import.meta.filename!];
  const more = ["--suffering", values.suffering, "--without", values.without];
  const told = new Set<string>();
  for (const cores of ["0", all, "0", all]) {
    const { stdout } = await new Deno.Command("taskset", {
      args: ["-c", cores, Deno.execPath(), ...program, "--replay", seed, ...more],
    }).output();
    const steps = new TextDecoder().decode(stdout).trim();
    console.log(`cores ${cores.padEnd(all.length)}  ${steps}`);
    told.add(steps);
  }
  return told.size === 1;
}

async function search(): Promise<boolean> {
  const begun = performance.now();
  const limit = values.minutes === undefined ? Infinity : Number(values.minutes) * 60_000;
  const first = Number(values.from);
  const last = values.minutes === undefined ? first + Number(values.seeds) : Infinity;
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
      if (values["no-shrinking"]) return false;
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

const { replay: one } = values;
const isWhole = one === undefined
  ? await search()
  : values.cores
  ? await isAlikeOnAnyCores(one)
  : await replay(planOf(Number(one)));
Deno.exit(isWhole ? 0 : 1);
