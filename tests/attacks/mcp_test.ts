import assert from "node:assert/strict";
import * as keys from "../../lib/store/keys.ts";
import type { MemberRecord } from "../../lib/store/records/identity.ts";
import { USUAL_BODY } from "../../routes/http/inputs.ts";
import { ApprovalOrg, TOOL } from "../helpers/approval_org.ts";
import {
  grantIn,
  rawCall,
  rawPost,
  rawTool,
  resultOf,
  said,
  type TestGrant,
} from "../helpers/mcp_client.ts";
import { rawAnswer } from "../helpers/raw_request.ts";

const ASK = { tool_name: TOOL, reason: "mine", wait_seconds: 0 };

/** The structured answer of a tool. */
async function changeMember(
  it: ApprovalOrg,
  grant: TestGrant,
  fields: Partial<MemberRecord> | null,
): Promise<void> {
  const member = grant.members.get(it.org.id) ?? assert.fail("no member");
  await it.org.transact((transaction) => {
    const key = keys.memberKey(it.org.id, member.email);
    if (fields === null) transaction.deletePolicy(key);
    else transaction.setPolicy(key, { ...member, ...fields });
  });
}

Deno.test("foreign approval reference: another's request is not there, by id or reference", async () => {
  await using it = await ApprovalOrg.start();
  const second = await it.countersign.org();
  await second.tool(TOOL, { default_permission: "requires_approval" });
  const mine = await it.org.agent();
  const strangers = [
    await it.org.agent(),
    (await grantIn([[it.org, "owner"]])).token,
    (await grantIn([[second, "owner"]])).token,
    await second.agent(),
  ];
  const { id, reference } = await said(it.countersign, mine, "request_approval", ASK);
  await it.decide(id, "approve");
  const unknown = "REF-00000000-0000";
  for (const stranger of strangers) {
    for (const name of ["check_approval_status", "cancel_approval"]) {
      const answers = [];
      for (const named of [id, reference, unknown]) {
        const { request_id: _, ...answer } = await said(it.countersign, stranger, name, {
          reference: named,
        });
        answers.push(answer);
      }
      assert.equal(answers[0].code, "not_found");
      assert.deepEqual(answers[0], answers[2], "as for one that does not exist");
      assert.deepEqual(answers[1], answers[2]);
    }
    const minted = await said(it.countersign, stranger, "mint_run_token", {
      tool_name: TOOL,
      reference,
    });
    assert.deepEqual([minted.isError, minted.token], [true, undefined]);
    const listed = await said(it.countersign, stranger, "list_pending_approvals");
    assert.deepEqual(listed.approvals, []);
  }
});

Deno.test("foreign run token: one that another minted is no token here", async () => {
  await using it = await ApprovalOrg.start();
  await it.org.tool("read_file");
  const second = await it.countersign.org();
  const { token } = await said(it.countersign, await it.org.agent(), "mint_run_token", {
    tool_name: "read_file",
  });
  const report = { tool_name: "read_file", token, execution_result: "success" };
  const stranger = await said(it.countersign, await second.agent(), "log_execution", report);
  assert.deepEqual([stranger.isError, stranger.code], [true, "token_invalid"]);
});

Deno.test("org escalation: an org outside the grant answers as one that does not exist", async () => {
  await using it = await ApprovalOrg.start();
  const second = await it.countersign.org();
  const agent = await it.org.agent();
  const { token } = await grantIn([[it.org, "owner"]]);
  for (const credential of [agent, token]) {
    const answers = [];
    for (const org of [second.id, "org_" + "0".repeat(26), "nonsense"]) {
      const { request_id: _, ...answer } = await said(
        it.countersign,
        credential,
        "check_permission",
        {
          tool_name: TOOL,
          org,
        },
      );
      answers.push(answer);
    }
    assert.equal(answers[0]?.code, "not_found");
    assert.deepEqual(answers[0], answers[1]);
    assert.deepEqual(answers[0], answers[2]);
  }
});

Deno.test("org escalation: a membership that ended is not reached, the others are", async () => {
  await using it = await ApprovalOrg.start();
  const second = await it.countersign.org();
  const grant = await grantIn([[it.org, "admin"], [second, "admin"]]);
  await changeMember(it, grant, null);
  const outside = await said(it.countersign, grant.token, "check_permission", {
    tool_name: TOOL,
    org: it.org.id,
  });
  assert.equal(outside.code, "not_found");
  const inside = await said(it.countersign, grant.token, "check_permission", { tool_name: TOOL });
  assert.equal(inside.org, second.id, "the only one that is left");
});

Deno.test("membership ended: the token is good for nothing, and so for a new member of that name", async () => {
  await using it = await ApprovalOrg.start();
  const grant = await grantIn([[it.org, "admin"]]);
  const { id } = await said(it.countersign, grant.token, "request_approval", ASK);
  await changeMember(it, grant, null);
  const list = () => rawCall(it.countersign, "tools/list", {}, { token: grant.token });
  assert.equal((await list()).status, 401);
  await changeMember(it, grant, { id: "usr_somebody_else" });
  assert.equal((await list()).status, 401);
  assert.equal((await it.get(id, it.org.approver)).status, 200, "what was asked stays");
});

Deno.test("role lowered after consent: what the role does not include any more is refused", async () => {
  await using it = await ApprovalOrg.start();
  const grant = await grantIn([[it.org, "approver"]]);
  const { reference } = await said(it.countersign, grant.token, "request_approval", ASK);
  await changeMember(it, grant, { role: "viewer" });
  for (const name of ["request_approval", "cancel_approval", "mint_run_token"]) {
    const answer = await rawTool(it.countersign, grant.token, name, { reference, ...ASK });
    assert.equal(answer.status, 403, name);
    assert.match(answer.headers.get("www-authenticate") ?? "", /error="insufficient_scope"/);
  }
  const { status } = await said(it.countersign, grant.token, "check_approval_status", {
    reference,
  });
  assert.equal(status, "pending", "reading is what a viewer may");
});

Deno.test("role lowered in one org of several: there it reads, elsewhere it writes", async () => {
  await using it = await ApprovalOrg.start();
  const second = await it.countersign.org();
  await second.tool(TOOL, { default_permission: "requires_approval" });
  const grant = await grantIn([[it.org, "viewer"], [second, "admin"]]);
  const refused = await said(it.countersign, grant.token, "request_approval", {
    ...ASK,
    org: it.org.id,
  });
  assert.deepEqual([refused.isError, refused.code], [true, "insufficient_scope"]);
  assert.match(refused.next, /role in the organization/);
  const asked = await said(it.countersign, grant.token, "request_approval", {
    ...ASK,
    org: second.id,
  });
  assert.equal(asked.status, "pending");
  const check = { tool_name: TOOL, org: it.org.id };
  assert.equal((await said(it.countersign, grant.token, "check_permission", check)).isError, false);
});

Deno.test("a tool call trying to decide: nothing that arrives here moves a request", async () => {
  await using it = await ApprovalOrg.start();
  const { token } = await grantIn([[it.org, "owner"]]);
  const { id, reference } = await said(it.countersign, token, "request_approval", ASK);
  const names = [
    "decide_approval",
    "approve",
    "deny",
    "POST /v1/approvals/:id/decide",
    "__proto__",
    "constructor",
  ];
  for (const name of names) {
    const answer = await rawTool(it.countersign, token, name, { reference, decision: "approve" });
    assert.equal(answer.messages[0].error.code, -32602, name);
  }
  const sneaky = [
    ["check_approval_status", { reference, decision: "approve", decided_by: "ann@example.com" }],
    ["cancel_approval", { reference, status: "approved" }],
    ["request_approval", { ...ASK, status: "approved" }],
    ["check_permission", { tool_name: TOOL, permission: "allowed" }],
    ["mint_run_token", { tool_name: TOOL, approval_id: id }],
  ] as const;
  for (const [name, args] of sneaky) {
    assert.equal((await said(it.countersign, token, name, args)).code, "invalid_request", name);
  }
  for (const method of ["approvals/decide", "tools/decide", "elicitation/create"]) {
    const answer = await rawCall(it.countersign, method, { reference }, { token });
    assert.equal(answer.messages[0].error.code, -32601, method);
  }
  // Neither is the token good for the API, where approver keys decide.
  const rest = await it.countersign.request("POST", `/v1/approvals/${id}/decide`, {
    headers: { authorization: `Bearer ${token}` },
    body: { decision: "approve", decided_by: "ann@example.com" },
  });
  assert.equal(rest.status, 401);
  assert.equal((await it.get(id)).body.status, "pending");
  assert.deepEqual(await it.entries("approval.decided"), []);
});

Deno.test("own request: the member behind a grant may not decide what it asked", async () => {
  await using it = await ApprovalOrg.start();
  await it.settings({ separation_of_duties: true });
  const grant = await grantIn([[it.org, "approver"]]);
  const { id } = await said(it.countersign, grant.token, "request_approval", ASK);
  const email = grant.members.get(it.org.id)?.email ?? "";
  const decided = await it.decide(id, "approve", { decided_by: email });
  assert.equal(decided.body.code, "self_approval");
});

Deno.test("huge bodies are refused before they are read, and arguments beyond the limit by name", async () => {
  await using it = await ApprovalOrg.start();
  const token = await it.org.agent();
  const huge = "x".repeat(USUAL_BODY.bytes);
  const whole = await rawTool(it.countersign, token, "check_permission", { tool_name: huge });
  assert.equal(whole.status, 413);
  const args = await said(it.countersign, token, "check_permission", {
    tool_name: TOOL,
    arguments: { text: "x".repeat(33 * 1024) },
  });
  assert.deepEqual([args.code, args.errors[0].path], ["invalid_request", "/arguments"]);
  const strangers = await rawPost(it.countersign, huge);
  assert.equal(strangers.status, 401, "whoever has no token is not read at all");
});

Deno.test("what is no JSON is a parse error, and what is sent as something else is not read", async () => {
  await using it = await ApprovalOrg.start();
  const headers = { authorization: `Bearer ${await it.org.agent()}` };
  for (const body of ["", "{", "\u0000"]) {
    const answer = await rawPost(it.countersign, body, headers);
    assert.equal(answer.status, 400, body);
    assert.equal(answer.messages[0].error.code, -32700, body);
    assert.equal(answer.messages[0].id, null);
  }
  const text = await rawPost(it.countersign, "{}", { ...headers, "content-type": "text/plain" });
  assert.equal(text.status, 415);
});

Deno.test("header mismatch: what routers are told has to be what is asked", async () => {
  await using it = await ApprovalOrg.start();
  const token = await it.org.agent();
  const params = { name: "mint_run_token", arguments: { tool_name: TOOL } };
  const wrong = [
    { "mcp-name": "list_my_tools" },
    { "mcp-method": "tools/list" },
    { "mcp-protocol-version": "2025-11-25" },
  ];
  for (const headers of wrong) {
    const answer = await rawCall(it.countersign, "tools/call", params, { token, headers });
    assert.equal(answer.status, 400, JSON.stringify(headers));
    assert.equal(answer.messages[0].error.code, -32020);
  }
  const older = await rawCall(it.countersign, "tools/call", params, {
    token,
    headers: { "mcp-protocol-version": "1999-01-01" },
  });
  assert.equal(older.status, 400);
  assert.deepEqual(await it.entries("permission.checked"), []);
});

Deno.test("Origin of another site is refused, and so is another Host", async () => {
  await using it = await ApprovalOrg.start();
  const { countersign } = it;
  const token = await it.org.agent();
  const from = (origin: string) =>
    rawCall(countersign, "tools/list", {}, { token, headers: { origin } });
  for (const origin of ["https://evil.example", "null", countersign.origin + ".evil.example"]) {
    const answer = await from(origin);
    assert.equal(answer.status, 403, origin);
    assert.equal(answer.headers.get("access-control-allow-origin"), null);
  }
  assert.equal((await from(countersign.origin)).status, 200);
  const { port } = countersign.server.addr;
  const rebound = await rawAnswer(
    port,
    "POST /mcp HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n" +
      `authorization: Bearer ${token}\r\ncontent-length: 2\r\n\r\n{}`,
  );
  assert.equal(rebound.status, 421);
});

Deno.test("a kill switch of the agent stops its checks, and its tokens", async () => {
  await using it = await ApprovalOrg.start();
  await it.org.tool("read_file");
  const token = await it.org.agent({ kill_switch: { active: true, reason: "loose" } });
  const checked = await said(it.countersign, token, "check_permission", { tool_name: "read_file" });
  assert.deepEqual([checked.permission, checked.resolved_from], ["disabled", "kill_switch"]);
  assert.match(checked.next, /kill switch/);
  const minted = await said(it.countersign, token, "mint_run_token", { tool_name: "read_file" });
  assert.equal(minted.code, "tool_disabled");
});

Deno.test("what fails inside tells nothing of itself", async () => {
  const lines: unknown[] = [];
  await using it = await ApprovalOrg.start({
    deps: { log: (...line) => lines.push(line) },
  });
  const token = await it.org.agent();
  await rawTool(it.countersign, token, "list_my_tools");
  await it.org.transact(({ snapshot }) => {
    Object.defineProperty(snapshot, "tools", {
      get() {
        throw new Error("the password is swordfish");
      },
    });
  });
  const answer = await rawTool(it.countersign, token, "list_my_tools");
  assert.equal(resultOf(answer).structuredContent.code, "internal_error");
  assert.ok(!answer.text.includes("swordfish"));
  assert.ok(JSON.stringify(lines).includes("swordfish"), "the operator sees it");
});
