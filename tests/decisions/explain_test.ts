import fc from "fast-check";
import assert from "node:assert/strict";
import { explainAction, type ExplainRequest } from "../../lib/decisions/explain.ts";
import { readHead } from "../../lib/ledger/log_reader.ts";
import { ruleMatrix } from "../../lib/policy/rule_matrix.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { Selector } from "../../lib/store/records/policy.ts";
import {
  FALLBACKS,
  LEVELS,
  type Permission,
  PERMISSIONS,
} from "../../lib/store/records/vocabulary.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { BUNDLE, checked, granted, shop } from "../helpers/mandates.ts";
import { anOrg, aPolicy, aQuestion, aRule, ask, aTool, viewOf } from "../helpers/policy_records.ts";

const STRANGER = { tenant: null, resource: null, method: null };

async function explain(org: TestOrg, request: ExplainRequest, role: "viewer" | "owner" = "viewer") {
  return await org.as(await org.signedIn(role), "read", explainAction(request));
}

async function rule(org: TestOrg, selector: Partial<Selector>, permission: Permission) {
  const got = await org.manage("PUT", "/v1/rules", { selector, permission });
  assert.ok(got.status < 300, got.text);
  return got.body.id as string;
}

Deno.test("explainAction() answers what a check of the same action answers", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const agent = await org.agent({ trust_tier: 1 });
  await org.tool("refund", { tags: ["money"], category: "billing" });
  await org.tool("wipe", { required_tier: 2, default_permission: null });
  await org.tool("strict", { required_facts: ["resource"], default_permission: null });
  await org.tool("off", { status: "disabled" });
  await org.tool("listed", { methods: ["GET"] });
  await org.manage("PUT", "/v1/tenants/acme", { name: "Acme" });
  await rule(org, { tenant_id: "acme", tool_name: "refund" }, "disabled");
  await rule(org, { resource_id: "srv-1", tool_name: "refund", method: "GET" }, "allowed");
  await rule(org, { tag: "money" }, "requires_approval");
  await rule(org, { method: "DELETE" }, "disabled");
  const { keys, agents } = await org.transact(({ snapshot }) => ({
    keys: [...snapshot.apiKeys.values()],
    agents: [...snapshot.agents.values()],
  }));
  const standard = keys.find(({ tier }) => tier === "standard")?.id ?? "";
  const askers = [[standard, org.standard], [agents[0]?.id ?? "", agent]] as const;
  for (const tool of ["refund", "wipe", "strict", "off", "listed", "unknown"]) {
    for (const tenant of [null, "acme", "stranger"]) {
      for (const [resource, method] of [[null, null], ["srv-1", "GET"], ["srv-2", "DELETE"]]) {
        for (const [as, secret] of askers) {
          const action = { tool, tenant, resource: resource ?? null, method: method ?? null };
          const explained = await explain(org, { action, as });
          const got = await org.post("/v1/permissions/check", {
            tool_name: tool,
            ...(tenant === null ? {} : { tenant_id: tenant }),
            ...(resource === null ? {} : { resource_id: resource }),
            ...(method === null ? {} : { method }),
          }, secret);
          assert.equal(got.status, 200, got.text);
          assert.deepEqual(
            [explained.permission, explained.resolved_from, explained.rule?.id ?? null],
            [got.body.permission, got.body.resolved_from, got.body.rule_id],
            JSON.stringify(action),
          );
          assert.ok(
            explained.trace.some(({ level, outcome }) =>
              outcome === "matched" && level === explained.resolved_from
            ),
          );
        }
      }
    }
  }
});

Deno.test("explainAction() under a mandate answers what a check under it answers, step by step", async () => {
  await using countersign = await Countersign.start();
  const scope = {
    tool: "refund",
    decision: "allow",
    resources: ["order-*"],
    budget: { limit_micros: 10, period: "total" },
  };
  const org = await shop(await countersign.org(), { ...BUNDLE, scopes: [scope] });
  const agent = await org.agent({ name: "someone" });
  const mandate_id = await granted(org);
  const { keys, agents } = await org.transact(({ snapshot }) => ({
    keys: [...snapshot.apiKeys.values()],
    agents: [...snapshot.agents.values()],
  }));
  const standard = keys.find(({ tier }) => tier === "standard")?.id ?? "";
  const askers = [[standard, org.standard], [agents[0]?.id ?? "", agent]] as const;
  const size = async () => (await readHead(countersign.services.deps.kv, org.id)).size;
  const compare = async (id: string, resource: string) => {
    for (const [as, secret] of askers) {
      const action = { tool: "refund", tenant: null, resource, method: null };
      const before = await size();
      const explained = await explain(org, { action, as, mandate_id: id });
      assert.equal(await size(), before, "nothing is written");
      const fields = { resource_id: resource, estimated_cost_micros: 0 };
      const got = await checked(org, id, fields, secret);
      assert.deepEqual(
        [explained.permission, explained.resolved_from],
        [got.permission, got.resolved_from],
      );
      assert.ok(explained.trace.some(({ level }) => level === "mandate_scope"));
      const decides = explained.trace.filter(({ level }) => level === explained.resolved_from);
      assert.equal(decides.at(-1)?.outcome, "matched");
    }
  };
  await compare(mandate_id, "order-1");
  await compare(mandate_id, "user-1");
  await compare(mandate_id.replace(/.$/, (last) => last === "0" ? "1" : "0"), "order-1");
  await org.post(`/v1/mandates/${mandate_id}/revoke`, { by: "user" });
  await compare(mandate_id, "order-1");
});

Deno.test("explainAction() writes nothing: no entry, no draft, no new policy version", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const viewer = await org.signedIn("viewer");
  const { kv } = countersign.services.deps;
  const before = await readHead(kv, org.id);
  const request = { action: { ...STRANGER, tool: "unheard_of" }, as: null };
  const explained = await org.as(viewer, "read", explainAction(request));
  assert.equal(explained.tool, null);
  assert.equal(explained.resolved_from, "gate_draft");
  assert.equal((await readHead(kv, org.id)).size, before.size);
  const version = await org.transact(({ snapshot }) => snapshot.version);
  assert.equal(explained.policy_version, version);
  assert.equal(await org.transact(({ snapshot }) => snapshot.tool("unheard_of")), undefined);
});

Deno.test("explainAction() asks behind the wall and the kill switch of who would ask", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("t");
  await org.agent({ name: "walled", tenant_ids: ["acme"] });
  await org.agent({ name: "stopped", kill_switch: { active: true, reason: null } });
  const ids = await org.transact(({ snapshot }) =>
    Object.fromEntries([...snapshot.agents.values()].map(({ name, id }) => [name, id]))
  );
  const action = { ...STRANGER, tool: "t" };
  const walled = await explain(org, { action, as: ids.walled ?? "" });
  assert.equal(walled.action.tenant, "acme");
  const stopped = await explain(org, { action, as: ids.stopped ?? "" });
  assert.equal(stopped.resolved_from, "kill_switch");
  const refused = async (request: ExplainRequest) => {
    const error = await explain(org, request).catch((error: unknown) => error);
    assert.ok(error instanceof Refusal, String(error));
    return error.code;
  };
  assert.equal(
    await refused({ action: { ...action, tenant: "globex" }, as: ids.walled ?? "" }),
    "tenant_not_permitted",
  );
  assert.equal(await refused({ action, as: "agt_nobody" }), "not_found");
  assert.equal(
    await refused({ action: { ...action, tenant: "ann@example.com" }, as: null }),
    "invalid_request",
  );
});

Deno.test("ruleMatrix() sets the rules that concern a tool side by side, by level", () => {
  const rules = [
    aRule("rul_1", { tool_name: "t" }, "requires_approval"),
    aRule("rul_2", { tool_name: "other" }, "disabled"),
    aRule("rul_3", { tag: "money" }, "disabled"),
    aRule("rul_4", { tag: "unrelated" }, "disabled"),
    aRule("rul_5", { resource_id: "r", tool_name: "t" }, "allowed"),
    aRule("rul_6", { resource_id: "r", tool_name: "other" }, "allowed"),
    aRule("rul_7", { method: "DELETE" }, "disabled"),
    aRule("rul_8", { tenant_id: "a", resource_id: "r" }, "disabled"),
    aRule("rul_9", { tenant_id: "b", tool_name: "t" }, "allowed"),
  ];
  const view = viewOf(aPolicy({ tools: [aTool({ tags: ["money"] })], rules, tenants: ["a", "b"] }));
  const matrix = ruleMatrix(view, "t", "a");
  const found = Object.fromEntries(
    matrix.rows.flatMap(({ tenant, org }) =>
      [tenant, org].flatMap((cell) =>
        cell === null || cell.total === 0 ? [] : [[cell.level, cell.rules.map(({ id }) => id)]]
      )
    ),
  );
  assert.deepEqual(found, {
    tenant_resource: ["rul_8"],
    org_resource_tool: ["rul_5"],
    org_tool: ["rul_1"],
    org_method: ["rul_7"],
    org_tag: ["rul_3"],
  });
  assert.deepEqual(matrix.rows.map(({ level }) => level), LEVELS.map(({ name }) => name));
  const inForce = matrix.rows.flatMap(({ tenant, org }) => [tenant?.inForce, org.inForce])
    .filter((one) => one != null);
  assert.deepEqual(inForce.map(({ id }) => id), ["rul_1"]);
  assert.equal(matrix.verdict.resolved_from, "org_tool");
  assert.equal(ruleMatrix(view, "t", null).rows[0]?.tenant, null);
  assert.equal(ruleMatrix(view, "t", "b").verdict.rule?.id, "rul_9");
});

Deno.test("ruleMatrix() shows which fallback decides where no rule does", () => {
  const fallbacks = (view: ReturnType<typeof viewOf>) =>
    ruleMatrix(view, "t", null).fallbacks.map(({ permission, inForce }) => [permission, inForce]);
  assert.deepEqual(fallbacks(viewOf(aPolicy())), [
    [null, false],
    [null, false],
    ["allowed", true],
    ["requires_approval", false],
  ]);
  const categories = [{ name: "c", default_permission: "disabled" as const }];
  const inCategory = aPolicy({ tools: [aTool({ category: "c" })], categories });
  assert.deepEqual(fallbacks(viewOf(inCategory))[1], ["disabled", true]);
  assert.equal(ruleMatrix(viewOf(inCategory), "t", null).fallbacks[1]?.key, "category=c");
  const ofTool = aPolicy({ tools: [aTool({ default_permission: "allowed", category: "c" })] });
  assert.deepEqual(fallbacks(viewOf(ofTool))[0], ["allowed", true]);
  assert.equal(ruleMatrix(viewOf(aPolicy()), "t", null).fallbacks.length, FALLBACKS.length);
});

Deno.test("ruleMatrix() of a draft shows the rule, and the gate that narrows it", () => {
  const tools = [aTool({ status: "draft" })];
  const rules = [aRule("rul_1", { tool_name: "t" }, "allowed")];
  const matrix = ruleMatrix(viewOf(aPolicy({ tools, rules })), "t", null);
  assert.equal(matrix.verdict.resolved_from, "gate_draft");
  assert.equal(matrix.rows.find(({ level }) => level === "tool")?.org.inForce?.id, "rul_1");
});

Deno.test("ruleMatrix() of an operation of an HTTP API goes by its method", () => {
  const upstream = {
    name: "notes",
    tool: "wipe",
    definition_digest: "",
    generation: 0,
    exposed_name: "notes__wipe",
    since: 0,
    drifted: false,
    first: false,
    method: "DELETE",
  };
  const tools = [aTool({ default_permission: "allowed", upstream })];
  const rules = [aRule("rul_1", { method: "DELETE" }, "disabled")];
  const { verdict } = ruleMatrix(viewOf(aPolicy({ tools, rules })), "t", null);
  assert.equal(verdict.permission, "disabled");
});

Deno.test("ruleMatrix() of what stops before the rules has none in force", () => {
  const rules = [aRule("rul_1", { tool_name: "t" }, "allowed")];
  const org = anOrg({ kill_switch: { active: true, reason: null } });
  const matrix = ruleMatrix(viewOf(aPolicy({ org, rules })), "t", null);
  assert.equal(matrix.verdict.resolved_from, "kill_switch");
  assert.ok(matrix.rows.every(({ org }) => org.inForce === null));
  assert.ok(matrix.fallbacks.every(({ inForce }) => !inForce));
  assert.equal(ruleMatrix(viewOf(aPolicy()), "nowhere", null).tool, null);
});

Deno.test("ruleMatrix() shows a hundred rules of a level, and how many there are", () => {
  const rules = Array.from(
    { length: 130 },
    (_, i) =>
      aRule(
        `rul_${String(i).padStart(3, "0")}`,
        { resource_id: `r${i}`, tool_name: "t" },
        "allowed",
      ),
  );
  const matrix = ruleMatrix(viewOf(aPolicy({ rules })), "t", null);
  const cell = matrix.rows.find(({ level }) => level === "resource_tool")?.org;
  assert.deepEqual([cell?.rules.length, cell?.total], [100, 130]);
});

Deno.test("ruleMatrix() leaves out no rule that could decide a call of the tool", () => {
  const part = (values: readonly string[]) => fc.option(fc.constantFrom(...values));
  const selectors = fc.record({
    tenant_id: part(["a"]),
    resource_id: part(["r"]),
    tool_name: part(["t", "other"]),
    method: part(["m"]),
    tag: part(["x", "y"]),
  });
  fc.assert(fc.property(
    fc.array(fc.tuple(selectors, fc.constantFrom(...PERMISSIONS)), { maxLength: 20 }),
    fc.record({ tenant: part(["a"]), resource: part(["r"]), method: part(["m"]) }),
    (given, facts) => {
      const rules = given.map(([selector, permission], i) =>
        aRule(`rul_${i}`, selector, permission)
      )
        .filter(({ selector }) =>
          LEVELS.some(({ parts }) =>
            (["resource_id", "tool_name", "method", "tag"] as const).every((name) =>
              (selector[name] !== null) === (parts as readonly string[]).includes(name)
            )
          )
        );
      const view = viewOf(aPolicy({ tools: [aTool({ tags: ["x"] })], rules }));
      const matrix = ruleMatrix(view, "t", facts.tenant);
      const shown = new Set(
        matrix.rows.flatMap(({ tenant, org }) =>
          [...tenant?.rules ?? [], ...org.rules].map(({ id }) => id)
        ),
      );
      const decided = ask(view, aQuestion(facts)).rule;
      assert.ok(decided === null || shown.has(decided.id));
      for (const { id, selector } of view.rules) {
        const concerns = (selector.tool_name ?? "t") === "t" && (selector.tag ?? "x") === "x" &&
          (selector.tenant_id === null || selector.tenant_id === facts.tenant);
        assert.equal(shown.has(id), concerns, JSON.stringify(selector));
      }
    },
  ));
});
