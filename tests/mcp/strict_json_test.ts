import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { USUAL_BODY } from "../../routes/http/inputs.ts";
import { readMessage } from "../../routes/mcp/mcp.ts";
import { ApprovalOrg, TOOL } from "../helpers/approval_org.ts";
import { rawPost, resultOf } from "../helpers/mcp_client.ts";

/** Values of JSON that another reader would take differently, and words of the reason. */
const REFUSED: readonly (readonly [name: string, json: string, reason: RegExp])[] = [
  ["a 64-bit id as a number", "1136052137953124352", /beyond|exactly/],
  ["a number beyond a double", "1e400", /beyond|exactly/],
  ["a fraction of too many digits", "0.12345678901234567891", /exactly/],
  ["half of a surrogate pair", '"\\ud83d"', /surrogate/],
  ["a member named twice", '{"a":1,"a":2}', /already/],
  ["a member named twice by an escape", '{"a":1,"\\u0061":2}', /already/],
  ["values nested too deep", "[".repeat(70) + "]".repeat(70), /nests deeper/],
];

const call = (args: string, id = "7", name = "check_permission") =>
  `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"${name}","arguments":${args}}}`;

Deno.test("strict JSON over MCP: what is refused in arguments is told as over REST", async (t) => {
  await using it = await ApprovalOrg.start();
  const { countersign, org } = it;
  const headers = { authorization: `Bearer ${await org.agent()}` };
  for (const [name, json, reason] of REFUSED) {
    await t.step(name, async () => {
      const args = `{"tool_name":"${TOOL}","arguments":{"channel":${json}}}`;
      const answer = await rawPost(countersign, call(args), headers);
      assert.deepEqual([answer.status, answer.messages[0].id], [200, 7]);
      const { isError, structuredContent } = resultOf(answer);
      assert.equal(isError, true);
      const rest = await fetch(`${countersign.origin}/v1/permissions/check`, {
        method: "POST",
        headers: { "x-api-key": org.standard, "content-type": "application/json" },
        body: args,
      });
      const problem = await rest.json();
      assert.equal(structuredContent.code, problem.code);
      // The envelope of the protocol takes two of the levels that a body may have.
      const [told, expected] = [structuredContent, problem].map(({ errors }) => errors[0].path);
      assert.ok(json.startsWith("[[") ? expected.startsWith(told) : told === expected, told);
      assert.match(structuredContent.detail, reason);
      assert.match(structuredContent.errors[0].path, /^\/arguments\/channel/);
    });
  }
  assert.deepEqual(await it.entries("permission.checked"), []);
});

Deno.test("strict JSON over MCP: a held call is refused at once, and asks nobody", async () => {
  await using it = await ApprovalOrg.start();
  const headers = { authorization: `Bearer ${await it.org.agent()}` };
  const args = `{"tool_name":"${TOOL}","reason":"r","arguments":{"id":18446744073709551615}}`;
  const answer = await rawPost(it.countersign, call(args, '"a-1"', "request_approval"), headers);
  assert.equal(answer.messages[0].id, "a-1");
  assert.equal(resultOf(answer).structuredContent.code, "invalid_request");
  assert.deepEqual(await it.entries("approval.created"), []);
});

Deno.test("strict JSON over MCP: what is refused elsewhere is an error, with the id that is safe", async () => {
  await using it = await ApprovalOrg.start();
  const headers = { authorization: `Bearer ${await it.org.agent()}` };
  const tool = `{"tool_name":"${TOOL}"}`;
  const method = '"method":"tools/call"';
  const bodies: readonly (readonly [body: string, id: unknown, path: string])[] = [
    [
      `{"jsonrpc":"2.0","id":7,${method},"params":{"name":"list_my_tools","name":"check_permission","arguments":${tool}}}`,
      7,
      "/params/name",
    ],
    [
      `{"jsonrpc":"2.0",${method},"params":{"name":"check_permission","arguments":${tool},"arguments":{}},"id":"late"}`,
      "late",
      "/params/arguments",
    ],
    [
      `{"jsonrpc":"2.0","id":7,${method},"params":{"_meta":{"progressToken":9007199254740993}}}`,
      7,
      "/params/_meta/progressToken",
    ],
    [`{"jsonrpc":"2.0","id":1,${method},"id":2,"params":{}}`, null, "/id"],
    [`{"jsonrpc":"2.0","id":1,${method},"\\u0069d":2,"params":{}}`, null, "/id"],
    [`{"jsonrpc":"2.0","id":9007199254740993,${method},"params":{}}`, null, "/id"],
    // Refused within the arguments first; what comes after makes the message two.
    [
      `{"jsonrpc":"2.0","id":1,${method},"params":{"name":"check_permission","arguments":{"a":1e400}},"id":2}`,
      null,
      "/params/arguments/a",
    ],
    [
      `{"jsonrpc":"2.0","id":7,${method},"params":{"name":"check_permission","arguments":{"a":1e400},"name":"mint_run_token"}}`,
      7,
      "/params/arguments/a",
    ],
    [`[${call('{"a":1e400}')}]`, null, "/0/params/arguments/a"],
  ];
  for (const [body, id, path] of bodies) {
    const answer = await rawPost(it.countersign, body, headers);
    assert.equal(answer.status, 400, body);
    const [message] = answer.messages;
    assert.equal(message.id, id, body);
    assert.equal(message.error.code, -32700, body);
    assert.equal(message.error.data.errors[0].path, path, body);
    assert.ok(message.error.message.includes(path), message.error.message);
  }
  assert.deepEqual(await it.entries("permission.checked"), []);
});

Deno.test("strict JSON over MCP: a tool that does not exist stays one", async () => {
  await using it = await ApprovalOrg.start();
  const headers = { authorization: `Bearer ${await it.org.agent()}` };
  const answer = await rawPost(it.countersign, call('{"a":1e400}', "7", "no_such_tool"), headers);
  assert.deepEqual([answer.messages[0].id, answer.messages[0].error.code], [7, -32602]);
});

Deno.test("reading around refusals: as many as an agent sends by mistake, not a body full of them", () => {
  const full = (open: string, item: string, close: string) => {
    const room = USUAL_BODY.bytes - call(open + close).length;
    return call(open + item.repeat(Math.floor(room / item.length)) + close);
  };
  const bodies: readonly (readonly [body: string, id: unknown])[] = [
    [call(`{"a":[0${",1136052137953124352".repeat(999)}]}`), 7],
    [full('{"a":[0', ",1e400", "]}"), null],
    [full('{"a":0', ',"a":0', "}"), null],
    [full(`{"${"n".repeat(USUAL_BODY.bytes / 2)}":[0`, ",1e400", "]}"), null],
    [full('{"a":', "[", ""), null],
    [call(`{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`), null],
  ];
  for (const [body, id] of bodies) {
    const read = readMessage(new TextEncoder().encode(body), null);
    assert.equal("fault" in read ? read.fault.id : (read.body as JsonObject).id, id);
  }
});
