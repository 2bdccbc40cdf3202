import assert from "node:assert/strict";
import { bootstrap } from "../../lib/catalog/create_org.ts";
import { makeSecret } from "../../lib/identity/credentials.ts";
import { DEPLOYMENT_ORG, logHeadPrefix } from "../../lib/store/keys.ts";
import { listRecords } from "../../lib/store/kv.ts";
import { logHead } from "../../lib/store/records/log.ts";
import { systemRandom } from "../../lib/store/system.ts";
import { ApprovalOrg, TOOL } from "../helpers/approval_org.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { FailingStore } from "../helpers/failing_store.ts";
import { head, raw, RawRequest } from "../helpers/raw_request.ts";
import { assertProblem } from "../helpers/refused.ts";

const CHECK = "/v1/permissions/check";
const MEGABYTES = 10 * 1024 * 1024;

/** The sizes of all logs. */
async function sizes(countersign: Countersign): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  const { kv } = countersign.services.deps;
  for await (const { key, value } of listRecords(kv, { prefix: logHeadPrefix() }, logHead)) {
    found.set(String(key[1]), value.size);
  }
  return found;
}

async function withTool(countersign: Countersign): Promise<TestOrg> {
  const org = await countersign.org();
  await org.tool("restart");
  return org;
}

Deno.test("attack: a body of 10 MB is refused, with its length and without", async () => {
  await using countersign = await Countersign.start();
  const org = await withTool(countersign);
  const text = `{"tool_name":"${"x".repeat(MEGABYTES)}"}`;
  assertProblem(await org.post(CHECK, text), 413, "payload_too_large");
  // The stated length alone is enough: nothing is waited for.
  const key = `X-API-Key: ${org.standard}`;
  const stated = head(countersign, `POST ${CHECK}`, [key, `Content-Length: ${MEGABYTES}`]);
  assert.deepEqual((await raw(countersign, stated + "{", { first: true })).statuses, [413]);
  const chunk = "x".repeat(64 * 1024);
  const pieces = `${chunk.length.toString(16)}\r\n${chunk}\r\n`.repeat(MEGABYTES / chunk.length);
  const chunked = head(countersign, `POST ${CHECK}`, [key, "Transfer-Encoding: chunked"]);
  const { statuses } = await raw(countersign, chunked + pieces + "0\r\n\r\n", { first: true });
  assert.ok(statuses.length === 0 || statuses[0] === 413, String(statuses));
  assert.equal((await org.post(CHECK, { tool_name: "restart" })).status, 200);
});

Deno.test("attack: a large body of a stranger, or of the wrong tier, is not read at all", async () => {
  await using countersign = await Countersign.start();
  const org = await withTool(countersign);
  const keys: [string, number][] = [
    [makeSecret("standard", systemRandom), 401],
    ["nonsense", 401],
    [org.management, 403],
  ];
  for (const [secret, status] of keys) {
    // The body never comes: an answer shows that nobody waited for it.
    const headers = [`X-API-Key: ${secret}`, "Content-Length: 1000"];
    const request = head(countersign, `POST ${CHECK}`, headers) + "{";
    const { statuses } = await raw(countersign, request, { first: true });
    assert.deepEqual(statuses, [status]);
  }
});

Deno.test("attack: a body that drips in is ended when its time is over, and changes nothing", async () => {
  const waits = new Set<() => void>();
  await using countersign = await Countersign.start({
    deps: {
      timer: (milliseconds) => {
        const { promise, resolve } = Promise.withResolvers<void>();
        if (milliseconds === 1000) waits.add(resolve);
        return { elapsed: promise, cancel: () => waits.delete(resolve) };
      },
    },
  });
  const org = await withTool(countersign);
  const before = (await sizes(countersign)).get(org.id);
  for (const framing of ["Content-Length: 100", "Transfer-Encoding: chunked"]) {
    const start = head(countersign, `POST ${CHECK}`, [`X-API-Key: ${org.standard}`, framing]);
    const part = framing.startsWith("C") ? "{" : "1\r\n{\r\n";
    const answered = raw(countersign, start + part, { first: true });
    await bodyTime(waits);
    assert.deepEqual((await answered).statuses, [408], framing);
  }
  assert.equal((await sizes(countersign)).get(org.id), before);
});

Deno.test("attack: after a 408 nothing more is answered on the connection, whatever comes behind", async () => {
  const waits = new Set<() => void>();
  await using countersign = await Countersign.start({
    deps: {
      timer: (milliseconds) => {
        const { promise, resolve } = Promise.withResolvers<void>();
        if (milliseconds === 1000) waits.add(resolve);
        return { elapsed: promise, cancel: () => waits.delete(resolve) };
      },
    },
  });
  const org = await withTool(countersign);
  const { host } = countersign.services.settings.url;
  const start = (framing: string) =>
    `POST ${CHECK} HTTP/1.1\r\nHost: ${host}\r\nX-API-Key: ${org.standard}\r\n${framing}\r\n\r\n`;
  const smuggled = `GET /healthz HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
  const framings = [
    ["Content-Length: 100", "{", "x".repeat(99)],
    ["Transfer-Encoding: chunked", "1\r\n{\r\n", "0\r\n\r\n"],
  ] as const;
  for (const [framing, part, rest] of framings) {
    using request = await RawRequest.open(countersign.server.addr.port);
    await request.send(start(framing), part);
    await bodyTime(waits);
    const answer = await request.received((text) => text.includes("}"));
    assert.match(answer, /^HTTP\/1\.1 408 /);
    assert.deepEqual(answer.match(/^connection: .*$/gim), ["connection: close"], framing);
    // The runtime keeps the socket for the rest of the body, and closes it behind that.
    await request.send(rest, smuggled).catch(() => {});
    assert.equal(await request.received(), "", framing);
  }
});

/** Lets the ten seconds pass that a body has, and what was left of the one under way. */
async function bodyTime(seconds: Set<() => void>): Promise<void> {
  for (let second = 0; second <= 10; second++) {
    const elapse = await lasting(seconds);
    seconds.delete(elapse);
    elapse();
  }
}

/** The first wait that is not called off: bodies of before had the same limit, and arrived. */
async function lasting(waits: ReadonlySet<() => void>): Promise<() => void> {
  let seen: (() => void) | undefined;
  for (let turns = 0; turns < 30; turns++) {
    const [current] = waits;
    if (current === undefined || current !== seen) turns = 0;
    seen = current;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return seen ?? assert.fail("nothing waits");
}

Deno.test("attack: a body that ends before its length is refused", async () => {
  await using countersign = await Countersign.start();
  const org = await withTool(countersign);
  const before = (await sizes(countersign)).get(org.id);
  const { port } = countersign.server.addr;
  const request = head(countersign, `POST ${CHECK}`, [
    `X-API-Key: ${org.standard}`,
    "Content-Length: 1000",
  ]);
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(new TextEncoder().encode(request + `{"tool_name":"restart"}`));
  await connection.closeWrite();
  await new Response(connection.readable).text().catch(() => {});
  assert.equal((await sizes(countersign)).get(org.id), before);
});

Deno.test("attack: requests with headers without end are refused by the server", async () => {
  await using countersign = await Countersign.start();
  const org = await withTool(countersign);
  const key = `X-API-Key: ${org.standard}`;
  const many = Array.from({ length: 5000 }, (_, i) => `X-H${i}: ${"x".repeat(50)}`);
  const long = [`X-Long: ${"x".repeat(2_000_000)}`];
  for (const headers of [many, long]) {
    const request = head(countersign, "GET /v1/org", [key, ...headers]);
    const { statuses } = await raw(countersign, request);
    assert.ok(
      statuses.length === 0 || [400, 414, 431].includes(statuses[0] ?? 0),
      String(statuses),
    );
  }
  assert.equal((await org.get("/v1/org")).status, 200);
});

Deno.test("attack: a flood of unknown tools makes drafts up to the caps, and allows none", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const keys = await Promise.all(Array.from({ length: 7 }, () => org.agent()));
  const drafts = async () =>
    (await org.get("/v1/tools?discovered=true&limit=200")).body.data.length;
  let asked = 0;
  const flood = (count: number) =>
    Promise.all(keys.flatMap((key) =>
      Array.from({ length: count }, async () => {
        const got = await org.post(CHECK, { tool_name: `flood_${asked++}` }, key);
        assert.equal(got.body.permission, "requires_approval");
        assert.equal(got.body.resolved_from, "gate_draft");
      })
    ));
  await flood(2);
  assert.equal(await drafts(), 14);
  await flood(20);
  assert.equal(await drafts(), 50);
  const batch = Array.from({ length: 100 }, (_, i) => ({ tool_name: `batch_${i}` }));
  await org.post("/v1/permissions/check-batch", { checks: batch });
  assert.equal(await drafts(), 50);
});

Deno.test("attack: a flood of requests for approval ends at the caps, for one caller and for all", async () => {
  await using it = await ApprovalOrg.start();
  const { org } = it;
  const got = await Promise.all(Array.from({ length: 40 }, (_, i) => it.ask({ method: `M${i}` })));
  assert.equal(got.filter(({ status }) => status === 201).length, 20);
  for (const each of got) if (each.status !== 201) assertProblem(each, 429, "too_many_pending");
  // A denied action does not come back for ten minutes, however it is asked.
  const { id } = await it.pending({ method: "DENY" }, await org.agent());
  await it.decide(id, "deny");
  const made = await org.agent();
  const first = await it.pending({ method: "X" }, made);
  await it.decide(first.id, "deny");
  assertProblem(await it.ask({ method: "X" }, made), 409, "recently_denied");
  const check = { tool_name: TOOL, method: "X", request: true, reason: "please" };
  assertProblem(await org.post(CHECK, check, made), 409, "recently_denied");
});

Deno.test("attack: asking for the same again and again is bounded too", async () => {
  await using it = await ApprovalOrg.start();
  let last = await it.ask();
  for (let i = 0; i < 60 && last.status < 300; i++) last = await it.ask({ reason: `again ${i}` });
  assertProblem(last, 429, "too_many_pending");
});

Deno.test("attack: strangers grow no log: one entry a minute and source, whatever they send", async () => {
  const kv = await Deno.openKv(":memory:");
  const store = new FailingStore(kv);
  let commits = 0;
  store.fault = ({ kind }) => {
    if (kind === "commit") commits++;
    return null;
  };
  {
    await using countersign = await Countersign.start({ kv: store });
    await bootstrap(countersign.services);
    const org = await withTool(countersign);
    const before = await sizes(countersign);
    commits = 0;
    const flood = async () => {
      for (let i = 0; i < 20; i++) {
        await Promise.all([
          org.post(CHECK, {}, makeSecret("standard", systemRandom)),
          org.post(CHECK, {}, `nonsense${i}`),
          countersign.request("POST", CHECK),
          countersign.request("GET", `/nowhere/${i}`),
          countersign.request("DELETE", CHECK),
          countersign.request("GET", `/.well-known/countersign/keys/org_${i}`),
          countersign.request("GET", "/v1/activity", {
            key: "x",
            headers: { "x-forwarded-for": `192.0.2.${i}` },
          }),
        ]);
      }
    };
    await flood();
    assert.equal(commits, 0);
    for (let minute = 1; minute <= 3; minute++) {
      await flood();
      await countersign.services.failedAttempts.flush();
      const after = await sizes(countersign);
      assert.equal(after.get(org.id), before.get(org.id));
      assert.equal(after.get(DEPLOYMENT_ORG), (before.get(DEPLOYMENT_ORG) ?? 0) + minute);
      countersign.clock.advance(60_000);
    }
  }
  kv.close();
});

Deno.test("attack: a caller over its limit is refused before anything is stored", async () => {
  await using countersign = await Countersign.start();
  const org = await withTool(countersign);
  const key = await org.key("standard", { rate_limit_per_minute: 5 });
  const got = await Promise.all(
    Array.from({ length: 50 }, () => org.post(CHECK, { tool_name: "restart" }, key)),
  );
  assert.equal(got.filter(({ status }) => status === 200).length, 5);
  const before = (await sizes(countersign)).get(org.id);
  assertProblem(await org.post(CHECK, { tool_name: "restart" }, key), 429, "rate_limited");
  assert.equal((await sizes(countersign)).get(org.id), before);
});

Deno.test("attack: forged, foreign and huge cursors and spans answer a page or a refusal", async () => {
  await using it = await ApprovalOrg.start();
  await it.pending();
  const { org } = it;
  await org.manage("PUT", "/v1/tenants/acme", {});
  const cursor = (value: unknown) =>
    new TextEncoder().encode(JSON.stringify(value)).toBase64({
      alphabet: "base64url",
      omitPadding: true,
    });
  const forged = [
    [0],
    [-1],
    [1.5],
    [2 ** 53 - 1],
    [2 ** 53],
    [1e308],
    [null],
    [],
    {},
    ["apr_00000000000000000000000000"],
    ["apr_7zzzzzzzzzzzzzzzzzzzzzzzzz"],
    ["\u0000".repeat(200)],
    ["\ud800"],
    ["\uffff".repeat(400)],
    [["x"]],
    { __proto__: ["x"], length: 1 },
  ].map(cursor);
  const lists = [
    "/v1/approvals?",
    "/v1/approvals?status=pending&",
    "/v1/approvals?since=2026-06-01T00:00:00Z&",
    "/v1/activity?",
    "/v1/activity?order=asc&type=permission.checked&",
    "/v1/audit/entries?",
    "/v1/agents?",
    "/v1/api-keys?",
    "/v1/tools?",
    "/v1/rules?",
    "/v1/tenants?",
    "/v1/resources?",
    "/v1/members?",
    "/v1/categories?",
  ];
  for (const list of lists) {
    for (const each of [...forged, "AAAA", "!", "%00", "a".repeat(2048), "a".repeat(2049)]) {
      const got = await org.get(`${list}cursor=${each}`);
      assert.ok([200, 422].includes(got.status), `${list}${each}: ${got.text}`);
    }
  }
  const spans = [
    "since=2026-02-01T00:00:00Z&until=2020-01-01T00:00:00Z",
    "since=0001-01-01T00:00:00Z",
    "until=0001-01-01T00:00:00Z",
    "since=9999-12-31T23:59:59Z&until=9999-12-31T23:59:59Z",
    "since=2026-01-01T00:00:00%2B99:99",
    "since=1e99",
  ];
  const spanned = [
    "/v1/approvals",
    "/v1/approvals?status=pending",
    "/v1/activity",
    "/v1/audit/export",
  ];
  for (const path of spanned) {
    for (const span of spans) {
      const got = await org.get(`${path}${path.includes("?") ? "&" : "?"}${span}`);
      assert.ok([200, 422].includes(got.status), `${path} ${span}: ${got.text}`);
    }
  }
  const all = await org.get("/v1/approvals?since=0001-01-01T00:00:00Z");
  assert.equal(all.body.data.length, 1);
});
