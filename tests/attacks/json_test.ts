import assert from "node:assert/strict";
import { saltedDigest } from "../../lib/ledger/entry.ts";
import { ApprovalOrg, TOOL } from "../helpers/approval_org.ts";
import { Countersign, type Got, type TestOrg } from "../helpers/countersign.ts";
import { exportLines } from "../helpers/evidence.ts";
import { assertProblem } from "../helpers/refused.ts";

const CHECK = "/v1/permissions/check";

async function orgWith(countersign: Countersign, ...tools: string[]): Promise<TestOrg> {
  const org = await countersign.org();
  for (const tool of tools) await org.tool(tool);
  return org;
}

Deno.test("attack: __proto__ and constructor as members of a body are unknown members", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWith(countersign, "restart");
  const bodies = [
    `{"tool_name":"restart","__proto__":{"mint":true}}`,
    `{"tool_name":"restart","constructor":{"prototype":{"mint":true}}}`,
    `{"__proto__":{"tool_name":"restart"}}`,
    `{"tool_name":"restart","toString":1}`,
  ];
  for (const body of bodies) assertProblem(await org.post(CHECK, body), 422, "invalid_request");
  const batch = `{"checks":[{"tool_name":"restart","__proto__":{"explain":true}}]}`;
  assertProblem(await org.post("/v1/permissions/check-batch", batch), 422, "invalid_request");
  const key = `{"name":"k","tier":"standard","__proto__":{"audit_private":true}}`;
  const got = await countersign.request("POST", "/v1/api-keys", { key: org.management, body: key });
  assertProblem(got, 422, "invalid_request");
});

Deno.test("attack: tools, tenants, resources and methods named like members of every object", async () => {
  await using countersign = await Countersign.start();
  const names = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "valueOf"];
  const org = await countersign.org();
  // Nobody has such a tool: the name must not find one.
  for (const tool_name of names) {
    const { body } = await org.post(CHECK, { tool_name });
    assert.equal(body.resolved_from, "gate_draft", tool_name);
  }
  await org.tool("restart", { default_permission: "disabled" });
  for (const name of names) {
    const facts = { tenant_id: name, resource_id: name, method: name };
    const { body } = await org.post(CHECK, { tool_name: "restart", ...facts, explain: true });
    assert.equal(body.resolved_from, "tool_default", name);
    for (const noun of ["agents", "api-keys", "rules"]) {
      const got = await org.manage("DELETE", `/v1/${noun}/${name}`);
      assertProblem(got, 404, "not_found");
    }
    assertProblem(await org.get(`/v1/approvals/${name}`), 404, "not_found");
    assertProblem(await org.get(`/v1/receipts/${name}`), 404, "not_found");
  }
});

Deno.test("attack: arguments called __proto__ come back whole when the answer is repeated", async () => {
  await using it = await ApprovalOrg.start();
  const body =
    `{"tool_name":"${TOOL}","reason":"r","arguments":{"__proto__":{"force":true},"a":1}}`;
  const headers = { "idempotency-key": "one" };
  const ask = () => it.org.post("/v1/approvals", body, it.org.standard, headers);
  const [first, second] = [await ask(), await ask()];
  assert.equal(second.headers.get("idempotent-replayed"), "true");
  assert.equal(second.text, first.text);
  assert.match(first.text, /"__proto__":\{"force":true\}/);
});

Deno.test("attack: arguments called __proto__ do not escape the auditor", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWith(countersign, "restart");
  const reader = await org.key("standard", { audit_private: true });
  const body = `{"tool_name":"restart","arguments":{"__proto__":{"force":true},"a":1}}`;
  assert.equal((await org.post(CHECK, body)).status, 200);
  const line = (await exportLines(org, reader)).find(({ entry }) =>
    entry.type === "permission.checked"
  );
  const { salt = "", value = null } = line?.private?.arguments ?? {};
  assert.equal(JSON.stringify(value), `{"__proto__":{"force":true},"a":1}`);
  assert.equal(line?.entry.data.arguments_digest, saltedDigest(salt, value));
});

Deno.test("attack: a member given twice, also when spelled otherwise, is refused anywhere", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWith(countersign, "restart");
  const bodies = [
    `{"tool_name":"restart","tool_name":"wipe"}`,
    `{"tool_name":"restart","tool\\u005fname":"wipe"}`,
    `{"tool_name":"restart","arguments":{"a":{"b":1,"b":2}}}`,
    `{"tool_name":"restart","arguments":{"a":[{"\\u0062":1,"b":2}]}}`,
    `{"tool_name":"restart","arguments":{"__proto__":1,"__proto__":2}}`,
    `{"tool_name":"restart","arguments":{"":1,"":2}}`,
  ];
  for (const body of bodies) assertProblem(await org.post(CHECK, body), 422, "duplicate_key");
});

Deno.test("attack: half surrogates, numbers that change and bytes that are no UTF-8 are refused", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWith(countersign, "restart");
  const values = [
    `"\\ud800"`,
    `"a\\udc00b"`,
    `"\\ude00\\ud83d"`,
    `{"\\ud800":1}`,
    "9007199254740993",
    "-9007199254740993",
    "100000000000000000000000000000",
    "1e400",
    "-1e400",
    "0.1000000000000000055511151231257827021181583404541015625000001",
  ];
  for (const value of values) {
    const body = `{"tool_name":"restart","arguments":{"a":${value}}}`;
    const got = await org.post(CHECK, body);
    assertProblem(got, 422, "invalid_request");
  }
  for (const value of ["01", "+1", "NaN", "Infinity", "0x10", "1.", "'a'", "undefined"]) {
    const body = `{"tool_name":"restart","arguments":{"a":${value}}}`;
    assertProblem(await org.post(CHECK, body), 400, "malformed_json");
  }
  const invalid = [[0xff], [0xc0, 0xae], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [
    0xe2,
    0x82,
  ]];
  const [start, end] = [`{"tool_name":"restart","arguments":{"a":"`, `"}}`];
  for (const bytes of invalid) {
    const got = await postBytes(org, [...encode(start), ...bytes, ...encode(end)]);
    assert.equal(got.status, 400, String(bytes));
  }
});

const encode = (text: string) => new TextEncoder().encode(text);

async function postBytes(org: TestOrg, bytes: number[]): Promise<{ status: number }> {
  const response = await fetch(`http://127.0.0.1:${org.countersign.server.addr.port}${CHECK}`, {
    method: "POST",
    headers: { "x-api-key": org.standard },
    body: new Uint8Array(bytes),
  });
  await response.body?.cancel();
  return { status: response.status };
}

Deno.test("attack: nesting 10,000 deep is refused on every route that takes a body", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWith(countersign, "restart");
  const deep = (open: string, close: string) => open.repeat(10_000) + "1" + close.repeat(10_000);
  const nests = [deep("[", "]"), deep('{"a":', "}")];
  for (const nest of nests) {
    for (
      const body of [
        nest,
        `{"tool_name":"restart","arguments":{"a":${nest}}}`,
        `{"tool_name":"restart","reason":"x","context":{"a":${nest}}}`,
      ]
    ) {
      for (const path of [CHECK, "/v1/approvals", "/v1/tokens/mint", "/v1/tokens/consume"]) {
        assertProblem(await org.post(path, body), 422, "invalid_request");
      }
    }
    const writes: [string, string, string][] = [
      ["PUT", "/v1/tenants/acme", `{"metadata":{"a":${nest}}}`],
      ["PUT", "/v1/tools/restart", `{"parameters":{"not":${nest}}}`],
      ["PUT", "/v1/policy", `{"tools":${nest}}`],
    ];
    for (const [method, path, body] of writes) {
      assertProblem(
        await org.manage(method, path, body, { "if-match": '"1"' }),
        422,
        "invalid_request",
      );
    }
  }
  // Unfinished, so that only the depth gives it away.
  assert.ok((await org.post(CHECK, "[".repeat(200_000))).status < 500);
  assert.equal((await org.post(CHECK, { tool_name: "restart" })).status, 200);
});

Deno.test("attack: arguments at the limit of depth pass, one deeper is refused", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWith(countersign, "restart");
  const nested = (depth: number) =>
    `{"tool_name":"restart","arguments":${'{"a":'.repeat(depth)}1${"}".repeat(depth)}}`;
  assert.equal((await org.post(CHECK, nested(32))).status, 200);
  assertProblem(await org.post(CHECK, nested(33)), 422, "invalid_request");
});

Deno.test("attack: a catastrophic pattern in a tool's schema costs nothing, or is refused", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWith(countersign);
  const put = (pattern: string): Promise<Got> =>
    org.manage("PUT", "/v1/tools/match", {
      parameters: { type: "object", properties: { text: { type: "string", pattern } } },
      annotations_acknowledged: true,
      default_permission: "allowed",
    });
  for (const pattern of ["(?=a)", "(a)\\1", "((a{1,500}){1,500}){1,500}", "(?<!a)b"]) {
    assertProblem(await put(pattern), 422, "invalid_request");
  }
  for (
    const pattern of [
      "^(a+)+$",
      "^(a|a)*$",
      "^(a|aa)+$",
      "(x+x+)+y",
      "^([a-zA-Z0-9])(([.-]|_+)?)*$",
    ]
  ) {
    const made = await put(pattern);
    assert.ok([200, 201].includes(made.status), made.text);
    const body = { tool_name: "match", arguments: { text: "a".repeat(30_000) + "!" } };
    const got = await org.post("/v1/tokens/mint", body);
    assertProblem(got, 422, "invalid_arguments");
    // The text itself is not given back.
    assert.ok(got.text.length < 2000);
  }
});

Deno.test("attack: a remote, dangling or endless $ref in a tool's schema is refused or bounded", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWith(countersign);
  for (const $ref of ["https://evil.example/x.json", "file:///etc/passwd", "#/nowhere", "../x"]) {
    const got = await org.manage("PUT", "/v1/tools/t", { parameters: { $ref } });
    assertProblem(got, 422, "invalid_request");
  }
  const got = await org.manage("PUT", "/v1/tools/t", {
    parameters: { $ref: "#" },
    annotations_acknowledged: true,
    default_permission: "allowed",
  });
  if (got.status < 300) {
    assertProblem(await org.post("/v1/tokens/mint", { tool_name: "t" }), 422, "invalid_arguments");
  } else {
    assertProblem(got, 422, "invalid_request");
  }
});
