import assert from "node:assert/strict";
import { createServer } from "node:http";
import process from "node:process";
import { Execution, parametersOf } from "./engine.mjs";

/** What is n8n's own: sleeping and waking, its settings, many items, and the other operations. */

const { COUNTERSIGN_URL: url, COUNTERSIGN_API_KEY: key, APPROVER_KEY: approver } = process.env;

const credentials = () => ({ baseUrl: url, apiKey: key, allowHttp: false });

/** A workflow, and what went by each output of its gate. */
function workflow(parameters, more = {}) {
  const went = { guarded: [], refused: [] };
  const keep = (list) => (json) => {
    list.push(json);
    return json;
  };
  const execution = new Execution({
    credentials,
    parameters: parametersOf(parameters),
    items: () => [{ order_id: "o-1" }],
    guarded: keep(went.guarded),
    refused: keep(went.refused),
    ...more,
  });
  return { execution, went };
}

async function asked(path, body, by = approver) {
  const answer = await fetch(url + path, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${by}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  return await answer.json();
}

async function decide(decision) {
  const { data: [{ id }] } = await asked("/v1/approvals?status=pending");
  await asked(`/v1/approvals/${id}/decide`, { decision, decided_by: "ann@example.com" });
  return id;
}

const codes = (items) => items.map(({ countersign }) => countersign.code);
const sleeping = (order_id) => ({ waiting: "sleep", arguments: `{"order_id":"${order_id}"}` });

const CASES = {
  "woken before anybody decided it sleeps on, whatever is said to it; then it runs once":
    async () => {
      const { execution, went } = workflow({ ...sleeping("o-1"), argumentsFrom: "json" });
      await execution.run();
      assert.ok(execution.sleeps);
      // A forged resume, by whoever found the address.
      assert.equal(await execution.wake({ approved: true, status: "approved" }), false);
      assert.ok(execution.sleeps);
      await decide("approve");
      assert.equal(await execution.wake({}), true);
      assert.deepEqual(codes(went.guarded), ["allowed"]);
      assert.deepEqual(went.guarded[0].countersign.arguments, { order_id: "o-1" });
      assert.equal(await execution.wake({}), false, "A second waking found nothing asleep");
      assert.equal(went.guarded.length, 1);
    },
  "no clock of n8n wakes it, which would pass its items on unasked": async () => {
    const { execution, went } = workflow(sleeping("o-2"), { items: () => [{ order_id: "o-2" }] });
    await execution.run();
    assert.ok(new Date(execution.waitTill).getTime() > Date.now() + 100 * 365 * 86_400_000);
    // What that would do, and why there is no such time.
    await execution.wake(null);
    assert.deepEqual(went.guarded, [{ order_id: "o-2" }]);
    await decide("deny");
  },
  "woken with a broken credential, or by another item, it refuses": async () => {
    for (const fault of ["credential", "item"]) {
      const order_id = `o-3-${fault}`;
      let item = { order_id };
      let given = credentials;
      const { execution, went } = workflow({ waiting: "sleep" }, {
        items: () => [item],
        credentials: () => given(),
      });
      await execution.run();
      await decide("approve");
      if (fault === "item") item = { order_id, amount: 1_000_000 };
      else {
        given = () => {
          throw new Error("The credential was deleted");
        };
      }
      assert.equal(await execution.wake({}), true);
      assert.deepEqual(went.guarded, []);
      assert.deepEqual(codes(went.refused), [
        fault === "item" ? "requires_approval" : "guard_failed",
      ]);
    }
  },
  "held, it goes on when a person approves; what nobody approved in time is refused by its request":
    async () => {
      const late = workflow({ wait: 0 }, { items: () => [{ order_id: "o-4" }] });
      await late.execution.run();
      const [{ countersign: told }] = late.went.refused;
      assert.equal(told.code, "pending");
      assert.match(told.reference, /^REF-/);
      assert.match(told.review_url, /\/approvals\/apr_/);
      const held = workflow({ wait: 50 }, { items: () => [{ order_id: "o-4" }] });
      await Promise.all([held.execution.run(), decide("approve")]);
      assert.deepEqual(codes(held.went.guarded), ["allowed"]);
      assert.equal(held.went.guarded[0].countersign.reference, told.reference);
    },
  "nobody confirms what is done under no mandate": async () => {
    const { execution, went } = workflow({ operation: "confirm" });
    await execution.run();
    assert.deepEqual([codes(went.guarded), codes(went.refused)], [[], ["invalid_parameters"]]);
  },
  "of many items each goes its own way": async () => {
    const { execution, went } = workflow({
      operation: "check",
      toolName: "={{ $json.tool }}",
    }, {
      items: () =>
        ["read_order", "wipe_orders", "read_order", "refund_order"].map((tool, n) => ({ tool, n })),
    });
    await execution.run();
    assert.deepEqual(went.guarded.map(({ n }) => n), [0, 2]);
    assert.deepEqual(went.refused.map(({ n }) => n), [1, 3]);
    assert.deepEqual(codes(went.refused), ["disabled", "requires_approval"]);
  },
  "what n8n's settings would let through stops": async () => {
    const refusing = { operation: "check", toolName: "wipe_orders" };
    const stop = { ...refusing, whenRefused: "stop" };
    const stopped = workflow(stop);
    await stopped.execution.run();
    assert.match(stopped.execution.error.message, /^disabled: /);
    const continued = workflow(stop, { settings: { onError: "continueRegularOutput" } });
    await continued.execution.run();
    assert.deepEqual(codes(continued.went.refused), ["disabled"]);
    const always = workflow(refusing, { settings: { alwaysOutputData: true } });
    await always.execution.run();
    assert.match(always.execution.error.message, /Always Output Data/);
    const both = workflow(refusing, {
      settings: { alwaysOutputData: true, onError: "continueRegularOutput" },
    });
    await both.execution.run();
    assert.equal(await both.execution.wake({}), false);
    for (const { went } of [stopped, continued, always, both]) assert.deepEqual(went.guarded, []);
  },
  "a token that was minted is for its item, and once": async () => {
    const mint = workflow({ resource: "run", operation: "mint", toolName: "read_order" });
    await mint.execution.run();
    // The engine's report consumes what was left; so a second one is minted by hand.
    assert.deepEqual(codes(mint.went.guarded), ["allowed"]);
    const { token } = await asked("/v1/tokens/mint", {
      tool_name: "read_order",
      arguments: { order_id: "o-1" },
    }, key);
    const consume = async (order_id) => {
      const parameters = { resource: "run", operation: "consume", toolName: "read_order", token };
      const { execution, went } = workflow(parameters, { items: () => [{ order_id }] });
      await execution.run();
      return [codes(went.guarded), codes(went.refused)];
    };
    assert.deepEqual(await consume("o-2"), [[], ["action_mismatch"]]);
    assert.deepEqual(await consume("o-1"), [["allowed"], []]);
    assert.deepEqual(await consume("o-1"), [[], ["token_used"]]);
  },
  "a second workflow wakes the first, at this n8n and nowhere else": async () => {
    const called = [];
    let answer = 200;
    const server = createServer((request, response) => {
      called.push(request.url.replace(/=.*/, ""));
      response.writeHead(answer).end("{}");
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    const waitingBase = `http://127.0.0.1:${server.address().port}/webhook-waiting`;
    const wake = async (request) => {
      const parameters = { resource: "waiting", operation: "wake", request };
      const { execution, went } = workflow(parameters, { waitingBase });
      await execution.run();
      return [codes(went.guarded), codes(went.refused)];
    };
    const sleeper = workflow({ waiting: "sleep" }, {
      items: () => [{ order_id: "o-9" }],
      waitingBase,
    });
    await sleeper.execution.run();
    const { data: [{ id: pending }] } = await asked("/v1/approvals?status=pending");
    assert.deepEqual(await wake(pending), [[], ["invalid_parameters"]]);
    assert.deepEqual(called, []);
    const ended = await decide("approve");
    assert.deepEqual(await wake(ended), [["woken"], []]);
    assert.deepEqual(called, ["/webhook-waiting/17/gate-id?signature"]);
    answer = 409;
    assert.deepEqual(await wake(ended), [[], ["invalid_parameters"]]);
    // Whoever asks writes the reference: another address in it is not called.
    for (const place of ["n8n:@evil.example/1/x", "n8n:/../../rest/x", "http://127.0.0.1/1/x"]) {
      const body = {
        tool_name: "refund_order",
        arguments: { place },
        reason: "forged",
        reference_id: place,
      };
      await asked("/v1/approvals", body, key);
      assert.deepEqual(await wake(await decide("deny")), [["nobody_waits"], []]);
    }
    assert.equal(called.length, 2);
    server.close();
  },
};

let failed = 0;
for (const [name, run] of Object.entries(CASES)) {
  try {
    await run();
  } catch (error) {
    failed++;
    console.error(`${name}: ${error.stack}`);
  }
}
process.exit(failed === 0 ? 0 : 1);
