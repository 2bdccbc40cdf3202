import process from "node:process";
import { systemTimer } from "../lib/store/system.ts";
import { connections, NEVER, portOf } from "../tests/helpers/upstream_server.ts";
import { HOSTILE_ANSWERS, type HostileAnswer } from "../tests/upstreams/hostile_answers.ts";
import { median } from "./percentile.ts";
import { atMost, printTable, printWanted, type Wanted } from "./report.ts";

/**
 * `deno task bench:turns`: how long others wait at most while the process reads what a hostile
 * upstream sends, beside one `JSON.parse` of a text of that size, which no reader in this runtime can
 * take in smaller steps.
 */

const ROUNDS = 9;

/** No turn is to take longer. */
const WANTED_MS = 50;

const YARDSTICK = JSON.stringify('"'.repeat(4 * 1024 * 1024));

/** What this process worked, milliseconds. */
function worked(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/**
 * The longest turn while something runs. What counts is time in which this process worked, or passed
 * at all: of both the shorter, for others use this computer too, and this process has other threads.
 */
async function longestTurn(run: () => Promise<unknown>): Promise<number> {
  let isOver = false;
  const running = run().finally(() => isOver = true);
  let longest = 0;
  let last = { passed: performance.now(), worked: worked() };
  while (!isOver) {
    await systemTimer(0).elapsed;
    const now = { passed: performance.now(), worked: worked() };
    longest = Math.max(longest, Math.min(now.passed - last.passed, now.worked - last.worked));
    last = now;
  }
  await running;
  return longest;
}

async function turnsOf({ name, hosts, is, act }: HostileAnswer): Promise<number> {
  await using ports = connections([], { keeping: () => ({ ask: hosts, close: () => {} }) });
  const port = portOf(ports, { url: "http://stand-in.example/mcp" });
  await port.connect(NEVER);
  const longest: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    longest.push(
      await longestTurn(async () => {
        const outcome = await act(port);
        if (outcome.is !== is) throw new Error(`${name} is ${outcome.is}, not ${is}`);
      }),
    );
  }
  return median(longest);
}

const parse = await longestTurn(async () => {
  await systemTimer(0).elapsed;
  JSON.parse(YARDSTICK);
});
const rows: string[][] = [["JSON.parse of 8 MiB of escapes", parse.toFixed(0)]];
const wanted: Wanted[] = [];
for (const answer of HOSTILE_ANSWERS) {
  const turn = await turnsOf(answer);
  rows.push([answer.name, turn.toFixed(0)]);
  wanted.push(atMost(answer.name, turn, { wanted: WANTED_MS }, (ms) => `${ms.toFixed(0)} ms`));
}
printTable(["longest turn, median", "ms"], rows);
printWanted(wanted);
