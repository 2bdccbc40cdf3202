import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { makeSecret } from "../../lib/identity/credentials.ts";
import { DEPLOYMENT_ORG, dueKey, duePrefix, orgPrefix } from "../../lib/store/keys.ts";
import { systemRandom } from "../../lib/store/system.ts";
import { PROJECT } from "../helpers/project_files.ts";
import { rounds } from "../helpers/property_runs.ts";
import { freePort } from "../helpers/started_process.ts";
import { storeDeps, verifiedLog } from "../helpers/stored_log.ts";

const ROUNDS = rounds(6, 20);
const CLIENTS = 8;
const MAIN = new URL("main.ts", PROJECT).pathname;
const CONFIG = new URL("deno.json", PROJECT).pathname;

/** What a client was told; it must be true whatever happens to the process afterwards. */
interface Told {
  readonly index: number;
  readonly leaf_hash: string;
}

/** The real server in a process of its own, over a store in a folder of its own. */
class Process {
  #killed = false;

  private constructor(readonly child: Deno.ChildProcess, readonly origin: string) {}

  static async start(folder: string, variables: Record<string, string>): Promise<Process> {
    const origin = variables.COUNTERSIGN_URL ?? assert.fail("no origin");
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--config", CONFIG, MAIN],
      cwd: folder,
      env: variables,
      stdout: "null",
      stderr: "piped",
    }).spawn();
    await untilListening(child.stderr);
    return new Process(child, origin);
  }

  async request(method: string, path: string, key: string, body?: unknown): Promise<unknown> {
    const response = await fetch(this.origin + path, {
      method,
      headers: { "x-api-key": key },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer = await response.json();
    assert.ok(response.ok, `${method} ${path}: ${JSON.stringify(answer)}`);
    return answer;
  }

  /** Ends it without a chance to finish anything. */
  kill(): void {
    if (this.#killed) return;
    this.#killed = true;
    this.child.kill("SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    await this.child.status;
    await this.child.stderr.cancel();
  }
}

/** Reads what the process says until it listens. The rest is left in its pipe. */
async function untilListening(stderr: ReadableStream<Uint8Array>): Promise<void> {
  const reader = stderr.getReader();
  let said = "";
  while (!said.includes("Countersign listens")) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`The process ended before it listened: ${said}`);
    said += Buffer.from(value).toString();
  }
  reader.releaseLock();
}

Deno.test("kill -9 under load, again and again: the log verifies and has every answer, approvals stay", async () => {
  const folder = await Deno.makeTempDir();
  const management = makeSecret("management", systemRandom);
  const secret = "0123456789abcdef0123456789abcdef";
  const port = freePort();
  const variables = {
    PORT: String(port),
    COUNTERSIGN_URL: `http://localhost:${port}`,
    COUNTERSIGN_KV: "data/store.kv",
    COUNTERSIGN_SECRET: secret,
    COUNTERSIGN_BOOTSTRAP_KEY: management,
  };
  const told = new Map<string, Told>();
  const approvals = new Map<string, unknown>();
  let org = "";
  let key = "";

  for (let round = 0; round <= ROUNDS; round++) {
    {
      await using process = await Process.start(folder, variables);
      if (round === 0) {
        const made = await process.request("POST", "/v1/api-keys", management, {
          name: "load",
          tier: "standard",
          rate_limit_per_minute: null,
        });
        key = (made as { key: string }).key;
      }
      for (const [id, approval] of approvals) {
        const now = await process.request("GET", `/v1/approvals/${id}`, key);
        assert.deepEqual(now, approval, `round ${round}: approval ${id} is as it was`);
      }
      if (round < ROUNDS) await load(process, key, round, told, approvals);
    }

    const kv = await Deno.openKv(`${folder}/data/store.kv`);
    for await (const { key } of kv.list({ prefix: orgPrefix() })) {
      if (key[1] !== DEPLOYMENT_ORG) org = String(key[1]);
    }
    const log = await verifiedLog(storeDeps(kv, secret), org);
    const found = new Map<string, Told[]>();
    for (const { index, leaf_hash, entry } of log) {
      const name = entry.data.reference_id;
      if (entry.type !== "permission.checked" || typeof name !== "string") continue;
      found.set(name, [...found.get(name) ?? [], { index, leaf_hash }]);
    }
    for (const [name, place] of told) {
      assert.deepEqual(found.get(name), [place], `round ${round}: the answer ${name}`);
    }
    for (const [name, places] of found) assert.equal(places.length, 1, `${name} is there once`);
    const due = new Set<string>();
    for await (const row of kv.list({ prefix: duePrefix() })) due.add(String(row.key.at(-1)));
    for (const [id, approval] of approvals) {
      assert.ok(due.has(id), `round ${round}: the deadline of ${id} is there`);
      const { expires_at } = approval as { expires_at: string };
      const row = await kv.get(dueKey(Date.parse(expires_at), "approval_ends", org, id));
      assert.notEqual(row.versionstamp, null, `round ${round}: the deadline of ${id} is the same`);
    }
    kv.close();
  }
  assert.ok(told.size > ROUNDS * 20, `${told.size} checks were answered`);
  assert.ok(approvals.size >= ROUNDS / 6, `${approvals.size} approvals were made`);
  await Deno.remove(folder, { recursive: true });
});

/** Asks from several clients at once and kills the process after so many answers, in mid-air. */
async function load(
  process: Process,
  key: string,
  round: number,
  told: Map<string, Told>,
  approvals: Map<string, unknown>,
): Promise<void> {
  const [one = 0, two = 0] = systemRandom(2);
  let left = 20 + one + two;
  const clients = Array.from({ length: CLIENTS }, async (_, client) => {
    for (let i = 0; left > 0; i++) {
      const reference_id = `${round}/${client}/${i}`;
      const body = { tool_name: "deploy", resource_id: `r-${client}`, reference_id };
      try {
        const answer = await process.request("POST", "/v1/permissions/check", key, body);
        told.set(reference_id, (answer as { audit: Told }).audit);
        left--;
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        return; // The process is gone: nobody knows whether this one was decided.
      }
    }
    process.kill();
  });
  if (round % 2 === 0) {
    clients.push((async () => {
      const body = { tool_name: "deploy", resource_id: `approval-${round}`, reason: "a release" };
      try {
        const approval = await process.request("POST", "/v1/approvals", key, body);
        approvals.set((approval as { id: string }).id, approval);
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
      }
    })());
  }
  await Promise.all(clients);
}
