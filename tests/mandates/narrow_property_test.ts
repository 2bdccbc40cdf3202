import fc from "fast-check";
import assert from "node:assert/strict";
import type { Action } from "../../lib/base/action.ts";
import { clocksAt } from "../../lib/ledger/clock.ts";
import { conditionProblem, holds } from "../../lib/mandates/conditions.ts";
import { fits, narrow } from "../../lib/mandates/narrow.ts";
import { resolve } from "../../lib/policy/chain.ts";
import {
  type Condition,
  CONDITION_OPS,
  type MandateRecord,
  type Scope,
  SCOPE_DECISIONS,
} from "../../lib/store/records/mandate.ts";
import { MANDATE_ORIGINS } from "../../lib/store/records/vocabulary.ts";
import { oracle } from "../helpers/policy_oracle.ts";
import { answerOf, aPolicy, aTool, viewOf } from "../helpers/policy_records.ts";
import { runs } from "../helpers/property_runs.ts";
import { anyPolicy, anyQuestion, widthOf } from "../helpers/arbitrary_policy.ts";
import { isMet, narrowed } from "./mandate_oracle.ts";

const SEED = 20261130;
const NOW = 1000;
const AGENT = "agt_1";
const NAMES = ["a", "b", "c"];

const scalar = fc.constantFrom(0, 1, 2, -1, "", "a", "b", true, false, null);
const value = fc.oneof(
  scalar,
  fc.array(scalar, { maxLength: 2 }),
  fc.constantFrom({}, { a: 1 }, 1.5),
);
const args = fc.dictionary(fc.constantFrom("x", "y"), value, { maxKeys: 2 });

const condition: fc.Arbitrary<Condition> = fc.record({
  field: fc.constantFrom("/x", "/y"),
  op: fc.constantFrom(...CONDITION_OPS),
  value: fc.oneof(scalar, fc.array(scalar, { minLength: 1, maxLength: 3 })),
}).filter((one) => conditionProblem(one) === null);

const decision = fc.constantFrom(...SCOPE_DECISIONS);

const scope: fc.Arbitrary<Scope> = fc.record({
  name: fc.constantFrom(...NAMES, ...NAMES.map((tag) => `tag:${tag}`)),
  decision: fc.constantFrom("allow", "allow", ...SCOPE_DECISIONS),
  resources: fc.oneof(
    { weight: 3, arbitrary: fc.constant(null) },
    {
      weight: 1,
      arbitrary: fc.array(fc.constantFrom("a*", "*", "b", "c*c", ""), { minLength: 1 }),
    },
  ),
  conditions: fc.array(
    fc.record({ when: fc.array(condition, { minLength: 1, maxLength: 2 }), decision }),
    { maxLength: 2 },
  ),
});

/** Any policy, or one that allows what the mandate is about. */
const policy = fc.oneof(
  anyPolicy,
  fc.constant(aPolicy({
    tools: NAMES.map((name) => aTool({ name, tags: [name], default_permission: "allowed" })),
  })),
);

const mandate: fc.Arbitrary<MandateRecord> = fc.record({
  agent: fc.constantFrom("label", "label", AGENT, "agt_2"),
  expires_at: fc.constantFrom(NOW, NOW + 1, NOW + 1, NOW + 1, NOW + 1, NOW + 1),
  ended: fc.constantFrom(null, null, null, null, null, "revoked" as const, "superseded" as const)
    .map((state) => state === null ? null : { state, at: 1, by: null }),
}).map((part) => ({
  id: "mdt_1",
  user_id: "u1",
  tenant: null,
  bundle: null,
  own_scopes: null,
  scopes: [],
  granted_by: { type: "api_key", id: "key_1" },
  created_at: 0,
  replaces: null,
  metadata: {},
  budget: null,
  ancestors: [],
  uses: null,
  ...part,
}));

Deno.test("narrow() agrees with its description, and a mandate never widens what the policy says", () => {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(
      policy,
      anyQuestion,
      fc.option(mandate, { freq: 20 }),
      fc.uniqueArray(scope, { selector: ({ name }) => name, minLength: 1, maxLength: 4 }),
      args,
      (policy, question, record, scopes, args) => {
        const view = viewOf(policy);
        const agent = question.agent_killed === null ? null : AGENT;
        const killed = question.agent_killed === true;
        const caller = { trust_tier: question.trust_tier, kill_switch: { active: killed } };
        const chain = resolve(view, question, caller, { via: question.via, mandated: true });
        const action: Action = { ...question, arguments: args };
        const asker = agent === null
          ? { type: "api_key" as const, id: "key_2" }
          : { type: "agent" as const, id: agent };
        const got = narrow(chain, "mdt_1", record === null ? null : { record, scopes }, {
          action,
          caller: asker,
          clocks: clocksAt(NOW),
        });
        const expected = narrowed(oracle(policy, { ...question, mandated: true }), {
          mandate: record,
          scopes,
          tool: policy.tools.find(({ name }) => name === question.tool),
          name: question.tool,
          resource: question.resource,
          args,
          agent,
          now: NOW,
        });
        assert.deepEqual(answerOf(got), expected);
        assert.ok(widthOf(got.permission) <= widthOf(chain.permission));
        assert.equal(got.tool, chain.tool);
        seen.set(got.resolved_from, (seen.get(got.resolved_from) ?? 0) + 1);
      },
    ),
    { ...runs(10_000), seed: SEED },
  );
  const asked = MANDATE_ORIGINS.filter((origin) => !/_(?:rate|budget)$/.test(origin));
  const rare = asked.filter((origin) => (seen.get(origin) ?? 0) < 20);
  assert.deepEqual(rare, [], "every origin occurs at least 20 times");
});

Deno.test("a condition holds exactly where its description says so", () => {
  fc.assert(
    fc.property(condition, args, (condition, args) => {
      assert.equal(holds(condition, args), isMet(condition, args));
    }),
    { ...runs(5_000), seed: SEED },
  );
});

Deno.test("a pattern is the whole of an id, with any run of characters for each star", () => {
  const letters = fc.string({ unit: fc.constantFrom("a", "b", "*", "."), maxLength: 6 });
  const ids = fc.string({ unit: fc.constantFrom("a", "b", "."), maxLength: 8 });
  fc.assert(
    fc.property(letters, ids, (pattern, id) => {
      const source = pattern.replaceAll(".", "\\.").replaceAll("*", "[^]*");
      assert.equal(fits(pattern, id), new RegExp(`^${source}$`).test(id));
      assert.equal(fits(pattern, null), false);
    }),
    { ...runs(5_000), seed: SEED },
  );
});

Deno.test("a pattern of many stars is looked for in linear time", () => {
  assert.equal(fits("*a".repeat(128) + "b", "a".repeat(128)), false);
});

Deno.test("a mandate never lets through what one that it was made of does not at that moment", () => {
  // Mostly in force, and often open, or hardly a line would let anything through.
  const open = NAMES.map((name): Scope => ({
    name,
    decision: "allow",
    resources: null,
    conditions: [],
  }));
  const terms = fc.record({
    record: fc.oneof(
      mandate,
      {
        weight: 8,
        arbitrary: mandate.map((one) => ({ ...one, ended: null, expires_at: NOW + 1 })),
      },
    ),
    scopes: fc.oneof(
      fc.uniqueArray(scope, { selector: ({ name }) => name, minLength: 1, maxLength: 3 }),
      { weight: 4, arbitrary: fc.constant(open) },
    ),
  });
  const widths = new Map<number, number>();
  fc.assert(
    fc.property(
      policy,
      anyQuestion,
      fc.array(terms, { minLength: 1, maxLength: 4 }),
      args,
      (policy, question, [own, ...above], args) => {
        if (own === undefined) return;
        const view = viewOf(policy);
        const caller = { trust_tier: question.trust_tier, kill_switch: { active: false } };
        const chain = resolve(view, question, caller, { via: question.via, mandated: true });
        const told = ({ record, scopes }: typeof own) => ({
          mandate: record,
          scopes,
          tool: policy.tools.find(({ name }) => name === question.tool),
          name: question.tool,
          resource: question.resource,
          args,
          // Each is asked as for its own agent.
          agent: record.agent.startsWith("agt_") ? record.agent : null,
          now: NOW,
        });
        const answer = oracle(policy, { ...question, agent_killed: null, mandated: true });
        const each = [own, ...above].map((one) => widthOf(narrowed(answer, told(one)).permission));
        const { agent } = own.record;
        const got = narrow(chain, "mdt_1", { ...own, above }, {
          action: { ...question, arguments: args },
          caller: agent.startsWith("agt_")
            ? { type: "agent", id: agent }
            : { type: "api_key", id: "key_2" },
          clocks: clocksAt(NOW),
        });
        assert.equal(widthOf(got.permission), Math.min(...each));
        widths.set(widthOf(got.permission), (widths.get(widthOf(got.permission)) ?? 0) + 1);
      },
    ),
    { ...runs(2_000), seed: SEED },
  );
  assert.ok(Math.min(...widths.values()) > 40, JSON.stringify([...widths]));
});
