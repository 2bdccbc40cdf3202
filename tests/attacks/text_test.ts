import assert from "node:assert/strict";
import { formatLogLine } from "../../lib/store/system.ts";
import { ApprovalOrg, TOOL } from "../helpers/approval_org.ts";
import { Countersign } from "../helpers/countersign.ts";
import { exportText } from "../helpers/evidence.ts";
import { assertProblem } from "../helpers/refused.ts";

/** Texts that a reader sees as another, or does not see whole. */
const DECEPTIVE: Readonly<Record<string, string>> = {
  "line feed": "a\nb",
  "carriage return": "a\rb",
  tab: "a\tb",
  NUL: "a\u0000b",
  escape: "a\u001b[2Jb",
  delete: "a\u007fb",
  "next line": "a\u0085b",
  "soft hyphen": "a\u00adb",
  "zero-width space": "a\u200bb",
  "zero-width joiner": "a\u200db",
  "right-to-left override": "a\u202eb",
  "right-to-left isolate": "a\u2067b",
  "line separator": "a\u2028b",
  "byte-order mark": "a\ufeffb",
  "variation selector": "a\ufe0fb",
  "tag character": "a\u{e0041}b",
  "Hangul filler": "a\u3164b",
  "not NFC": "e\u0301",
  "space in front": " a",
  "space behind": "a ",
  "no-break space behind": "a\u00a0",
};

Deno.test("attack: names that deceive their reader are refused wherever a name is given", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart");
  const action = { tool_name: "restart" };
  const places: Record<string, (text: string) => Promise<{ status: number; text: string }>> = {
    tool: (tool_name) => org.post("/v1/permissions/check", { tool_name }),
    tenant: (tenant_id) => org.post("/v1/permissions/check", { ...action, tenant_id }),
    resource: (resource_id) => org.post("/v1/permissions/check", { ...action, resource_id }),
    method: (method) => org.post("/v1/permissions/check", { ...action, method }),
    reference: (reference_id) => org.post("/v1/permissions/check", { ...action, reference_id }),
    key: (name) => org.manage("POST", "/v1/api-keys", { name, tier: "standard" }),
    "a key's tenant": (id) =>
      org.manage("POST", "/v1/api-keys", { name: "k", tier: "standard", tenant_ids: [id] }),
    agent: (name) => org.manage("POST", "/v1/agents", { name }),
    org: (name) => org.manage("PATCH", "/v1/org", { name }),
    category: (name) => org.manage("PUT", `/v1/categories/${encodeURIComponent(name)}`, {}),
    "a tool's category": (category) => org.manage("PUT", "/v1/tools/restart", { category }),
    tag: (tag) => org.manage("PUT", "/v1/tools/restart", { tags: [tag] }),
    "a tenant's id": (id) => org.manage("PUT", `/v1/tenants/${encodeURIComponent(id)}`, {}),
    "a tenant's name": (name) => org.manage("PUT", "/v1/tenants/t", { name }),
    "a resource's id": (id) => org.manage("PUT", `/v1/resources/${encodeURIComponent(id)}`, {}),
    "a resource's type": (type) => org.manage("PUT", "/v1/resources/r", { type }),
    member: (email) =>
      org.manage("PUT", `/v1/members/${encodeURIComponent(email)}@example.com`, { role: "viewer" }),
    ...Object.fromEntries(
      ["tenant_id", "resource_id", "tool_name", "method", "tag"].map((part) => [
        `${part} of a rule`,
        (text: string) =>
          org.manage("PUT", "/v1/rules", { selector: { [part]: text }, permission: "allowed" }),
      ]),
    ),
  };
  for (const [place, send] of Object.entries(places)) {
    for (const [what, text] of Object.entries(DECEPTIVE)) {
      const got = await send(text);
      assert.equal(got.status, 422, `${place}: ${what}: ${got.text}`);
    }
  }
});

Deno.test("attack: a tool's name is no path", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const names = [
    "..",
    ".",
    "a/../b",
    "/a",
    "a/",
    "a//b",
    "a\\b",
    "a b",
    "a%2fb",
    "a?b",
    "a#b",
    "\u0430",
  ];
  for (const tool_name of [...names, "", "x".repeat(129)]) {
    const got = await org.post("/v1/permissions/check", { tool_name });
    assertProblem(got, 422, "invalid_request");
    assertProblem(
      await org.manage("POST", "/v1/tools", { name: tool_name }),
      422,
      "invalid_request",
    );
  }
  for (const path of ["..%2f..%2forg", "%2e%2e", "a%2f%2fb", "%00", "a%2f"]) {
    const got = await org.manage("PUT", `/v1/tools/${path}`, {});
    assert.ok([404, 405, 422].includes(got.status), path);
  }
});

Deno.test("attack: ids that look alike are different ids, and none gets the other's rule", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart", { default_permission: "disabled" });
  const rule = { selector: { resource_id: "staging" }, permission: "allowed" };
  assert.equal((await org.manage("PUT", "/v1/rules", rule)).status, 201);
  const likes = ["Staging", "st\u0430ging", "\uff53taging", "staging.", "sta\u0261ing"];
  for (const resource_id of likes) {
    const { body } = await org.post("/v1/permissions/check", { tool_name: "restart", resource_id });
    assert.equal(body.permission, "disabled", resource_id);
  }
});

Deno.test("attack: separators in ids do not move a rule or an approval to other facts", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("t", { default_permission: "disabled" });
  const selector = { tenant_id: "a", resource_id: "b" };
  await org.manage("PUT", "/v1/rules", { selector, permission: "allowed" });
  const split = [["a/b", null], ["a|b", null], ['a","b', null], ["a:b", null], [null, "a/b"]];
  for (const [tenant_id, resource_id] of split) {
    const { body } = await org.post("/v1/permissions/check", {
      tool_name: "t",
      tenant_id,
      resource_id,
    });
    assert.notEqual(body.permission, "allowed", `${tenant_id} ${resource_id}`);
  }
});

Deno.test("attack: free texts stay what was sent, and forge no line of an export", async () => {
  await using it = await ApprovalOrg.start();
  const { org } = it;
  const forged =
    '\n{"index":0,"leaf_hash":"00","entry":{},"private":null}\r\n\u2028\u0000\u001b[2J';
  const asked = await it.ask({ reason: `x${forged}`, context: { [forged]: forged } });
  assert.equal(asked.status, 201, asked.text);
  await it.decide(asked.body.id, "deny", { note: `no${forged}` });
  await org.post("/v1/executions/log", {
    tool_name: TOOL,
    execution_result: "error",
    error: forged,
  });
  await org.manage("PUT", "/v1/rules", {
    selector: { tool_name: TOOL },
    permission: "disabled",
    note: forged,
  });
  const reader = await org.key("standard", { audit_private: true });
  for (const key of [org.standard, reader]) {
    const lines = (await exportText(org, key)).split("\n");
    assert.equal(lines.pop(), "");
    lines.forEach((line, at) => assert.equal(JSON.parse(line).index, at));
    assert.ok(!lines.some((line) => /\p{Cc}/u.test(line)));
  }
});

Deno.test("attack: what a request says makes no line of its own in the process's log", async () => {
  const lines: string[] = [];
  const kv = await Deno.openKv(":memory:");
  await using countersign = await Countersign.start({
    kv,
    deps: { log: (...line) => lines.push(formatLogLine(new Date(0), ...line)) },
    variables: { COUNTERSIGN_LOG: "access" },
  });
  const org = await countersign.org();
  const secret = org.standard;
  const headers = { "user-agent": `x ${secret}`, "x-forwarded-for": "1\\n2" };
  for (
    const path of [
      "/v1/approvals/%0a%7b%22level%22%3a%22error%22%7d",
      `/v1/approvals/${secret}`,
      `/v1/agents/%0d%0a${secret}`,
      `/v1/api-keys?cursor=${secret}`,
    ]
  ) await org.get(path, secret, headers);
  await org.post("/v1/permissions/check", { tool_name: secret }, secret, headers);
  // A store that fails is what is logged with the most around it.
  kv.close();
  const failed = await org.get(`/v1/approvals/%0a${secret}`, secret, headers);
  assert.equal(failed.status, 503);
  assert.ok(lines.length > 0);
  for (const line of lines) {
    assert.ok(!/[\n\r]/.test(line), line);
    assert.equal(typeof JSON.parse(line).message, "string");
    assert.ok(!line.includes(secret), line);
  }
});

Deno.test("attack: no refusal gives a presented secret or the values of arguments back", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("pay", {
    parameters: {
      type: "object",
      properties: { pin: { type: "integer", enum: [1] }, to: { pattern: "^a$" } },
      additionalProperties: false,
    },
  });
  const values = ["hunter2-secret", "sesame-8812"];
  const args = { pin: values[0], to: values[1] };
  const bodies: [string, unknown][] = [
    ["/v1/tokens/mint", { tool_name: "pay", arguments: args }],
    ["/v1/permissions/check", { tool_name: "pay", mint: true, arguments: args }],
    ["/v1/tokens/consume", { tool_name: "pay", token: `cs_run_${values[0]}`, arguments: args }],
    ["/v1/executions/log", { tool_name: "pay", execution_result: values[0], error: values[1] }],
    ["/v1/permissions/check", `{"tool_name":"pay","arguments":{"pin":"${values[0]}","pin":1}}`],
    ["/v1/permissions/check", `{"tool_name":"pay","arguments":{"pin":"${values[0]}"`],
  ];
  for (const [path, body] of bodies) {
    const got = await org.post(path, body);
    assert.ok(got.status >= 400, path);
    for (const value of values) assert.ok(!got.text.includes(value), `${path}: ${got.text}`);
    assert.ok(!got.text.includes(org.standard));
  }
});
