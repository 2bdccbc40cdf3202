import fc from "fast-check";
import assert from "node:assert/strict";
import { RuleIndex } from "../../lib/policy/rule_index.ts";
import type { RuleRecord, Selector } from "../../lib/store/records/policy.ts";
import { LEVELS, PERMISSIONS } from "../../lib/store/records/vocabulary.ts";
import { aRule, aSelector } from "../helpers/policy_records.ts";

const NAMES = ["a", "b", "__proto__", "constructor", ""];

Deno.test("RuleIndex tells a rule's life: absent, set, replaced, removed", () => {
  const index = new RuleIndex();
  const selector = aSelector({ tenant_id: "acme", resource_id: "r", tool_name: "t" });
  assert.equal(index.get(selector), undefined);
  assert.equal(index.remove(selector), false);
  assert.equal(index.hasTenantRules, false);
  assert.equal(index.size, 0);

  const first = aRule("rul_1", selector, "allowed");
  index.set(first);
  assert.equal(index.get({ ...selector }), first);
  assert.equal(index.byId("rul_1"), first);
  assert.equal(index.hasTenantRules, true);
  assert.equal(index.hasTenant("acme"), true);
  assert.equal(index.hasResource("acme", "r"), true);
  assert.equal(index.hasResource(null, "r"), false);

  const changed = aRule("rul_1", selector, "disabled");
  index.set(changed);
  assert.equal(index.get(selector), changed);
  assert.deepEqual([...index], [changed]);

  const successor = aRule("rul_2", selector, "allowed");
  index.set(successor);
  assert.equal(index.byId("rul_1"), undefined);
  assert.equal(index.size, 1);

  const moved = aRule("rul_2", { method: "m" }, "allowed");
  index.set(moved);
  assert.equal(index.get(selector), undefined);
  assert.equal(index.get(moved.selector), moved);
  assert.equal(index.hasTenantRules, false);
  assert.equal(index.hasTenant("acme"), false);

  assert.equal(index.remove(moved.selector), true);
  assert.equal(index.remove(moved.selector), false);
  assert.deepEqual([...index], []);
});

Deno.test("RuleIndex refuses a selector that is none of the eight levels, and keeps what it had", () => {
  const index = new RuleIndex();
  const rule = aRule("rul_1", { tool_name: "t" }, "allowed");
  index.set(rule);
  for (const part of [{}, { tenant_id: "a" }, { tag: "g", tool_name: "t" }]) {
    assert.throws(() => index.set(aRule("rul_1", part, "allowed")), RangeError);
    assert.equal(index.get(aSelector(part)), undefined);
    assert.equal(index.remove(aSelector(part)), false);
  }
  assert.deepEqual([...index], [rule]);
});

Deno.test("RuleIndex takes no name for a property of an object", () => {
  const index = new RuleIndex();
  for (const name of ["__proto__", "constructor", "toString"]) {
    assert.equal(index.hasTenant(name), false);
    assert.equal(index.byId(name), undefined);
    const rule = aRule(`rul_${name}`, { tenant_id: name, resource_id: name }, "allowed");
    index.set(rule);
    assert.equal(index.get(rule.selector), rule);
    assert.deepEqual(index.forTenant(name), [rule]);
    assert.equal(index.remove(rule.selector), true);
  }
  assert.equal(Object.hasOwn(Object.prototype, "a"), false);
});

Deno.test("RuleIndex keeps rules apart whose parts would join to the same text", () => {
  const index = new RuleIndex();
  const rules = [
    aRule("rul_1", { resource_id: "a", tool_name: "b/c" }, "allowed"),
    aRule("rul_2", { resource_id: "a/b", tool_name: "c" }, "disabled"),
    aRule("rul_3", { tenant_id: "a", resource_id: "b" }, "allowed"),
    aRule("rul_4", { tenant_id: "b", resource_id: "a" }, "disabled"),
    aRule("rul_5", { resource_id: "", tool_name: "" }, "allowed"),
    aRule("rul_6", { resource_id: "" }, "disabled"),
  ];
  for (const rule of rules) index.set(rule);
  for (const rule of rules) assert.equal(index.get(rule.selector), rule);
});

Deno.test("RuleIndex lists rules by id, in whatever order they came", () => {
  const index = new RuleIndex();
  const rule = (n: number) => aRule(`rul_${n}`, { tenant_id: "a", method: `m${n % 5}` }, "allowed");
  for (const n of [3, 1, 2]) index.set(rule(n));
  const ids = () => [...index].map((rule) => rule.id);
  assert.deepEqual(ids(), ["rul_1", "rul_2", "rul_3"]);
  index.set(rule(4));
  index.set({ ...rule(2), permission: "disabled" });
  assert.deepEqual(ids(), ["rul_1", "rul_2", "rul_3", "rul_4"]);
  index.remove(rule(2).selector);
  index.set(rule(0));
  assert.deepEqual(ids(), ["rul_0", "rul_1", "rul_3", "rul_4"]);
  index.set(rule(5));
  assert.deepEqual(ids(), ["rul_1", "rul_3", "rul_4", "rul_5"]);
  assert.deepEqual(index.forTenant("a").map((rule) => rule.id), ids());
});

const name = fc.constantFrom(...NAMES);
const selector: fc.Arbitrary<Selector> = fc.record({
  level: fc.constantFrom(...LEVELS),
  tenant_id: fc.option(name, { freq: 3 }),
  values: fc.tuple(name, name, name),
}).map(({ level, tenant_id, values }) =>
  aSelector({
    tenant_id,
    ...Object.fromEntries(level.parts.map((part, i) => [part, values[i] ?? ""])),
  })
);
const step = fc.record({
  verb: fc.constantFrom("set", "set", "set", "remove"),
  selector,
  id: fc.nat(30),
  permission: fc.constantFrom(...PERMISSIONS),
});

const same = (a: Selector, b: Selector) => JSON.stringify(a) === JSON.stringify(b);

Deno.test("RuleIndex holds what a plain list would after any life", () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 60, size: "max" }),
      fc.array(selector),
      (steps, asked) => {
        const index = new RuleIndex();
        let list: RuleRecord[] = [];
        for (const { verb, selector, id, permission } of steps) {
          const held = list.some((rule) => same(rule.selector, selector));
          list = list.filter((rule) => !same(rule.selector, selector));
          if (verb === "remove") {
            assert.equal(index.remove(selector), held);
          } else {
            const rule = aRule(`rul_${String(id).padStart(2, "0")}`, selector, permission);
            list = [...list.filter((other) => other.id !== rule.id), rule];
            index.set(rule);
          }
          assert.equal(index.size, list.length);
        }
        list.sort((a, b) => a.id < b.id ? -1 : 1);
        assert.deepEqual([...index], list);
        assert.equal(index.hasTenantRules, list.some((rule) => rule.selector.tenant_id !== null));
        for (const rule of list) {
          assert.equal(index.get(rule.selector), rule);
          assert.equal(index.byId(rule.id), rule);
        }
        for (const tenant of [null, ...NAMES]) {
          const own = list.filter((rule) => rule.selector.tenant_id === tenant);
          assert.deepEqual(index.forTenant(tenant), own);
          if (tenant !== null) assert.equal(index.hasTenant(tenant), own.length > 0);
          for (const resource of NAMES) {
            const some = own.some((rule) => rule.selector.resource_id === resource);
            assert.equal(index.hasResource(tenant, resource), some);
          }
        }
        for (const { tenant_id, resource_id, tool_name, method, tag } of asked) {
          for (const level of LEVELS) {
            const facts = { resource_id, tool_name, method, tag };
            const parts = Object.fromEntries(level.parts.map((part) => [part, facts[part]]));
            const complete = level.parts.every((part) => facts[part] !== null);
            const expected = complete
              ? list.find((rule) => same(rule.selector, aSelector({ tenant_id, ...parts })))
              : undefined;
            const found = index.find(level, tenant_id, resource_id, tool_name, method, tag);
            assert.equal(found, expected);
          }
        }
      },
    ),
    { numRuns: 1_500, seed: 20261122 },
  );
});
