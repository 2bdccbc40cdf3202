import fc from "fast-check";
import assert from "node:assert/strict";
import { type Item, type ReadItem, readItem } from "../../lib/onboarding/builder_items.ts";
import {
  applyPolicyScript,
  itemsOf,
  parsePlan,
  planText,
  policyDocument,
  policyText,
  withForm,
  withoutForm,
} from "../../lib/onboarding/builder_plan.ts";
import { Countersign } from "../helpers/countersign.ts";
import { runPrinted } from "../helpers/printed_program.ts";
import { hostileItem, hostileText } from "./built_script.ts";

const read = (fields: Record<string, string>) => readItem(new URLSearchParams(fields));
const problems = (result: ReadItem) => result.ok ? [] : result.errors.map(({ name }) => name);

Deno.test("readItem() reads a tool, and what is left out is harmless", () => {
  const result = read({
    kind: "tool",
    name: " refund ",
    description: "one\r\ntwo",
    tags: "a, b\nb",
    parameters: '{"type": "object"}',
    destructive: "on",
  });
  assert.deepEqual(result, {
    ok: true,
    item: {
      kind: "tool",
      name: "refund",
      description: "one\ntwo",
      category: null,
      tags: ["a", "b"],
      risk_level: "medium",
      parameters: { type: "object" },
      default_permission: "requires_approval",
      annotations: { read_only: false, destructive: true, idempotent: false, open_world: false },
      requires_second_approval: false,
    },
  });
});

Deno.test("readItem() names the field of which no script could be written", () => {
  assert.deepEqual(problems(read({ kind: "spaceship" })), ["kind"]);
  assert.deepEqual(problems(read({ kind: "tool", name: "  " })), ["name"]);
  assert.deepEqual(problems(read({ kind: "tool", name: "t", parameters: "{" })), ["parameters"]);
  assert.deepEqual(problems(read({ kind: "tool", name: "t", parameters: "[]" })), ["parameters"]);
  const twice = '{"a": 1, "a": 2}';
  assert.deepEqual(problems(read({ kind: "tool", name: "t", parameters: twice })), ["parameters"]);
  assert.deepEqual(problems(read({ kind: "tenant", id: ".." })), ["id"]);
  assert.deepEqual(problems(read({ kind: "rule", tenant_id: "acme" })), [null]);
  assert.deepEqual(problems(read({ kind: "rule", tag: "pays", method: "GET" })), [null]);
  assert.deepEqual(problems(read({ kind: "rule", method: "GET", permission: "x" })), [
    "permission",
  ]);
  assert.deepEqual(problems(read({ kind: "agent", name: "", trust_tier: "9" })), [
    "name",
    "trust_tier",
  ]);
});

Deno.test("a plan survives its text, whatever was typed", () => {
  const fields = fc.record({
    kind: fc.constantFrom("tenant", "agent", "rule"),
    id: hostileText,
    name: hostileText,
    method: hostileText,
  });
  fc.assert(fc.property(fc.array(fields), (forms) => {
    const plan = forms.reduce(
      (plan, form) => withForm(plan, new URLSearchParams(form)),
      parsePlan(""),
    );
    assert.deepEqual(parsePlan(planText(plan)), plan);
    assert.equal(itemsOf(plan).length, plan.length);
  }));
});

Deno.test("parsePlan() leaves out what is no form, and never fails", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assert.ok(itemsOf(parsePlan(text)).length <= 200);
  }));
  assert.deepEqual(parsePlan("kind=tenant&id=acme\nkind=tenant\n%%%\n"), ["kind=tenant&id=acme"]);
});

Deno.test("withForm() puts a form in the place of the one that names the same thing", () => {
  const first = withForm([], new URLSearchParams({ kind: "tenant", id: "acme", name: "Old" }));
  const both = withForm(first, new URLSearchParams({ kind: "resource", id: "acme" }));
  const again = withForm(both, new URLSearchParams({ kind: "tenant", id: "acme", name: "New" }));
  assert.deepEqual(itemsOf(again).map((item) => "name" in item ? item.name : null), [null, "New"]);
  assert.deepEqual(withForm(again, new URLSearchParams({ kind: "tenant" })), again);
  assert.deepEqual(itemsOf(withoutForm(again, 0)).map(({ kind }) => kind), ["tenant"]);
});

const ITEMS: readonly Item[] = [
  { kind: "tenant", id: "acme", name: "New name" },
  {
    kind: "rule",
    selector: {
      tenant_id: null,
      resource_id: null,
      tool_name: "refund",
      method: null,
      tag: null,
    },
    permission: "disabled",
    note: "too risky",
  },
  { kind: "agent", name: "no part of a policy", trust_tier: 0, tenant_ids: null },
];

Deno.test("policyDocument() puts items into the current policy, and keeps the rest of it", () => {
  const current = {
    policy_version: 7,
    tools: [{ name: "refund" }],
    tenants: [{ id: "acme", name: "Old" }, { id: "beta", name: null }],
    rules: [{ selector: { tool_name: "refund" }, permission: "allowed", note: null }],
  };
  assert.deepEqual(policyDocument(ITEMS, current), {
    policy_version: 7,
    tools: [{ name: "refund" }],
    tenants: [{ id: "beta", name: null }, { id: "acme", name: "New name" }],
    rules: [{ selector: { tool_name: "refund" }, permission: "disabled", note: "too risky" }],
  });
  // A list that is not there stays as it is; an empty one would empty the policy.
  assert.deepEqual(Object.keys(policyDocument(ITEMS, null)).sort(), ["rules", "tenants"]);
});

Deno.test("policyText() is JSON that means what was typed", () => {
  fc.assert(fc.property(fc.array(hostileItem, { maxLength: 5 }), (items) => {
    const document = JSON.parse(policyText(items, null));
    assert.deepEqual(document, JSON.parse(JSON.stringify(policyDocument(items, null))));
  }));
});

Deno.test("the commands beside the policy document apply it", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("refund");
  const { body: current } = await org.manage("GET", "/v1/policy");
  const { code, out, err } = await runPrinted(applyPolicyScript(countersign.origin), {
    files: { "policy.json": policyText(ITEMS, current) },
    env: { COUNTERSIGN_KEY: org.management },
  });
  assert.equal(code, 0, err);
  assert.match(out, /"dry_run":true.*"dry_run":false/s);
  const { body: policy } = await org.manage("GET", "/v1/policy");
  assert.equal(policy.rules[0].permission, "disabled");
  assert.deepEqual(policy.tools.map(({ name }: { name: string }) => name), ["refund"]);
});
