import { Child } from "./child.ts";
import { Inspector } from "./inspector.ts";
import type { Load } from "./measure.ts";
import { refuseFailures } from "./report.ts";
import { checkRequests } from "./requests.ts";
import { samplePolicy, sampleQuestions } from "./sample_policy.ts";
import { withScratchFolder } from "./scratch_folder.ts";
import { seedStore } from "./seeded_store.ts";

/**
 * `deno task bench:budget [CHECKOUT [SECONDS]]`: what a check costs the one thread that runs scripts,
 * in microseconds, by what it is spent on. V8's profiler takes samples of the service under load at
 * 32 connections; each counts for the innermost function that a row below names, so that a hash or
 * `JSON.stringify` counts for what wanted it. Shares are of the samples; the whole is the processor
 * time of the thread as the system counts it, in a load that is not profiled. Prints rows of Markdown.
 */

const HERE = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
const RULES = 20;
const WARM_UP_SECONDS = 4;
const INTERVAL_MICROSECONDS = 100;

interface Row {
  readonly what: string;
  /** What URLs of scripts hold, those of a checkout from its root on; of a function, `URL name`. */
  readonly at: RegExp;
}

/** The first row that matches has it. A file by name only where its room does several things. */
const ROWS: readonly Row[] = [
  { what: "collecting garbage", at: /\(garbage collector\)/ },
  { what: "the runtime between scripts", at: /\(program\)/ },
  { what: "scrubbing", at: /^lib\/scrub\// },
  { what: "salted digests", at: /^lib\/\S+ (?:saltedDigest|sealOff)$/ },
  { what: "action digest", at: /^lib\/\S+ actionDigest$/ },
  { what: "strict JSON and UTF-8", at: /^lib\/base\/(?:strict_json|text)\./ },
  { what: "canonical JSON", at: /^lib\/base\/canonical\./ },
  { what: "ids", at: /^lib\/base\/id\.|uuidv7/ },
  { what: "hashes, tree and tiles", at: /^lib\/(?:base\/sha256\.|tlog\/)/ },
  { what: "leaf: text and facets", at: /^lib\/ledger\/entry\./ },
  { what: "sealing", at: /^lib\/store\/sealing\./ },
  { what: "store: rows, keys, handing over", at: /^lib\/store\/(?!system)|ext:deno_kv/ },
  { what: "queue, plan, transaction, commit", at: /^lib\/ledger\// },
  { what: "rule walk and snapshot", at: /^lib\/policy\// },
  { what: "decision", at: /^lib\/(?:decisions|authorize|approvals|tokens|catalog)\// },
  { what: "caller, credential, limits", at: /^lib\/identity\// },
  { what: "schema of the body", at: /\/zod\// },
  { what: "routing", at: /\/hono\// },
  { what: "rendering the answer, its fields", at: /^routes\/(?!http\/|app\.)/ },
  { what: "layers of a request", at: /^(?:routes|lib)\/(?!store\/system)/ },
  { what: "timers", at: /timers/ },
  { what: "the runtime's HTTP", at: /ext:deno_(?:http|fetch|web|net|webidl)/ },
];
const REST = "everything else";
const IDLE = "(idle)";

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string };
  readonly children?: readonly number[];
}

interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

await withScratchFolder(async (folder) => {
  const [named = HERE, seconds = "5"] = Deno.args;
  const checkout = (await Deno.realPath(named)).replace(/\/$/, "");
  const policy = samplePolicy(RULES);
  const store = await seedStore(`${folder}/check.kv`, policy);
  await using generator = await Child.script("generator.ts");
  await using service = await Child.inspected(checkout, store);
  const load = async (timing: Pick<Load, "seconds" | "warmUpSeconds">) => {
    const requests = checkRequests(sampleQuestions(policy), store.key);
    const measured = await generator.load({
      ...{ port: service.port, connections: 32, requests },
      ...timing,
    });
    refuseFailures([measured]);
    return measured.perSecond * timing.seconds;
  };
  const timing = { seconds: Number(seconds), warmUpSeconds: 0 };
  const inspector = await Inspector.at(service.inspector);
  let profile: Profile;
  let [before, after, checks]: [number | null, number | null, number] = [null, null, 0];
  try {
    await inspector.ask("Profiler.enable");
    await inspector.ask("Profiler.setSamplingInterval", { interval: INTERVAL_MICROSECONDS });
    console.error("Warming up");
    // Code that is made quick while a profile is taken keeps where its inlined functions came from.
    await inspector.ask("Profiler.start");
    await load({ seconds: 0.1, warmUpSeconds: WARM_UP_SECONDS });
    await inspector.ask("Profiler.stop");
    console.error("Counting");
    before = await service.threadTime();
    checks = await load(timing);
    after = await service.threadTime();
    console.error("Profiling");
    await inspector.ask("Profiler.start");
    await load(timing);
    profile = (await inspector.ask("Profiler.stop") as { profile: Profile }).profile;
  } finally {
    // A service that is being inspected does not end.
    await inspector.close();
  }
  const micros = before === null || after === null ? null : (after - before) / checks;
  print(spent(profile, checkout), micros);
});

/** Microseconds of the samples, by row; what nothing was done in is left out. */
function spent({ nodes, samples, timeDeltas }: Profile, checkout: string): Map<string, number> {
  const rowOf = rowsOf(nodes, checkout);
  const times = new Map<string, number>();
  samples.forEach((id, i) => {
    const row = rowOf.get(id) ?? REST;
    times.set(row, (times.get(row) ?? 0) + (timeDeltas[i] ?? 0));
  });
  times.delete(IDLE);
  return times;
}

/** The row of each node: its own, or that of whoever called it. */
function rowsOf(nodes: readonly ProfileNode[], checkout: string): Map<number, string> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const rows = new Map<number, string>();
  const root = nodes[0];
  const open: [node: ProfileNode, inherited: string][] = root === undefined ? [] : [[root, REST]];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [node, inherited] = next;
    const { functionName, url } = node.callFrame;
    const at = `${url.replace(`file://${checkout}/`, "")} ${functionName}`;
    const named = functionName === IDLE ? IDLE : ROWS.find((row) => row.at.test(at))?.what;
    rows.set(node.id, named ?? inherited);
    for (const id of node.children ?? []) {
      const child = byId.get(id);
      if (child !== undefined) open.push([child, named ?? inherited]);
    }
  }
  return rows;
}

/** @param micros of the thread a check; null where the system does not tell, then only shares are known */
function print(times: ReadonlyMap<string, number>, micros: number | null): void {
  const all = [...times.values()].reduce((sum, time) => sum + time, 0);
  const cells = (share: number) => [
    micros === null ? "" : (share * micros).toFixed(1),
    `${(100 * share).toFixed(1)} %`,
  ];
  const line = (...row: string[]) => console.log(`| ${row.join(" | ")} |`);
  line("µs a check", "share", "what");
  line("---:", "---:", "---");
  for (const [what, time] of [...times].toSorted(([, a], [, b]) => b - a)) {
    line(...cells(time / all), what);
  }
  line(...cells(1), "**in all**");
  const idle = ROWS.filter(({ what }) => !times.has(what)).map(({ what }) => what);
  if (idle.length > 0) console.error(`\nNothing was spent on: ${idle.join(", ")}`);
}
