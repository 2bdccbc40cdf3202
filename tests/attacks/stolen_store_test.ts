import assert from "node:assert/strict";
import { bootstrap } from "../../lib/catalog/create_org.ts";
import { ApprovalOrg, TOOL } from "../helpers/approval_org.ts";
import { TestClock } from "../helpers/countersign.ts";

/** Every row as text, bytes as Latin-1, so that whatever lies in clear shows. */
async function dump(it: ApprovalOrg): Promise<string[]> {
  const rows: string[] = [];
  for await (const { key, value } of it.countersign.services.deps.kv.list({ prefix: [] })) {
    rows.push(`${key.map(String).join(" ")} = ${spread(value)}`);
  }
  return rows;
}

function spread(value: unknown): string {
  if (value instanceof Uint8Array) return new TextDecoder("latin1").decode(value);
  if (Array.isArray(value)) return value.map(spread).join(" ");
  if (typeof value !== "object" || value === null) return String(value);
  return Object.entries(value).map(([name, each]) => `${name}: ${spread(each)}`).join(" ");
}

Deno.test("attack: a stolen store yields no secret, token, reason, argument, note or address", async () => {
  await using it = await ApprovalOrg.start({
    variables: { COUNTERSIGN_BOOTSTRAP_OWNER: "owner@example.com" },
  });
  await bootstrap(it.countersign.services);
  const { org } = it;
  await org.tool("restart");
  const hidden: string[] = [org.standard, org.management, org.approver];
  const hide = (text: string) => {
    hidden.push(text);
    return text;
  };
  const headers = { "idempotency-key": hide("repeat-me-7781"), "user-agent": hide("Agent-4471/1") };
  const send = async (path: string, body: unknown, key = org.standard) => {
    const got = await org.post(path, body, key, headers);
    assert.ok(got.status < 300, got.text);
    return got.body;
  };
  const made = await send("/v1/api-keys", { name: "k", tier: "standard" }, org.management);
  const agent = await send("/v1/agents", {
    name: "a",
    kill_switch: { active: false, reason: null },
  }, org.management);
  const rotated = await send(`/v1/agents/${agent.id}/rotate`, undefined, org.management);
  hidden.push(made.key, agent.token, rotated.token);

  const text = {
    reason: hide("because-9931"),
    arguments: { [hide("name-1127")]: hide("value-3305") },
  };
  await send("/v1/permissions/check", { tool_name: "restart", ...text });
  const minted = await send("/v1/tokens/mint", {
    tool_name: "restart",
    arguments: { a: hide("minted-value-6642") },
  });
  hidden.push(minted.token, minted.token.split(".")[1]);
  const spent = await send("/v1/tokens/mint", {
    tool_name: "restart",
    method: "POST",
    arguments: { a: hide("spent-value-6642") },
  }, made.key);
  hidden.push(spent.token);
  await org.post("/v1/tokens/consume", { token: spent.token, tool_name: "restart" });
  const held = await send("/v1/approvals", {
    tool_name: TOOL,
    reason: hide("please-8080"),
    context: { [hide("why-7712")]: hide("context-2213") },
    arguments: { id: hide("approval-argument-9") },
  });
  const again = await org.post("/v1/approvals", {
    tool_name: TOOL,
    reason: hide("again-4141"),
    context: { more: hide("again-context-12") },
    arguments: { id: "approval-argument-9" },
  });
  assert.equal(again.status, 200);
  const decide = { decision: "approve", decided_by: "ann@example.com", note: hide("noted-6611") };
  await send(`/v1/approvals/${held.id}/decide`, decide, org.approver);
  await send("/v1/executions/log", {
    tool_name: "restart",
    token: minted.token,
    execution_result: "error",
    error: hide("failure-1973"),
  });
  hide("127.0.0.1");
  await org.get("/v1/audit/checkpoint");
  await it.countersign.services.lastUsed.flush();

  const rows = (await dump(it)).map((row) =>
    row.replaceAll(it.countersign.services.settings.url.host, "")
  );
  assert.ok(rows.length > 30);
  for (const secret of hidden) {
    for (const encoded of [secret, btoa(secret), encodeURIComponent(secret)]) {
      const found = rows.find((row) => row.includes(encoded));
      assert.equal(found, undefined, `${secret} is readable in ${found?.slice(0, 200)}`);
    }
  }
});

Deno.test("what lies in clear in a stolen store is what the threat model says", async () => {
  await using it = await ApprovalOrg.start();
  const { org } = it;
  const kill_switch = { active: true, reason: "stop-why-1" };
  await org.manage("POST", "/v1/agents", { name: "billing-bot", kill_switch });
  await org.manage("PUT", "/v1/tenants/acme", { name: "Acme Inc.", metadata: { plan: "gold" } });
  await org.manage("PUT", "/v1/rules", {
    selector: { tenant_id: "acme", tool_name: TOOL },
    permission: "allowed",
    note: "rule-note-1",
  });
  await it.ask({ resource_id: "server-1", method: "DELETE", reference_id: "ticket-1" });
  const rows = await dump(it);
  const where = (text: string) =>
    [...new Set(rows.filter((row) => row.includes(text)).map((row) => row.split(" ", 1)[0]))]
      .sort();
  // Members' addresses are the keys that decisions look them up by, and are named where the newest
  // policy versions say which keys they changed.
  assert.deepEqual(where("ann@example.com"), ["member", "policy_change"]);
  assert.deepEqual(where("billing-bot"), ["agent"]);
  assert.deepEqual(where("stop-why-1"), ["agent"]);
  assert.deepEqual(where("Acme Inc."), ["tenant"]);
  assert.deepEqual(where("gold"), ["tenant"]);
  assert.deepEqual(where("rule-note-1"), ["rule"]);
  assert.deepEqual(where("ticket-1"), ["approval", "log"]);
  assert.deepEqual(where("server-1"), ["approval", "approval_pending", "log"]);
});

Deno.test("attack: an id that looks like a person's address does not get into the log", async () => {
  await using it = await ApprovalOrg.start();
  const { org } = it;
  await org.tool("restart");
  const reached = { tool_name: "restart" };
  for (const ids of [{ tenant_id: "jo@example.com" }, { resource_id: "mailto:jo%40example.com" }]) {
    const bodies: [string, unknown][] = [
      ["/v1/permissions/check", { ...reached, ...ids }],
      ["/v1/tokens/mint", { ...reached, ...ids }],
      ["/v1/approvals", { tool_name: TOOL, reason: "x", ...ids }],
      ["/v1/executions/log", { ...reached, ...ids, execution_result: "success" }],
    ];
    for (const [path, body] of bodies) {
      const got = await org.post(path, body);
      assert.equal(`${got.status} ${got.body.code}`, "422 invalid_request", path);
      assert.match(got.body.errors[0].path, /^\/(tenant|resource)_id$/);
    }
    const { body } = await org.post("/v1/permissions/check-batch", {
      checks: [{ ...reached, ...ids }, reached],
    });
    assert.equal(body.results[0].error.code, "invalid_request");
    assert.equal(body.results[1].permission, "allowed");
  }
  assert.ok(!JSON.stringify(await it.entries()).includes("jo@"));
  await it.settings({ allow_personal_ids: true });
  const allowed = await org.post("/v1/permissions/check", {
    ...reached,
    tenant_id: "jo@example.com",
  });
  assert.equal(allowed.status, 200);
});

Deno.test("attack: a sealed row moved to another's place does not open, and grants nothing", async () => {
  const clock = new TestClock();
  await using it = await ApprovalOrg.start({ clock });
  const { kv } = it.countersign.services.deps;
  const one = await it.pending({ arguments: { amount: 1 } });
  const two = await it.pending({ arguments: { amount: 1_000_000 } });
  const rows = new Map<string, Deno.KvEntry<unknown>>();
  for await (const entry of kv.list({ prefix: ["approval_view"] })) {
    rows.set(entry.key.slice(2).join(" "), entry);
  }
  // What the approver is shown of the large one is to be the small one's.
  for (const [name, { value }] of rows) {
    if (!name.startsWith(one.id)) continue;
    const target = rows.get(name.replace(one.id, two.id));
    if (target !== undefined) await kv.set(target.key, value);
  }
  const shown = await it.get(two.id, it.org.approver);
  assert.ok(shown.status >= 500, shown.text);
  assert.ok(!shown.text.includes("amount"));
  assert.notEqual((await it.decide(two.id, "approve")).status, 200);
});
