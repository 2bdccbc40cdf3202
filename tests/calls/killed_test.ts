import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { makeSecret } from "../../lib/identity/credentials.ts";
import { DEPLOYMENT_ORG, orgPrefix } from "../../lib/store/keys.ts";
import { systemRandom } from "../../lib/store/system.ts";
import { DeploymentFolder } from "../helpers/deployment_folder.ts";
import { PROJECT } from "../helpers/project_files.ts";
import { runs } from "../helpers/property_runs.ts";
import { freePort, StartedProcess } from "../helpers/started_process.ts";
import { storeDeps, verifiedLog } from "../helpers/stored_log.ts";

/**
 * The service, its store and its upstreams are what they are when it runs, each in a process of its
 * own. The service is killed between the two commits of calls, and started again on a clock that is
 * ahead: after one restart the time to tell of a call is not over, after two it is.
 */

/** How long a call may take here; it has to be told of a minute later. */
const TIMEOUT_SECONDS = 20;

/** More than half of that time, and less than the whole. */
const AHEAD_SECONDS = 45;

/** Two hundred where there is time for it (`deno task test:long`). */
const ROUNDS = runs(1).numRuns === 1 ? 3 : 200;

const SECRET = "0123456789abcdef0123456789abcdef";

const OWNER = "owner@example.com";

/** When the process is killed, seen from the upstream: it has run the tool each time. */
type Answer = "never" | "half" | "whole";

/** A call that was under way when the process was killed. */
interface Cut {
  readonly upstream: "modern" | "legacy";
  readonly tool: "read" | "wipe";
  /** Of the arguments, and the key of the call. */
  readonly id: string;
  readonly answer: Answer;
}

interface Got {
  readonly status: number;
  // deno-lint-ignore no-explicit-any -- tests look at answers member by member
  readonly body: any;
}

/** What has told its webhook that nobody knows what came of it, by its run token. */
class Told implements AsyncDisposable {
  readonly #told = new Map<string, PromiseWithResolvers<void>>();
  readonly server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    async (request) => {
      const { type, data } = await request.json();
      if (type === "execution.unknown") this.#of(data.token_id).resolve();
      return new Response(null, { status: 204 });
    },
  );

  get host(): string {
    return `127.0.0.1:${this.server.addr.port}`;
  }

  #of(token: string): PromiseWithResolvers<void> {
    return this.#told.getOrInsertComputed(token, () => Promise.withResolvers<void>());
  }

  /** Resolves once it was told of a token. */
  of(token: string): Promise<void> {
    return this.#of(token).promise;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.server.shutdown();
  }
}

/** A deployment whose process ends and is started again, and who calls by it. */
class Deployment implements AsyncDisposable {
  readonly management = makeSecret("management", systemRandom);
  readonly approver = makeSecret("approver", systemRandom);
  readonly #port = freePort();
  readonly #stack = new AsyncDisposableStack();
  key = "";
  #ahead = 0;
  #process: StartedProcess | null = null;

  private constructor(
    readonly folder: DeploymentFolder,
    readonly told: Told,
    readonly upstreams: Readonly<Record<Cut["upstream"], StartedProcess>>,
    readonly urls: readonly string[],
  ) {}

  static async make(): Promise<Deployment> {
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(await DeploymentFolder.make());
    const told = stack.use(new Told());
    const script = new URL("counting_upstream.ts", import.meta.url).pathname;
    const [modern, legacy] = (["modern", "legacy"] as const).map((era) =>
      stack.use(StartedProcess.inTerminal(
        new URL(".", PROJECT).pathname,
        `exec ${Deno.execPath()} run -A --quiet --no-check --config deno.dev.json ${script} ${era}`,
        {},
      ))
    );
    assert.ok(modern !== undefined && legacy !== undefined);
    const urls = await Promise.all(
      [modern, legacy].map((one) => one.found("at http", /^at (\S+)$/m)),
    );
    const made = new Deployment(folder, told, { modern, legacy }, urls);
    made.#stack.use(stack.move());
    return made;
  }

  /** Starts it, so many seconds later than the time before. */
  async start(later: number): Promise<void> {
    this.#ahead += later;
    const hosts = [...this.urls.map((url) => new URL(url).host), this.told.host];
    const variables = {
      PORT: String(this.#port),
      COUNTERSIGN_URL: `http://localhost:${this.#port}`,
      COUNTERSIGN_SECRET: SECRET,
      COUNTERSIGN_PRIVATE_HOSTS: hosts.join(),
      COUNTERSIGN_BOOTSTRAP_KEY: this.management,
      COUNTERSIGN_BOOTSTRAP_APPROVER_KEY: this.approver,
      COUNTERSIGN_BOOTSTRAP_OWNER: OWNER,
    };
    const { process } = await StartedProcess.listening(
      this.folder.path,
      variables,
      "tests/calls/later_main.ts",
      String(this.#ahead),
    );
    this.#process = process;
  }

  /** Ends it without a chance to finish anything. */
  async kill(): Promise<void> {
    await this.#process?.[Symbol.asyncDispose]();
    this.#process = null;
  }

  async request(method: string, path: string, key: string, body?: JsonObject): Promise<Got> {
    const response = await fetch(`http://localhost:${this.#port}${path}`, {
      method,
      headers: { "x-api-key": key },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  }

  async #made(method: string, path: string, body: JsonObject): Promise<Got["body"]> {
    const got = await this.request(method, path, this.management, body);
    assert.ok(got.status < 300, JSON.stringify(got.body));
    return got.body;
  }

  /** Names the upstreams, approves their tools, and has somebody told of what is unknown. */
  async setUp(): Promise<void> {
    const free = { rate_limit_per_minute: null };
    this.key = (await this.#made("POST", "/v1/api-keys", {
      name: "calls",
      tier: "standard",
      ...free,
    })).key;
    for (const [at, name] of ["modern", "legacy"].entries()) {
      const url = this.urls[at] ?? "";
      const timeout_seconds = TIMEOUT_SECONDS;
      await this.#made("PUT", `/v1/upstreams/${name}`, { kind: "mcp", url, timeout_seconds });
      const { body } = await this.request("GET", `/v1/upstreams/${name}/tools`, this.management);
      const tools = body.data.map(({ name, definition_digest }: Record<string, string>) => ({
        name,
        definition_digest,
        default_permission: name?.endsWith("/read") ? "allowed" : "requires_approval",
      }));
      await this.#made("POST", `/v1/upstreams/${name}/approve`, { tools });
    }
    const url = `http://${this.told.host}/`;
    await this.#made("POST", "/v1/webhooks", { url, events: ["execution.unknown"] });
  }

  call({ upstream, tool, id, answer }: Cut): Promise<Got> {
    return this.request("POST", "/v1/calls", this.key, {
      tool_name: `${upstream}/${tool}`,
      arguments: { id, answer },
      call_key: id,
    });
  }

  /** Has the owner approve what a call waits for. */
  async approve({ body }: Got): Promise<void> {
    const path = `/v1/approvals/${body.approval.id}/decide`;
    const decision = { decision: "approve", decided_by: OWNER };
    const got = await this.request("POST", path, this.approver, decision);
    assert.equal(got.status, 200, JSON.stringify(got.body));
  }

  /** How often the upstreams ran a tool, by the ids of the arguments. They end with it. */
  async ran(): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    for (const process of Object.values(this.upstreams)) {
      process.signal("SIGKILL");
      const { output } = await process.ended();
      for (const [, id = ""] of output.matchAll(/^ran (\S+)$/gm)) {
        counts.set(id, (counts.get(id) ?? 0) + 1);
      }
    }
    return counts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.#stack.disposeAsync();
  }
}

/** Makes calls and kills the process while they are between their two commits. */
async function cutOff(it: Deployment, round: number): Promise<readonly Cut[]> {
  const cuts: readonly Cut[] = [
    { upstream: "modern", tool: "read", answer: "never" },
    { upstream: "legacy", tool: "wipe", answer: round % 2 === 0 ? "half" : "never" },
    { upstream: "legacy", tool: "read", answer: "half" },
    { upstream: "modern", tool: "read", answer: "whole" },
  ].map((cut, at) => ({ ...cut, id: `${round}.${at}` }) as Cut);
  for (const cut of cuts) {
    if (cut.tool === "wipe") await it.approve(await it.call(cut));
  }
  // Nobody hears what they are answered: the process is gone by then, or the test has moved on.
  const unheard = cuts.map((cut) => it.call(cut).catch(() => null));
  await Promise.all(cuts.map(({ upstream, id }) => it.upstreams[upstream].seen(`ran ${id}\n`)));
  await it.kill();
  await Promise.all(unheard);
  return cuts;
}

/** After one restart: whoever asks again is told that it runs, and nothing is sent. */
async function stillOpen(it: Deployment, cuts: readonly Cut[]): Promise<void> {
  for (const cut of cuts) {
    const { status, body } = await it.call(cut);
    // The answer of this one may have been written down in the last moment.
    const isTold = cut.answer === "whole" && status === 200 && body.status === "completed";
    if (isTold) continue;
    assert.deepEqual([status, body.status], [202, "running"], `${cut.id}: ${JSON.stringify(body)}`);
  }
}

/** After two: it is said that nobody knows, in every place where it can be read. */
async function saidUnknown(it: Deployment, cuts: readonly Cut[]): Promise<void> {
  for (const cut of cuts) {
    const { status, body } = await it.call(cut);
    const about = `${cut.id}: ${JSON.stringify(body)}`;
    const read = await it.request("GET", `/v1/calls/${body.call_id}`, it.key);
    if (cut.answer === "whole" && status === 200) {
      assert.equal(read.body.status, "completed", about);
      continue;
    }
    assert.deepEqual([status, body.code], [504, "outcome_unknown"], about);
    assert.equal(read.body.status, "unknown", about);
    await it.told.of(body.token_id);
    // What was approved once was approved for that run.
    if (cut.tool !== "wipe") continue;
    const again = await it.request("POST", "/v1/calls", it.key, {
      tool_name: `${cut.upstream}/wipe`,
      arguments: { id: cut.id, answer: cut.answer },
    });
    assert.deepEqual([again.status, again.body.status], [202, "pending"], about);
    const { id } = again.body.approval;
    await it.request("POST", `/v1/approvals/${id}/cancel`, it.key);
  }
}

Deno.test(`attack, G1, G2, G15: kill -9 between the commits of a call, ${ROUNDS} times: unknown is said, and nothing runs twice`, async () => {
  await using it = await Deployment.make();
  await it.start(0);
  await it.setUp();
  let before: readonly Cut[] = [];
  let last: readonly Cut[] = [];
  const ids: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    [before, last] = [last, await cutOff(it, round)];
    ids.push(...last.map(({ id }) => id));
    const isLast = round === ROUNDS - 1;
    await it.start(isLast ? 2 * AHEAD_SECONDS : AHEAD_SECONDS);
    if (!isLast) await stillOpen(it, last);
    await saidUnknown(it, isLast ? [...before, ...last] : before);
  }
  await it.kill();

  const ran = await it.ran();
  assert.deepEqual(Object.fromEntries(ran), Object.fromEntries(ids.map((id) => [id, 1])));

  using kv = await Deno.openKv(it.folder.store);
  let org = "";
  for await (const { key } of kv.list({ prefix: orgPrefix() })) {
    if (key[1] !== DEPLOYMENT_ORG) org = String(key[1]);
  }
  const entries = (await verifiedLog(storeDeps(kv, SECRET), org)).map(({ entry }) => entry);
  const tokens = (...types: string[]) =>
    entries.filter(({ type }) => types.includes(type)).map(({ subject }) => subject.token).sort();
  assert.equal(tokens("token.consumed").length, ids.length);
  assert.deepEqual(tokens("execution.logged"), tokens("token.consumed"));
});
