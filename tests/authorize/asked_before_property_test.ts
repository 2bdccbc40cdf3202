import fc from "fast-check";
import assert from "node:assert/strict";
import { loadAskedBefore } from "../../lib/authorize/authorize.ts";
import { actionDigest } from "../../lib/decisions/decide.ts";
import { loadSnapshot } from "../../lib/ledger/load_snapshot.ts";
import { Reader } from "../../lib/ledger/transaction.ts";
import { approvalHistoryKey } from "../../lib/store/keys.ts";
import { nextAfter } from "../../routes/fields/check.ts";
import { ApprovalOrg, TOOL } from "../helpers/approval_org.ts";
import { Countersign, TestClock, TestOrg } from "../helpers/countersign.ts";
import { FailingStore, type Fault } from "../helpers/failing_store.ts";
import { runs } from "../helpers/property_runs.ts";

const MINUTE = 60_000;
const NODES = 2;
const AGENTS = 2;
const ACTIONS = 3;

/** One thing that happens at a node; `pick` says to which request. */
interface Step {
  readonly kind:
    | "check"
    | "batch"
    | "ask"
    | "ask_and_check"
    | "approve"
    | "deny"
    | "cancel"
    | "mint"
    | "wait"
    | "row_ends";
  readonly node: number;
  readonly agent: number;
  readonly action: number;
  readonly pick: number;
  readonly minutes: number;
  /** What goes wrong with one commit of it. */
  readonly fault: Fault | null;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom<Step["kind"]>(
    ...["check", "check", "check", "batch", "ask", "ask", "ask_and_check"] as const,
    ...["approve", "deny", "cancel", "mint", "wait", "row_ends"] as const,
  ),
  node: fc.constantFrom(0, 0, 0, 1),
  agent: fc.nat(AGENTS - 1),
  action: fc.nat(ACTIONS - 1),
  pick: fc.nat(30),
  minutes: fc.constantFrom(1, 9, 10, 61, 24 * 60),
  fault: fc.oneof(
    { weight: 5, arbitrary: fc.constant(null) },
    {
      weight: 1,
      arbitrary: fc.constantFrom<Fault>(
        ...["fails", "answer_lost", "repeats", "lands_before_next", "lands_after_next"] as const,
      ),
    },
  ),
});

interface Node {
  readonly it: ApprovalOrg;
  readonly store: FailingStore;
}

/** Two processes on one store, each of whose commits may fail, and what the store says by itself. */
class World implements AsyncDisposable {
  readonly asked: { readonly id: string; readonly agent: number; readonly action: number }[] = [];

  private constructor(
    readonly kv: Deno.Kv,
    readonly nodes: readonly Node[],
    readonly agents: readonly { readonly id: string; readonly token: string }[],
  ) {}

  static async start(): Promise<World> {
    const kv = await Deno.openKv(":memory:");
    const clock = new TestClock();
    const store = new FailingStore(kv);
    const first = await ApprovalOrg.start({ kv: store, clock, deps: { timer: store.timer } });
    const { secret, services: { ids } } = first.countersign;
    const agents = [];
    for (let i = 0; i < AGENTS; i++) {
      const id = ids.make("agt", clock.now);
      agents.push({ id, token: await first.org.agent({ id }) });
    }
    const nodes: Node[] = [{ it: first, store }];
    while (nodes.length < NODES) {
      const store = new FailingStore(kv);
      const options = { kv: store, clock, secret, deps: { timer: store.timer } };
      const countersign = await Countersign.start(options);
      const org = new TestOrg(countersign, first.org.id);
      Object.assign(org.secrets, first.org.secrets);
      nodes.push({ it: new ApprovalOrg(countersign, org, first.ann), store });
    }
    return new World(kv, nodes, agents);
  }

  async take(step: Step): Promise<void> {
    const { it, store } = this.#node(step.node);
    let faults = 0;
    store.fault = ({ kind }) => kind === "commit" && faults++ === 0 ? step.fault : null;
    await this.#do(it, step);
    await store.heal();
    await this.#compare(step);
  }

  async compareAll(): Promise<void> {
    for (let node = 0; node < NODES; node++) {
      for (let agent = 0; agent < AGENTS; agent++) {
        for (let action = 0; action < ACTIONS; action++) {
          await this.#compare({ node, agent, action });
        }
      }
    }
  }

  async #do(it: ApprovalOrg, step: Step): Promise<void> {
    const { kind, agent, action, pick } = step;
    const { token } = this.#agent(agent);
    const question = questionOf(action);
    const ask = async () => {
      const { body } = await it.ask(question, token);
      if (typeof body?.id === "string") this.asked.push({ id: body.id, agent, action });
    };
    const check = (question: object) => it.org.post("/v1/permissions/check", question, token);
    const of = this.asked[pick % Math.max(1, this.asked.length)];
    switch (kind) {
      case "ask":
        return await ask();
      case "ask_and_check": {
        const other = this.#node(step.node + 1).it;
        await Promise.all([
          ask(),
          check(question),
          other.org.post("/v1/permissions/check", question, token),
          check(questionOf(action + 1)),
        ]);
        return;
      }
      case "check":
        return void await check(question);
      case "batch": {
        const checks = Array.from({ length: ACTIONS }, (_, i) => questionOf(i));
        return void await it.org.post("/v1/permissions/check-batch", { checks }, token);
      }
      case "wait":
        return it.countersign.clock.advance(step.minutes * MINUTE);
      case "row_ends":
        // As it ends by its time, without a commit of anybody's.
        return await this.kv.delete([
          ...approvalHistoryKey(it.org.id, this.#agent(agent).id, digestOf(it.org.id, action)),
        ]);
    }
    if (of === undefined) return;
    const asker = this.#agent(of.agent).token;
    if (kind === "cancel") await it.cancel(of.id, asker);
    else if (kind === "mint") await it.mint(of.id, questionOf(of.action), asker);
    else await it.decide(of.id, kind);
  }

  /** A check is told what whoever reads every row finds. */
  async #compare({ node, agent, action }: Pick<Step, "node" | "agent" | "action">): Promise<void> {
    const { it } = this.#node(node);
    const { id, token } = this.#agent(agent);
    const snapshot = await loadSnapshot(this.kv, it.org.id);
    const reader = new Reader(this.kv, snapshot, it.countersign.clock.now, null);
    const asker = { id, sub_token: null };
    const found = await loadAskedBefore(reader, asker, digestOf(it.org.id, action), null);
    const got = await it.org.post("/v1/permissions/check", questionOf(action), token);
    assert.equal(got.status, 200, got.text);
    assert.deepEqual(got.body.next, nextAfter("requires_approval", found));
  }

  #node(at: number): Node {
    const node = this.nodes[at % NODES];
    assert.ok(node !== undefined);
    return node;
  }

  #agent(at: number) {
    const agent = this.agents[at];
    assert.ok(agent !== undefined);
    return agent;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { it } of this.nodes) await it[Symbol.asyncDispose]();
    this.kv.close();
  }
}

function digestOf(org: string, action: number): string {
  const facts = { tenant: null, resource: null, method: null };
  return actionDigest(org, { tool: TOOL, ...facts, ...questionOf(action) });
}

function questionOf(action: number) {
  return { tool_name: TOOL, arguments: { id: action % ACTIONS } };
}

Deno.test("property: what a check is told of what was asked before is what the store has", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      await using world = await World.start();
      for (const step of steps) await world.take(step);
      await world.compareAll();
    }),
    runs(25),
  );
});
