import assert from "node:assert/strict";
import { runTokenArgumentsKey, runTokenKey, toolKey } from "../../lib/store/keys.ts";
import { Countersign } from "../helpers/countersign.ts";
import {
  changeOrg,
  consume,
  entriesOf,
  isStored,
  minted,
  orgWithTransfer,
  parts,
  TRANSFER,
} from "../helpers/minted_tokens.ts";
import { assertProblem } from "../helpers/refused.ts";

Deno.test("mint answers with a token whose claims say what was authorized", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const token = await minted(org);
  assert.match(token.token, /^cs_run_[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}[0-9a-z]{7}$/);
  const { claims } = parts(token.token);
  assert.deepEqual(claims, {
    v: 1,
    token_id: token.token_id,
    org: org.id,
    action_digest: token.action_digest,
    tool: "transfer",
    tenant: "acme",
    resource: "account-1",
    method: "POST",
    decision_id: token.decision_id,
    approval_id: null,
    policy_version: claims.policy_version,
    issued_at: new Date(countersign.clock.now).toISOString(),
    expires_at: new Date(countersign.clock.now + 300_000).toISOString(),
    key_id: claims.key_id,
  });
  const check = await org.post("/v1/permissions/check", TRANSFER);
  assert.equal(token.action_digest, check.body.action_digest);
});

Deno.test("mint commits the decision and the token together, and stores no token text", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const token = await minted(org);
  const [decision] = await entriesOf(org, "permission.checked");
  const [entry] = await entriesOf(org, "token.minted");
  assert.equal(decision?.id, token.decision_id);
  assert.equal(entry?.index, (decision?.index ?? 0) + 1);
  assert.equal(entry?.subject.token, token.token_id);
  assert.equal(await isStored(org, token.token_id), true);
  assert.equal(await isStored(org, parts(token.token).mac), false);
});

Deno.test("mint refuses a ttl below 10 and above 3600 seconds", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  for (const ttl_seconds of [9, 3601, 10.5, "300", null, -1]) {
    const got = await org.post("/v1/tokens/mint", { ...TRANSFER, ttl_seconds });
    assertProblem(got, 422, "invalid_request");
    assert.equal(got.body.errors[0].path, "/ttl_seconds");
  }
  for (const ttl_seconds of [10, 3600]) {
    const { expires_at } = await minted(org, { ...TRANSFER, ttl_seconds });
    assert.equal(Date.parse(expires_at), countersign.clock.now + ttl_seconds * 1000);
  }
});

Deno.test("mint without the approval that the policy asks for is refused, and recorded", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign, { default_permission: "requires_approval" });
  const got = await org.post("/v1/tokens/mint", TRANSFER);
  assertProblem(got, 409, "approval_required");
  assert.deepEqual(got.body.next, { request_approval: "/v1/approvals" });
  const [entry] = await entriesOf(org, "permission.checked");
  assert.equal(entry?.id, got.body.decision_id);
  assert.equal(entry?.data.permission, "requires_approval");
  assert.deepEqual(await entriesOf(org, "token.minted"), []);
});

Deno.test("mint for what the policy disables is refused, and recorded", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign, { default_permission: "disabled" });
  const got = await org.post("/v1/tokens/mint", TRANSFER);
  assertProblem(got, 403, "tool_disabled");
  assert.equal(got.body.resolved_from, "tool_default");
  assert.equal((await entriesOf(org, "permission.checked"))[0]?.data.permission, "disabled");
});

Deno.test("a refused mint with an idempotency key is recorded, and a 403 is not kept", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign, { default_permission: "disabled" });
  const headers = { "idempotency-key": "once" };
  const post = () => org.post("/v1/tokens/mint", TRANSFER, org.standard, headers);
  assertProblem(await post(), 403, "tool_disabled");
  await org.tool("transfer", { default_permission: "requires_approval" });
  const held = await post();
  assertProblem(held, 409, "approval_required");
  const again = await post();
  assertProblem(again, 409, "approval_required");
  assert.equal(again.headers.get("idempotent-replayed"), "true");
  assert.equal(again.body.decision_id, held.body.decision_id);
  assert.equal((await entriesOf(org, "permission.checked")).length, 2);
});

Deno.test("mint validates the arguments against the tool's schema", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign, {
    parameters: { type: "object", properties: { amount: { type: "integer", maximum: 5 } } },
  });
  const got = await org.post("/v1/tokens/mint", TRANSFER);
  assertProblem(got, 422, "invalid_arguments");
  assert.equal(got.body.errors[0].path, "/arguments/amount");
  await minted(org, { ...TRANSFER, arguments: { amount: 5 } });
});

Deno.test("mint for an unknown tool registers a draft and needs an approval", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const got = await org.post("/v1/tokens/mint", { tool_name: "new_tool" });
  assertProblem(got, 409, "approval_required");
  assert.equal(got.body.resolved_from, "gate_draft");
  const draft = await countersign.services.deps.kv.get(toolKey(org.id, "new_tool"));
  assert.equal((draft.value as { status: string }).status, "draft");
});

Deno.test("mint for a tenant outside the wall is refused; a single tenant is filled in", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const walled = await org.key("standard", { tenant_ids: ["acme"] });
  const got = await org.post("/v1/tokens/mint", { ...TRANSFER, tenant_id: "other" }, walled);
  assertProblem(got, 403, "tenant_not_permitted");
  assert.deepEqual(await entriesOf(org, "permission.checked"), []);
  const { token } = await minted(org, { tool_name: "transfer" }, walled);
  assert.equal(parts(token).claims.tenant, "acme");
});

Deno.test("mint is for standard keys and agents", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  for (const key of [org.management, org.approver]) {
    for (const path of ["mint", "verify", "consume"]) {
      assertProblem(await org.post(`/v1/tokens/${path}`, TRANSFER, key), 403, "wrong_tier");
    }
  }
  await minted(org, TRANSFER, await org.agent());
});

Deno.test("mint repeated with its idempotency key answers with the same token", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const headers = { "idempotency-key": "transfer-1" };
  const post = (key = org.standard) => org.post("/v1/tokens/mint", TRANSFER, key, headers);
  const first = await post();
  const second = await post();
  assert.equal(second.headers.get("idempotent-replayed"), "true");
  assert.equal(second.status, 201);
  assert.deepEqual(second.body, first.body);
  assert.equal((await entriesOf(org, "token.minted")).length, 1);
  const other = await post(await org.key("standard"));
  assert.notEqual(other.body.token_id, first.body.token_id, "a key of one credential only");
});

Deno.test("a kept mint is stale after a rule change, after the use and after the end", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const post = (name: string) =>
    org.post("/v1/tokens/mint", TRANSFER, org.standard, { "idempotency-key": name });

  const used = await post("used");
  assert.equal((await consume(org, used.body.token)).status, 200);
  assertProblem(await post("used"), 409, "idempotency_stale");

  await post("changed");
  await org.tool("transfer", { risk_level: "critical" });
  assertProblem(await post("changed"), 409, "idempotency_stale");

  await post("ended");
  countersign.clock.advance(300_000);
  assertProblem(await post("ended"), 409, "idempotency_stale");
});

Deno.test("a new signing key is made every 30 days, and tokens of the old one stay good", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const keyOf = ({ token }: { token: string }) => parts(token).claims.key_id;
  countersign.clock.now = 30 * 86_400_000 * 700 - 1000;
  const old = await minted(org);
  assert.equal(keyOf(await minted(org)), keyOf(old));
  countersign.clock.advance(2000);
  const young = await minted(org);
  assert.notEqual(keyOf(young), keyOf(old));
  assert.equal((await consume(org, old.token)).status, 200);
  assert.equal((await consume(org, young.token)).status, 200);
});

Deno.test("tokens minted at once by two nodes that lack a key are signed by one", async () => {
  await using one = await Countersign.start();
  await using two = await one.another();
  const org = await orgWithTransfer(one);
  const got = await Promise.all(
    Array.from(
      { length: 40 },
      (_, i) =>
        (i % 2 === 0 ? one : two).request("POST", "/v1/tokens/mint", {
          key: org.standard,
          body: TRANSFER,
        }),
    ),
  );
  for (const { body, text } of got) {
    assert.ok(body.token, text);
    assert.equal((await consume(org, body.token)).status, 200);
  }
});

Deno.test("the arguments are kept sealed, and go with the use where the org retains none", async () => {
  for (const retain_arguments of [true, false]) {
    await using countersign = await Countersign.start();
    const { kv } = countersign.services.deps;
    const org = await orgWithTransfer(countersign);
    await changeOrg(org, { retain_arguments });
    const { token, token_id } = await minted(org, {
      ...TRANSFER,
      arguments: { secret: "hush-hush" },
    });
    const key = runTokenArgumentsKey(org.id, token_id);
    assert.ok((await kv.get(key)).value);
    assert.equal(await isStored(org, "hush-hush"), false);
    const action = { ...TRANSFER, arguments: { secret: "hush-hush" } };
    assert.equal((await consume(org, token, action)).status, 200);
    assert.equal((await kv.get(key)).value !== null, retain_arguments);
    assert.ok((await kv.get(runTokenKey(org.id, token_id))).value);
  }
});
