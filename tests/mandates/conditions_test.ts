import assert from "node:assert/strict";
import { conditionProblem, holds, tightened } from "../../lib/mandates/conditions.ts";
import type { Condition } from "../../lib/store/records/mandate.ts";

const on = (field: string, op: Condition["op"], value: Condition["value"]): Condition => ({
  field,
  op,
  value,
});

Deno.test("a condition reaches into objects and lists by an RFC 6901 pointer, and into nothing else", () => {
  const args = { a: { "b/c": [{ "~": 7 }] }, list: [1, 2], "": 3 };
  const met: readonly [string, number][] = [["/a/b~1c/0/~0", 7], ["/list/1", 2], ["/", 3]];
  for (const [field, value] of met) {
    assert.equal(holds(on(field, "eq", value), args), true, field);
    assert.equal(holds(on(field, "ne", value), args), false, field);
  }
  for (const field of ["/a/b", "/list/01", "/list/-", "/list/2", "/constructor", "/a/__proto__"]) {
    assert.equal(holds(on(field, "exists", true), args), false, field);
  }
});

Deno.test("an absent field, and one of another kind, count as if the condition held", () => {
  for (const op of ["eq", "ne", "gt", "lt", "in", "not_in", "contains_any", "empty"] as const) {
    const value = op === "in" || op === "not_in" || op === "contains_any"
      ? ["x"]
      : op === "empty"
      ? true
      : 5;
    assert.equal(holds(on("/amount", op, value), {}), true, op);
  }
  assert.equal(holds(on("/amount", "gt", 100), { amount: "7" }), true);
  assert.equal(holds(on("/amount", "gt", 100), { amount: 7.5 }), true);
  assert.equal(holds(on("/amount", "eq", 100), { amount: "100" }), true);
  assert.equal(holds(on("/to", "eq", "a"), { to: ["a"] }), true);
});

Deno.test("what is compared is compared exactly: key order and case count, forms of one letter differ", () => {
  assert.equal(holds(on("/name", "eq", "\u00e9"), { name: "e\u0301" }), false);
  assert.equal(holds(on("/name", "ne", "Ann"), { name: "ann" }), true);
  assert.equal(holds(on("/n", "gt", 2 ** 53 - 2), { n: 2 ** 53 - 1 }), true);
});

Deno.test("rules tighten a decision and never loosen it", () => {
  const rules = [
    { when: [on("/a", "eq", 1)], decision: "allow" as const },
    { when: [on("/a", "eq", 1), on("/b", "eq", 1)], decision: "escalate" as const },
  ];
  assert.equal(tightened("confirm", rules, { a: 1, b: 2 }), "escalate");
  assert.equal(tightened("confirm", rules, { a: 2, b: 2 }), "confirm");
  assert.equal(tightened("deny", rules, { a: 1, b: 1 }), "deny");
});

Deno.test("a condition that cannot be compared is refused where it is written", () => {
  const wrong = [
    on("amount", "eq", 1),
    on("/a~2", "eq", 1),
    on("/a", "gt", "1"),
    on("/a", "in", 1),
    on("/a", "in", []),
    on("/a", "eq", [1]),
    on("/a", "exists", 1),
    on("/a", "eq", 2 ** 53),
  ];
  for (const one of wrong) assert.notEqual(conditionProblem(one), null, JSON.stringify(one));
  for (const one of [on("", "exists", true), on("/a", "empty", false), on("/a", "eq", null)]) {
    assert.equal(conditionProblem(one), null);
  }
});
