/**
 * Which files of the project one warm `POST /v1/permissions/check` executes: by V8's precise
 * coverage, every file of which at least one function ran between the arrival of the request and its
 * answer. Once for a check that allows, and once for one that asks a human in the same commit. And
 * through how many functions it passes from the socket to the rule walk.
 *
 *     deno task footprint          # the figures
 *     deno task footprint --files  # files and frames too, asking's own files marked with a plus sign
 *
 * The service runs in this process over a store in memory; files loaded at the start alone count not.
 */
import { Session } from "node:inspector/promises";
import { bootstrap } from "../lib/catalog/create_org.ts";
import { makeSecret } from "../lib/identity/credentials.ts";
import { OrgLedger } from "../lib/ledger/ledger.ts";
import { RuleIndex } from "../lib/policy/rule_index.ts";
import { readSettings } from "../lib/server/settings.ts";
import { makeServices, systemDeps } from "../lib/server/wiring.ts";
import { systemRandom } from "../lib/store/system.ts";
import { app, drainable } from "../routes/app.ts";

const PROJECT = new URL("../", import.meta.url).href;
const WARM_UP = 10;

/** The shape of what V8 tells, as far as it is read here. */
interface Coverage {
  readonly result: readonly {
    readonly url: string;
    readonly functions: readonly { readonly ranges: readonly { readonly count: number }[] }[];
  }[];
}

/** The files of the project of which a function ran since this was asked last, but for this one. */
async function executed(session: Session): Promise<Set<string>> {
  const { result } = await session.post("Profiler.takePreciseCoverage") as Coverage;
  const ran = result.filter(({ url, functions }) =>
    url.startsWith(PROJECT) && url !== import.meta.url &&
    functions.some(({ ranges: [whole] }) => whole !== undefined && whole.count > 0)
  );
  return new Set(ran.map(({ url }) => url.slice(PROJECT.length)));
}

const session = new Session();
session.connect();
await session.post("Profiler.enable");
await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false });

const server = Deno.serve(
  { port: 0, hostname: "127.0.0.1", onListen: () => {} },
  (request, connection) => handler.fetch(request, connection),
);
const origin = `http://127.0.0.1:${server.addr.port}`;
const management = makeSecret("management", systemRandom);
const variables: Partial<Record<string, string>> = {
  COUNTERSIGN_KV: ":memory:",
  COUNTERSIGN_URL: origin,
  COUNTERSIGN_BOOTSTRAP_KEY: management,
};
const settings = readSettings((variable) => variables[variable]);
using kv = await Deno.openKv(":memory:");
const services = makeServices(
  systemDeps(settings, kv, systemRandom(32)),
  settings,
  new AbortController().signal,
);
await bootstrap(services);
const handler = drainable(app(services), services);

/** Sends one request, and returns the whole answer. */
async function send(method: string, path: string, key: string, body: unknown) {
  const response = await fetch(origin + path, {
    method,
    headers: { "x-api-key": key, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${answer.detail}`);
  return answer;
}

const approved = { status: "approved", annotations_acknowledged: true };
await send("PUT", "/v1/tenants/acme", management, { name: "Acme" });
await send("PUT", "/v1/tools/read", management, { ...approved, default_permission: "allowed" });
await send("PUT", "/v1/tools/pay", management, {
  ...approved,
  default_permission: "requires_approval",
});
const { key } = await send("POST", "/v1/api-keys", management, {
  name: "footprint",
  tier: "standard",
  rate_limit_per_minute: null,
});

/** The functions of the project that stand on a stack, the innermost first; `new` is none of them. */
function framesOf(stack: string | undefined): string[] {
  return (stack ?? "").split("\n").flatMap((line) => {
    const [, name, place] = /^ +at (?:async )?(?:(.+?) \()?(.+?):\d+:\d+\)?$/.exec(line) ?? [];
    const inProject = place?.startsWith(PROJECT) === true && place !== import.meta.url;
    if (!inProject || name?.startsWith("new ") === true) return [];
    return [`${name ?? "(no name)"} ${place.slice(PROJECT.length)}`];
  });
}

/** Has a look before a method runs, and leaves it as it is. */
function before<K extends string>(
  object: Record<K, (...values: never[]) => unknown>,
  method: K,
  look: () => void,
): void {
  const original = object[method];
  object[method] = function (this: unknown, ...values: never[]) {
    look();
    return original.apply(this, values);
  };
}

/**
 * The frames from the socket to the rule walk, which is not among them: on the stack where a request
 * gets its id, on that where its operation is handed over, and on that where the ledger, which took
 * it from its queue, looks for the rule.
 */
async function framesToTheWalk(check: () => Promise<unknown>): Promise<readonly string[]> {
  Error.stackTraceLimit = Infinity;
  // What stands on two of the stacks is the same frame; of two on one stack, each is one.
  const frames = new Map<string, number>();
  const look = () => {
    for (const [frame, calls] of Map.groupBy(framesOf(new Error().stack), (frame) => frame)) {
      frames.set(frame, Math.max(calls.length, frames.get(frame) ?? 0));
    }
  };
  before(services.ids, "make", look);
  before(OrgLedger.prototype, "transact", () => {
    look();
    frames.set("OrgLedger.transact lib/ledger/ledger.ts", 1);
  });
  before(RuleIndex.prototype, "find", look);
  await check();
  return [...frames].flatMap(([frame, calls]) =>
    frame.startsWith("walked ") ? [] : Array<string>(calls).fill(frame)
  );
}

/** What one check executes when many like it went before. */
async function warm(bodyOf: (turn: number) => unknown): Promise<Set<string>> {
  for (let turn = 0; turn < WARM_UP; turn++) {
    await send("POST", "/v1/permissions/check", key, bodyOf(turn));
  }
  await executed(session);
  // Every other entry completes a node of the tree.
  for (const turn of [WARM_UP, WARM_UP + 1]) {
    await send("POST", "/v1/permissions/check", key, bodyOf(turn));
  }
  return await executed(session);
}

const facts = { tenant_id: "acme", resource_id: "ledger", method: "GET", reason: "Counting files" };
const checking = await warm(() => ({ tool_name: "read", ...facts }));
const asking = await warm((turn) => ({
  tool_name: "pay",
  ...facts,
  request: true,
  arguments: { amount: turn },
}));
console.log(
  `One warm check executes ${checking.size} files of the project; asking, ${asking.size}.`,
);
const frames = await framesToTheWalk(() =>
  send("POST", "/v1/permissions/check", key, { tool_name: "read", ...facts })
);
console.log(`From the socket to the rule walk it passes ${frames.length} frames.`);
if (Deno.args.includes("--files")) {
  for (const frame of frames) console.log(`  ${frame}`);
  for (const file of [...checking.union(asking)].sort()) {
    console.log(`${checking.has(file) ? " " : "+"} ${file}`);
  }
}
await server.shutdown();
session.disconnect();
