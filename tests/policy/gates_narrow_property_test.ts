import assert from "node:assert/strict";
import fc from "fast-check";
import { REQUIRED_FACTS } from "../../lib/store/records/policy.ts";
import { chain, gates, type PlainPolicy, type Question } from "../helpers/policy_oracle.ts";
import { answer, aRule, ask, aTool, viewOf } from "../helpers/policy_records.ts";
import { runs } from "../helpers/property_runs.ts";
import {
  anyPolicy,
  anyQuestion,
  sixQuestions,
  width,
  widthOf,
} from "../helpers/arbitrary_policy.ts";

Deno.test("No answer is wider than that of rules and fallbacks with the gates taken away", () => {
  let narrowed = 0;
  fc.assert(
    fc.property(anyPolicy, anyQuestion, (policy, question) => {
      const ungated = widthOf(chain(policy, question).permission);
      const answered = width(policy, question);
      assert.ok(answered <= ungated);
      if (answered < ungated) narrowed++;
    }),
    runs(5_000),
  );
  assert.ok(narrowed > 500, "gates do narrow now and then");
});

/** Whether anything in the policy asks for a fact of a question about this tool. */
function asksFor(policy: PlainPolicy, { tool }: Question, fact: "tenant" | "resource" | "method") {
  return policy.tools.some(({ name, required_facts, methods }) =>
    name === tool && (required_facts.includes(fact) || (fact === "method" && methods !== null))
  );
}

Deno.test("A tenant, resource or method that no rule names gives nothing that leaving it out does not", () => {
  let tried = 0;
  fc.assert(
    fc.property(
      anyPolicy,
      sixQuestions,
      fc.constantFrom(...REQUIRED_FACTS),
      fc.boolean(),
      (policy, questions, fact, registered) => {
        const made_up = "made-up";
        const known = registered ? { ...policy, tenants: [...policy.tenants, made_up] } : policy;
        for (const question of questions) {
          if (asksFor(policy, question, fact)) continue;
          const invented = width(known, { ...question, [fact]: made_up });
          assert.ok(invented <= width(known, { ...question, [fact]: null }));
          tried++;
        }
      },
    ),
    runs(5_000),
  );
  assert.ok(tried > 10_000);
});

Deno.test("What rules and fallbacks disable stays disabled, whichever gates are in the way too", () => {
  let gated = 0;
  fc.assert(
    fc.property(anyPolicy, sixQuestions, (policy, questions) => {
      for (const question of questions) {
        if (chain(policy, question).permission !== "disabled") continue;
        assert.equal(ask(viewOf(policy), question).permission, "disabled");
        if (gates(policy, question).length > 0) gated++;
      }
    }),
    runs(5_000),
  );
  assert.ok(gated > 500, "gates stand before what is disabled now and then");
});

Deno.test("The stricter of gate and chain is named; where both say the same it is the gate", () => {
  const cases = [
    ["allowed", "requires_approval", "gate_incomplete", null],
    ["requires_approval", "requires_approval", "gate_incomplete", null],
    ["disabled", "disabled", "org_tool", "rul_1"],
  ] as const;
  for (const [rule, permission, resolved_from, rule_id] of cases) {
    const tools = [aTool({ required_facts: ["method"] })];
    const rules = [aRule("rul_1", { tool_name: "t" }, rule)];
    assert.deepEqual(answer({ tools, rules }), { permission, resolved_from, rule_id });
  }
  const listed = [aTool({ required_facts: ["tenant"], methods: ["GET"] })];
  const stricter = { permission: "disabled", resolved_from: "gate_method", rule_id: null };
  assert.deepEqual(answer({ tools: listed }), stricter);
  const both = answer({
    tools: [aTool({ required_tier: 3 })],
    rules: [aRule("rul_1", { tool_name: "t" }, "disabled")],
  }, { trust_tier: 0 });
  assert.deepEqual(both, { permission: "disabled", resolved_from: "gate_tier", rule_id: null });
});
