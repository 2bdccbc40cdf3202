import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { isId } from "../../lib/base/id.ts";
import { EVENT_KEPT_MS } from "../../lib/events/event.ts";
import { sweep } from "../../lib/server/due_worker.ts";
import type { Happening } from "../../lib/store/records/event.ts";
import { ApprovalOrg, TOOL } from "../helpers/approval_org.ts";
import { Countersign, type Got, INVITED } from "../helpers/countersign.ts";
import { DecisionOrg, type Person } from "../helpers/decision_org.ts";
import { FailingStore, FAULTS } from "../helpers/failing_store.ts";
import { LargePolicy } from "../helpers/large_policy.ts";
import { assertProblem } from "../helpers/refused.ts";
import { approver, deliveries, dueKinds } from "../helpers/alerted.ts";
import { assertEventsOfLog, eventsOf, hearEverything } from "../helpers/outbox.ts";
import { oneIn } from "../helpers/property_runs.ts";

const HOUR = 3600_000;

/** What is asked about when the store refused the request. */
const NONE = "apr_none";

/** What no event may hold. */
const WORDS = "WORDSOFOTHERS";

/** An org in which everything happens that is told, on a node whose store may fail. */
class Happenings implements AsyncDisposable {
  private constructor(
    readonly it: DecisionOrg,
    /** Who decides what two people have to approve, in turn: on another node, whose store is sound. */
    readonly deciders: readonly Person[],
    readonly store: FailingStore,
    readonly node: Countersign,
    readonly agent: string,
    readonly kv: Deno.Kv,
  ) {}

  static async start(): Promise<Happenings> {
    const kv = await Deno.openKv(":memory:");
    const it = await DecisionOrg.start({ kv });
    await hearEverything(it.org);
    const bob = await it.person("approver", { email: "bob@example.com", groups: [1] });
    const two = await it.person("approver", { email: "two@example.com", groups: [2] });
    const second = { default_permission: "requires_approval", requires_second_approval: true };
    await it.org.tool("twice", second);
    await it.org.tool("free");
    const agent = await it.org.manage("POST", "/v1/agents", { name: "robot" });
    const store = new FailingStore(kv);
    const { clock, secret } = it.countersign;
    const node = await Countersign.start({
      kv: store,
      clock,
      secret,
      deps: { timer: store.timer },
    });
    return new Happenings(it, [bob, two], store, node, agent.body.id, kv);
  }

  /** Everything, in turn. What the store refuses does not happen, and the rest goes on. */
  async all(): Promise<void> {
    const { it: { org, countersign: { clock } }, node } = this;
    const send = (method: string, path: string, key: string, body?: JsonObject): Promise<Got> =>
      node.request(method, path, { key, ...(body === undefined ? {} : { body }) });
    const post = (path: string, body?: JsonObject) => send("POST", path, org.standard, body);
    const ask = async (method: string, fields: JsonObject = {}): Promise<string> => {
      const said = { reason: WORDS, arguments: { word: WORDS }, context: { word: WORDS } };
      const body = { tool_name: TOOL, method, ...said, ...fields };
      return (await post("/v1/approvals", body)).body?.id ?? NONE;
    };
    const decide = (id: string, decision: string) =>
      send("POST", `/v1/approvals/${id}/decide`, org.approver, {
        decision,
        decided_by: "bob@example.com",
        note: WORDS,
      });
    const turn = (path: string, active: boolean) =>
      send("PATCH", path, org.management, { kill_switch: { active, reason: WORDS } });

    await post("/v1/permissions/check", { tool_name: WORDS });
    const taken = await ask("A");
    await decide(taken, "approve");
    await post(`/v1/approvals/${taken}/revoke`);
    await decide(await ask("B"), "deny");
    await post(`/v1/approvals/${await ask("C")}/cancel`);
    const twice = await ask("D", { tool_name: "twice" });
    if (twice !== NONE) { for (const decider of this.deciders) await decider.approve(twice); }
    await ask("E", { timeout_seconds: 60 });
    const minted = await post("/v1/tokens/mint", { tool_name: "free" });
    await post("/v1/tokens/consume", { tool_name: "free", token: minted.body?.token ?? "none" });
    for (const path of ["/v1/tools/free", `/v1/agents/${this.agent}`, "/v1/org"]) {
      for (const active of [true, true, false]) await turn(path, active);
    }
    clock.advance(HOUR);
    await sweep(node.services, clock.now).catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.node[Symbol.asyncDispose]();
    await this.it[Symbol.asyncDispose]();
    this.kv.close();
  }
}

Deno.test("everything that happens is an event, once, and says by ids alone what it is about", async () => {
  await using world = await Happenings.start();
  await world.all();
  const happened = await assertEventsOfLog(world.kv, world.it.org.id);
  const counts: Record<Happening["type"], number> = {
    "approval.created": 5,
    "approval.escalated": 1,
    "approval.decided": 3,
    "approval.expired": 1,
    "approval.cancelled": 1,
    "approval.revoked": 1,
    "tool.auto_created": 1,
    // There is no upstream here: `tests/gateway` has them.
    "tool.drifted": 0,
    // There is no provider here: `tests/vault` has them.
    "credential.needs_reconnect": 0,
    "execution.unknown": 1,
    "kill_switch.changed": 6,
    "webhook.disabled": 0,
    // There are no mandates here: `tests/mandates` has them.
    "confirmation.resolved": 0,
    "mandate.revoked": 0,
    "budget.threshold": 0,
    "budget.overrun": 0,
  };
  for (const [type, count] of Object.entries(counts)) {
    assert.equal(happened.filter((one) => one.type === type).length, count, type);
  }
  for (const event of await eventsOf(world.kv, world.it.org.id)) {
    assert.ok(isId(event.id, "evt"));
    assert.ok(!JSON.stringify(event).includes(WORDS), event.happening.type);
    assert.ok(event.expires_at >= event.created_at + EVENT_KEPT_MS);
    for (const [name, value] of Object.entries(event.happening)) {
      if (["type", "scope", "active"].includes(name)) continue;
      assert.match(String(value), /^(apr|tol|rtk|agt|org)_[0-9a-z]{26}$/, name);
    }
  }
});

for (const tools of [3, 240, 1000]) {
  Deno.test(`a policy of ${tools} tools turns up to 250 kill switches, each an event of its commit`, async () => {
    await using countersign = await Countersign.start();
    const org = await countersign.org();
    await hearEverything(org);
    const put = async (count: number): Promise<Got> => {
      const document = new LargePolicy(tools, 1).document();
      const kill_switch = { active: true, reason: WORDS };
      const turned = document.tools.map((tool, i) => i < count ? { ...tool, kill_switch } : tool);
      const etag = (await org.get("/v1/policy")).headers.get("etag") ?? "";
      const body = { ...document, tools: turned };
      return await org.manage("PUT", "/v1/policy?dry_run=false", body, { "if-match": etag });
    };
    const { kv } = countersign.services.deps;
    if (tools > 250) {
      assertProblem(await put(251), 422, "invalid_request");
      assert.deepEqual(await eventsOf(kv, org.id), []);
    }
    const count = Math.min(tools, 250);
    const got = await put(count);
    assert.equal(got.status, 200, got.text);
    const happened = (await eventsOf(kv, org.id)).map(({ happening }) => happening);
    assert.equal(happened.length, count);
    assert.ok(happened.every((one) => one.type === "kill_switch.changed" && one.active));
    assert.equal((await put(count)).status, 200);
    assert.equal((await eventsOf(kv, org.id)).length, count, "turned already");
  });
}

for (const [n, fault] of FAULTS.entries()) {
  Deno.test(`an event is there exactly where its cause is: a call of the store ${fault}, in turn`, async () => {
    // Every call would take minutes; each kind of fault begins with another one.
    const step = oneIn(24);
    const first = 1 + (3 * n) % step;
    let calls = first;
    for (let number = first; number <= calls; number += step) {
      await using world = await Happenings.start();
      const from = world.store.calls;
      let struck = false;
      world.store.fault = (call) => {
        if (call.number - from !== number) return null;
        struck = true;
        return fault;
      };
      await world.all();
      await world.store.heal();
      await assertEventsOfLog(world.kv, world.it.org.id, `${fault} ${number}`);
      if (struck) calls = Math.max(calls, number + step);
    }
    assert.ok(calls > 50, `${calls} calls were struck`);
  });
}

Deno.test("where nobody listens nothing is written, and whoever listens misses nothing after", async () => {
  await using it = await ApprovalOrg.start({}, INVITED);
  const { kv } = it.countersign.services.deps;
  const store = new FailingStore(kv);
  const { clock, secret } = it.countersign;
  await using node = await Countersign.start({ kv: store, clock, secret });
  const ask = (method: string) =>
    node.request("POST", "/v1/approvals", {
      key: it.org.standard,
      body: { tool_name: TOOL, method, reason: "it is old" },
    });
  await ask("A");
  assert.deepEqual(await eventsOf(kv, it.org.id), []);
  assert.deepEqual(await dueKinds(it), ["approval_ends"]);

  // Somebody comes in when the node has planned the next one and is about to commit it.
  let joins: Promise<unknown> | null = null;
  const { atomic } = store;
  store.atomic = () => {
    const operation = atomic();
    const commit = operation.commit.bind(operation);
    operation.commit = async () => {
      await (joins ??= approver(it, "bob@example.com"));
      return await commit();
    };
    return operation;
  };
  const asked = await ask("B");
  assert.equal(asked.status, 201, asked.text);
  const [event, ...more] = await eventsOf(kv, it.org.id);
  assert.deepEqual(more, []);
  assert.deepEqual(event?.happening, { type: "approval.created", approval: asked.body.id });
});

for (const [n, fault] of FAULTS.entries()) {
  Deno.test(`an event is told once to each, by its one id: a call of the store ${fault}, in turn`, async () => {
    const step = oneIn(3);
    const first = 1 + n % step;
    let calls = first;
    for (let number = first; number <= calls; number += step) {
      await using world = await Happenings.start();
      const { it, store, node } = world;
      const { services, clock } = it.countersign;
      await approver(it, "eve@example.com", [1]);
      await it.pending();
      const [event] = await eventsOf(world.kv, it.org.id);
      const from = store.calls;
      let struck = false;
      store.fault = (call) => {
        if (call.number - from !== number) return null;
        struck = true;
        return fault;
      };
      // Two nodes take it up at once, one of which fails where it is told to.
      const failing = async () => {
        for (let turn = 0; turn < 3; turn++) {
          await sweep(node.services, clock.now).catch(() => {});
        }
      };
      const sound = async () => {
        if (number % 2 === 0) await sweep(services, clock.now);
      };
      await Promise.all([failing(), sound()]);
      await store.heal();
      for (let turn = 0; turn < 4; turn++) {
        await sweep(services, clock.now);
        clock.advance(5 * 60_000);
      }
      const made = await deliveries(it);
      const where = `${fault} ${number}`;
      assert.equal(made.length, 2, where);
      assert.equal(new Set(made.map(({ member }) => member)).size, 2, where);
      for (const delivery of made) {
        assert.equal(delivery.event, event?.id, where);
        assert.equal(delivery.state, "sent", where);
      }
      const sent = [...it.countersign.mail.sent, ...node.mail.sent].map(({ to }) => to);
      assert.deepEqual([...new Set(sent)].sort(), ["bob@example.com", "eve@example.com"], where);
      assert.ok(!(await dueKinds(it)).some((kind) => kind === "event_expand"), where);
      if (struck) calls = Math.max(calls, number + step);
    }
    assert.ok(calls > 8, `${calls} calls were struck`);
  });
}
