import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { systemTimer, type Timer } from "../../lib/store/system.ts";
import { ALLOWLY_ROUTES, ROUTES } from "../../routes/manifest.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { rawAnswer, RawRequest } from "../helpers/raw_request.ts";

const CHECK = "/v1/permissions/check";
const ACTION = { tool_name: "restart_service" };

/** The code of a problem document, after a look at its form. */
function codeOf(text: string, status: number): string {
  const problem = JSON.parse(text);
  assert.equal(problem.status, status);
  for (const member of ["type", "title", "detail", "instance", "request_id"]) {
    assert.equal(typeof problem[member], "string", member);
  }
  assert.equal(problem.type, `/docs/errors#${problem.code}`);
  return problem.code;
}

function head(org: TestOrg, method: string, target: string, headers: Record<string, string> = {}) {
  const all = {
    host: org.countersign.services.settings.url.host,
    connection: "close",
    "x-api-key": org.standard,
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return [`${method} ${target} HTTP/1.1`, ...lines, "", ""].join("\r\n");
}

const portOf = (countersign: Countersign) => countersign.server.addr.port;

Deno.test("body: each malformed one is refused by its code, and the server goes on", async (t) => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const cases: [string, string | Uint8Array, number, string][] = [
    ["empty", "", 400, "malformed_json"],
    ["not JSON", "{tool", 400, "malformed_json"],
    ["a byte order mark", '\ufeff{"tool_name":"a"}', 400, "malformed_json"],
    ["not UTF-8", new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22]), 400, "malformed_json"],
    ["an array", "[]", 422, "invalid_request"],
    ["null", "null", 422, "invalid_request"],
    ["a string", '"check"', 422, "invalid_request"],
    ["10,000 arrays deep", "[".repeat(10_000) + "]".repeat(10_000), 422, "invalid_request"],
    [
      "10,000 objects deep, never closed",
      '{"tool_name":"a","arguments":' + '{"a":'.repeat(10_000),
      422,
      "invalid_request",
    ],
    ["a member twice", '{"tool_name":"a","tool_name":"b"}', 422, "duplicate_key"],
    [
      "a member twice, deep and escaped",
      '{"tool_name":"a","arguments":{"x":[{"k":1,"\\u006b":2}]}}',
      422,
      "duplicate_key",
    ],
    [
      "a lone surrogate",
      '{"tool_name":"a","arguments":{"x":"\\ud800"}}',
      422,
      "invalid_request",
    ],
    [
      "a huge integer",
      '{"tool_name":"a","arguments":{"x":9007199254740993}}',
      422,
      "invalid_request",
    ],
    [
      "a number no double holds",
      '{"tool_name":"a","arguments":{"x":1e999}}',
      422,
      "invalid_request",
    ],
    ["an unknown member", '{"tool_name":"a","sudo":true}', 422, "invalid_request"],
  ];
  for (const [name, body, status, code] of cases) {
    await t.step(name, async () => {
      const length = typeof body === "string" ? new TextEncoder().encode(body).length : body.length;
      const start = head(org, "POST", CHECK, { "content-length": String(length) });
      const answer = await rawAnswer(portOf(countersign), start, body);
      assert.equal(answer.status, status);
      assert.equal(answer.headers.get("content-type"), "application/problem+json");
      assert.equal(codeOf(answer.text, status), code);
      assert.ok(!answer.text.includes(org.standard));
    });
  }
  assert.equal((await org.post(CHECK, ACTION)).status, 200);
});

Deno.test("body: 10 MB are refused whether or not their length is stated", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const large = new Uint8Array(10 * 1024 * 1024).fill(0x20);
  const stated = await fetch(`${countersign.services.settings.url.origin}${CHECK}`, {
    method: "POST",
    headers: { "x-api-key": org.standard },
    body: large,
  });
  assert.equal(stated.status, 413);
  assert.equal(codeOf(await stated.text(), 413), "payload_too_large");

  const chunked = head(org, "POST", CHECK, { "transfer-encoding": "chunked" });
  const size = large.length.toString(16);
  const answer = await rawAnswer(
    portOf(countersign),
    chunked,
    `${size}\r\n`,
    large,
    "\r\n0\r\n\r\n",
  );
  assert.equal(answer.status, 413);
  assert.equal((await org.post(CHECK, ACTION)).status, 200);
});

Deno.test("body: one of exactly the limit is read, one byte more is not", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const padded = (size: number) => JSON.stringify(ACTION).padEnd(size);
  assert.equal((await org.post(CHECK, padded(256 * 1024))).status, 200);
  assert.equal((await org.post(CHECK, padded(256 * 1024 + 1))).status, 413);
});

Deno.test("body: one that drips in too slowly is refused when its time is up", async () => {
  let ticking = Promise.withResolvers<() => void>();
  const timer = (milliseconds: number): Timer => {
    if (milliseconds !== 1000) return systemTimer(milliseconds);
    const { promise, resolve } = Promise.withResolvers<void>();
    ticking.resolve(resolve);
    return { elapsed: promise, cancel: () => {} };
  };
  await using countersign = await Countersign.start({ deps: { timer } });
  const org = await countersign.org();
  await org.post(CHECK, ACTION);
  using request = await RawRequest.open(portOf(countersign));
  await request.send(
    head(org, "POST", CHECK, { "transfer-encoding": "chunked" }),
    '5\r\n{"too\r\n',
  );
  const answered = request.answer();
  const ended = answered.then(() => null);
  let ticks = 0;
  for (;;) {
    const tick = await Promise.race([ticking.promise, ended]);
    if (tick === null) break;
    ticking = Promise.withResolvers();
    ticks++;
    tick();
  }
  // Ten seconds, and what was left of the one under way.
  assert.ok(ticks > 10, `${ticks}`);
  const answer = await answered;
  assert.equal(answer.status, 408);
  assert.equal(codeOf(answer.text, 408), "request_timeout");
});

Deno.test("body: one shorter than its stated length is refused, not taken for whole", async () => {
  const lines: string[] = [];
  await using countersign = await Countersign.start({
    deps: { log: (_level, message) => lines.push(message) },
  });
  const org = await countersign.org();
  const request = await RawRequest.open(portOf(countersign));
  const body = JSON.stringify(ACTION);
  await request.send(
    head(org, "POST", CHECK, { "content-length": String(body.length + 10) }),
    body,
  );
  await request.connection.closeWrite();
  const { status, text } = await request.answer();
  request[Symbol.dispose]();
  if (text !== "") assert.equal(codeOf(text, 400), "malformed_json");
  assert.ok(status === 400 || text === "", `answered ${status}`);
  assert.equal((await org.post(CHECK, ACTION)).status, 200);
  assert.deepEqual(lines, []);
});

Deno.test("body: what follows the stated length is no second request with rights", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const body = JSON.stringify(ACTION);
  const smuggled = `${body}GET /v1/activity HTTP/1.1\r\nhost: x\r\n\r\n`;
  const start = head(org, "POST", CHECK, { "content-length": String(body.length) });
  const answer = await rawAnswer(portOf(countersign), start, smuggled);
  assert.equal(answer.status, 200);
  assert.equal(answer.text.match(/HTTP\/1\.1/g), null);
});

Deno.test("method: a wrong one is 405 and names those that fit", async (t) => {
  await using countersign = await Countersign.start();
  const cases: [string, string, string][] = [
    ["GET", CHECK, "POST"],
    ["HEAD", CHECK, "POST"],
    ["OPTIONS", CHECK, "POST"],
    ["DELETE", CHECK, "POST"],
    ["POST", "/healthz", "GET, HEAD"],
    ["OPTIONS", "/v1/openapi.json", "GET, HEAD"],
  ];
  for (const [method, path, allow] of cases) {
    await t.step(`${method} ${path}`, async () => {
      const { status, headers, text } = await countersign.request(method, path);
      assert.equal(status, 405);
      assert.equal(headers.get("allow"), allow);
      if (method !== "HEAD") assert.equal(codeOf(text, 405), "method_not_allowed");
    });
  }
});

Deno.test("method: HEAD answers as GET does, without the body", async () => {
  await using countersign = await Countersign.start();
  const { status, text, headers } = await countersign.request("HEAD", "/healthz");
  assert.deepEqual({ status, text }, { status: 200, text: "" });
  assert.ok(headers.get("x-request-id"));
});

Deno.test("path: what names no route is 404, however it is written", async (t) => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const paths = [
    "/v1",
    "/v2/permissions/check",
    `${CHECK}/`,
    "//v1/permissions/check",
    "/v1//permissions/check",
    "/v1/permissions%2Fcheck",
    "/V1/permissions/check",
    "/v1/permissions/check;a=b",
    "/v1/permissions/check%00",
    "/v1/permissions/%zz",
    "/%",
    "/v1/permissions/%c0%ae%c0%ae/check",
  ];
  for (const path of paths) {
    await t.step(path, async () => {
      const start = head(org, "POST", path, { "content-length": "2" });
      const answer = await rawAnswer(portOf(countersign), start, "{}");
      assert.equal(answer.status, 404);
      assert.equal(codeOf(answer.text, 404), "route_not_found");
    });
  }
});

Deno.test("path: dot segments lead to the route they mean, and to its rights", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const start = head(org, "POST", "/healthz/../v1/permissions/check", {
    "content-length": "2",
    "x-api-key": "none",
  });
  const answer = await rawAnswer(portOf(countersign), start, "{}");
  assert.ok([401, 404].includes(answer.status), `answered ${answer.status}`);
});

Deno.test("path: nothing is put under a name that no address can hold", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  for (const kind of ["tenants", "resources", "categories", "tombstones"]) {
    for (const name of [".", "..", "%2e%2E"]) {
      const start = head(org, "PUT", `/v1/${kind}/${name}`, {
        "content-length": "2",
        "x-api-key": org.management,
      });
      const { status, text } = await rawAnswer(portOf(countersign), start, "{}");
      assert.equal(status, 422, `${kind}/${name} answered ${status}: ${text}`);
    }
  }
});

Deno.test("path: a bad percent sequence in an id is the caller's mistake", async (t) => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  for (const id of ["%zz", "%", "%c3%28", "%ff", "..%2f..", "%00"]) {
    await t.step(id, async () => {
      const start = head(org, "GET", `/v1/agents/${id}`, { "x-api-key": org.management });
      const { status, text } = await rawAnswer(portOf(countersign), start);
      assert.ok(status >= 400 && status < 500, `answered ${status}: ${text}`);
    });
  }
});

Deno.test("query: a name given twice is refused", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const { status, body } = await org.get("/v1/activity?limit=1&limit=2");
  assert.equal(status, 422);
  assert.deepEqual(body.errors.map(({ path }: { path: string }) => path), ["/limit"]);
});

Deno.test("query: a parameter that a route does not know is refused, on every route for callers", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const keys = { standard: org.standard, management: org.management };
  for (const route of [...ROUTES, ...ALLOWLY_ROUTES]) {
    if (route.callers === "open") continue;
    const tier = (["standard", "management"] as const).find((one) => route.callers.includes(one));
    if (tier === undefined) continue;
    const path = route.path.replace(/:\w+(\{[^}]*\})?/g, "one");
    const method = route.method.toUpperCase();
    const { status, body, text } = await countersign.request(method, `${path}?nobody_knows=1`, {
      key: keys[tier],
      ...method === "GET" ? {} : { body: {} },
    });
    const where = `${method} ${path}`;
    assert.equal(status, 422, `${where}: ${text}`);
    const paths = body.errors?.map((error: { path?: string }) => error.path);
    assert.ok(paths?.includes("/nobody_knows") ?? text.includes("nobody_knows"), where);
  }
});

Deno.test("credentials: two that differ are refused, not one of them passed over", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const ask = (headers: Record<string, string>) =>
    countersign.request("POST", CHECK, { body: ACTION, headers });
  for (const other of [org.management, `${org.standard}x`]) {
    const said = await ask({ "x-api-key": org.standard, authorization: `Bearer ${other}` });
    assert.deepEqual([said.status, said.body.code], [422, "invalid_request"], other);
    assert.match(said.body.detail, /two credentials.*X-API-Key.*Authorization.*one/);
    assert.ok(!said.text.includes(org.standard));
  }
  const same = { "x-api-key": org.standard, authorization: `Bearer ${org.standard}` };
  assert.equal((await ask(same)).status, 200);
  // What a proxy asked for is no credential of ours.
  const basic = { "x-api-key": org.standard, authorization: "Basic c3RhZ2luZzpzdGFnaW5n" };
  assert.equal((await ask(basic)).status, 200);
});

Deno.test("input: each place that does not fit is named, with what is expected there", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const cases: [unknown, Record<string, string>][] = [
    [[], { "": "must be an object, not a list" }],
    [{}, { "/tool_name": "is required" }],
    [{ tool_name: 1, wait: 61 }, {
      "/tool_name": "must be a text, not a number",
      "/wait": "must be at most 60",
    }],
    [{ ...ACTION, "a/b": 1, secret: "s3cr3t" }, {
      "/a~1b": "is not known here",
      "/secret": "is not known here",
    }],
    [{ ...ACTION, explain: "yes", wait: 0.5 }, {
      "/explain": "must be true or false, not a text",
      "/wait": "must be a whole number, not a fraction",
    }],
    [{ ...ACTION, reason: "" }, { "/reason": "must have at least 1 character" }],
  ];
  for (const [body, expected] of cases) {
    const got = await org.post(CHECK, body);
    assert.equal(got.status, 422);
    assert.equal(got.body.code, "invalid_request");
    const errors: { path: string; message: string }[] = got.body.errors;
    assert.deepEqual(
      Object.fromEntries(errors.map(({ path, message }) => [path, message])),
      expected,
    );
    assert.equal(got.text.includes("s3cr3t"), false);
  }
  const rule = { selector: { tool_name: "x" }, permission: "maybe" };
  assert.equal(
    (await org.manage("PUT", "/v1/rules", rule)).body.detail,
    '/permission must be one of "allowed", "requires_approval", "disabled".',
  );
  // Of a value of several forms the nearest one says what is wrong.
  const places = async (method: string, path: string, body: JsonObject) => {
    const { status, body: { errors } } = await org.manage(method, path, body);
    assert.equal(status, 422, path);
    return errors.map(({ path }: { path: string }) => path);
  };
  const grant = { user_id: "u", bundle: { id: "shop" } };
  const year = { limit_micros: 1, period: "year" };
  assert.deepEqual(await places("POST", "/v1/mandates", { ...grant, budget: year }), [
    "/budget/period",
  ]);
  assert.deepEqual(await places("POST", "/v1/mandates", { ...grant, uses: 1.5 }), ["/uses"]);
  assert.deepEqual(await places("POST", "/v1/mandates", { ...grant, agent: "a" }), ["/agent"]);
  assert.deepEqual(await places("POST", "/v1/mandates", { parent: `mdt_${"0".repeat(26)}` }), [
    "/scopes",
  ]);
  const when = [{ field: "/a", op: "near", value: 1 }];
  const scopes = [{ tool: "pay", decision: "allow", conditions: [{ when, decision: "deny" }] }];
  assert.deepEqual(await places("PUT", "/v1/bundles/shop", { agent: "a", scopes }), [
    "/scopes/0/conditions/0/when/0/op",
  ]);
  for (const side of ["between", undefined]) {
    const { body } = await org.manage("POST", "/v1/guards/try", { side, text: "a" });
    const message = side === undefined ? "is required" : 'must be one of "before", "after"';
    assert.deepEqual(body.errors, [{ path: "/side", message }]);
  }
  const batch = await org.post("/v1/permissions/check-batch", { checks: [] });
  assert.equal(batch.body.detail, "/checks must have at least 1 item.");
});

Deno.test("input: where nothing is taken, nothing that is said is passed over", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("hold", { default_permission: "requires_approval" });
  const { body: { id } } = await org.post("/v1/approvals", { tool_name: "hold", reason: "r" });
  const cancel = `/v1/approvals/${id}/cancel`;
  const said = await org.post(cancel, { note: "done" });
  assert.deepEqual([said.status, said.body.errors?.[0]?.path], [422, "/note"], said.text);
  assert.equal((await org.post(cancel, "{")).body.code, "malformed_json");
  assert.equal((await org.post(cancel, '{"a":1,"a":1}')).body.code, "duplicate_key");
  assert.equal((await org.post(cancel, {})).status, 200);
  for (const body of [undefined, {}]) {
    assert.ok((await org.manage("PUT", "/v1/tombstones/one", body)).status < 300);
  }
});

Deno.test("host: a request for another name is 421, save for probes", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const ask = (path: string, host: string) =>
    rawAnswer(portOf(countersign), head(org, "GET", path, { host }));
  const rebound = await ask("/v1/openapi.json", "evil.example");
  assert.equal(rebound.status, 421);
  assert.equal(codeOf(rebound.text, 421), "misdirected_request");
  assert.ok(rebound.headers.get("x-request-id"));
  assert.equal((await ask("/healthz", "10.0.0.7:8000")).status, 200);
  assert.equal((await ask("/readyz", "10.0.0.7:8000")).status, 200);
});

Deno.test("host: none at all is refused", async () => {
  await using countersign = await Countersign.start();
  const answer = await rawAnswer(portOf(countersign), "GET /v1/openapi.json HTTP/1.0\r\n\r\n");
  assert.ok([400, 421].includes(answer.status), `answered ${answer.status}`);
});

Deno.test("request id: every answer carries one of its own", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const answers = [
    await org.post(CHECK, ACTION),
    await org.post(CHECK, {}),
    await org.post(CHECK, ACTION, "cs_live_unknown"),
    await countersign.request("GET", "/nowhere"),
    await countersign.request("GET", CHECK),
    await countersign.request("GET", "/healthz"),
    await countersign.request("GET", "/docs"),
    await countersign.request("GET", "/v1/openapi.json"),
  ];
  const ids = answers.map(({ headers }) => headers.get("x-request-id"));
  for (const id of ids) assert.match(id ?? "", /^req_[0-9a-hjkmnp-tv-z]{26}$/);
  assert.equal(new Set(ids).size, ids.length);
  for (const { body, headers, status } of answers) {
    if (status >= 400) assert.equal(body.request_id, headers.get("x-request-id"));
  }
});

Deno.test("answers are never kept by a cache, sniffed, or silent about the limit", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.key("standard", { rate_limit_per_minute: 2 });
  const key = await org.key("standard", { rate_limit_per_minute: 2 });
  const { headers } = await org.post(CHECK, ACTION, key);
  assert.equal(headers.get("cache-control"), "no-store");
  assert.equal(headers.get("x-content-type-options"), "nosniff");
  assert.equal(headers.get("ratelimit-policy"), '"minute";q=2;w=60');
  assert.match(headers.get("ratelimit") ?? "", /^"minute";r=1;t=\d+$/);
  const reader = await org.key("standard", { rate_limit_per_minute: 2 });
  for (const [left, path] of [[1, "checkpoint"], [0, "export"]] as const) {
    const { headers } = await org.get(`/v1/audit/${path}`, reader);
    assert.doesNotMatch(headers.get("content-type") ?? "", /^application\/json/);
    assert.equal(headers.get("ratelimit-policy"), '"minute";q=2;w=60');
    assert.match(headers.get("ratelimit") ?? "", new RegExp(`^"minute";r=${left};t=\\d+$`));
  }
});

Deno.test("errors repeat no key, whichever header it came in", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const wrong = org.standard.slice(0, -1) + (org.standard.endsWith("0") ? "1" : "0");
  for (const headers of [{ "x-api-key": wrong }, { authorization: `Bearer ${wrong}` }]) {
    const { status, text, headers: got } = await countersign.request("POST", CHECK, {
      body: ACTION,
      headers: headers as unknown as Record<string, string>,
    });
    assert.equal(status, 401);
    assert.ok(!text.includes(wrong));
    assert.match(got.get("www-authenticate") ?? "", /^Bearer/);
  }
});
