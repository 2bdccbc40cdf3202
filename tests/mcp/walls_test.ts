import assert from "node:assert/strict";
import { ApprovalOrg, TOOL } from "../helpers/approval_org.ts";
import { grantIn, rawCall, rawPost, said } from "../helpers/mcp_client.ts";

/** The structured answer of a tool. */
Deno.test("tenant wall: an agent's token reaches its own tenant alone, by every tool", async () => {
  await using it = await ApprovalOrg.start();
  await it.org.tool("read_file");
  const acme = await it.org.agent({ tenant_ids: ["acme"] });
  const globex = await it.org.agent({ tenant_ids: ["globex"] });
  const outside = { tool_name: TOOL, tenant_id: "globex" };
  for (
    const [name, args] of [
      ["check_permission", outside],
      ["check_permission", { ...outside, request: true, reason: "x" }],
      ["request_approval", { ...outside, reason: "x", wait_seconds: 0 }],
      ["mint_run_token", { ...outside, tool_name: "read_file" }],
    ] as const
  ) {
    const refused = await said(it.countersign, acme, name, args);
    assert.equal(refused.code, "tenant_not_permitted", name);
    assert.ok(!JSON.stringify(refused.next).includes("globex"), "only its own are named");
  }
  assert.deepEqual(await it.entries("approval.created"), []);
  const theirs = await said(it.countersign, globex, "request_approval", {
    tool_name: TOOL,
    reason: "x",
    wait_seconds: 0,
  });
  for (const reference of [theirs.id, theirs.reference]) {
    for (const name of ["check_approval_status", "cancel_approval"]) {
      assert.equal((await said(it.countersign, acme, name, { reference })).code, "not_found");
    }
  }
  const minted = await said(it.countersign, globex, "mint_run_token", { tool_name: "read_file" });
  const reported = await said(it.countersign, acme, "log_execution", {
    tool_name: "read_file",
    token: minted.token,
    execution_result: "success",
  });
  assert.equal(reported.execution_id, undefined);
  assert.match(reported.code, /^(token_invalid|tenant_not_permitted|not_found)$/);
});

Deno.test("the kill switch of the organization is in force over MCP, for grants and agents", async () => {
  await using it = await ApprovalOrg.start();
  await it.org.tool("read_file");
  const callers = [await it.org.agent(), (await grantIn([[it.org, "owner"]])).token];
  const approved = await it.approved();
  await it.settings({ kill_switch: { active: true, reason: "stop" } });
  for (const token of callers) {
    const { tools } = await said(it.countersign, token, "list_my_tools");
    for (const { permission, resolved_from } of tools) {
      assert.deepEqual([permission, resolved_from], ["disabled", "kill_switch"]);
    }
    for (const tool_name of ["read_file", TOOL]) {
      assert.equal(
        (await said(it.countersign, token, "check_permission", { tool_name })).permission,
        "disabled",
      );
      const minted = await said(it.countersign, token, "mint_run_token", { tool_name });
      assert.equal(minted.code, "tool_disabled");
    }
    const asked = await said(it.countersign, token, "request_approval", {
      tool_name: TOOL,
      reason: "x",
    });
    assert.equal(asked.code, "tool_disabled");
    const named = { tool_name: TOOL, reference: approved.id };
    assert.equal((await said(it.countersign, token, "mint_run_token", named)).token, undefined);
  }
});

Deno.test("one approval gives one run token, of 20 calls at once", async () => {
  await using it = await ApprovalOrg.start();
  const { token } = await grantIn([[it.org, "approver"]]);
  const { id, reference } = await said(it.countersign, token, "request_approval", {
    tool_name: TOOL,
    reason: "x",
    wait_seconds: 0,
  });
  assert.equal((await it.decide(id, "approve")).status, 200);
  const answers = await Promise.all(
    Array.from(
      { length: 20 },
      () => said(it.countersign, token, "mint_run_token", { tool_name: TOOL, reference }),
    ),
  );
  assert.equal(answers.filter(({ token }) => token !== undefined).length, 1);
  for (const { token, code } of answers) {
    if (token === undefined) assert.equal(code, "approval_used");
  }
});

Deno.test("drafts, disabled and foreign tools are in no list", async () => {
  await using it = await ApprovalOrg.start();
  const second = await it.countersign.org();
  await second.tool("theirs");
  const token = await it.org.agent();
  await said(it.countersign, token, "check_permission", { tool_name: "unknown_tool" });
  const { tools } = await said(it.countersign, token, "list_my_tools");
  assert.deepEqual(tools.map(({ tool_name }: { tool_name: string }) => tool_name), [TOOL]);
});

Deno.test("held call exhaustion: a batch that cancels its own calls leaves no stream open", async () => {
  await using it = await ApprovalOrg.start();
  const headers = { authorization: `Bearer ${await it.org.agent()}` };
  const call = (id: number, name: string, args: object) => ({
    jsonrpc: "2.0",
    id,
    method: "tools/call",
    params: { name, arguments: args },
  });
  const cancel = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } };
  const checks = call(1, "check_permission", { tool_name: TOOL });
  const asks = call(1, "request_approval", { tool_name: TOOL, reason: "x", wait_seconds: 0 });
  for (const batch of [[cancel, checks], [checks, cancel], [asks, cancel]]) {
    const limit = AbortSignal.timeout(10_000);
    const answer = await rawPost(it.countersign, JSON.stringify(batch), headers, limit);
    assert.equal(answer.status, 200);
    assert.equal(answer.messages.at(-1).id, 1);
  }
  for (const alone of [[cancel], cancel]) {
    assert.equal((await rawPost(it.countersign, JSON.stringify(alone), headers)).status, 202);
  }
});

Deno.test("id confusion: answers of a batch bear the ids that were asked, of one caller only", async () => {
  await using it = await ApprovalOrg.start();
  const [one, other] = [await it.org.agent(), await it.org.agent()];
  const listed = (id: unknown) => ({ jsonrpc: "2.0", id, method: "tools/list" });
  const answers = await Promise.all(
    [one, other].map((token, i) =>
      rawPost(it.countersign, JSON.stringify([listed(i), listed(`${i}`)]), {
        authorization: `Bearer ${token}`,
      })
    ),
  );
  answers.forEach(({ messages }, i) => {
    const ids = messages.flat().map(({ id }) => id);
    assert.deepEqual(new Set(ids), new Set([i, `${i}`]));
  });
  for (const id of [null, {}, 1.5]) {
    const headers = { authorization: `Bearer ${one}` };
    const answer = await rawPost(it.countersign, JSON.stringify(listed(id)), headers);
    assert.equal(answer.status, 400);
  }
});

Deno.test("nothing that is asked for by subscription keeps a stream open", async () => {
  await using it = await ApprovalOrg.start();
  const token = await it.org.agent();
  const notifications = {
    toolsListChanged: true,
    promptsListChanged: true,
    resourcesListChanged: true,
    resourceSubscriptions: ["countersign://status"],
  };
  const answer = await rawCall(
    it.countersign,
    "subscriptions/listen",
    { notifications },
    { token, signal: AbortSignal.timeout(10_000) },
  );
  assert.equal(answer.status, 200);
});

Deno.test("id confusion: of calls at the same time each is answered in its own organization", async () => {
  await using it = await ApprovalOrg.start();
  const orgs = [it.org, await it.countersign.org(), await it.countersign.org()];
  const tokens = await Promise.all(orgs.map((org) => org.agent()));
  const calls = Array.from({ length: 60 }, (_, i) => {
    const [name, args] = i % 2 === 0
      ? ["check_permission", { tool_name: TOOL, reference_id: `call-${i}` }] as const
      : ["request_approval", { tool_name: TOOL, reason: `${i}`, wait_seconds: 0 }] as const;
    const at = i % orgs.length;
    return { of: orgs[at]?.id, answer: said(it.countersign, tokens[at] ?? "", name, args) };
  });
  for (const { of, answer } of calls) assert.equal((await answer).org, of);
});
