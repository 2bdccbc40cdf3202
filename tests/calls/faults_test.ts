import assert from "node:assert/strict";
import { sweep } from "../../lib/server/due_worker.ts";
import { Countersign } from "../helpers/countersign.ts";
import { FailingStore, type Fault } from "../helpers/failing_store.ts";
import { CallOrg, READ, WIPE } from "../helpers/call_org.ts";

/** Longer than the time in which a call has to be told of. */
const REPORT_TIME = 3 * 60_000;

/** An org on a sound store, and a node over the same store that goes wrong where a test says so. */
class FaultyNode implements AsyncDisposable {
  private constructor(
    readonly it: CallOrg,
    readonly store: FailingStore,
    readonly node: Countersign,
    readonly kv: Deno.Kv,
  ) {}

  static async start(): Promise<FaultyNode> {
    const kv = await Deno.openKv(":memory:");
    const it = await CallOrg.start({ kv });
    const store = new FailingStore(kv);
    const { clock, secret } = it.it.countersign;
    const deps = { timer: store.timer, upstreams: it.upstreams };
    const node = await Countersign.start({ kv: store, clock, secret, deps });
    return new FaultyNode(it, store, node, kv);
  }

  /** Holds what was told against what was sent, once the time to tell of it is over. */
  async assertTold(where: string): Promise<void> {
    await this.store.heal();
    this.it.it.countersign.clock.advance(REPORT_TIME);
    await sweep(this.it.it.countersign.services, this.it.it.countersign.clock.now);
    const entries = (await this.it.log()).map(({ entry }) => entry);
    const of = (...types: string[]) =>
      entries.filter(({ type }) => types.includes(type)).map(({ subject }) => subject.token).sort();
    assert.deepEqual(of("token.consumed"), of("execution.logged", "token.returned"), where);
    assert.ok(this.it.sent <= of("token.consumed").length, `${where}: sent without a permission`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.node[Symbol.asyncDispose]();
    await this.it[Symbol.asyncDispose]();
    this.kv.close();
  }
}

const SOME: readonly Fault[] = ["fails", "answer_lost"];

for (const fault of SOME) {
  Deno.test(`G1, G2, G15: whichever call of the store ${fault}, nothing is sent unpermitted or twice, and all is told`, async () => {
    let tried = 0;
    for (let at = 1; tried === at - 1; at++) {
      await using faulty = await FaultyNode.start();
      const { it, store, node } = faulty;
      const from = store.calls;
      store.fault = ({ number }) => {
        if (number - from !== at) return null;
        tried = at;
        return fault;
      };
      const body = { tool_name: READ, arguments: { id: "n1" } };
      const got = await node.request("POST", "/v1/calls", { key: it.org.standard, body });
      assert.ok([200, 503].includes(got.status), got.text);
      assert.ok(it.sent <= 1, `sent ${it.sent} times where call ${at} ${fault}`);
      if (got.status === 200) assert.equal(it.sent, 1);
      await faulty.assertTold(`call ${at} ${fault}`);
    }
    assert.ok(tried > 3, `${tried}`);
  });
}

Deno.test("attack, G1: where the first commit does not stand nothing is sent, and the approval can still be used", async () => {
  await using faulty = await FaultyNode.start();
  const { it, store, node } = faulty;
  const waiting = await it.call(WIPE);
  await it.yes(waiting);
  const wipe = () =>
    node.request("POST", "/v1/calls", { key: it.org.standard, body: { tool_name: WIPE } });
  store.fault = ({ kind }) => kind === "commit" ? "fails" : null;
  assert.equal((await wipe()).status, 503);
  assert.equal(it.sent, 0);
  await store.heal();
  assert.equal((await wipe()).status, 200);
  assert.equal(it.sent, 1);
  await faulty.assertTold("the first commit fails");
});

Deno.test("attack, G15: where the second commit does not stand the result is withheld, and the outcome unknown", async () => {
  await using faulty = await FaultyNode.start();
  const { it, store, node } = faulty;
  it.upstreams.answer = () => {
    store.fault = ({ kind }) => kind === "commit" ? "fails" : null;
    return { is: "failed", status: 400, code: null, says: "No." };
  };
  const body = { tool_name: READ, call_key: "k" };
  const got = await node.request("POST", "/v1/calls", { key: it.org.standard, body });
  assert.equal(got.status, 503, got.text);
  await faulty.assertTold("the second commit fails");
  const again = await it.call(READ, { call_key: "k" });
  assert.equal(`${again.status} ${again.body.code}`, "504 outcome_unknown");
  assert.equal((await it.read(again.body.call_id)).body.status, "unknown");
  assert.equal(it.sent, 1);
});
