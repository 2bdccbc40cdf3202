import assert from "node:assert/strict";
import process from "node:process";
import app from "countersign-zapier";
import zapier from "zapier-platform-core";
import schema from "zapier-platform-schema";

/** What is Zapier's own: the definition, the fields, waking, and runs that go on unallowed. */

const { COUNTERSIGN_URL: base_url, COUNTERSIGN_API_KEY: api_key, APPROVER_KEY: approver } =
  process.env;
const authData = { base_url, api_key };
const run = zapier.createAppTester(app);
const { check, ask_and_wait: ask, wake_zap: wake } = app.creates;

const step = (of, inputData) => run(of.operation.perform, { authData, inputData });

async function asked(path, body, by = approver) {
  const answer = await fetch(base_url + path, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${by}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  return await answer.json();
}

const CASES = {
  "the definition is what Zapier takes": () => {
    const { errors } = schema.validateAppDefinition(JSON.parse(JSON.stringify(app, functions)));
    assert.deepEqual(errors.map(String), []);
  },
  "a connection is tried by what it may do": async () => {
    const { test } = app.authentication;
    assert.equal((await run(test, { authData })).base_url, new URL(base_url).host);
    const wrong = { authData: { base_url, api_key: "cs_agent_wrong" } };
    await assert.rejects(run(test, wrong), /invalid|credential|key/i);
  },
  "what a customer writes stays in its field, and a number is one": async () => {
    const text = 'x", "amount": 1, "y": "';
    const inputData = {
      tool_name: "read_order",
      arguments: { order_id: text },
      numbers: { amount: "5" },
    };
    const passed = await step(check, inputData);
    assert.deepEqual(passed.arguments, { order_id: text, amount: 5 });
    const bad = { tool_name: "read_order", numbers: { amount: "5; drop" } };
    await assert.rejects(step(check, bad), /"amount" is no number/);
    const twice = { tool_name: "read_order", arguments: { a: "1" }, numbers: { a: "2" } };
    await assert.rejects(step(check, twice), /given twice/);
  },
  "a run that goes on unallowed has nothing to run with": async () => {
    const inputData = { tool_name: "wipe_orders", when_refused: "go_on" };
    const { allowed, code, token, arguments: args } = await step(check, inputData);
    assert.deepEqual([allowed, code, token, args], [false, "disabled", undefined, undefined]);
    await assert.rejects(step(check, { tool_name: "wipe_orders" }), /may not run. disabled/);
  },
  "woken before anybody decided, the run is stopped, and goes on when it is run again":
    async () => {
      const inputData = { tool_name: "refund_order", arguments: { n: "1" }, reason: "Test" };
      const { code, reference } = await step(ask, inputData);
      assert.equal(code, "pending");
      const resume = () =>
        run(ask.operation.performResume, {
          authData,
          inputData,
          cleanedRequest: { status: "approved" },
        });
      await assert.rejects(resume(), new RegExp(`pending: .*${reference}`));
      const { id, reference_id } = await asked(`/v1/approvals/${reference}`);
      assert.match(reference_id, /^zapier:https:\/\//);
      await asked(`/v1/approvals/${id}/decide`, {
        decision: "approve",
        decided_by: "ann@example.com",
      });
      assert.equal((await step(ask, inputData)).allowed, true);
      await assert.rejects(resume(), /requires_approval/, "One approval, and not one run");
      const [ended] = await run(app.triggers.request_ended.operation.perform, { authData });
      assert.deepEqual([ended.id, ended.status], [id, "approved"]);
    },
  "Wake calls addresses of Zapier, and no others": async () => {
    const others = [
      "http://hooks.zapier.com/x",
      "https://evil.example/x",
      "https://zapier.com@e.example/",
    ];
    for (const place of others) {
      const body = {
        tool_name: "refund_order",
        arguments: { place },
        reason: "forged",
        reference_id: `zapier:${place}`,
      };
      const { id } = await asked("/v1/approvals", body, api_key);
      await asked(`/v1/approvals/${id}/cancel`, {}, api_key);
      assert.equal((await step(wake, { request: id })).woken, false);
    }
  },
};

/** Functions of a definition, as Zapier's schema knows them. */
function functions(_name, value) {
  return typeof value === "function" ? "$func$2$f$" : value;
}

let failed = 0;
for (const [name, test] of Object.entries(CASES)) {
  try {
    await test();
  } catch (error) {
    failed++;
    console.error(`${name}: ${error.stack}`);
  }
}
process.exit(failed === 0 ? 0 : 1);
