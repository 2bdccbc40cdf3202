import { parseArgs } from "node:util";
import { FAULT_NAMES, type FaultName } from "./faults.ts";
import { ACTOR_NAMES } from "./shrink.ts";

/** What the simulation is asked for on its command line: a misspelled wish must not pass for a good run. */

/** How long things go wrong in a run, seconds of its world. */
const SUFFERING_SECONDS = 60;

export const USAGE = `deno task simulate [--seeds N] [--from S] [--minutes M] [--suffering SECONDS]
deno task simulate --replay SEED [--suffering SECONDS] [--without NAME,NAME] [--verbose]
deno task simulate --replay SEED --cores

Kinds of faults that --without takes: ${FAULT_NAMES.join(", ")}
And actors: ${ACTOR_NAMES.join(", ")}`;

export interface Options {
  readonly seeds: number;
  readonly from: number;
  readonly minutes: number | null;
  readonly replay: number | null;
  readonly suffering: number;
  readonly without: { readonly faults: readonly FaultName[]; readonly actors: readonly string[] };
  readonly verbose: boolean;
  readonly shrinks: boolean;
  readonly cores: boolean;
}

/** @throws {TypeError} that says what is wrong with the arguments */
export function optionsOf(args: string[]): Options {
  const { values } = parseArgs({
    args,
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
  const { minutes, replay } = values;
  if (values.cores && replay === undefined) throw new TypeError("--cores needs --replay SEED");
  return {
    seeds: numberOf("--seeds", values.seeds, 1),
    from: numberOf("--from", values.from, 0),
    minutes: minutes === undefined ? null : numberOf("--minutes", minutes, 1),
    replay: replay === undefined ? null : numberOf("--replay", replay, 0),
    suffering: numberOf("--suffering", values.suffering, 1),
    without: withoutOf(values.without.split(",").filter((name) => name !== "")),
    verbose: values.verbose,
    shrinks: !values["no-shrinking"],
    cores: values.cores,
  };
}

function numberOf(option: string, text: string, least: number): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= least && Number.isSafeInteger(number)) return number;
  throw new TypeError(
    `${option} takes a whole number from ${least} on, not ${JSON.stringify(text)}`,
  );
}

function withoutOf(names: readonly string[]): Options["without"] {
  const isFault = (name: string): name is FaultName => FAULT_NAMES.some((fault) => fault === name);
  const unknown = names.find((name) => !isFault(name) && !ACTOR_NAMES.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(
      `--without names ${JSON.stringify(unknown)}, which is no fault and no actor`,
    );
  }
  return {
    faults: names.filter(isFault),
    actors: names.filter((name) => !isFault(name)),
  };
}
