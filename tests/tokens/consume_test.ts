import assert from "node:assert/strict";
import type { Action } from "../../lib/base/action.ts";
import { asCaller } from "../../lib/identity/acting.ts";
import { runTokenKey } from "../../lib/store/keys.ts";
import { consumeOperation } from "../../lib/tokens/consume.ts";
import { Countersign } from "../helpers/countersign.ts";
import {
  consume,
  entriesOf,
  minted,
  orgWithTransfer,
  TRANSFER,
  verify,
} from "../helpers/minted_tokens.ts";
import { assertProblem } from "../helpers/refused.ts";
import { setAsAnotherNode } from "../helpers/stored_log.ts";

Deno.test("a token lives: verified, consumed once, then used for good", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const { token, token_id } = await minted(org);

  const looked = await verify(org, token, TRANSFER);
  assert.equal(looked.body.valid, true);
  assert.deepEqual((await verify(org, token)).body, looked.body, "looking changes nothing");

  countersign.clock.advance(1000);
  const got = await consume(org, token);
  assert.equal(got.status, 200);
  assert.deepEqual(got.body, {
    token_id,
    consumed_at: new Date(countersign.clock.now).toISOString(),
    claims: looked.body.claims,
  });
  const request = got.headers.get("x-request-id");
  const [entry] = await entriesOf(org, "token.consumed");
  assert.equal(entry?.subject.token, token_id);
  assert.equal(entry?.data.request_id, request);

  countersign.clock.advance(1000);
  const again = await consume(org, token);
  assertProblem(again, 409, "token_used");
  assert.equal(again.body.consumed_at, got.body.consumed_at);
  assert.equal(again.body.consumed_by_request, request);
  assert.deepEqual((await verify(org, token)).body, { valid: false, code: "token_used" });
  const [refused] = await entriesOf(org, "token.refused");
  assert.equal(refused?.data.code, "token_used");
  assert.equal(refused?.subject.token, token_id);
});

Deno.test("a token consumed by 500 requests at once is consumed by one", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const { token } = await minted(org);
  const got = await Promise.all(Array.from({ length: 500 }, () => consume(org, token)));
  const won = got.filter(({ status }) => status === 200);
  assert.equal(won.length, 1);
  for (const answer of got) {
    if (answer === won[0]) continue;
    assertProblem(answer, 409, "token_used");
    assert.equal(answer.body.consumed_at, won[0]?.body.consumed_at);
    assert.equal(answer.body.consumed_by_request, won[0]?.headers.get("x-request-id"));
  }
  assert.equal((await entriesOf(org, "token.consumed")).length, 1);
  assert.equal((await entriesOf(org, "token.refused")).length, 499);
});

Deno.test("a token consumed by 20 operations that share a commit is consumed by one", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const { token } = await minted(org);
  const { credentials, deps, ledgers } = countersign.services;
  const presented = await credentials.present(org.standard);
  const { amount, to } = TRANSFER.arguments;
  const action: Action = {
    tool: TRANSFER.tool_name,
    tenant: TRANSFER.tenant_id,
    resource: TRANSFER.resource_id,
    method: TRANSFER.method,
    arguments: { amount, to: { name: to.name, lines: [...to.lines] } },
  };
  const operation = consumeOperation(deps.sealer, token, action, {
    ip: null,
    user_agent: null,
    request_id: "req_test",
    via: "rest",
  });
  // While this one is on its way all the others gather.
  const { promise, resolve } = Promise.withResolvers<void>();
  const first = ledgers.transact(org.id, { load: () => promise, plan: () => {} });
  const asked = Array.from(
    { length: 20 },
    () => ledgers.transact(org.id, asCaller(presented, ["standard"], operation)),
  );
  resolve();
  await first;
  const answers = await Promise.allSettled(asked);
  assert.equal(answers.filter(({ status }) => status === "fulfilled").length, 1);
  for (const answer of answers) {
    if (answer.status === "rejected") assert.equal(answer.reason.code, "token_used");
  }
  assert.equal((await entriesOf(org, "token.consumed")).length, 1);
});

Deno.test("a token consumed by 500 requests on two nodes over one store is consumed by one", async () => {
  await using one = await Countersign.start();
  await using two = await one.another();
  const org = await orgWithTransfer(one);
  const { token } = await minted(org);
  const body = { token, ...TRANSFER };
  const got = await Promise.all(
    Array.from(
      { length: 500 },
      (_, i) =>
        (i % 2 === 0 ? one : two).request("POST", "/v1/tokens/consume", {
          key: org.standard,
          body,
        }),
    ),
  );
  const won = got.filter(({ status }) => status === 200);
  assert.equal(won.length, 1);
  for (const answer of got) {
    if (answer === won[0]) continue;
    assertProblem(answer, 409, "token_used");
    assert.equal(answer.body.consumed_at, won[0]?.body.consumed_at);
  }
  assert.equal((await entriesOf(org, "token.consumed")).length, 1);
});

Deno.test("a token expires by the clock, at its very millisecond", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const first = await minted(org, { ...TRANSFER, ttl_seconds: 10 });
  const second = await minted(org, { ...TRANSFER, ttl_seconds: 10 });
  countersign.clock.advance(9999);
  assert.equal((await consume(org, first.token)).status, 200);
  countersign.clock.advance(1);
  const got = await consume(org, second.token);
  assertProblem(got, 410, "token_expired");
  assert.equal(got.body.expired_at, second.expires_at);
  assert.deepEqual((await verify(org, second.token)).body, { valid: false, code: "token_expired" });
});

Deno.test("consume refuses another action and names what differs", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const { token } = await minted(org);
  const to = TRANSFER.arguments.to;
  const cases: [object, string[]][] = [
    [{ tool_name: "other" }, ["/tool_name"]],
    [{ tenant_id: "other" }, ["/tenant_id"]],
    [{ resource_id: null }, ["/resource_id"]],
    [{ method: "DELETE" }, ["/method"]],
    [{ method: "post", resource_id: "account-2" }, ["/method", "/resource_id"]],
    [{ arguments: { amount: 11, to } }, ["/arguments/amount"]],
    [{ arguments: { amount: "10", to } }, ["/arguments/amount"]],
    [{ arguments: { to } }, ["/arguments/amount"]],
    [{ arguments: { amount: 10, to, note: "" } }, ["/arguments/note"]],
    [{ arguments: { amount: 10, to: { ...to, lines: ["a"] } } }, ["/arguments/to/lines/1"]],
    [{ arguments: { amount: 10, to: { ...to, "a/b": 1 } } }, ["/arguments/to/a~1b"]],
    [{ arguments: {} }, ["/arguments/amount", "/arguments/to"]],
    [{ arguments: null }, ["/arguments/amount", "/arguments/to"]],
    [{ method: null, arguments: { amount: 10 } }, ["/arguments/to", "/method"]],
  ];
  for (const [change, differs] of cases) {
    const action = { ...TRANSFER, ...change };
    const got = await consume(org, token, action);
    assertProblem(got, 409, "action_mismatch");
    assert.deepEqual(got.body.differs, differs, JSON.stringify(change));
    assert.deepEqual((await verify(org, token, action)).body, {
      valid: false,
      code: "action_mismatch",
    });
  }
  const refused = await entriesOf(org, "token.refused");
  assert.equal(refused.length, cases.length);
  assert.ok(refused.every(({ data }) => data.code === "action_mismatch" && data.differs_digest));
  assert.equal((await consume(org, token)).status, 200, "a refused attempt uses nothing up");
});

Deno.test("consume tells __proto__ and constructor in the arguments from their absence", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const withArguments = (text: string) => `{"tool_name": "transfer", "arguments": ${text}}`;
  const tokenFor = async (text: string) => {
    const got = await org.post("/v1/tokens/mint", withArguments(text));
    assert.equal(got.status, 201, got.text);
    return got.body.token;
  };
  const consumeWith = (token: string, text: string) =>
    org.post("/v1/tokens/consume", `{"token": "${token}", ${withArguments(text).slice(1)}`);

  const token = await tokenFor('{"__proto__": {"admin": true}, "amount": 1}');
  const bare = await consumeWith(token, '{"amount": 1}');
  assertProblem(bare, 409, "action_mismatch");
  assert.deepEqual(bare.body.differs, ["/arguments/__proto__"]);
  const other = await consumeWith(token, '{"__proto__": {"admin": false}, "amount": 1}');
  assert.deepEqual(other.body.differs, ["/arguments/__proto__/admin"]);
  const reordered = '{"amount": 1, "__proto__": {"admin": true}}';
  assert.equal((await consumeWith(token, reordered)).status, 200);

  const plain = await tokenFor("{}");
  const polluted = await consumeWith(plain, '{"constructor": {"prototype": {}}}');
  assertProblem(polluted, 409, "action_mismatch");
  assert.deepEqual(polluted.body.differs, ["/arguments/constructor"]);
  assert.equal((await consumeWith(plain, "{}")).status, 200);
});

Deno.test("verify compares the fields that are given, and them alone", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const { token } = await minted(org);
  const valid = async (fields: object) => (await verify(org, token, fields)).body.valid;
  assert.equal(await valid({ tool_name: "transfer" }), true);
  assert.equal(await valid({ tenant_id: "acme", method: "POST" }), true);
  assert.equal(await valid({ arguments: TRANSFER.arguments }), true);
  assert.equal(await valid({ tenant_id: null }), false, "null names the absence");
  assert.equal(await valid({ arguments: {} }), false);
  assert.equal(await valid({ tool_name: "other" }), false);
});

Deno.test("a kept verification is not repeated once the token is used", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const { token } = await minted(org);
  const headers = { "idempotency-key": "look" };
  const look = () => org.post("/v1/tokens/verify", { token }, org.standard, headers);
  assert.equal((await look()).body.valid, true);
  assert.equal((await consume(org, token)).status, 200);
  assertProblem(await look(), 409, "idempotency_stale");
});

Deno.test("consume repeated with its idempotency key is the same consumption", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const { token } = await minted(org);
  const headers = { "idempotency-key": "run-1" };
  const run = () => org.post("/v1/tokens/consume", { token, ...TRANSFER }, org.standard, headers);
  const first = await run();
  const second = await run();
  assert.deepEqual(second.body, first.body);
  assert.equal(second.headers.get("idempotent-replayed"), "true");
  await org.tool("transfer", { default_permission: "disabled" });
  assertProblem(await run(), 409, "idempotency_stale");
});

Deno.test("any standard key or agent of the org may consume, within its tenant wall", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const outside = await org.key("standard", { tenant_ids: ["other"] });
  const several = await org.key("standard", { tenant_ids: ["acme", "other"] });
  const { token } = await minted(org);

  assertProblem(await consume(org, token, TRANSFER, outside), 403, "tenant_not_permitted");
  const unnamed = { ...TRANSFER, tenant_id: null };
  assertProblem(await consume(org, token, unnamed, several), 403, "tenant_not_permitted");
  const verified = await org.post("/v1/tokens/verify", { token }, outside);
  assertProblem(verified, 403, "tenant_not_permitted");
  const codes = (await entriesOf(org, "token.refused")).map(({ data }) => data.code);
  assert.deepEqual(codes, ["tenant_not_permitted", "tenant_not_permitted"]);

  const agent = await org.agent({ tenant_ids: ["acme"] });
  const { tenant_id: _, ...filledIn } = TRANSFER;
  assert.equal((await consume(org, token, filledIn, agent)).status, 200);

  const ownerless = await minted(org, { tool_name: "transfer" });
  const action = { tool_name: "transfer" };
  assertProblem(await consume(org, ownerless.token, action, agent), 403, "tenant_not_permitted");
});

Deno.test("a token record that does not parse refuses instead of guessing", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const { token, token_id } = await minted(org);
  const { kv } = countersign.services.deps;
  await setAsAnotherNode(kv, org.id, runTokenKey(org.id, token_id), { status: "minted" });
  assertProblem(await consume(org, token), 503, "store_unavailable");
});
