import assert from "node:assert/strict";
import type { Transaction } from "../../lib/ledger/transaction.ts";
import * as keys from "../../lib/store/keys.ts";
import { systemTimer, type Timer } from "../../lib/store/system.ts";
import { Countersign, type Got, type TestOrg } from "../helpers/countersign.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

const ACTION = { tool_name: "refund", arguments: { amount: 5 } };
const HELD_MS = 40_000;

/** Timers that tell when calls are held, and let a held call look without the second between. */
class HeldTimers {
  #begun = 0;
  #watchers: { count: number; resolve: () => void }[] = [];

  readonly timer = (milliseconds: number): Timer => {
    if (milliseconds === HELD_MS) {
      this.#begun++;
      this.#watchers = this.#watchers.filter(({ count, resolve }) => {
        if (this.#begun < count) return true;
        resolve();
        return false;
      });
    }
    return systemTimer(milliseconds === 1000 ? 5 : milliseconds);
  };

  /** Resolves when `count` calls more are held than now. */
  begin(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#watchers.push({ count: this.#begun + count, resolve });
    return promise;
  }
}

/** What stops a requester, each thrown through the API, and what it is refused with afterwards. */
const STOPS:
  readonly (readonly [what: string, stop: (bench: Bench) => Promise<Got>, code: string])[] = [
    [
      "the credential that waits is revoked",
      (bench) => bench.manage("DELETE", `/v1/agents/${bench.agent}`),
      "invalid_credentials",
    ],
    [
      "the agent is rotated",
      (bench) => bench.manage("POST", `/v1/agents/${bench.agent}/rotate`),
      "invalid_credentials",
    ],
    [
      "a tenant wall is raised around it",
      (bench) => bench.changeAgent({ tenant_ids: ["acme", "globex"] }),
      "tenant_not_permitted",
    ],
    [
      "the kill switch of the agent is thrown",
      (bench) => bench.changeAgent({ kill_switch: { active: true } }),
      "tool_disabled",
    ],
    [
      "the kill switch of the org is thrown",
      (bench) => bench.manage("PATCH", "/v1/org", { kill_switch: { active: true } }),
      "tool_disabled",
    ],
    [
      "the kill switch of the tool is thrown",
      (bench) => bench.manage("PATCH", "/v1/tools/refund", { kill_switch: { active: true } }),
      "tool_disabled",
    ],
    [
      "the tool is disabled",
      (bench) => bench.manage("PATCH", "/v1/tools/refund", { status: "disabled" }),
      "tool_disabled",
    ],
    ["a rule disables the action", (bench) => bench.disable(), "tool_disabled"],
  ];

/** An agent whose calls one node holds, while another one changes the policy. */
class Bench implements AsyncDisposable {
  agent = "";
  token = "";

  private constructor(
    readonly held: HeldTimers,
    readonly holding: Countersign,
    readonly changing: Countersign,
    readonly org: TestOrg,
    readonly kv: Deno.Kv,
  ) {}

  static async start(count: number): Promise<Bench> {
    const kv = await Deno.openKv(":memory:");
    const held = new HeldTimers();
    const deps = { timer: held.timer };
    const holding = await Countersign.start({ kv, deps });
    const { clock, secret } = holding;
    const changing = count === 1 ? holding : await Countersign.start({ kv, deps, clock, secret });
    const org = await holding.org();
    await org.member("ann@example.com");
    const bench = new Bench(held, holding, changing, org, kv);
    await bench.reset();
    return bench;
  }

  /** Everything as if nothing had been stopped, with a new agent. */
  async reset(): Promise<void> {
    const off = { active: false, reason: null };
    await this.org.transact((transaction: Transaction) => {
      const { snapshot } = transaction;
      transaction.setPolicy(keys.orgKey(this.org.id), { ...snapshot.org, kill_switch: off });
      // The log has to say that they are off again, or nothing may be let through in it.
      const told = { actor: { type: "system", id: "test" }, data: { kill_switch: false } } as const;
      transaction.append({ type: "org.set", subject: { org: this.org.id }, ...told });
      transaction.append({ type: "tool.set", subject: { tool: "refund" }, ...told });
      for (const rule of snapshot.rules) {
        transaction.deletePolicy(keys.ruleKey(this.org.id, rule.selector));
      }
    });
    await this.org.tool("refund", { default_permission: "requires_approval" });
    const made = await this.manage("POST", "/v1/agents", { name: "agent" });
    assert.equal(made.status, 201, made.text);
    this.agent = made.body.id;
    this.token = made.body.token;
  }

  manage(method: string, path: string, body?: unknown): Promise<Got> {
    return this.changing.request(method, path, { key: this.org.management, body });
  }

  changeAgent(fields: object): Promise<Got> {
    return this.manage("PATCH", `/v1/agents/${this.agent}`, fields);
  }

  disable(): Promise<Got> {
    const selector = { tool_name: "refund" };
    return this.manage("PUT", "/v1/rules", { selector, permission: "disabled" });
  }

  approve(id: string): Promise<Got> {
    return this.changing.request("POST", `/v1/approvals/${id}/decide`, {
      key: this.org.approver,
      body: { decision: "approve", decided_by: "ann@example.com" },
    });
  }

  /** A check and a read that are held for the same request, once both are. */
  async hold(): Promise<{ id: string; check: Promise<Got>; read: Promise<Got> }> {
    const seconds = HELD_MS / 1000;
    const key = this.token;
    const checking = this.held.begin(1);
    const body = { ...ACTION, reason: "asked", mint: true, request: true, wait: seconds };
    const check = this.holding.request("POST", "/v1/permissions/check", { key, body });
    await checking;
    const { body: list } = await this.holding.request("GET", "/v1/approvals?status=pending", {
      key,
    });
    const { id } = list.data[0];
    const reading = this.held.begin(1);
    const read = this.holding.request("GET", `/v1/approvals/${id}?wait=${seconds}`, { key });
    await reading;
    return { id, check, read };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await verifiedLog(this.holding.services.deps, this.org.id);
    if (this.changing !== this.holding) await this.changing[Symbol.asyncDispose]();
    await this.holding[Symbol.asyncDispose]();
    this.kv.close();
  }
}

for (const count of [1, 2]) {
  const where = count === 1 ? "one node" : "two nodes";

  Deno.test(`a held call that is approved after a stop ends without a grant, ${where}`, async () => {
    await using bench = await Bench.start(count);
    for (const [what, stop, code] of STOPS) {
      const { id, check, read } = await bench.hold();
      const stopped = await stop(bench);
      assert.ok(stopped.status < 300, stopped.text);
      await bench.approve(id);
      const [checked, seen] = await Promise.all([check, read]);
      assert.equal(checked.body.code, code, what);
      assert.equal(checked.text.includes("cs_run_"), false, what);
      if (code === "invalid_credentials") assert.equal(seen.body.code, code, what);
      else assert.equal(seen.body.token_id, null, what);
      // That it is approved grants nothing either: a mint is decided anew.
      const minted = await bench.holding.request("POST", "/v1/tokens/mint", {
        key: bench.token,
        body: { ...ACTION, approval_id: id },
      });
      assert.equal(minted.body.code, code, what);
      await bench.reset();
    }
  });

  Deno.test(`a held call that nobody decides ends when its key is revoked, ${where}`, async () => {
    await using bench = await Bench.start(count);
    for (let round = 0; round < 5; round++) {
      const { check, read } = await bench.hold();
      await bench.manage("DELETE", `/v1/agents/${bench.agent}`);
      for (const { status, body } of await Promise.all([check, read])) {
        assert.deepEqual([status, body.code], [401, "invalid_credentials"]);
      }
      await bench.reset();
    }
  });

  Deno.test(`a stop and an approval at once: what a held check got of it is void, ${where}`, async () => {
    await using bench = await Bench.start(count);
    for (let round = 0; round < 3; round++) {
      for (const [what, stop, code] of STOPS) {
        const { id, check, read } = await bench.hold();
        const approving = bench.approve(id);
        const stopped = await stop(bench);
        assert.ok(stopped.status < 300, stopped.text);
        const [checked] = await Promise.all([check, read, approving]);
        if (checked.status === 200) {
          const consumed = await bench.holding.request("POST", "/v1/tokens/consume", {
            key: bench.org.standard,
            body: { token: checked.body.token, ...ACTION },
          });
          assert.equal(consumed.body.code, "token_revoked", what);
        } else {
          assert.equal(checked.body.code, code, what);
        }
        await bench.reset();
      }
    }
  });
}
