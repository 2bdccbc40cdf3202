import assert from "node:assert/strict";
import { changeOrg } from "../../lib/catalog/org_settings.ts";
import { Countersign, INVITED } from "../helpers/countersign.ts";
import { assertProblem, refused } from "../helpers/refused.ts";
import { configEntries } from "./changes.ts";

Deno.test("The settings of an org are read, changed, and each change is in the log", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const read = await org.get("/v1/org");
  assert.equal(read.status, 200);
  const { policy_version, ...settings } = read.body;
  assert.deepEqual(settings, {
    id: org.id,
    name: "test",
    log_origin: `${countersign.services.settings.url.host}/log/${org.id}`,
    approval_timeout_seconds: 3600,
    approval_use_seconds: 900,
    report_within_seconds: 3600,
    discovery: "all",
    discovery_max_per_hour: 50,
    discovery_max_per_caller_per_hour: 10,
    discovery_max_untriaged: 500,
    retain_arguments: true,
    separation_of_duties: false,
    strict_levels: true,
    strict_levels_by: null,
    api_decisions: true,
    confirm_by: "app",
    allow_personal_ids: false,
    kill_switch: { active: false, reason: null },
    recovery_hold_hours: 24,
    budget_alert_percent: [80, 100],
    allowly: true,
    register_from_policies: false,
    created_at: "2026-01-01T00:00:00.000Z",
    budget: null,
  });

  const change = {
    name: "Acme",
    approval_timeout_seconds: 60,
    approval_use_seconds: 60,
    report_within_seconds: 604_800,
    discovery: "mcp",
    discovery_max_per_hour: 5,
    discovery_max_per_caller_per_hour: 0,
    discovery_max_untriaged: 499,
    retain_arguments: false,
    separation_of_duties: true,
    api_decisions: false,
    recovery_hold_hours: 48,
    budget_alert_percent: [50],
  };
  const changed = await org.manage("PATCH", "/v1/org", change);
  assert.equal(changed.status, 200);
  assert.deepEqual(changed.body, {
    ...settings,
    ...change,
    policy_version: policy_version + 1,
  });
  assert.deepEqual((await org.get("/v1/org")).body, changed.body);

  const again = await org.manage("PATCH", "/v1/org", { ...change, allow_personal_ids: false });
  assert.equal(again.status, 200);
  assert.deepEqual(again.body, changed.body, "what changes nothing makes no version");
  assert.deepEqual((await org.manage("PATCH", "/v1/org", {})).body, changed.body);
  assert.deepEqual(await configEntries(org), [{
    type: "org.set",
    subject: { org: org.id },
    data: { changed: change, policy_version: policy_version + 1 },
  }]);
});

Deno.test("What all may cost together is a setting of the org, and the budget of its scope", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const budget = { limit_micros: 500, period: "day", ask_above_micros: null };
  const set = await org.manage("PATCH", "/v1/org", { budget });
  assert.deepEqual([set.status, set.body.budget], [200, budget], set.text);
  assert.deepEqual((await org.get("/v1/org")).body, set.body);
  const [listed] = (await org.get("/v1/budgets?scope=org")).body.data;
  assert.deepEqual([listed.limit, listed.period], [500, "day"]);

  await org.manage("PUT", "/v1/budgets/org", { limit_micros: 7, period: "week" });
  const other = { limit_micros: 7, period: "week", ask_above_micros: null };
  const named = await org.manage("PATCH", "/v1/org", { name: "Acme", budget: other });
  assert.deepEqual([named.body.name, named.body.budget], ["Acme", other]);
  for (const budget of [{ limit_micros: -1, period: "day" }, { limit_micros: 1 }, 5]) {
    assertProblem(await org.manage("PATCH", "/v1/org", { budget }), 422, "invalid_request");
  }
  // What is refused for another setting sets no budget either.
  const refused = await org.manage("PATCH", "/v1/org", { budget: null, strict_levels: false });
  assertProblem(refused, 403, "owner_required");
  const removed = await org.manage("PATCH", "/v1/org", { budget: null });
  assert.deepEqual([removed.status, removed.body.budget], [200, null]);
  assert.equal((await org.manage("PATCH", "/v1/org", { budget: null })).status, 200);
  assert.deepEqual((await org.get("/v1/budgets?scope=org")).body.data, []);
  const { data } = (await org.get("/v1/activity?order=asc")).body;
  const told = data.map(({ type }: { type: string }) => type)
    .filter((type: string) => type.startsWith("budget."));
  assert.deepEqual(told, ["budget.set", "budget.set", "budget.removed"]);
});

Deno.test("PATCH /v1/org refuses values that do not fit, and changes nothing", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const before = await org.get("/v1/org");
  const cases: [unknown, string][] = [
    [{ name: "" }, "/name"],
    [{ name: null }, "/name"],
    [{ approval_timeout_seconds: 59 }, "/approval_timeout_seconds"],
    [{ approval_timeout_seconds: 604_801 }, "/approval_timeout_seconds"],
    [{ approval_timeout_seconds: 60.5 }, "/approval_timeout_seconds"],
    [{ approval_use_seconds: 86_401 }, "/approval_use_seconds"],
    [{ report_within_seconds: "3600" }, "/report_within_seconds"],
    [{ discovery_max_per_hour: 1001 }, "/discovery_max_per_hour"],
    [{ discovery_max_per_caller_per_hour: -1 }, "/discovery_max_per_caller_per_hour"],
    [{ discovery_max_untriaged: 5001 }, "/discovery_max_untriaged"],
    [{ discovery: "some" }, "/discovery"],
    [{ kill_switch: {} }, "/kill_switch/active"],
    [{ kill_switch: { active: true, reason: "x".repeat(501) } }, "/kill_switch/reason"],
    [{ name: "x", id: "org_other" }, "/id"],
    [{ log_origin: "elsewhere/log" }, "/log_origin"],
  ];
  for (const [body, path] of cases) {
    assertProblem(await org.manage("PATCH", "/v1/org", body), 422, "invalid_request", path);
  }
  assertProblem(await org.manage("PATCH", "/v1/org", "{"), 400, "malformed_json");
  const twice = await org.manage("PATCH", "/v1/org", '{"name":"a","name":"b"}');
  assertProblem(twice, 422, "duplicate_key");
  assert.deepEqual((await org.get("/v1/org")).body, before.body);
});

Deno.test("Policies register what they name by an owner, and by a key until one has a passkey", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const set = (change: object) => org.manage("PATCH", "/v1/org", change);
  assert.equal((await set({ register_from_policies: true })).status, 200);
  assert.equal((await set({ register_from_policies: false, allowly: false })).status, 200);
  assertProblem(await set({ allowly: true }), 403, "owner_required");
  await org.member("owner@example.com", { role: "owner" });
  assertProblem(await set({ register_from_policies: true }), 403, "owner_required");
});

Deno.test("A key does not allow personal ids: that is for an owner", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const got = await org.manage("PATCH", "/v1/org", { name: "x", allow_personal_ids: true });
  assertProblem(got, 403, "owner_required");
  assert.equal((await org.get("/v1/org")).body.name, "test");
});

Deno.test("The kill switch of an org stops the next check, and its reason is private", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart");
  const check = async () => {
    const { body } = await org.post("/v1/permissions/check", { tool_name: "restart" });
    return `${body.permission} ${body.resolved_from}`;
  };
  assert.equal(await check(), "allowed tool_default");
  const kill_switch = { active: true, reason: "Jo saw something odd" };
  const on = await org.manage("PATCH", "/v1/org", { kill_switch });
  assert.deepEqual(on.body.kill_switch, kill_switch);
  assert.equal(await check(), "disabled kill_switch");
  const off = await org.manage("PATCH", "/v1/org", { kill_switch: { active: false } });
  assert.deepEqual(off.body.kill_switch, { active: false, reason: null });
  assert.equal(await check(), "allowed tool_default");

  const [first, second] = await configEntries(org);
  assert.deepEqual(first?.data.changed, { kill_switch: true });
  assert.match(String(first?.data.kill_switch_reason_digest), /^sha256:/);
  assert.deepEqual(second?.data.changed, { kill_switch: false });
});

Deno.test("A key sets what narrows; what lets more through is for an owner under a passkey", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const narrow = {
    discovery: "off",
    discovery_max_per_hour: 49,
    discovery_max_per_caller_per_hour: 0,
    discovery_max_untriaged: 0,
    separation_of_duties: true,
    strict_levels: true,
    api_decisions: false,
    approval_timeout_seconds: 60,
    approval_use_seconds: 60,
    recovery_hold_hours: 48,
    allow_personal_ids: false,
  };
  const wide = {
    discovery: "mcp",
    discovery_max_per_hour: 50,
    discovery_max_per_caller_per_hour: 1,
    discovery_max_untriaged: 1,
    separation_of_duties: false,
    strict_levels: false,
    api_decisions: true,
    approval_timeout_seconds: 61,
    approval_use_seconds: 61,
    recovery_hold_hours: 47,
    allow_personal_ids: true,
  };
  assert.equal((await org.manage("PATCH", "/v1/org", narrow)).status, 200);
  const before = (await org.get("/v1/org")).body;
  for (const [field, value] of Object.entries(wide)) {
    for (const change of [{ [field]: value }, { name: "Other", [field]: value }]) {
      assertProblem(await org.manage("PATCH", "/v1/org", change), 403, "owner_required");
    }
    const settings = (await org.get("/v1/org")).body;
    assert.deepEqual(settings, before, field);
  }
  const owner = await org.signedIn("owner");
  const stale = await org.signedIn("owner", { fresh: false });
  const admin = await org.signedIn("admin");
  const set = (session: typeof owner) =>
    org.as(session, "configure", changeOrg({ strict_levels: false }, "req"));
  await refused(set(stale), "fresh_assertion_required");
  await refused(set(admin), "role_required");
  await set(owner);
  const chosen = (await org.get("/v1/org")).body;
  assert.deepEqual([chosen.strict_levels, chosen.strict_levels_by], [false, owner.member.id]);
  // What an owner chose stands, until somebody narrows it again.
  assert.equal((await org.manage("PATCH", "/v1/org", { strict_levels: false })).status, 200);
  assert.equal((await org.manage("PATCH", "/v1/org", { strict_levels: true })).status, 200);
  assert.equal((await org.get("/v1/org")).body.strict_levels_by, null);
  assertProblem(
    await org.manage("PATCH", "/v1/org", { strict_levels: false }),
    403,
    "owner_required",
  );
});

Deno.test("Once an owner has a passkey, a key switches a kill switch on but not off", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart");
  await org.member("jo@example.com", { role: "owner", ...INVITED });
  const on = { kill_switch: { active: true, reason: "first" } };
  const off = { kill_switch: { active: false } };
  for (const path of ["/v1/org", "/v1/tools/restart"]) {
    assert.equal((await org.manage("PATCH", path, on)).status, 200);
    assert.equal((await org.manage("PATCH", path, off)).status, 200, "no passkey yet");
    assert.equal((await org.manage("PATCH", path, on)).status, 200);
  }
  await org.member("jo@example.com", { role: "owner", has_passkey: true });
  for (const path of ["/v1/org", "/v1/tools/restart"]) {
    assertProblem(await org.manage("PATCH", path, off), 403, "owner_required");
    const reworded = { kill_switch: { active: true, reason: "second" } };
    assert.equal((await org.manage("PATCH", path, reworded)).status, 200);
    assert.deepEqual((await org.get(path)).body.kill_switch, reworded.kill_switch);
  }
});
