import assert from "node:assert/strict";
import type { Transaction } from "../../lib/ledger/transaction.ts";
import * as keys from "../../lib/store/keys.ts";
import { Countersign, type Got, type TestOrg } from "../helpers/countersign.ts";
import { rounds } from "../helpers/property_runs.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

const CHECK = "/v1/permissions/check";
const NOBODY = { tenant_id: null, resource_id: null, tool_name: null, method: null, tag: null };

/** One or two nodes over one store, with clients that ask without pause. */
class Bench implements AsyncDisposable {
  #turn = 0;
  #busy = true;
  #load: Promise<void>[] = [];

  private constructor(
    readonly nodes: readonly Countersign[],
    readonly org: TestOrg,
    readonly kv: Deno.Kv,
  ) {}

  static async start(count: number): Promise<Bench> {
    const kv = await Deno.openKv(":memory:");
    const first = await Countersign.start({ kv });
    const nodes = [first];
    for (let i = 1; i < count; i++) {
      nodes.push(await Countersign.start({ kv, clock: first.clock, secret: first.secret }));
    }
    const org = await first.org();
    await org.tool("deploy");
    return new Bench(nodes, org, kv);
  }

  /** Clients in the background: their answers must be whole, whatever changes under them. */
  load(clients: number): void {
    for (let i = 0; i < clients; i++) {
      this.#load.push((async () => {
        while (this.#busy) {
          const { status } = await this.check({ tool_name: "deploy", resource_id: "load" });
          assert.equal(status, 200);
        }
      })());
    }
  }

  /** The nodes in turn. */
  node(): Countersign {
    return this.nodes[this.#turn++ % this.nodes.length] ?? assert.fail("no node");
  }

  check(body: object, key = this.org.standard): Promise<Got> {
    return this.node().request("POST", CHECK, { key, body });
  }

  /** A change of the policy on one of the nodes, with an entry. */
  async change(plan: (transaction: Transaction) => void): Promise<void> {
    await this.node().services.ledgers.transact(this.org.id, {
      plan(transaction) {
        plan(transaction);
        const actor = { type: "system", id: "test" } as const;
        transaction.append({ type: "test.changed", actor, subject: {}, data: {} });
      },
    });
  }

  async setRule(selector: object, permission: string): Promise<void> {
    const key = this.org.management;
    const body = { selector, permission };
    const { status, text } = await this.node().request("PUT", "/v1/rules", { key, body });
    assert.ok(status === 200 || status === 201, text);
  }

  /** Asks on every node at once and holds every answer against what it must be now. */
  async expect(body: object, expected: string, key = this.org.standard): Promise<void> {
    const asked = this.nodes.flatMap(() => [this.check(body, key), this.check(body, key)]);
    for (const { status, body } of await Promise.all(asked)) {
      assert.equal(status === 200 ? body.permission : body.code, expected);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#busy = false;
    await Promise.all(this.#load);
    await verifiedLog(this.nodes[0]?.services.deps ?? assert.fail("no node"), this.org.id);
    for (const node of this.nodes) await node[Symbol.asyncDispose]();
    this.kv.close();
  }
}

for (const count of [1, 2]) {
  const where = count === 1 ? "one node" : "two nodes";

  Deno.test(`a rule that was answered decides every check after it, ${where}`, async () => {
    await using bench = await Bench.start(count);
    bench.load(4);
    for (let round = 0; round < rounds(90, 320) / count; round++) {
      const permission = (["allowed", "disabled", "requires_approval"] as const)[round % 3];
      await bench.setRule({ tool_name: "deploy" }, permission ?? "disabled");
      await bench.expect({ tool_name: "deploy" }, permission ?? "disabled");
    }
  });

  Deno.test(`rules of many resources, changed by parallel clients, hold at once, ${where}`, async () => {
    await using bench = await Bench.start(count);
    bench.load(2);
    await Promise.all(Array.from({ length: 6 }, async (_, client) => {
      const resource_id = `server-${client}`;
      for (let round = 0; round < rounds(30, 100) / count; round++) {
        const permission = round % 2 === 0 ? "disabled" : "allowed";
        await bench.setRule({ resource_id }, permission);
        await bench.expect({ tool_name: "deploy", resource_id }, permission);
      }
    }));
  });

  Deno.test(`a key that was revoked is refused at once, ${where}`, async () => {
    await using bench = await Bench.start(count);
    bench.load(4);
    for (let round = 0; round < rounds(24, 60); round++) {
      let id = "";
      const secret = await bench.org.key("standard", { name: `round ${round}` });
      for (
        const [key, { name }]
          of bench.nodes[0]?.services.ledgers.of(bench.org.id).knownSnapshot?.apiKeys ?? []
      ) {
        if (name === `round ${round}`) id = key;
      }
      await bench.expect({ tool_name: "deploy" }, "allowed", secret);
      await bench.change((transaction) =>
        transaction.deletePolicy(keys.apiKeyKey(bench.org.id, id))
      );
      await bench.expect({ tool_name: "deploy" }, "invalid_credentials", secret);
    }
  });

  Deno.test(`a tenant wall that was raised or lowered holds at once, ${where}`, async () => {
    await using bench = await Bench.start(count);
    bench.load(4);
    const secret = await bench.org.agent({ name: "walled" });
    const agents = bench.nodes[0]?.services.ledgers.of(bench.org.id).knownSnapshot?.agents;
    const agent = [...agents?.values() ?? []][0] ?? assert.fail("no agent");
    for (let round = 0; round < rounds(24, 60); round++) {
      const walled = round % 2 === 0;
      await bench.change((transaction) => {
        const tenant_ids = walled ? ["acme"] : null;
        transaction.setPolicy(keys.agentKey(bench.org.id, agent.id), { ...agent, tenant_ids });
      });
      const expected = walled ? "tenant_not_permitted" : "allowed";
      await bench.expect({ tool_name: "deploy", tenant_id: "globex" }, expected, secret);
    }
  });

  Deno.test(`a tenant that was registered or removed is so at once, ${where}`, async () => {
    await using bench = await Bench.start(count);
    await bench.setRule({ tenant_id: "acme", tool_name: "deploy" }, "allowed");
    bench.load(4);
    for (let round = 0; round < rounds(24, 60); round++) {
      const registered = round % 2 === 0;
      await bench.change((transaction) => {
        const key = keys.tenantKey(bench.org.id, "acme");
        const record = { id: "acme", name: null, metadata: {}, created_at: transaction.at };
        if (registered) transaction.setPolicy(key, record);
        else transaction.deletePolicy(key);
      });
      const expected = registered ? "allowed" : "requires_approval";
      await bench.expect({ tool_name: "deploy", tenant_id: "acme" }, expected);
    }
  });

  Deno.test(`a kill switch of the org, an agent or a tool stops what starts after it, ${where}`, async () => {
    await using bench = await Bench.start(count);
    bench.load(4);
    const secret = await bench.org.agent({ name: "killed" });
    const { knownSnapshot } = bench.nodes[0]?.services.ledgers.of(bench.org.id) ?? {};
    const agent = [...knownSnapshot?.agents.values() ?? []][0] ?? assert.fail("no agent");
    const { id } = bench.org;
    for (let round = 0; round < rounds(24, 60); round++) {
      const kill_switch = { active: round % 2 === 0, reason: null };
      await bench.change((transaction) => {
        const { snapshot } = transaction;
        if (round % 6 < 2) {
          transaction.setPolicy(keys.orgKey(id), { ...snapshot.org, kill_switch });
        } else if (round % 6 < 4) {
          transaction.setPolicy(keys.agentKey(id, agent.id), { ...agent, kill_switch });
        } else {
          const tool = snapshot.tool("deploy");
          transaction.setPolicy(keys.toolKey(id, "deploy"), { ...tool, kill_switch });
        }
      });
      const expected = kill_switch.active ? "disabled" : "allowed";
      await bench.expect({ tool_name: "deploy" }, expected, secret);
    }
  });

  Deno.test(`a read that starts after a change sees it, ${where}`, async () => {
    await using bench = await Bench.start(count);
    bench.load(4);
    for (let round = 0; round < rounds(60, 200) / count; round++) {
      const permission = round % 2 === 0 ? "disabled" : "allowed";
      await bench.setRule({ tool_name: "deploy" }, permission);
      const seen = await Promise.all(
        bench.nodes.map(({ services }) =>
          services.ledgers.transact(bench.org.id, {
            plan: ({ snapshot }) =>
              snapshot.rules.get({ ...NOBODY, tool_name: "deploy" })?.permission,
          })
        ),
      );
      for (const found of seen) assert.equal(found, permission);
    }
  });
}

Deno.test("a node that lacks one of the changes since it looked reads the whole policy", async () => {
  await using bench = await Bench.start(2);
  const deploy = { tool_name: "deploy" };
  // Both nodes know the policy.
  for (let i = 0; i < 2; i++) assert.equal((await bench.check(deploy)).body.permission, "allowed");
  const [one, two] = bench.nodes;
  assert.ok(one !== undefined && two !== undefined);
  const write = async (selector: object) => {
    const key = bench.org.management;
    const body = { selector: { ...NOBODY, ...selector }, permission: "disabled" };
    const got = await one.request("PUT", "/v1/rules", { key, body });
    assert.equal(got.status, 201, got.text);
    return Number(got.body.policy_version);
  };
  const version = await write(deploy);
  await write({ tool_name: "other" });
  await bench.kv.delete([...keys.policyChangeKey(bench.org.id, version)]);
  const got = await two.request("POST", CHECK, { key: bench.org.standard, body: deploy });
  assert.equal(got.body.permission, "disabled");
});
