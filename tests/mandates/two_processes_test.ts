import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { systemRandom } from "../../lib/store/system.ts";
import { Countersign, type Got } from "../helpers/countersign.ts";
import { granted, shop } from "../helpers/mandates.ts";
import { runs } from "../helpers/property_runs.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

const CHECKS = 500;
const NODE = new URL("serving_node.ts", import.meta.url).pathname;
const CONFIG = new URL("../../deno.dev.json", import.meta.url).pathname;

/** A second process over the same store. */
class SecondProcess implements AsyncDisposable {
  private constructor(readonly child: Deno.ChildProcess, readonly origin: string) {}

  static async start(path: string, { secret }: Countersign): Promise<SecondProcess> {
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--quiet", "--no-check", "-A", "--config", CONFIG, NODE],
        ...[path, secret.toHex()],
      ],
      stdout: "piped",
    }).spawn();
    const reader = child.stdout.getReader();
    let said = "";
    while (!said.includes("\n")) {
      const { value } = await reader.read();
      if (value === undefined) throw new Error(`It ended before it answered: ${said}`);
      said += Buffer.from(value).toString();
    }
    await reader.cancel();
    return new SecondProcess(child, said.trim());
  }

  /** Asks it; rejects where it is gone. */
  async post(
    path: string,
    key: string,
    name: string,
    body: unknown,
  ): Promise<Pick<Got, "status" | "body">> {
    const response = await fetch(this.origin + path, {
      method: "POST",
      headers: { "x-api-key": key, "idempotency-key": name },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: await response.json() };
  }

  kill(): void {
    this.child.kill("SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.kill();
    } catch {
      // It has ended already.
    }
    await this.child.status;
  }
}

/** A number from 1 up to the one given. */
function chance(most: number): number {
  const [one = 0, two = 0] = systemRandom(2);
  return 1 + (one * 256 + two) % most;
}

Deno.test("500 checks at once on one cap, from two processes of which one is killed in every other round: as many are allowed as there is room for", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/countersign.kv`;
  const kv = await Deno.openKv(path);
  await using countersign = await Countersign.start({ kv });
  const org = await shop(await countersign.org());
  const { key } = (await org.manage("POST", "/v1/api-keys", {
    name: "load",
    tier: "standard",
    rate_limit_per_minute: null,
  })).body;
  const rooms = new Map<string, number>();
  let second: SecondProcess | null = null;
  for (let round = 0; round < runs(2).numRuns; round++) {
    second ??= await SecondProcess.start(path, countersign);
    const other: SecondProcess = second;
    const room = chance(CHECKS - 1);
    const id = await granted(org, { budget: { limit_micros: room, period: "total" } });
    rooms.set(id, room);
    const url = "/v1/permissions/check";
    const body = { tool_name: "refund", mandate_id: id, estimated_cost_micros: 1 };
    let left = round % 2 === 0 ? Infinity : chance(CHECKS / 4);
    const check = async (i: number): Promise<Pick<Got, "status" | "body">> => {
      const name = `${round}/${i}`;
      const here = () =>
        countersign.request("POST", url, { key, body, headers: { "idempotency-key": name } });
      if (i % 2 === 0) return await here();
      const got = await other.post(url, key, name, body).catch(() => null);
      if (--left === 0) other.kill();
      // Nobody knows whether that was decided: the same again, of the process that is there.
      return got === null || got.status >= 500 ? await here() : got;
    };
    const got = await Promise.all(Array.from({ length: CHECKS }, (_, i) => check(i)));
    const failed = got.find(({ status }) => status !== 200);
    assert.equal(failed, undefined, JSON.stringify(failed));
    const allowed = got.filter(({ body }) => body.permission === "allowed").length;
    assert.equal(allowed, room, `round ${round}`);
    if (left > 0) continue;
    await second[Symbol.asyncDispose]();
    second = null;
  }
  await second?.[Symbol.asyncDispose]();

  const log = await verifiedLog(countersign.services.deps, org.id);
  for (const [id, room] of rooms) {
    const checks = log.filter(({ entry: { type, subject } }) =>
      type === "permission.checked" && subject.mandate === id
    );
    assert.equal(checks.length, CHECKS, "each check is in the log, once");
    const allowed = checks.filter(({ entry }) => entry.data.permission === "allowed");
    assert.equal(allowed.length, room);
    const { budget } = (await org.get(`/v1/mandates/${id}`)).body;
    assert.deepEqual([budget.settled, budget.available], [room, 0]);
  }
  kv.close();
  await Deno.remove(folder, { recursive: true });
});
