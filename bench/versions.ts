import { makeSecret } from "../lib/identity/credentials.ts";
import { systemRandom } from "../lib/store/system.ts";
import { Child } from "./child.ts";
import { checkRequests, type Measured } from "./measure.ts";
import { median } from "./percentile.ts";
import { MEASURED_HEAD, measuredRow, percent, printTable, refuseFailures } from "./report.ts";
import { CATEGORY, samplePolicy, sampleQuestions, TAG, TOOLS } from "./sample_policy.ts";
import { withScratchFolder } from "./scratch_folder.ts";

/**
 * `deno task bench:versions BEFORE [AFTER]`: the durable check of two checkouts, round by round in
 * turn, so that what the machine does besides hits both. Each is set up over REST alone, because
 * nothing else is the same in every version. AFTER is this checkout unless it is named; naming one
 * twice shows what two runs of the same build differ.
 */

const ROUNDS = 9;
const SECONDS = 3;
const WARM_UP_SECONDS = 0.5;
const FIRST_WARM_UP_SECONDS = 4;
const CONNECTIONS = [32, 1] as const;
const RULES = 20;
/** 32 random bytes, which every version takes for a secret of the operator's. */
const SECRET_BYTES = 32;

/** The service answers for its own name only, which is not the address that it is reached at. */
const client = Deno.createHttpClient({ allowHost: true });

interface Version {
  readonly name: string;
  readonly child: Child;
  readonly key: string;
}

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
  const load = (version: Version, connections: number, warmUpSeconds: number) =>
    generator.load({
      port: version.child.port,
      requests: checkRequests(questions, version.key),
      connections,
      warmUpSeconds,
      seconds: SECONDS,
    });

  const rows: string[][] = [];
  const lines: string[] = [];
  const all: Measured[] = [];
  for (const connections of CONNECTIONS) {
    const rounds: Record<"before" | "after", Measured[]> = { before: [], after: [] };
    for (let round = 0; round < ROUNDS; round++) {
      console.error(`${connections} connections: round ${round + 1} of ${ROUNDS}`);
      const warmUp = round === 0 ? FIRST_WARM_UP_SECONDS : WARM_UP_SECONDS;
      // Whoever goes second finds the disk busier, so they take turns at that too.
      const turns = round % 2 === 0 ? [first, second] : [second, first];
      for (const version of turns) {
        const measured = await load(version, connections, warmUp);
        rounds[version === first ? "before" : "after"].push(measured);
      }
    }
    rows.push(measuredRow("before", connections, rounds.before));
    rows.push(measuredRow("after", connections, rounds.after));
    const change = (field: "perSecond" | "p50") =>
      median(rounds.after.map((round, i) => round[field] / (rounds.before[i]?.[field] ?? NaN)));
    lines.push(
      `${connections} connections: after has ${percent(change("perSecond"))} of the rate before, ` +
        `and ${percent(change("p50"))} of its p50 (medians of ${ROUNDS} ratios)`,
    );
    all.push(...rounds.before, ...rounds.after);
  }
  printTable(MEASURED_HEAD, rows);
  console.log();
  for (const line of lines) console.log(line);
  refuseFailures(all);
}

/** A version with the sample policy and a key without a rate limit. */
async function started(name: string, checkout: string, path: string): Promise<Version> {
  const management = makeSecret("management", systemRandom);
  const sealingSecret = systemRandom(SECRET_BYTES).toBase64();
  const child = await Child.version(checkout, { path, sealingSecret }, management);
  const send = async (method: string, route: string, body: unknown) => {
    const response = await fetch(`http://127.0.0.1:${child.port}${route}`, {
      client,
      method,
      headers: { host: "localhost", "x-api-key": management, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${route}: ${response.status} ${text}`);
    return JSON.parse(text) as Record<string, unknown>;
  };
  const policy = samplePolicy(RULES);
  await send("PUT", `/v1/categories/${CATEGORY}`, { default_permission: "requires_approval" });
  for (const tool of TOOLS) {
    const fields = { category: CATEGORY, tags: [TAG], annotations_acknowledged: true };
    await send("PUT", `/v1/tools/${tool}`, { ...fields, status: "approved" });
  }
  for (const id of policy.tenants) await send("PUT", `/v1/tenants/${id}`, { name: id });
  for (const { selector, permission } of policy.rules) {
    const named = Object.entries(selector).filter(([, value]) => value !== null);
    await send("PUT", "/v1/rules", { selector: Object.fromEntries(named), permission });
  }
  const { key } = await send("POST", "/v1/api-keys", {
    name: "bench",
    tier: "standard",
    rate_limit_per_minute: null,
  });
  return { name, child, key: String(key) };
}
