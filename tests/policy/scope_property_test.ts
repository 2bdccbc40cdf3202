import assert from "node:assert/strict";
import fc from "fast-check";
import { resolve } from "../../lib/policy/chain.ts";
import type { SubTokenScope } from "../../lib/store/records/sub_token.ts";
import { anyPolicy, anyQuestion, widthOf } from "../helpers/arbitrary_policy.ts";
import { type Answer, oracle, type PlainPolicy, type Question } from "../helpers/policy_oracle.ts";
import { answerOf, viewOf } from "../helpers/policy_records.ts";
import { runs } from "../helpers/property_runs.ts";

// The names that policies and questions have, in either case, for methods are the same in both.
const list = fc.option(
  fc.subarray(["a", "b", "__proto__", "A", "B", "__PROTO__"], { minLength: 3 }),
  { freq: 2 },
);

const anyScope: fc.Arbitrary<SubTokenScope> = fc.record({
  tools: list,
  tags: list,
  methods: list,
  resources: list,
  tenant_ids: list,
});

/** What a sub-token is answered, as its description reads. */
function expected(policy: PlainPolicy, question: Question, scope: SubTokenScope): Answer {
  const tool = policy.tools.find(({ name }) => name === question.tool);
  const asked = oracle(policy, question);
  if (asked.resolved_from === "kill_switch") return asked;
  const missed = [
    scope.tools !== null && !scope.tools.includes(question.tool),
    scope.resources !== null && !scope.resources.includes(String(question.resource)),
    scope.tenant_ids !== null && !scope.tenant_ids.includes(String(question.tenant)),
    scope.tags !== null && !(tool?.tags ?? []).some((tag) => scope.tags?.includes(tag)),
    scope.methods !== null &&
    !scope.methods.map((one) => one.toLowerCase()).includes(String(question.method).toLowerCase()),
  ];
  return missed.includes(true)
    ? { permission: "disabled", resolved_from: "sub_token", rule_id: null }
    : asked;
}

Deno.test("a sub-token answers as its maker where it reaches, disabled elsewhere, and never more", () => {
  fc.assert(
    fc.property(
      anyPolicy,
      anyQuestion,
      anyScope,
      fc.constantFrom(0, 1, 2, 3),
      (policy, question, scope, tier) => {
        const { trust_tier: trusted, agent_killed, via, mandated = false } = question;
        const trust_tier = Math.min(trusted, tier);
        const kill_switch = agent_killed === null ? null : { active: agent_killed };
        const said = answerOf(
          resolve(viewOf(policy), question, { trust_tier, kill_switch, scope }, { via, mandated }),
        );
        assert.deepEqual(said, expected(policy, { ...question, trust_tier }, scope));
        const maker = oracle(policy, question);
        assert.ok(widthOf(said.permission) <= widthOf(maker.permission));
      },
    ),
    runs(2_000),
  );
});
