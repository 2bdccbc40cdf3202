import { Child } from "./child.ts";
import type { Measured } from "./measure.ts";
import {
  MEASURED_HEAD,
  measuredRow,
  printTable,
  printWanted,
  ratio,
  refuseFailures,
  times,
} from "./report.ts";
import { checkRequests, mcpCheckRequests } from "./requests.ts";
import { samplePolicy, sampleQuestions } from "./sample_policy.ts";
import { withScratchFolder } from "./scratch_folder.ts";
import { seedStore } from "./seeded_store.ts";

/**
 * `deno task bench:mcp`: the durable check over MCP beside the same over REST, of one service. The
 * two take turns, and the ratio is taken within a round.
 */

const RULES = 20;
const ROUNDS = Number(Deno.args[0] ?? 5);
const SECONDS = Number(Deno.args[1] ?? 2);
const WARM_UP_SECONDS = 0.3;
const FIRST_WARM_UP_SECONDS = 3;

/** What is wanted of the median at one connection. */
const WANTED_TIMES_REST = 2;

await withScratchFolder(async (folder) => {
  const policy = samplePolicy(RULES);
  const store = await seedStore(`${folder}/mcp.kv`, policy);
  await using generator = await Child.script("generator.ts");
  await using service = await Child.service(store);
  const questions = sampleQuestions(policy);
  const requests = {
    rest: checkRequests(questions, store.key),
    mcp: mcpCheckRequests(questions, store.agent),
  };
  const measure = (way: keyof typeof requests, connections: number, warmUpSeconds: number) =>
    generator.load({
      port: service.port,
      requests: requests[way],
      connections,
      seconds: SECONDS,
      warmUpSeconds,
    });

  const rounds: Record<"rest" | "mcp", Record<1 | 32, Measured[]>> = {
    rest: { 1: [], 32: [] },
    mcp: { 1: [], 32: [] },
  };
  console.error("Warming up");
  for (const way of ["rest", "mcp"] as const) await measure(way, 32, FIRST_WARM_UP_SECONDS);
  for (let round = 1; round <= ROUNDS; round++) {
    console.error(`Round ${round} of ${ROUNDS}`);
    for (const connections of [32, 1] as const) {
      for (const way of ["rest", "mcp"] as const) {
        rounds[way][connections].push(await measure(way, connections, WARM_UP_SECONDS));
      }
    }
  }

  const { rest, mcp } = rounds;
  printTable(MEASURED_HEAD, [
    measuredRow("check over REST", 32, rest[32]),
    measuredRow("check over MCP", 32, mcp[32]),
    measuredRow("check over REST", 1, rest[1]),
    measuredRow("check over MCP", 1, mcp[1]),
  ]);
  const timesRest = ratio("p50", mcp[1], rest[1]);
  printWanted([{
    what: "p50 of a check over MCP over that of one over REST, at one connection",
    wanted: `at most ${times(WANTED_TIMES_REST)}`,
    got: times(timesRest),
    reached: timesRest <= WANTED_TIMES_REST,
  }]);
  const resident = await service.resident();
  if (resident !== null) {
    console.log(`\nMemory of the service: ${resident.now.toFixed(0)} MB resident`);
  }
  refuseFailures([...rest[1], ...rest[32], ...mcp[1], ...mcp[32]]);
});
