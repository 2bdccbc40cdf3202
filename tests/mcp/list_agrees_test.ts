import fc from "fast-check";
import assert from "node:assert/strict";
import * as keys from "../../lib/store/keys.ts";
import { REQUIRED_FACTS, TOOL_STATUSES } from "../../lib/store/records/policy.ts";
import { PERMISSIONS } from "../../lib/store/records/vocabulary.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { grantIn, rawTool, resultOf } from "../helpers/mcp_client.ts";
import { aRule, aTool } from "../helpers/policy_records.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

const NAMES = ["deploy", "drop_tables", "read_file"] as const;
/** The last one is no id that may enter the log. */
const TENANTS = ["acme", "globex", "person@example.com"] as const;

const permission = fc.constantFrom(...PERMISSIONS);
const killSwitch = fc.boolean().map((active) => ({ active, reason: null }));
const seldom = fc.integer({ min: 0, max: 9 }).map((number) => number === 0);

const tool = fc.record({
  name: fc.constantFrom(...NAMES),
  category: fc.option(fc.constantFrom("data", "nothing")),
  tags: fc.uniqueArray(fc.constantFrom("dangerous", "public")),
  default_permission: fc.option(permission),
  required_tier: fc.integer({ min: 0, max: 3 }),
  required_facts: fc.uniqueArray(fc.constantFrom(...REQUIRED_FACTS), { maxLength: 1 }),
  methods: fc.constantFrom<string[] | null>(null, null, null, ["GET"]),
  kill_switch: killSwitch,
  status: fc.constantFrom("approved" as const, "approved" as const, ...TOOL_STATUSES),
});

const selector = fc.record({
  tenant_id: fc.option(fc.constantFrom(...TENANTS)),
  part: fc.constantFrom(
    ...NAMES.map((tool_name) => ({ tool_name })),
    { method: "DELETE" },
    { resource_id: "r" },
    { tag: "dangerous" },
    { tag: "public" },
  ),
}).map(({ tenant_id, part }) => ({ tenant_id, ...part }));

const policy = fc.record({
  stopped: seldom,
  discovery: fc.constantFrom("all" as const, "mcp" as const, "off" as const),
  allow_personal_ids: fc.boolean(),
  category: permission,
  tools: fc.uniqueArray(tool, { selector: ({ name }) => name }),
  rules: fc.array(fc.tuple(selector, permission), { maxLength: 8 }),
  tenants: fc.subarray([...TENANTS]),
});
type Policy = typeof policy extends fc.Arbitrary<infer P> ? P : never;

const agent = fc.record({
  trust_tier: fc.integer({ min: 0, max: 3 }),
  tenant_ids: fc.option(fc.subarray([...TENANTS], { minLength: 1 })),
  kill_switch: seldom.map((active) => ({ active, reason: null })),
});

/** Makes the org have exactly this policy. */
async function setPolicy(org: TestOrg, policy: Policy): Promise<void> {
  await org.transact((transaction) => {
    const { snapshot } = transaction;
    transaction.setPolicy(keys.orgKey(org.id), {
      ...snapshot.org,
      discovery: policy.discovery,
      allow_personal_ids: policy.allow_personal_ids,
      kill_switch: { active: policy.stopped, reason: null },
    });
    const data = { name: "data", default_permission: policy.category };
    transaction.setPolicy(keys.categoryKey(org.id, "data"), data);
    for (const tool of policy.tools) {
      transaction.setPolicy(keys.toolKey(org.id, tool.name), aTool(tool));
    }
    for (const id of policy.tenants) {
      const tenant = { id, name: null, metadata: {}, created_at: 0 };
      transaction.setPolicy(keys.tenantKey(org.id, id), tenant);
    }
    for (const [index, [part, permission]] of policy.rules.entries()) {
      const rule = aRule(`rul_${index}`, part, permission);
      transaction.setPolicy(keys.ruleKey(org.id, rule.selector), rule);
    }
  });
}

Deno.test(
  "list_my_tools answers what a check answers, for every tool and caller, and changes " +
    "nothing",
  async () => {
    await using countersign = await Countersign.start();
    const { deps } = countersign.services;
    const said = async (token: string, name: string, args = {}) =>
      resultOf(await rawTool(countersign, token, name, args)).structuredContent;

    await fc.assert(
      fc.asyncProperty(policy, agent, async (policy, fields) => {
        const org = await countersign.org();
        const callers = [await org.agent(fields), (await grantIn([[org, "viewer"]])).token];
        await setPolicy(org, policy);
        const approved = policy.tools.filter(({ status }) => status === "approved");
        for (const token of callers) {
          const before = await verifiedLog(deps, org.id);
          const { tools } = await said(token, "list_my_tools");
          assert.equal(
            (await verifiedLog(deps, org.id)).length,
            before.length,
            "nothing is recorded",
          );
          assert.deepEqual(
            tools.map(({ tool_name }: { tool_name: string }) => tool_name),
            approved.map(({ name }) => name).sort(),
          );
          for (const { tool_name, permission, resolved_from, rule_id, refusal } of tools) {
            const checked = await said(token, "check_permission", { tool_name });
            assert.deepEqual(
              { permission, resolved_from, rule_id, refusal },
              {
                permission: checked.permission ?? null,
                resolved_from: checked.resolved_from ?? null,
                rule_id: checked.rule_id ?? null,
                refusal: checked.code ?? null,
              },
            );
          }
        }
      }),
      { numRuns: 60 },
    );
  },
);
