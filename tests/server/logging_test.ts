import assert from "node:assert/strict";
import { makeSecret, SECRET_PREFIXES, type SecretKind } from "../../lib/identity/credentials.ts";
import { formatLogLine, type LogLine, systemRandom } from "../../lib/store/system.ts";
import { makeSigningSecret } from "../../lib/webhooks/signing.ts";
import { app } from "../../routes/app.ts";
import { guarded, open } from "../../routes/http/route.ts";
import { Countersign, type FixtureOptions, TestClock } from "../helpers/countersign.ts";

type Line = Parameters<LogLine>;

async function logged(options: FixtureOptions = {}) {
  const lines: Line[] = [];
  const log: LogLine = (...line) => void lines.push(line);
  const countersign = await Countersign.start({ ...options, deps: { ...options.deps, log } });
  return { countersign, lines };
}

/** A surface with one route that fails with a text of the client in its error. */
function failing(countersign: Countersign) {
  return app(countersign.services, [
    open({
      method: "get",
      path: "/fails/:id",
      group: "Test",
      summary: "Fails",
      answers: { 200: null },
      handle: ({ request }) => {
        throw new Error(`cannot serve ${request.headers.get("x-api-key")} of eve@example.com`);
      },
    }),
    guarded({
      method: "get",
      path: "/slow",
      group: "Test",
      summary: "Takes three seconds",
      callers: ["standard"],
      answers: { 200: null },
      handle: () => {
        countersign.clock.advance(3000);
        return { status: 200, body: {} };
      },
    }),
  ]);
}

Deno.test("log: a request that fails leaves its id and route, and no trace of its key", async () => {
  const { countersign, lines } = await logged();
  await using _ = countersign;
  const org = await countersign.org();
  const { origin, host } = countersign.services.settings.url;
  const response = await failing(countersign).fetch(
    new Request(`${origin}/fails/${org.standard}?key=${org.standard}`, {
      headers: { "x-api-key": org.standard, host },
    }),
    {},
  );
  assert.equal(response.status, 500);
  const problem = await response.json();
  assert.equal(problem.code, "internal_error");
  assert.ok(!problem.detail.includes("cannot serve"));

  const line = lines.find(([, message]) => message === "A request failed");
  assert.ok(line);
  const text = formatLogLine(new Date(0), ...line);
  const parsed = JSON.parse(text);
  assert.equal(parsed.request_id, problem.request_id);
  assert.equal(parsed.route, "/fails/:id");
  assert.equal(parsed.level, "error");
  assert.ok(!text.includes(org.standard.slice("cs_live_".length)));
  assert.ok(!text.includes("eve@example.com"));
});

Deno.test("log: refusals and quick requests leave nothing unless access lines are wanted", async () => {
  const { countersign, lines } = await logged();
  await using _ = countersign;
  const org = await countersign.org();
  await org.post("/v1/permissions/check", { tool_name: "a" });
  await org.post("/v1/permissions/check", {});
  await org.post("/v1/permissions/check", { tool_name: "a" }, "cs_live_wrong");
  assert.deepEqual(lines, []);
});

Deno.test("log: COUNTERSIGN_LOG=access writes one line a request, without the client's text", async () => {
  const { countersign, lines } = await logged({ variables: { COUNTERSIGN_LOG: "access" } });
  await using _ = countersign;
  const org = await countersign.org();
  lines.length = 0;
  const { headers } = await org.post("/v1/permissions/check", {
    tool_name: "wire_money",
    arguments: { to: "eve@example.com" },
    reason: "because",
  });
  await org.get("/v1/activity?tool_name=wire_money");
  assert.equal(lines.length, 2);
  const [level, message, fields] = lines[0] ?? [];
  assert.deepEqual([level, message], ["info", "Request"]);
  assert.deepEqual(fields, {
    request_id: headers.get("x-request-id"),
    method: "POST",
    route: "/v1/permissions/check",
    status: 200,
    org: org.id,
    caller: fields?.caller,
    milliseconds: 0,
  });
  const text = JSON.stringify(lines);
  for (const word of ["wire_money", "eve@example.com", "because", org.standard, "127.0.0.1"]) {
    assert.ok(!text.includes(word), word);
  }
});

Deno.test("log: a slow request is written down", async () => {
  const { countersign, lines } = await logged({ clock: new TestClock() });
  await using _ = countersign;
  const org = await countersign.org();
  const { origin, host } = countersign.services.settings.url;
  const response = await failing(countersign).fetch(
    new Request(`${origin}/slow`, { headers: { "x-api-key": org.standard, host } }),
    {},
  );
  assert.equal(response.status, 200);
  const slow = lines.find(([, message]) => message === "A request was slow");
  assert.equal(slow?.[0], "warn");
  assert.equal(slow?.[2]?.route, "/slow");
  assert.equal(slow?.[2]?.milliseconds, 3000);
});

Deno.test("formatLogLine() writes one line of JSON and cuts secrets and addresses out", () => {
  const line = formatLogLine(new Date(0), "warn", "A\nB", {
    error: "key cs_mgmt_abcdefgh, token cs_run_a.b.c by eve@example.com",
    status: 500,
  });
  assert.ok(!line.includes("\n"));
  assert.deepEqual(JSON.parse(line), {
    at: "1970-01-01T00:00:00.000Z",
    level: "warn",
    message: "A\nB",
    error: "key cs_mgmt_… token cs_run_… by …@…",
    status: 500,
  });
});

Deno.test("formatLogLine() cuts a secret of every kind out, and no name that begins alike", () => {
  const kinds = Object.keys(SECRET_PREFIXES) as SecretKind[];
  const secrets = [
    ...kinds.map((kind) => makeSecret(kind, systemRandom)),
    makeSigningSecret(systemRandom),
  ];
  for (const secret of secrets) {
    const line = formatLogLine(new Date(0), "error", `of ${secret}`, { error: `"${secret}"` });
    assert.ok(!line.includes(secret.slice(-12)), secret);
  }
  const named = JSON.parse(formatLogLine(new Date(0), "error", "st_petersburg and test_st_1"));
  assert.equal(named.message, "st_petersburg and test_st_1");
});
