import assert from "node:assert/strict";
import { makeSecret } from "../../lib/identity/credentials.ts";
import { systemRandom } from "../../lib/store/system.ts";
import { ROUTES } from "../../routes/manifest.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { head, raw } from "../helpers/raw_request.ts";

const CHECK = "POST /v1/permissions/check";
const BODY = JSON.stringify({ tool_name: "restart" });

async function started(): Promise<{ countersign: Countersign; org: TestOrg }> {
  const countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart");
  return { countersign, org };
}

/** How many entries an org's log has. */
async function sizeOf(org: TestOrg): Promise<number> {
  const headers = { accept: "application/json" };
  return (await org.get("/v1/audit/checkpoint", org.standard, headers)).body.size;
}

Deno.test("attack: a Host that is another's, no host at all or given twice is refused", async () => {
  const { countersign, org } = await started();
  await using _ = countersign;
  const { host } = countersign.services.settings.url;
  const key = `X-API-Key: ${org.standard}`;
  const before = await sizeOf(org);
  const hosts = [
    "evil.example",
    "",
    "127.0.0.1",
    `${host}.`,
    `${host}, evil.example`,
    `evil@${host}`,
    `${host}/v1`,
    "[",
    "a b",
    "%",
    "\u00e9vil",
  ];
  for (const named of hosts) {
    const request = head(countersign, CHECK, [`Host: ${named}`, key, "Content-Length: 23"]) + BODY;
    const { statuses, text } = await raw(countersign, request);
    assert.deepEqual(statuses, [421], `${JSON.stringify(named)}: ${text}`);
    assert.match(text, /"code":"misdirected_request"/);
  }
  const twice = [`Host: ${host}`, "Host: evil.example", key, "Content-Length: 23"];
  assert.deepEqual((await raw(countersign, head(countersign, CHECK, twice) + BODY)).statuses, [
    400,
  ]);
  const none = `${CHECK} HTTP/1.0\r\n${key}\r\nContent-Length: 23\r\n\r\n${BODY}`;
  assert.deepEqual((await raw(countersign, none)).statuses, [421]);
  assert.equal(await sizeOf(org), before);
});

Deno.test("attack: only what is open is answered under any Host", async () => {
  const { countersign, org } = await started();
  await using _ = countersign;
  for (const route of ROUTES) {
    const path = route.path.replace(/:\w+(\{[^}]*\})?/g, "x");
    const line = `${route.method.toUpperCase()} ${path}`;
    const headers = ["Host: evil.example", `X-API-Key: ${org.management}`, "Content-Length: 0"];
    const { statuses } = await raw(countersign, head(countersign, line, headers));
    const anyHost = route.callers === "open" && route.anyHost === true;
    assert.deepEqual(statuses, [anyHost ? 200 : 421], line);
  }
});

Deno.test("attack: a request smuggled by its framing is refused before it is read", async () => {
  const { countersign, org } = await started();
  await using _ = countersign;
  const before = await sizeOf(org);
  const key = `X-API-Key: ${org.standard}`;
  const chunked = `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`;
  const framings: Record<string, [string[], string]> = {
    "length and chunked": [["Content-Length: 3", "Transfer-Encoding: chunked"], chunked],
    "chunked and length": [["Transfer-Encoding: chunked", "Content-Length: 3"], chunked],
    "length 0 and chunked": [["Content-Length: 0", "Transfer-Encoding: chunked"], chunked],
    "length and chunked, 10 MB": [
      ["Content-Length: 5", "Transfer-Encoding: chunked"],
      `989680\r\n${"x".repeat(10_000_000)}\r\n0\r\n\r\n`,
    ],
    "chunked, then identity": [
      ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
      chunked,
    ],
    "an unknown encoding": [["Transfer-Encoding: xchunked"], chunked],
    "a folded header": [["Transfer-Encoding:\r\n chunked"], chunked],
    "a space before the colon": [["Transfer-Encoding : chunked"], chunked],
    "two lengths": [["Content-Length: 5", `Content-Length: ${BODY.length}`], BODY],
    "a signed length": [[`Content-Length: +${BODY.length}`], BODY],
    "a hexadecimal length": [["Content-Length: 0x17"], BODY],
    "a negative length": [["Content-Length: -1"], BODY],
    "a huge length": [["Content-Length: 99999999999999999999999"], BODY],
  };
  for (const [name, [headers, body]] of Object.entries(framings)) {
    const request = head(countersign, CHECK, [key, ...headers]) + body;
    const { statuses } = await raw(countersign, request);
    // One answer at most: nothing in the body was taken as a request of its own.
    assert.ok(statuses.length <= 1, name);
    assert.ok(statuses.every((status) => status === 400 || status === 413), `${name}: ${statuses}`);
  }
  assert.equal(await sizeOf(org), before);
});

Deno.test("attack: a body that holds a second request is a body", async () => {
  const { countersign, org } = await started();
  await using _ = countersign;
  const inner = head(countersign, "GET /v1/api-keys", [`X-API-Key: ${org.management}`]);
  const key = `X-API-Key: ${org.standard}`;
  for (
    const request of [
      head(countersign, CHECK, [key, `Content-Length: ${inner.length}`]) + inner,
      head(countersign, CHECK, [key, "Transfer-Encoding: chunked"]) +
      `${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`,
      head(countersign, "GET /v1/agents", [key, `Content-Length: ${inner.length}`]) + inner,
    ]
  ) {
    const { statuses, text } = await raw(countersign, request);
    assert.equal(statuses.length, 1, text);
    assert.ok(!text.includes('"tier"'), text);
  }
});

Deno.test("attack: two keys in one request are no key", async () => {
  const { countersign, org } = await started();
  await using _ = countersign;
  const other = await countersign.org();
  const length = `Content-Length: ${BODY.length}`;
  const pairs = [
    [`X-API-Key: ${org.standard}`, `X-API-Key: ${other.standard}`],
    [`X-API-Key: ${org.standard}`, `X-API-Key: ${org.standard}`],
    [`Authorization: Bearer ${org.standard}`, `Authorization: Bearer ${other.standard}`],
    [`X-API-Key: ${org.standard},${other.standard}`],
  ];
  for (const headers of pairs) {
    const request = head(countersign, CHECK, [...headers, length]) + BODY;
    assert.deepEqual((await raw(countersign, request)).statuses, [401], headers.join(" "));
  }
});

Deno.test("attack: X-API-Key with an Authorization of another org acts for neither", async () => {
  const { countersign, org } = await started();
  await using _ = countersign;
  const other = await countersign.org();
  const [size, othersSize] = [await sizeOf(org), await sizeOf(other)];
  const authorization = `Bearer ${other.management}`;
  for (
    const [path, body] of [["/v1/permissions/check", { tool_name: "restart" }], ["/v1/agents", {}]]
  ) {
    const got = await org.post(String(path), body, org.standard, { authorization });
    assert.deepEqual([got.status, got.body.code], [422, "invalid_request"]);
  }
  assert.equal(await sizeOf(org), size);
  assert.equal(await sizeOf(other), othersSize);
});

Deno.test("attack: a key in the query, a cookie, the body or basic credentials is none", async () => {
  const { countersign, org } = await started();
  await using _ = countersign;
  const key = org.standard;
  const body = { tool_name: "restart", api_key: key };
  const headers: Record<string, string>[] = [
    {},
    { cookie: `x-api-key=${key}; session=${key}` },
    { authorization: `Basic ${btoa(`${key}:`)}` },
    { "proxy-authorization": `Bearer ${key}` },
  ];
  for (const each of headers) {
    const path = `/v1/permissions/check?api_key=${key}&key=${key}&access_token=${key}`;
    const got = await countersign.request("POST", path, { body, headers: each });
    assert.equal(got.status, 401);
    assert.ok(!got.text.includes(key));
  }
});

Deno.test("attack: a header that overrides the method overrides nothing", async () => {
  const { countersign, org } = await started();
  await using _ = countersign;
  const made = await org.manage("POST", "/v1/agents", { name: "a" });
  for (const name of ["x-http-method-override", "x-http-method", "x-method-override"]) {
    const path = `/v1/agents/${made.body.id}?_method=DELETE`;
    const got = await org.manage("GET", path, undefined, { [name]: "DELETE" });
    assert.notEqual(got.body.removed, true);
  }
  assert.equal((await org.manage("GET", `/v1/agents/${made.body.id}`)).status, 200);
});

Deno.test("attack: methods that no route has are refused", async () => {
  const { countersign, org } = await started();
  await using _ = countersign;
  const key = `X-API-Key: ${org.management}`;
  for (const method of ["OPTIONS", "TRACE", "PROPFIND", "get", "CONNECT", "G\u00cbT"]) {
    const { statuses, text } = await raw(
      countersign,
      head(countersign, `${method} /v1/api-keys`, [key]),
    );
    assert.ok(statuses.every((status) => [400, 404, 405].includes(status)), `${method} ${text}`);
    // TRACE would hand the key back to a page that cannot read it otherwise.
    assert.ok(!text.includes(org.management), method);
  }
});

Deno.test("attack: a path spelled otherwise leads to no other route", async () => {
  const { countersign, org } = await started();
  await using _ = countersign;
  const paths = [
    "/v1/approvals/..%2f..%2fapi-keys",
    "/v1/approvals/%2e%2e/api-keys",
    "/v1/approvals/%00",
    "/v1/approvals/%c0%ae%c0%ae",
    "/v1/approvals/%e0%80%ae",
    "/v1/approvals/%ff",
    "/v1/approvals/%",
    "/v1/approvals/%252e%252e",
    "/v1//api-keys",
    "/v1/./api-keys",
    "/v1/x/../api-keys",
    "//v1/api-keys",
    "/v1\\api-keys",
    "/V1/api-keys",
    "/v1/api-keys/",
    "/v1/api-keys%2f",
    "/v1/api-keys%00",
    "/v1/api-keys;tier=management",
    "/v1/api-keys%3flimit=1",
    "/v1/agents/..",
    "/v1/agents/__proto__",
    "/v1/agents/constructor",
    "/v1/receipts/%2e%2e%2fapi-keys",
    "/.well-known/countersign/keys/..%2f..",
    "/.well-known/countersign/keys/%00",
    `/v1/approvals/${"x".repeat(5000)}`,
  ];
  for (const path of paths) {
    const line = `GET ${path}`;
    const { statuses, text } = await raw(
      countersign,
      head(countersign, line, [`X-API-Key: ${org.standard}`]),
    );
    assert.equal(statuses.length, 1, path);
    assert.ok([400, 404, 422].includes(statuses[0] ?? 0), `${path}: ${text}`);
    assert.ok(!text.includes('"data":['), path);
  }
});

Deno.test("attack: a query given twice, in brackets or with unknown names is refused", async () => {
  const { countersign, org } = await started();
  await using _ = countersign;
  const queries = [
    "limit=1&limit=200",
    "limit=1&%6cimit=200",
    "limit[]=1",
    "limit.x=1",
    "limit=1;limit=2",
    "__proto__=1",
    "__proto__[limit]=1",
    "constructor=1",
    "org=org_x",
    "limit=1e2",
    "limit=0x10",
    "limit=%00",
    "limit=",
  ];
  for (const query of queries) {
    for (const path of ["/v1/api-keys", "/v1/agents", "/v1/activity", "/v1/audit/entries"]) {
      const got = await org.get(`${path}?${query}`);
      assert.equal(`${got.status} ${got.body.code}`, "422 invalid_request", `${path}?${query}`);
    }
  }
});

Deno.test("attack: a body under another content type is JSON all the same, or refused", async () => {
  const { countersign, org } = await started();
  await using _ = countersign;
  const send = (type: string, body: string) =>
    countersign.request("POST", "/v1/permissions/check", {
      key: org.standard,
      body,
      headers: { "content-type": type },
    });
  const form = "application/x-www-form-urlencoded";
  assert.equal((await send(form, "tool_name=restart")).body.code, "malformed_json");
  assert.equal((await send("application/xml", "<tool/>")).body.code, "malformed_json");
  const part = '--x\r\ncontent-disposition: form-data; name="tool_name"\r\n\r\nrestart\r\n--x--';
  assert.equal((await send("multipart/form-data; boundary=x", part)).body.code, "malformed_json");
  // UTF-16 and a byte-order mark are not the JSON of RFC 8259.
  assert.equal((await send("application/json; charset=utf-16", `\ufeff${BODY}`)).status, 400);
  assert.equal((await send("text/plain", BODY)).status, 200);
});

Deno.test("attack: a page of another origin gets no leave to read, or to send a key", async () => {
  const { countersign, org } = await started();
  await using _ = countersign;
  const headers = {
    origin: "https://evil.example",
    "access-control-request-method": "POST",
    "access-control-request-headers": "x-api-key",
  };
  for (const { method, path, callers } of ROUTES) {
    const at = path.replace(/:\w+(\{[^}]*\})?/g, callers === "open" ? org.id : "x");
    for (const verb of ["OPTIONS", method.toUpperCase()]) {
      const got = await countersign.request(verb, at, { key: org.management, headers });
      const allowed = [...got.headers.keys()].filter((name) => name.startsWith("access-control"));
      // Public keys are for everybody.
      const isPublic = at.startsWith("/.well-known/") && verb === "GET";
      assert.deepEqual(allowed, isPublic ? ["access-control-allow-origin"] : [], `${verb} ${at}`);
      if (verb === "OPTIONS") assert.ok([404, 405].includes(got.status), at);
    }
  }
});

Deno.test("attack: no answer's headers can be written by who asks", async () => {
  const { countersign, org } = await started();
  await using _ = countersign;
  const split = "%0d%0aSet-Cookie:%20a=b%0d%0a%0d%0a<script>";
  const paths = [
    `/v1/approvals/${split}`,
    `/${split}`,
    `/v1/api-keys?cursor=${split}`,
    `/v1/agents/${split}`,
    `/.well-known/countersign/keys/${split}`,
    `/v1/audit/export?since=${split}`,
  ];
  for (const path of paths) {
    const { statuses, text } = await raw(
      countersign,
      head(countersign, `GET ${path}`, [`X-API-Key: ${org.standard}`]),
    );
    assert.equal(statuses.length, 1);
    const [headers = ""] = text.split("\r\n\r\n", 1);
    assert.ok(!/set-cookie/i.test(headers), headers);
    assert.match(headers, /content-type: application\/problem\+json/);
    assert.match(headers, /x-content-type-options: nosniff/);
  }
});

Deno.test("attack: a request id of the caller's own is not taken over", async () => {
  const { countersign, org } = await started();
  await using _ = countersign;
  const headers = { "x-request-id": "req_forged", traceparent: "forged" };
  const got = await org.post("/v1/permissions/check", { tool_name: "restart" }, undefined, headers);
  assert.match(got.headers.get("x-request-id") ?? "", /^req_[0-9a-z]{26}$/);
});

Deno.test("attack: a forwarded address counts only as far as trusted proxies wrote it", async () => {
  const seen = ["127.0.0.1", "198.51.100.7", "203.0.113.9", "127.0.0.1"];
  for (const [proxies, ip] of seen.entries()) {
    await using countersign = await Countersign.start({
      variables: { COUNTERSIGN_TRUSTED_PROXY: String(proxies) },
    });
    const org = await countersign.org();
    await org.tool("restart");
    const reader = await org.key("standard", { audit_private: true });
    const headers = {
      "x-forwarded-for": "203.0.113.9, 198.51.100.7",
      "x-real-ip": "203.0.113.8",
      forwarded: "for=203.0.113.7",
    };
    await org.post("/v1/permissions/check", { tool_name: "restart" }, org.standard, headers);
    const rows = (await org.get("/v1/audit/entries", reader)).body.data;
    const row = rows.find((each: { entry: { type: string } }) =>
      each.entry.type === "permission.checked"
    );
    assert.equal(row.private.client.value.ip, ip);
  }
});

Deno.test("attack: a made-up key answers as a revoked or another deployment's key does", async () => {
  const { countersign, org } = await started();
  await using _ = countersign;
  const made = await org.manage("POST", "/v1/api-keys", { name: "k", tier: "standard" });
  await org.manage("DELETE", `/v1/api-keys/${made.body.id}`);
  const answers = new Set<string>();
  for (const key of [made.body.key, makeSecret("standard", systemRandom), "cs_live_x", "x"]) {
    const got = await org.post("/v1/permissions/check", { tool_name: "restart" }, key);
    assert.equal(got.status, 401);
    const { request_id: _id, ...rest } = got.body;
    answers.add(JSON.stringify(rest));
  }
  assert.equal(answers.size, 1);
});
