import assert from "node:assert/strict";
import {
  type DangerFacts,
  dangerLine,
  type Dangers,
  dangersOf,
} from "../../lib/approvals/danger.ts";
import { readDangers } from "../../lib/approvals/danger_facts.ts";
import type { JsonObject } from "../../lib/base/json.ts";
import { loadApproval } from "../../lib/approvals/seen.ts";
import { openArguments } from "../../lib/approvals/frozen_view.ts";
import { ApprovalOrg, TOOL } from "../helpers/approval_org.ts";

const MILD: DangerFacts = {
  tool: { risk_level: "low", annotations: { destructive: false, open_world: false } },
  requester: "agent",
  history: { asked: 1, denied: 0 },
  approved: "of_requester",
  arguments: {},
  last_arguments: {},
};

const kinds = (facts: Partial<DangerFacts>) =>
  dangersOf({ ...MILD, ...facts }).marks.map(({ kind }) => kind);

const words = (facts: Partial<DangerFacts>) =>
  dangersOf({ ...MILD, ...facts }).marks.map(({ words }) => words);

Deno.test("dangersOf() says the risk always, and nothing else of what is ordinary", () => {
  assert.deepEqual(dangersOf(MILD), { risk: "low", marks: [] });
  assert.equal(dangerLine(dangersOf(MILD)), "Low risk");
});

Deno.test("dangersOf() takes a tool that nobody knows for the worst there is", () => {
  const { risk, marks } = dangersOf({ ...MILD, tool: null });
  assert.equal(risk, "critical");
  assert.deepEqual(marks.map(({ kind }) => kind), ["destructive", "open_world"]);
});

Deno.test("dangersOf() names each danger, the worst first", () => {
  const all = dangersOf({
    tool: { risk_level: "critical", annotations: { destructive: true, open_world: true } },
    requester: "agent",
    history: { asked: 4, denied: 2 },
    approved: "of_others",
    arguments: { amount: 40 },
    last_arguments: { amount: 10 },
  });
  assert.equal(
    dangerLine(all),
    "Critical risk · Destructive · Asked 4 times, denied twice · 4× the last approved · " +
      "First approval for this agent · Leaves your systems",
  );
  assert.deepEqual(all.marks.map(({ short }) => short), [
    "Destructive",
    "Denied twice",
    "4× last",
    "First time",
    "Leaves your systems",
  ]);
});

Deno.test("dangersOf() tells whose first time it is", () => {
  assert.deepEqual(words({ approved: "of_nobody" }), ["First approval of this tool"]);
  assert.deepEqual(words({ approved: "of_others" }), ["First approval for this agent"]);
  assert.deepEqual(words({ approved: "of_others", requester: "api_key" }), [
    "First approval for this key",
  ]);
  assert.deepEqual(words({ approved: "of_others", requester: "oauth_grant" }), [
    "First approval for this program",
  ]);
  assert.deepEqual(words({ approved: null }), []);
});

Deno.test("dangersOf() says that it was asked before only where it was denied", () => {
  assert.deepEqual(words({ history: { asked: 9, denied: 0 } }), []);
  assert.deepEqual(words({ history: { asked: 2, denied: 1 } }), ["Asked twice, denied once"]);
});

Deno.test("dangersOf() marks what is at least twice the last approved, wherever it stands", () => {
  const larger = (before: JsonObject | null, after: JsonObject | null) =>
    words({ last_arguments: before, arguments: after });
  assert.deepEqual(larger({ amount: 10 }, { amount: 19.9 }), []);
  assert.deepEqual(larger({ amount: 10 }, { amount: 20 }), ["2× the last approved"]);
  // It is never said to be more than it is.
  assert.deepEqual(larger({ amount: 1000 }, { amount: 2999 }), ["2.9× the last approved"]);
  assert.deepEqual(larger({ amount: -10 }, { amount: -50 }), ["5× the last approved"]);
  assert.deepEqual(larger({ amount: "10.00" }, { amount: "125.00" }), ["12× the last approved"]);
  assert.deepEqual(larger({ pay: [{ sum: 1 }] }, { pay: [{ sum: 1e9 }] }), [
    "Over 1,000,000× the last approved",
  ]);
  assert.deepEqual(larger({ to: ["a"] }, { to: ["a", "b", "c"] }), ["3× the last approved"]);
  assert.deepEqual(larger({ to: [] }, { to: ["a"] }), ["Was 0 in the last approved"]);
  assert.deepEqual(larger({ fee: 0 }, { fee: 0 }), []);
});

Deno.test("dangersOf() compares nothing that is no amount, or not at the same place", () => {
  const larger = (before: JsonObject | null, after: JsonObject | null) =>
    kinds({ last_arguments: before, arguments: after });
  assert.deepEqual(larger({ user_id: 3, orderId: "12" }, { user_id: 900, orderId: "7000" }), []);
  assert.deepEqual(larger({ created_at: 1 }, { created_at: 1e12 }), []);
  assert.deepEqual(larger({ a: 1 }, { b: 900 }), []);
  assert.deepEqual(larger({ a: 1 }, { a: { b: 900 } }), []);
  assert.deepEqual(larger({ a: true, b: null }, { a: false, b: 5 }), []);
  assert.deepEqual(larger(null, { a: 900 }), []);
  assert.deepEqual(larger({ a: 1 }, null), []);
  const inherited = JSON.parse('{"__proto__": 9, "constructor": 9}');
  assert.deepEqual(larger({}, inherited), []);
});

Deno.test("readDangers() tells the life of a tool's requests", async () => {
  await using it = await ApprovalOrg.start();
  const agent = await it.org.agent({ name: "cleaner" });
  const action = (count: number) => ({ resource_id: `server-${count}`, arguments: { count } });
  const lineOf = async (id: string) => dangerLineOf(await dangersNow(it, id));

  const first = await it.pending(action(1), agent);
  assert.match(await lineOf(first.id), /First approval of this tool/);
  assert.equal((await it.decide(first.id, "approve")).status, 200);
  assert.equal(await dangersNow(it, first.id), null);

  const byKey = await it.pending(action(3));
  assert.match(await lineOf(byKey.id), /3× the last approved · First approval for this key/);

  const usual = await it.pending(action(1.5), agent);
  assert.doesNotMatch(await lineOf(usual.id), /First|last approved|Asked/);

  const denied = await it.pending(action(2), agent);
  assert.equal((await it.decide(denied.id, "deny")).status, 200);
  it.countersign.clock.advance(11 * 60 * 1000);
  const again = await it.pending(action(2), agent);
  assert.match(await lineOf(again.id), /Asked twice, denied once · 2× the last approved/);
});

Deno.test("readDangers() tells who may not see the arguments of the tool, and of nothing else", async () => {
  await using it = await ApprovalOrg.start();
  const { id } = await it.pending({ arguments: { count: 1 } });
  const dangers = await dangersNow(it, id, false);
  assert.deepEqual([dangers?.risk, dangers?.marks.map(({ kind }) => kind)], [
    "high",
    ["destructive", "open_world"],
  ]);
});

Deno.test("readDangers() compares with no call that fewer people may see", async () => {
  await using it = await ApprovalOrg.start();
  const first = await it.pending({ arguments: { count: 1 } });
  assert.equal((await it.decide(first.id, "approve")).status, 200);
  await it.org.signedIn("approver", { groups: [2] });
  await it.org.tool(TOOL, {
    default_permission: "requires_approval",
    requires_second_approval: true,
  });
  // Who decides at Level 2 alone never saw what one level decided.
  const { id } = await it.pending({ arguments: { count: 50 } });
  const marks = (await dangersNow(it, id))?.marks.map(({ kind }) => kind);
  assert.deepEqual(marks, ["destructive", "open_world"]);
});

/** What there is to say of a request now, to somebody who may see its arguments or not. */
async function dangersNow(
  { countersign: { services }, org }: ApprovalOrg,
  id: string,
  inside = true,
): Promise<Dangers | null> {
  const { deps, ledgers } = services;
  const { snapshot, loaded } = await ledgers.transact(org.id, {
    load: (reader) => loadApproval(reader, id),
    plan: ({ snapshot }, loaded) => ({ snapshot, loaded }),
  });
  assert.ok(loaded !== null && loaded.arguments !== null);
  const args = openArguments(deps.sealer, org.id, id, loaded.arguments);
  const [dangers] = await readDangers(deps, snapshot, [
    { record: loaded.record, arguments: inside ? args : null, inside },
  ]);
  return dangers ?? null;
}

function dangerLineOf(dangers: Dangers | null): string {
  assert.ok(dangers !== null);
  return dangerLine(dangers);
}
