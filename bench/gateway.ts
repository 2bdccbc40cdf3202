import { Child } from "./child.ts";
import type { Measured } from "./measure.ts";
import { median } from "./percentile.ts";
import {
  atLeast,
  atMost,
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
import { callRequests, checkRequests, upstreamRequests } from "./requests.ts";
import { send } from "./rest.ts";
import { samplePolicy, sampleQuestions } from "./sample_policy.ts";
import { withScratchFolder } from "./scratch_folder.ts";
import { type Started, startServed } from "./started_service.ts";

/**
 * `deno task bench:gateway [ROUNDS [SECONDS [CHECKOUT]]]`: calls through the gateway beside the same calls sent
 * to the upstream itself, and beside checks of the same service, in turn. At 32 connections eight keys
 * call four upstreams, which is as many calls as may be under way at the same time. At the end an
 * upstream sends results that are too large, one after the other, and the memory of the service is
 * looked at.
 */

const ROUNDS = Number(Deno.args[0] ?? 5);
const SECONDS = Number(Deno.args[1] ?? 2);
const HERE = new URL("..", import.meta.url).pathname;
const WARM_UP_SECONDS = 0.3;
const FIRST_WARM_UP_SECONDS = 3;
const RULES = 20;
const UPSTREAMS = 4;
/** Each has four calls under way at 32 connections. */
const KEYS = 8;
const LARGE_RESULTS = 20;

/** How many checks a call may take beside what the upstream itself takes, at one connection. */
const WANTED_CHECKS = 3;
const WANTED_RATE = { wanted: 0.15 };
/** How much more memory may be held after the large results than before, MB. */
const WANTED_GROWTH = { wanted: 40 };

const SUBJECTS = ["the upstream itself", "check", "call"] as const;

type Subject = (typeof SUBJECTS)[number];

await withScratchFolder(async (folder) => {
  const checkout = (await Deno.realPath(Deno.args[2] ?? HERE)).replace(/\/$/, "");
  const policy = samplePolicy(RULES);
  await using running = new AsyncDisposableStack();
  const upstreams: Child[] = [];
  for (let at = 0; at < UPSTREAMS; at++) {
    upstreams.push(running.use(await Child.script("upstream.ts")));
  }
  const hosts = upstreams.map(({ port }) => `127.0.0.1:${port}`);
  const served = await startServed(checkout, `${folder}/gateway.kv`, policy, {
    COUNTERSIGN_PRIVATE_HOSTS: hosts.join(),
  });
  running.use(served.child);
  const keys = await setUp(served, hosts);
  const questions = sampleQuestions(policy);
  const first = upstreams[0]?.port ?? 0;
  const subjects: Record<Subject, { readonly port: number; readonly requests: string[] }> = {
    "the upstream itself": { port: first, requests: upstreamRequests(questions) },
    "check": { port: served.port, requests: checkRequests(questions, served.key) },
    "call": { port: served.port, requests: callRequests(questions, keys, UPSTREAMS) },
  };
  const generator = running.use(await Child.script("generator.ts"));
  const measure = (subject: Subject, connections: number, warmUpSeconds: number) =>
    generator.load({
      ...subjects[subject],
      connections,
      seconds: SECONDS,
      warmUpSeconds,
      ...(subject === "call" ? { parts: KEYS } : {}),
    });
  const none = (): Record<1 | 32, Measured[]> => ({ 1: [], 32: [] });
  const rounds: Record<Subject, Record<1 | 32, Measured[]>> = {
    "the upstream itself": none(),
    "check": none(),
    "call": none(),
  };
  console.error("Warming up");
  for (const subject of SUBJECTS) await measure(subject, 32, FIRST_WARM_UP_SECONDS);
  for (let round = 1; round <= ROUNDS; round++) {
    console.error(`Round ${round} of ${ROUNDS}`);
    for (const connections of [32, 1] as const) {
      for (const subject of SUBJECTS) {
        rounds[subject][connections].push(await measure(subject, connections, WARM_UP_SECONDS));
      }
    }
  }
  printTable(
    MEASURED_HEAD,
    ([32, 1] as const).flatMap((connections) =>
      SUBJECTS.map((subject) => measuredRow(subject, connections, rounds[subject][connections]))
    ),
  );
  const spent = async (subject: Subject) => {
    const before = await served.child.threadTime();
    const { perSecond } = await generator.load({
      ...subjects[subject],
      connections: 32,
      seconds: SECONDS,
      warmUpSeconds: 0,
      ...(subject === "call" ? { parts: KEYS } : {}),
    });
    const after = await served.child.threadTime();
    return before === null || after === null ? null : (after - before) / (perSecond * SECONDS);
  };
  const [ofCheck, ofCall] = [await spent("check"), await spent("call")];
  if (ofCheck !== null && ofCall !== null) {
    console.log(
      `\nProcessor time of the service's thread: ${ofCheck.toFixed(0)} µs a check, ` +
        `${ofCall.toFixed(0)} µs a call, ${times(ofCall / ofCheck)}`,
    );
  }
  const growth = await memoryGrowth(served, keys[0] ?? "");
  const { "the upstream itself": direct, check, call } = rounds;
  const checks = call[1].map(({ p50 }, i) =>
    (p50 - (direct[1][i]?.p50 ?? NaN)) / (check[1][i]?.p50 ?? NaN)
  );
  printWanted([
    atMost(
      "p50 of a call less that of the upstream itself, over that of a check, at one connection",
      median(checks),
      { wanted: WANTED_CHECKS },
      times,
    ),
    atLeast(
      "calls a second over checks a second, at 32 connections",
      ratio("perSecond", call[32], check[32]),
      WANTED_RATE,
      percent,
    ),
    ...growth,
  ]);
  refuseFailures(SUBJECTS.flatMap((subject) => [...rounds[subject][1], ...rounds[subject][32]]));
});

/** Names the upstreams, approves their tools, and makes who calls them. @returns their keys */
async function setUp({ port, management }: Started, hosts: readonly string[]): Promise<string[]> {
  const manage = (method: "GET" | "PUT" | "POST", path: string, body?: unknown) =>
    send(port, management, method, path, body);
  for (const [at, host] of hosts.entries()) {
    const path = `/v1/upstreams/bench-${at}`;
    await manage("PUT", path, { kind: "mcp", url: `http://${host}/mcp` });
    const { data } = await manage("GET", `${path}/tools`) as {
      data: { name: string; definition_digest: string }[];
    };
    const tools = data.map(({ name, definition_digest }) => ({
      ...{ name, definition_digest, default_permission: "allowed" },
    }));
    await manage("POST", `${path}/approve`, { tools });
  }
  const keys: string[] = [];
  for (let at = 0; at < KEYS; at++) {
    const fields = { name: `bench ${at}`, tier: "standard", rate_limit_per_minute: null };
    const { key } = await manage("POST", "/v1/api-keys", fields);
    keys.push(String(key));
  }
  return keys;
}

/** Has results sent that are larger than they may be, and looks at the memory of the service. */
async function memoryGrowth({ child, port }: Started, key: string): Promise<Wanted[]> {
  const call = async () => {
    const path = "/v1/calls";
    const told = await send(port, key, "POST", path, { tool_name: "bench-0/large" })
      .then(() => "a result", (error: Error) => error.message);
    if (!told.includes("result_too_large")) throw new Error(`40 MB came to: ${told}`);
  };
  // The first one brings code and buffers that stay.
  await call();
  const before = await child.resident();
  for (let at = 0; at < LARGE_RESULTS; at++) await call();
  const after = await child.resident();
  if (before === null || after === null) return [];
  console.log(
    `\nMemory of the service: ${before.now.toFixed(0)} MB before ${LARGE_RESULTS} results of ` +
      `40 MB, ${after.now.toFixed(0)} MB after, ${after.peak.toFixed(0)} MB at its peak`,
  );
  const shown = (megabytes: number) => `${megabytes.toFixed(0)} MB`;
  const what = `memory that ${LARGE_RESULTS} results of 40 MB leave behind`;
  return [atMost(what, after.now - before.now, WANTED_GROWTH, shown)];
}
