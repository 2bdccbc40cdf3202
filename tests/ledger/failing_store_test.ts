import assert from "node:assert/strict";
import { z } from "zod";
import { draftToolRecord } from "../../lib/policy/draft_tool.ts";
import { toolKey } from "../../lib/store/keys.ts";
import type { Kv } from "../../lib/store/kv.ts";
import { Countersign, type Got, type TestOrg } from "../helpers/countersign.ts";
import { FailingStore, type Fault, FAULTS, type StoreCall } from "../helpers/failing_store.ts";
import { oneIn } from "../helpers/property_runs.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

const CHECK = "/v1/permissions/check";

/** Nodes over one store, each of whose calls may fail, and one that never does. */
class Nodes implements AsyncDisposable {
  private constructor(
    readonly sound: Countersign,
    readonly org: TestOrg,
    readonly failing: readonly { store: FailingStore; node: Countersign }[],
    readonly kv: Deno.Kv,
  ) {}

  static async start(count: number): Promise<Nodes> {
    const kv = await Deno.openKv(":memory:");
    const sound = await Countersign.start({ kv });
    const org = await sound.org();
    await org.tool("deploy");
    await org.tool("switched");
    const failing = [];
    for (let i = 0; i < count; i++) {
      const store = new FailingStore(kv);
      const { clock, secret } = sound;
      const node = await Countersign.start({
        kv: store,
        clock,
        secret,
        deps: { timer: store.timer },
      });
      failing.push({ store, node });
    }
    return new Nodes(sound, org, failing, kv);
  }

  check(node: Countersign, reference_id: string, tool_name = "deploy"): Promise<Got> {
    const body = { tool_name, reference_id };
    return node.request("POST", CHECK, { key: this.org.standard, body });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { node } of this.failing) await node[Symbol.asyncDispose]();
    await this.sound[Symbol.asyncDispose]();
    this.kv.close();
  }
}

/** Sets the status of the tool `switched`, with an entry. */
async function switchTool(nodes: Nodes, node: Countersign, on: boolean): Promise<void> {
  const { id } = nodes.org;
  await node.services.ledgers.transact(id, {
    plan(transaction) {
      transaction.setPolicy(toolKey(id, "switched"), {
        ...draftToolRecord("switched", "tol_switched", transaction.at),
        status: on ? "approved" : "disabled",
        default_permission: "allowed",
      });
      const actor = { type: "system", id: "test" } as const;
      transaction.append({ type: "tool.set", actor, subject: {}, data: { on } });
    },
  });
}

/**
 * Lets every node ask three times four questions at once, each time after a change of the policy,
 * while faults strike; then holds what was answered against the log.
 */
async function strike(nodes: Nodes, name: string): Promise<number> {
  const answers = new Map<string, Got>();
  let disabled: boolean | null = null;
  for (const round of [0, 1, 2]) {
    await Promise.all(nodes.failing.map(async ({ node }, n) => {
      const asked = Array.from({ length: 4 }, async (_, i) => {
        const reference = `${name}/${round}/${n}/${i}`;
        const tool = i === 3 ? "switched" : "deploy";
        answers.set(reference, await nodes.check(node, reference, tool));
      });
      await Promise.all(asked);
    }));
    const [first] = nodes.failing;
    if (first === undefined) break;
    try {
      await switchTool(nodes, first.node, round % 2 === 1);
      disabled = round % 2 === 0;
    } catch {
      disabled = null;
    }
    // What a change answered holds at once, on every node, whatever happens to the store.
    if (disabled !== null) {
      for (const [n, { node }] of nodes.failing.entries()) {
        const reference = `${name}/${round}/${n}/after`;
        const got = await nodes.check(node, reference, "switched");
        answers.set(reference, got);
        const expected: string = disabled ? "disabled" : "allowed";
        if (got.status === 200) assert.equal(got.body.permission, expected, reference);
      }
    }
  }

  for (const { store } of nodes.failing) await store.heal();
  for (const [n, { node }] of nodes.failing.entries()) {
    const reference = `${name}/healed/${n}`;
    const got = await nodes.check(node, reference);
    assert.equal(got.status, 200, `${reference}: the node recovers`);
    answers.set(reference, got);
  }

  const found = new Map<string, { index: number; leaf_hash: string }[]>();
  for (
    const { index, leaf_hash, entry } of await verifiedLog(nodes.sound.services.deps, nodes.org.id)
  ) {
    const reference = entry.data.reference_id;
    if (typeof reference !== "string") continue;
    found.set(reference, [...found.get(reference) ?? [], { index, leaf_hash }]);
  }
  let refused = 0;
  for (const [reference, got] of answers) {
    const entries = found.get(reference) ?? [];
    if (got.status === 200) {
      assert.deepEqual(entries, [got.body.audit], `${reference}: answered, so once in the log`);
      continue;
    }
    refused++;
    assert.equal(got.status, 503, `${reference}: ${got.text}`);
    assert.equal(got.headers.get("content-type"), "application/problem+json");
    assert.equal(got.body.code, "store_unavailable");
    assert.equal(got.body.permission, undefined);
    assert.ok(entries.length <= 1, `${reference}: not answered, so at most once in the log`);
  }
  return refused;
}

for (const [n, fault] of FAULTS.entries()) {
  for (const count of [1, 2]) {
    const where = count === 1 ? "one node" : "two nodes";
    Deno.test(`no decision without its record: a call of the store ${fault}, in turn, ${where}`, async () => {
      // As many calls as the scenario makes when nothing goes wrong, and a few more for the retries.
      const step = oneIn(count * 4 - 1);
      const begin = 1 + n % step;
      let calls = begin;
      for (let number = begin; number <= calls; number += step) {
        await using nodes = await Nodes.start(count);
        const [first] = nodes.failing;
        if (first === undefined) throw new Error("There is no node.");
        let struck = false;
        first.store.fault = (call) => {
          struck ||= call.number === number;
          return call.number === number ? fault : null;
        };
        await strike(nodes, `${fault} ${number}`);
        if (struck) calls = Math.max(calls, number + step);
      }
      assert.ok(calls > 15, `${calls} calls were struck`);
    });
  }
}

Deno.test("no decision without its record: every third call fails in another way, two nodes", async () => {
  await using nodes = await Nodes.start(2);
  let refused = 0;
  for (let round = 0; round < 8; round++) {
    for (const [n, { store }] of nodes.failing.entries()) {
      const shift = round * 5 + n * 3;
      store.fault = ({ number }: StoreCall): Fault | null =>
        number % 3 === 0 ? FAULTS[(number / 3 + shift) % FAULTS.length] ?? null : null;
    }
    refused += await strike(nodes, `storm ${round}`);
  }
  assert.ok(refused > 0, "some were refused");
});

Deno.test("a store that is down gives 503 and no allowed, and the service comes back with it", async () => {
  await using nodes = await Nodes.start(1);
  const [first] = nodes.failing;
  if (first === undefined) throw new Error("There is no node.");
  const { store, node } = first;
  for (const fault of ["fails", "hangs"] as const) {
    store.fault = ({ kind }) => (kind === "commit" ? fault : null);
    const got = await Promise.all([1, 2, 3].map((i) => nodes.check(node, `${fault} ${i}`)));
    for (const { status, body } of got) {
      assert.deepEqual([status, body.code], [503, "store_unavailable"]);
    }
    await store.heal();
    assert.equal((await nodes.check(node, `${fault}, then well`)).status, 200);
  }
});

Deno.test("an operation whose lost commit lands before it is tried again finds its own answer", async () => {
  await using nodes = await Nodes.start(0);
  const { id } = nodes.org;
  const store = new FailingStore(nodes.kv);
  const { clock, secret } = nodes.sound;
  const landing = (milliseconds: number) => {
    const timer = store.timer(milliseconds);
    // The wait between two attempts is when the lost commit lands.
    return milliseconds < 1000
      ? { ...timer, elapsed: timer.elapsed.then(() => store.heal()) }
      : timer;
  };
  await using node = await Countersign.start({
    kv: store,
    clock,
    secret,
    deps: { timer: landing },
  });
  const taken = z.object({ by: z.string() });
  const take = (by: string) =>
    node.services.ledgers.transact<string | null, string>(id, {
      load: async (reader) => (await reader.get(["test_taken", id], taken))?.value.by ?? null,
      plan(transaction, owner) {
        if (owner !== null) return `taken by ${owner}`;
        transaction.set(["test_taken", id], { by });
        const actor = { type: "system", id: "test" } as const;
        transaction.append({ type: "test.taken", actor, subject: {}, data: { by } });
        return "mine";
      },
    });
  let commits = 0;
  store.fault = ({ kind }) => kind === "commit" && ++commits === 1 ? "lands_before_next" : null;
  assert.equal(await take("first"), "mine");
  assert.equal(await take("second"), "taken by first");
  const log = await verifiedLog(nodes.sound.services.deps, id);
  assert.equal(log.filter(({ entry }) => entry.type === "test.taken").length, 1);
});

/** A store in which commits whose answer was lost land just before the end of a log is read. */
class LandingStore extends FailingStore {
  override get: Kv["get"] = async (key, options) => {
    if (key[0] === "log_head") await this.heal();
    return await this.inner.get(key, options);
  };
}

Deno.test("an operation whose lost commit lands before the log's end is read again is not made twice", async () => {
  await using nodes = await Nodes.start(0);
  const { id } = nodes.org;
  const store = new LandingStore(nodes.kv);
  const { clock, secret } = nodes.sound;
  await using node = await Countersign.start({ kv: store, clock, secret });
  const append = (name: string) =>
    node.services.ledgers.transact(id, {
      plan: (transaction) =>
        transaction.append({
          type: "test.done",
          actor: { type: "system", id: "test" },
          subject: { name },
          data: {},
        }).index,
    });
  await append("first");
  store.fault = ({ kind }) => (kind === "commit" ? "lands_before_next" : null);
  const index = await append("lost");
  const log = await verifiedLog(nodes.sound.services.deps, id);
  const found = log.filter(({ entry }) => entry.subject.name === "lost");
  assert.deepEqual(found.map(({ index }) => index), [index]);
});

for (const fault of FAULTS) {
  Deno.test(`a commit without entries is made once: a commit of the store ${fault}, each in turn`, async () => {
    await using nodes = await Nodes.start(1);
    const [first] = nodes.failing;
    if (first === undefined) throw new Error("There is no node.");
    const { store, node: { services: { deps, ledgers } } } = first;
    const org = nodes.org.id;
    const count = z.object({ value: z.number() });
    const key = ["test_count", org];
    // One that reads what it changes, and one that writes a row of a new name each time it is planned.
    const work = (name: string) =>
      ledgers.transact<number, string>(org, {
        load: async (reader) => (await reader.get(key, count))?.value.value ?? 0,
        plan(transaction, before) {
          const row = deps.random(8).toHex();
          transaction.set(["test_row", name, row], {});
          if (name.startsWith("counted")) transaction.set(key, { value: before + 1 });
          return row;
        },
      });
    let counted = 0;
    for (const kind of ["counted", "blind"]) {
      for (const struck of [1, 2, 3]) {
        const name = `${kind} ${struck}`;
        let commits = 0;
        store.fault = (call) => call.kind === "commit" && ++commits === struck ? fault : null;
        const rows: (string | null)[] = [];
        for (const again of [1, 2, 3]) {
          rows.push(await work(`${name} ${again}`).catch(() => null));
        }
        await store.heal();
        for (const [i, row] of rows.entries()) {
          const prefix = ["test_row", `${name} ${i + 1}`];
          const found = await Array.fromAsync(nodes.kv.list({ prefix }), ({ key }) => key[2]);
          if (row === null) assert.ok(found.length <= 1, `${name}: not answered, at most once`);
          else assert.deepEqual(found, [row], `${name}: answered, so once`);
          if (kind === "counted") counted += found.length;
        }
      }
    }
    assert.deepEqual((await nodes.kv.get(key)).value, { value: counted });
  });
}

Deno.test("a commit without entries whose answer is lost is known to have landed", async () => {
  await using nodes = await Nodes.start(1);
  const [first] = nodes.failing;
  if (first === undefined) throw new Error("There is no node.");
  for (const fault of ["answer_lost", "repeats"] as const) {
    first.store.fault = ({ kind }) => (kind === "commit" ? fault : null);
    const key = ["test_landed", fault];
    await first.node.services.ledgers.transact(nodes.org.id, {
      plan: (transaction) => transaction.set(key, { fault }),
    });
    await first.store.heal();
    assert.deepEqual((await nodes.kv.get(key)).value, { fault });
  }
});
