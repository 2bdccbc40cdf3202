import assert from "node:assert/strict";
import { draftToolRecord } from "../../lib/policy/draft_tool.ts";
import * as keys from "../../lib/store/keys.ts";
import { toolRecord } from "../../lib/store/records/policy.ts";
import { Countersign, type Got, type TestOrg } from "../helpers/countersign.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

const CHECK = "/v1/permissions/check";
const HOUR = 60 * 60 * 1000;

function ask(org: TestOrg, tool_name: string, key = org.standard): Promise<Got> {
  return org.post(CHECK, { tool_name }, key);
}

function toolsOf(org: TestOrg): Promise<Deno.KvEntry<unknown>[]> {
  const { kv } = org.countersign.services.deps;
  return Array.fromAsync(kv.list({ prefix: keys.toolPrefix(org.id) }));
}

async function setOrg(org: TestOrg, fields: object): Promise<void> {
  await org.transact((transaction) => {
    transaction.setPolicy(keys.orgKey(org.id), { ...transaction.snapshot.org, ...fields });
  });
}

/** Held at the cap: the answer that every unknown tool gets, and no tool with it. */
function assertCapped(got: Got): void {
  const { permission, resolved_from, tool } = got.body;
  assert.deepEqual([permission, resolved_from, tool], ["requires_approval", "gate_draft", null]);
}

Deno.test("asking about an unknown tool registers a draft that is assumed dangerous", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const got = await ask(org, "drop_tables");
  assert.deepEqual(
    [got.body.permission, got.body.resolved_from, got.body.tool.name, got.body.tool.status],
    ["requires_approval", "gate_draft", "drop_tables", "draft"],
  );
  const [row, ...others] = await toolsOf(org);
  assert.deepEqual(others, []);
  const record = toolRecord.parse(row?.value);
  assert.equal(record.id, got.body.tool.id);
  assert.deepEqual(record.annotations, {
    read_only: false,
    destructive: true,
    idempotent: false,
    open_world: true,
  });
  assert.deepEqual(
    [record.status, record.discovered, record.annotations_acknowledged, record.default_permission],
    ["draft", true, false, "requires_approval"],
  );
  const log = await verifiedLog(countersign.services.deps, org.id);
  const [checked, created] = log.slice(-2).map(({ entry }) => entry);
  assert.equal(checked?.type, "permission.checked");
  assert.equal(created?.type, "tool.auto_created");
  assert.deepEqual(created?.subject, { tool: "drop_tables" });
  assert.deepEqual(created?.actor, checked?.actor);

  const again = await ask(org, "drop_tables");
  assert.equal(again.body.tool.id, got.body.tool.id, "the second question finds the same draft");
  assert.equal((await toolsOf(org)).length, 1);
});

Deno.test("a rule that disables a name holds for a tool that nobody has registered", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const selector = { tenant_id: null, resource_id: null, tool_name: "rm", method: null, tag: null };
  await org.transact((transaction) => {
    const times = { created_at: transaction.at, updated_at: transaction.at };
    const rule = { id: "rul_1", selector, permission: "disabled", note: null, ...times };
    transaction.setPolicy(keys.ruleKey(org.id, selector), rule);
  });
  const got = await ask(org, "rm");
  assert.deepEqual([got.body.permission, got.body.resolved_from], ["disabled", "org_tool"]);
});

Deno.test("a caller makes at most 10 drafts an hour, and after an hour there is room again", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  for (let i = 0; i < 10; i++) {
    assert.notEqual((await ask(org, `tool_${i}`)).body.tool, null);
    countersign.clock.advance(1000);
  }
  assertCapped(await ask(org, "tool_10"));
  assert.equal((await toolsOf(org)).length, 10);
  assert.notEqual((await ask(org, "other", await org.agent())).body.tool, null, "another caller");
  countersign.clock.advance(HOUR - 10_001);
  assertCapped(await ask(org, "tool_10"));
  countersign.clock.advance(1);
  assert.notEqual((await ask(org, "tool_10")).body.tool, null, "the first of ten is an hour old");
  assertCapped(await ask(org, "tool_11"));
});

Deno.test("an org gets at most 50 drafts an hour from all its callers", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const callers = await Promise.all(Array.from({ length: 6 }, () => org.agent()));
  for (const [n, caller] of callers.slice(0, 5).entries()) {
    for (let i = 0; i < 10; i++) {
      assert.notEqual((await ask(org, `tool_${n}_${i}`, caller)).body.tool, null);
    }
  }
  assertCapped(await ask(org, "tool_5_0", callers[5]));
  assert.equal((await toolsOf(org)).length, 50);
  countersign.clock.advance(HOUR);
  assert.notEqual((await ask(org, "tool_5_0", callers[5])).body.tool, null);
});

Deno.test("500 drafts that nobody has looked at are the most, until some are triaged", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.transact((transaction) => {
    for (let i = 0; i < 500; i++) {
      const name = `waiting_${i}`;
      const draft = draftToolRecord(name, transaction.id("tol"), transaction.at);
      transaction.setPolicy(keys.toolKey(org.id, name), draft);
    }
  });
  assertCapped(await ask(org, "one_more"));
  await org.transact((transaction) => {
    const tool = transaction.snapshot.tool("waiting_0");
    transaction.setPolicy(keys.toolKey(org.id, "waiting_0"), { ...tool, status: "disabled" });
  });
  assert.notEqual((await ask(org, "one_more")).body.tool, null);
  assertCapped(await ask(org, "two_more"));
});

Deno.test("each of the caps is what the org sets it to, from the next question on", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const set = (fields: object) => org.manage("PATCH", "/v1/org", fields);
  const agent = await org.agent();
  await set({ discovery_max_per_caller_per_hour: 1 });
  assert.notEqual((await ask(org, "one")).body.tool, null);
  assertCapped(await ask(org, "two"));
  await set({ discovery_max_per_hour: 1 });
  assertCapped(await ask(org, "two", agent));
  countersign.clock.advance(HOUR);
  await set({ discovery_max_untriaged: 1 });
  assertCapped(await ask(org, "two", agent));
  await setOrg(org, { discovery_max_untriaged: 2 });
  assert.notEqual((await ask(org, "two", agent)).body.tool, null);
  await set({ discovery_max_per_caller_per_hour: 0 });
  countersign.clock.advance(HOUR);
  assertCapped(await ask(org, "three"));
});

Deno.test("with discovery off, or for MCP only, an unknown tool is disabled and stays unknown", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  for (const discovery of ["off", "mcp"]) {
    await setOrg(org, { discovery });
    const { body } = await ask(org, "unknown");
    assert.deepEqual(
      [body.permission, body.resolved_from, body.tool],
      ["disabled", "gate_unknown_tool", null],
    );
  }
  assert.deepEqual(await toolsOf(org), []);
});

Deno.test("a kill switch of the org or of the agent that asks leaves no draft", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const stopped = { active: true, reason: null };
  const killed = await org.agent({ kill_switch: stopped });
  assert.equal((await ask(org, "unknown", killed)).body.resolved_from, "kill_switch");
  await setOrg(org, { kill_switch: stopped });
  assert.equal((await ask(org, "unknown")).body.resolved_from, "kill_switch");
  assert.deepEqual(await toolsOf(org), []);
});

Deno.test("discovery flood: 300 parallel unknown names make 10 drafts and 300 entries", async () => {
  await using one = await Countersign.start();
  await using two = await one.another();
  const org = await one.org();
  const answers = await Promise.all(
    Array.from({ length: 300 }, (_, i) =>
      (i % 2 === 0 ? one : two).request("POST", CHECK, {
        key: org.standard,
        body: { tool_name: `flood_${i}` },
      })),
  );
  for (const { status, body } of answers) {
    assert.equal(status, 200);
    assert.deepEqual([body.permission, body.resolved_from], ["requires_approval", "gate_draft"]);
  }
  assert.equal(answers.filter(({ body }) => body.tool !== null).length, 10);
  assert.equal((await toolsOf(org)).length, 10);
  const log = await verifiedLog(one.services.deps, org.id);
  assert.equal(log.filter(({ entry }) => entry.type === "permission.checked").length, 300);
  assert.equal(log.filter(({ entry }) => entry.type === "tool.auto_created").length, 10);
});

Deno.test("a batch about unknown tools keeps to the caps too, and names each draft once", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const names = [...Array.from({ length: 30 }, (_, i) => `tool_${i}`), "tool_0", "tool_29"];
  const got = await org.post("/v1/permissions/check-batch", {
    checks: names.map((tool_name) => ({ tool_name })),
  });
  const tools = got.body.results.map(({ tool }: { tool: { id: string } | null }) => tool?.id);
  assert.equal(new Set(tools).size, 11, "ten drafts, and none for the rest");
  assert.equal(tools[30], tools[0], "the same name is the same draft");
  assert.equal(tools[31], undefined);
  assert.equal((await toolsOf(org)).length, 10);
});

Deno.test("unicode look-alikes and names that could be mistaken for paths are refused", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const names = [
    "dep\u043boy", // Cyrillic
    "deploy\u200b", // zero-width space
    "deploy\u202e", // right-to-left override
    "deploy\u0000",
    "deploy\n",
    "\uff44eploy", // full-width
    "de\u0301ploy",
    "deploy\ud800",
    "two words",
    "../deploy",
    "a//b",
    "/deploy",
    "deploy/",
    ".",
    "",
    "x".repeat(129),
  ];
  for (const name of names) {
    const got = await ask(org, name);
    assert.equal(got.status, 422, JSON.stringify(name));
  }
  assert.deepEqual(await toolsOf(org), []);
});
