import fc from "fast-check";
import assert from "node:assert/strict";
import { foldedMethod, isSameMethod, METHOD_FORM } from "../../lib/policy/rule_index.ts";
import { RuleIndex } from "../../lib/policy/rule_index.ts";
import type { RuleRecord } from "../../lib/store/records/policy.ts";
import { PERMISSIONS } from "../../lib/store/records/vocabulary.ts";
import { answer, aRule, aSelector } from "../helpers/policy_records.ts";
import { runs } from "../helpers/property_runs.ts";

Deno.test("A method is 1-64 printable ASCII characters without a space at either end", () => {
  const fine = ["GET", "d", "tools/call", "GET /items", "~!@", "x".repeat(64)];
  for (const method of fine) assert.equal(METHOD_FORM.test(method), true, method);
  const bad = ["", " ", " GET", "GET ", "GET\n", "G\tT", "GÉT", "\u212Ait", "x".repeat(65)];
  for (const method of bad) assert.equal(METHOD_FORM.test(method), false, JSON.stringify(method));
});

Deno.test("Methods are the same whatever their case, and no other two are", () => {
  assert.equal(isSameMethod("DELETE", "dElEtE"), true);
  assert.equal(isSameMethod("DELETE", "DELETE "), false);
  assert.equal(isSameMethod("a[", "A{"), false);
  // From stores of before: not ASCII, and no other method's equal, U+212A being K in lower case.
  assert.equal(isSameMethod("\u212A", "k"), false);
  assert.equal(foldedMethod("\u212A"), "\u212A");
});

Deno.test("A rule speaks of a method in any case, at all four levels that have one", () => {
  const facts = { tenant: "a", resource: "r" };
  for (const tenant_id of [null, "a"]) {
    for (const resource_id of [null, "r"]) {
      for (const tool_name of [null, "t"]) {
        const selector = { tenant_id, resource_id, tool_name, method: "Delete" };
        const rules = [aRule("rul_1", selector, "disabled")];
        for (const method of ["Delete", "delete", "DELETE", "dELETE"]) {
          assert.equal(answer({ rules }, { ...facts, method }).rule_id, "rul_1");
        }
        for (const method of [null, "DELETE2", "DELET", "get"]) {
          assert.equal(answer({ rules }, { ...facts, method }).rule_id, null);
        }
      }
    }
  }
});

Deno.test("Of two stored rules that differ in case alone the stricter stands, and is the only one", () => {
  for (const turned of [false, true]) {
    const index = new RuleIndex();
    const wide = aRule("rul_1", { tool_name: "t", method: "delete" }, "allowed");
    const strict = aRule("rul_2", { tool_name: "t", method: "DELETE" }, "disabled");
    for (const rule of turned ? [strict, wide] : [wide, strict]) index.set(rule);
    assert.equal(index.get(wide.selector), strict);
    assert.deepEqual([...index], [strict]);
    assert.deepEqual(index.twinsOf(strict.selector), [wide]);
    assert.equal(index.byId("rul_1"), undefined);
    assert.deepEqual(index.forTenant(null), [strict]);

    assert.equal(index.remove(aSelector({ tool_name: "t", method: "Delete" })), false);
    assert.equal(index.remove(strict.selector), true);
    assert.equal(index.get(strict.selector), wide);
    assert.deepEqual(index.twinsOf(strict.selector), []);
    assert.equal(index.remove(wide.selector), true);
    assert.equal(index.size, 0);
  }
});

const spelled = fc.constantFrom("m", "M", "mm", "mM", "Mm", "MM");
const step = fc.record({
  verb: fc.constantFrom("set", "set", "set", "remove"),
  method: spelled,
  tool_name: fc.option(fc.constant("t"), { freq: 1 }),
  /** Two ids for each selector, which stay with it. */
  id: fc.nat(1),
  permission: fc.constantFrom(...PERMISSIONS),
});

Deno.test("RuleIndex stands by the strictest of what a plain list holds, in whatever order it came", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: "max" }), (steps) => {
      const index = new RuleIndex();
      let list: RuleRecord[] = [];
      for (const { verb, method, tool_name, id, permission } of steps) {
        const selector = aSelector({ method, tool_name });
        const isIt = ({ selector: other }: RuleRecord) =>
          other.method === method && other.tool_name === tool_name;
        const rule = aRule(`rul_${tool_name}_${method.toLowerCase()}_${id}`, selector, permission);
        if (verb === "remove") {
          assert.equal(index.remove(selector), list.some(isIt));
          list = list.filter((other) => !isIt(other));
        } else {
          index.set(rule);
          list = [...list.filter((other) => !isIt(other) && other.id !== rule.id), rule];
        }
      }
      const standing: RuleRecord[] = [];
      for (const tool_name of [null, "t"]) {
        for (const method of ["m", "mm"]) {
          const group = list.filter(({ selector }) =>
            selector.tool_name === tool_name && selector.method?.toLowerCase() === method
          );
          group.sort((a, b) =>
            PERMISSIONS.indexOf(b.permission) - PERMISSIONS.indexOf(a.permission) ||
            (a.id < b.id ? -1 : 1)
          );
          const selector = aSelector({ method: method.toUpperCase(), tool_name });
          assert.equal(index.get(selector), group[0]);
          assert.deepEqual(index.twinsOf(selector), group.slice(1));
          standing.push(...group.slice(0, 1));
        }
      }
      standing.sort((a, b) => a.id < b.id ? -1 : 1);
      assert.deepEqual([...index], standing);
      assert.equal(index.size, standing.length);
    }),
    runs(2_000),
  );
});
