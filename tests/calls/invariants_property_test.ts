import assert from "node:assert/strict";
import fc from "fast-check";
import { canonicalJson } from "../../lib/base/canonical.ts";
import type { JsonObject } from "../../lib/base/json.ts";
import type { CallOutcome } from "../../lib/upstreams/port.ts";
import { jsonObject } from "../helpers/arbitrary_json.ts";
import { CallOrg, OFFERED, READ } from "../helpers/call_org.ts";
import { rawCall, resultOf as resultIn } from "../helpers/mcp_client.ts";
import { runs } from "../helpers/property_runs.ts";
import { listedTool, notSent, resultOf } from "../helpers/scripted_upstreams.ts";
import { UpstreamServer } from "../helpers/upstream_server.ts";

/** What holds of every call, whatever is asked, answered or configured. */

const GATEWAY = "/mcp/gateway";

/** What an upstream may do to a call, as its port says it. */
const outcome: fc.Arbitrary<CallOutcome> = fc.oneof(
  fc.record({ text: fc.string(), is_error: fc.boolean() })
    .map(({ text, is_error }) => resultOf([{ type: "text", text }], is_error)),
  fc.constantFrom(
    "unreachable",
    "unauthorized",
    "needs_reconnect",
    "session_lost",
    "busy",
    "stopped",
  )
    .map((why) => notSent(why)),
  fc.constantFrom("timed_out", "cut", "malformed", "status", "stopped")
    .map((why): CallOutcome => ({ is: "unknown", why, says: "No whole answer came." })),
  fc.record({ status: fc.integer({ min: 400, max: 499 }), code: fc.integer() })
    .map((said): CallOutcome => ({ is: "failed", says: "No.", ...said })),
  fc.nat().map((bytes): CallOutcome => ({ is: "too_large", max_bytes: 1024, bytes })),
  fc.constant<CallOutcome>({ is: "asks", asked: ["elicitation/create"] }),
);

/** The entries of a call, without what is of it alone. */
async function told(it: CallOrg, from: number) {
  const OWN = /^(?:request_id|decision_id|digest_version|client_digest|duration_ms|.*_digest)$/;
  return (await it.log()).slice(from).map(({ entry: { type, data } }) => ({
    type,
    data: Object.fromEntries(Object.entries(data).filter(([name]) => !OWN.test(name))),
  }));
}

Deno.test("G2, G15: whatever comes of calls, each consumed permission is told of once and sent once", async () => {
  await using it = await CallOrg.start();
  await fc.assert(
    fc.asyncProperty(fc.array(outcome, { minLength: 1, maxLength: 4 }), async (outcomes) => {
      const from = (await it.log()).length;
      const sent = it.sent;
      let at = 0;
      let mayRepeat = 0;
      it.upstreams.answer = () => {
        const now = outcomes[at % outcomes.length] ?? assert.fail("no outcome");
        if (now.is === "not_sent" && now.why === "unreachable") mayRepeat++;
        return now;
      };
      for (; at < outcomes.length; at++) await it.call(READ, { arguments: { id: `${at}` } });
      const entries = (await it.log()).slice(from).map(({ entry }) => entry);
      const of = (...types: string[]) =>
        entries.filter(({ type }) => types.includes(type)).map(({ subject }) => subject.token);
      const consumed = of("token.consumed");
      assert.equal(new Set(consumed).size, outcomes.length);
      assert.deepEqual(of("execution.logged", "token.returned"), consumed);
      // Of those that were not reached there are two for each permission.
      assert.equal(it.sent - sent, outcomes.length + mayRepeat / 2);
    }),
    runs(15),
  );
});

Deno.test("G13: whatever is asked and answered, REST and MCP tell and log the same", async () => {
  await using it = await CallOrg.start();
  const token = await it.org.agent();
  const { countersign } = it.it;
  await fc.assert(
    fc.asyncProperty(
      outcome,
      fc.oneof(fc.record({ id: fc.string() }), fc.record({ id: fc.integer() })),
      async (answer, args) => {
        it.upstreams.answer = () => answer;
        const before = (await it.log()).length;
        const rest = await it.call(READ, { arguments: args }, token);
        const between = (await it.log()).length;
        const params = { name: "notes__read", arguments: args };
        const mcp = resultIn(
          await rawCall(countersign, "tools/call", params, { token, path: GATEWAY }),
        );
        const [byRest, byMcp] = [await told(it, before), await told(it, between)];
        assert.deepEqual(byMcp, byRest.slice(0, byMcp.length));
        assert.equal(byRest.length, between - before + byMcp.length);
        if (answer.is === "result" && rest.status === 200) {
          assert.deepEqual(mcp.content, rest.body.result.content);
          assert.equal(mcp.isError === true, rest.body.result.is_error);
        } else {
          assert.equal(mcp.isError, true);
          assert.equal(mcp.structuredContent.code, rest.body.code);
        }
      },
    ),
    runs(20),
  );
});

Deno.test("G4: whatever rules, defaults and switches there are, what is listed is what can be called", async () => {
  await using it = await CallOrg.start();
  const made = await it.org.manage("POST", "/v1/agents", { name: "robot" });
  const { token } = made.body;
  const { countersign } = it.it;
  const names = ["a", "b", "c"];
  it.upstreams.tools = names.map((name) => listedTool(name));
  await it.org.manage("POST", "/v1/upstreams/notes/refresh");
  const { data } = (await it.org.get("/v1/upstreams/notes/tools")).body;
  const tools = (data as JsonObject[]).filter(({ name }) => /^notes\/[abc]$/.test(String(name)))
    .map(({ name, definition_digest }) => ({ name, definition_digest }));
  await it.org.manage("POST", "/v1/upstreams/notes/approve", { tools });
  const permission = fc.constantFrom("allowed", "requires_approval", "disabled");
  const config = fc.record({
    defaults: fc.array(permission, { minLength: 3, maxLength: 3 }),
    disabled: fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
    rule: fc.option(fc.record({ tool: fc.constantFrom(...names), permission })),
    paused: fc.boolean(),
  });
  const run = (method: string, params: JsonObject) =>
    rawCall(countersign, method, params, { token, path: GATEWAY });
  await fc.assert(
    fc.asyncProperty(config, async ({ defaults, disabled, rule, paused }) => {
      for (const [at, name] of names.entries()) {
        await it.org.manage("PATCH", `/v1/tools/notes/${name}`, {
          default_permission: defaults[at] ?? "disabled",
          status: disabled[at] ? "disabled" : "approved",
        });
      }
      const selector = { tool_name: `notes/${rule?.tool}` };
      const set = rule === null
        ? null
        : await it.org.manage("PUT", "/v1/rules", { selector, permission: rule.permission });
      await it.put({ status: paused ? "paused" : "active" });
      const listed = resultIn(await run("tools/list", {})).tools
        .map(({ name }: { name: string }) => name);
      for (const name of names) {
        const sent = it.sent;
        // Whoever is held would wait for people: what is asked of them is refused by its arguments.
        const answer = await run("tools/call", {
          name: `notes__${name}`,
          arguments: { countersign_reason: 7 },
        });
        const isKnown = answer.messages.at(-1)?.error === undefined;
        assert.equal(isKnown, listed.includes(`notes__${name}`), `${name} of ${listed}`);
        assert.equal(it.sent, sent);
      }
      if (set !== null) await it.org.manage("DELETE", `/v1/rules/${set.body.id}`);
    }),
    runs(8),
  );
});

Deno.test("G5: whatever a definition becomes, the tool runs no more and no agent is shown it", async () => {
  await using it = await CallOrg.start();
  const token = await it.org.agent();
  const [read, wipe] = OFFERED;
  const original = [read, wipe].map((tool) => ({
    name: String(tool?.["name"]),
    definition: tool!,
  }));
  await fc.assert(
    fc.asyncProperty(jsonObject, async (change) => {
      it.upstreams.tools = original;
      await it.org.manage("POST", "/v1/upstreams/notes/refresh");
      await it.approve();
      const changed = { ...read, ...change, name: "read" };
      fc.pre(canonicalJson(changed) !== canonicalJson(read ?? {}));
      it.upstreams.tools = [{ name: "read", definition: changed }, ...original.slice(1)];
      it.it.countersign.clock.advance(61_000);
      const sent = it.sent;
      const got = await it.call(READ);
      assert.notEqual(got.status, 200, got.text);
      assert.equal(it.sent, sent);
      const { tools } = resultIn(
        await rawCall(it.it.countersign, "tools/list", {}, { token, path: GATEWAY }),
      );
      const shown = tools.find(({ name }: { name: string }) => name === "notes__read");
      const { description } = changed as { description?: unknown };
      if (typeof description === "string" && description.length > 8) {
        assert.ok(!JSON.stringify(shown ?? "").includes(JSON.stringify(description)));
      }
    }),
    runs(10),
  );
});

Deno.test("G7: whatever a caller sends beside the arguments, none of it is in what the upstream gets", async () => {
  await using server = new UpstreamServer({ era: "modern", tools: OFFERED });
  await using it = await CallOrg.at(server);
  const secret = fc.stringMatching(/^[a-z0-9]{24}$/);
  const header = fc.constantFrom(
    "authorization",
    "cookie",
    "x-forwarded-for",
    "mcp-session-id",
    "traceparent",
    "x-custom",
  );
  await fc.assert(
    fc.asyncProperty(fc.dictionary(header, secret), secret, async (headers, reason) => {
      server.asked.length = 0;
      const body = { tool_name: READ, arguments: { id: "n1" }, reason, call_key: reason };
      const got = await it.org.post("/v1/calls", body, it.org.standard, headers);
      assert.equal(got.status, 200, got.text);
      const seen = JSON.stringify(server.asked.map(({ headers, text }) => [[...headers], text]));
      const own = [it.org.standard, it.org.id, reason, ...Object.values(headers)];
      for (const one of own) assert.ok(!seen.includes(one), `${one} in ${seen}`);
    }),
    runs(10),
  );
});

Deno.test("G14: whatever is written of an upstream, no program is started for it", async () => {
  await using it = await CallOrg.start();
  const text = fc.constantFrom("sh", "stdio:files", "file:///bin/sh", "http://127.0.0.1:1/", "x");
  const body = fc.record({
    kind: fc.constantFrom("mcp", "mcp_stdio", "openapi", "stdio"),
    url: text,
    command: text,
    args: fc.array(text, { maxLength: 2 }),
    env: fc.array(text, { maxLength: 2 }),
    headers: fc.dictionary(fc.constantFrom("command", "x-a"), text, { maxKeys: 1 }),
  }, { requiredKeys: [] });
  await fc.assert(
    fc.asyncProperty(body, async (fields) => {
      const got = await it.org.manage("PUT", "/v1/upstreams/other", fields);
      assert.equal(got.status, 422, got.text);
      assert.equal((await it.org.manage("GET", "/v1/upstreams/other")).status, 404);
    }),
    runs(25),
  );
  assert.ok(it.upstreams.targets.every(({ kind }) => kind === "mcp"));
});
