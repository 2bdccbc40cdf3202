import assert from "node:assert/strict";
import { ApprovalOrg, TOOL } from "../helpers/approval_org.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { entriesOf } from "../helpers/minted_tokens.ts";
import { assertProblem } from "../helpers/refused.ts";

const CHECK = "/v1/permissions/check";
const KEY = { "idempotency-key": "same" };

async function started(countersign: Countersign): Promise<TestOrg> {
  const org = await countersign.org();
  await org.tool("restart");
  return org;
}

Deno.test("attack: an idempotency key with another body gets nothing of the first", async () => {
  await using countersign = await Countersign.start();
  const org = await started(countersign);
  const first = await org.post("/v1/tokens/mint", { tool_name: "restart" }, org.standard, KEY);
  assert.equal(first.status, 201);
  const bodies = [
    { tool_name: "restart", ttl_seconds: 3600 },
    { tool_name: "restart", arguments: {} },
    ` {"tool_name":"restart"}`,
  ];
  for (const body of bodies) {
    const got = await org.post("/v1/tokens/mint", body, org.standard, KEY);
    assertProblem(got, 422, "idempotency_mismatch");
    assert.ok(!got.text.includes("cs_run_"));
  }
  assert.equal((await entriesOf(org, "token.minted")).length, 1);
});

Deno.test("attack: an idempotency key of another credential, route or org finds nothing", async () => {
  await using countersign = await Countersign.start();
  const org = await started(countersign);
  const other = await started(countersign);
  const body = { tool_name: "restart" };
  const first = await org.post("/v1/tokens/mint", body, org.standard, KEY);
  const callers: [TestOrg, string][] = [
    [org, await org.key("standard")],
    [org, await org.agent()],
    [other, other.standard],
  ];
  for (const [each, key] of callers) {
    const got = await each.post("/v1/tokens/mint", body, key, KEY);
    assert.equal(got.headers.get("idempotent-replayed"), null);
    assert.notEqual(got.body.token, first.body.token);
  }
  const elsewhere = await org.post(CHECK, body, org.standard, KEY);
  assert.equal(elsewhere.headers.get("idempotent-replayed"), null);
});

Deno.test("attack: what was allowed or minted is not repeated after a rule change", async () => {
  await using countersign = await Countersign.start();
  const org = await started(countersign);
  const body = { tool_name: "restart" };
  const paths = [CHECK, "/v1/tokens/mint"];
  for (const path of paths) {
    assert.ok((await org.post(path, body, org.standard, KEY)).status < 300);
    const replayed = await org.post(path, body, org.standard, KEY);
    assert.equal(replayed.headers.get("idempotent-replayed"), "true");
  }
  const rule = { selector: { tool_name: "restart" }, permission: "disabled" };
  assert.equal((await org.manage("PUT", "/v1/rules", rule)).status, 201);
  for (const path of paths) {
    const got = await org.post(path, body, org.standard, KEY);
    assertProblem(got, 409, "idempotency_stale");
  }
});

Deno.test("attack: a revoked key and a rotated token repeat nothing", async () => {
  await using countersign = await Countersign.start();
  const org = await started(countersign);
  const agent = await org.manage("POST", "/v1/agents", { name: "a" });
  const body = { tool_name: "restart" };
  assert.equal((await org.post("/v1/tokens/mint", body, agent.body.token, KEY)).status, 201);
  const rotated = await org.manage("POST", `/v1/agents/${agent.body.id}/rotate`);
  const old = await org.post("/v1/tokens/mint", body, agent.body.token, KEY);
  assertProblem(old, 401, "invalid_credentials");
  // The kept answer was sealed under the token that is void.
  const fresh = await org.post("/v1/tokens/mint", body, rotated.body.token, KEY);
  assertProblem(fresh, 409, "idempotency_stale");
});

Deno.test("attack: a guessed body cannot be told from a stolen idempotency record", async () => {
  await using countersign = await Countersign.start();
  const org = await started(countersign);
  const body = JSON.stringify({ tool_name: "restart", reason: "pin 1234" });
  await org.post(CHECK, body, org.standard, KEY);
  const digest = new Uint8Array(
    await crypto.subtle.digest("SHA-256", new TextEncoder().encode(body)),
  );
  for await (const { value } of countersign.services.deps.kv.list({ prefix: ["idempotency"] })) {
    assert.ok(!Deno.inspect(value, { strAbbreviateSize: 1000 }).includes(digest.toHex()));
  }
});

Deno.test("attack: two idempotency keys, none, and ones with odd characters are refused", async () => {
  await using countersign = await Countersign.start();
  const org = await started(countersign);
  for (const key of ["", "a b", "a, b", "\u00e9", "a\tb", "x".repeat(256)]) {
    const got = await org.post(CHECK, { tool_name: "restart" }, org.standard, {
      "idempotency-key": key,
    });
    assertProblem(got, 422, "invalid_request");
  }
});

Deno.test("attack: another requester mints from nobody's approval but its own", async () => {
  await using it = await ApprovalOrg.start();
  const agent = await it.org.agent();
  const { id } = await it.approved({}, agent);
  const foreign = await it.countersign.org();
  await foreign.tool(TOOL, { default_permission: "requires_approval" });
  assertProblem(await it.mint(id, {}, it.org.standard), 403, "not_the_requester");
  assertProblem(await it.mint(id, {}, await it.org.agent()), 404, "not_found");
  const body = { tool_name: TOOL, approval_id: id };
  assertProblem(await foreign.post("/v1/tokens/mint", body), 404, "not_found");
  for (const approval_id of ["", "REF-00000000-0000", "apr_", "__proto__", "x".repeat(65)]) {
    const got = await it.org.post("/v1/tokens/mint", { ...body, approval_id }, agent);
    assert.ok([404, 422].includes(got.status), approval_id);
  }
  assert.equal((await it.mint(id, {}, agent)).status, 201);
  assertProblem(await it.mint(id, {}, agent), 409, "approval_used");
});

Deno.test("attack: a token replayed, on its own or in parallel, runs one call", async () => {
  await using countersign = await Countersign.start();
  const org = await started(countersign);
  const minted = await org.post("/v1/tokens/mint", { tool_name: "restart" });
  const body = { token: minted.body.token, tool_name: "restart" };
  const got = await Promise.all(
    Array.from({ length: 50 }, () => org.post("/v1/tokens/consume", body)),
  );
  assert.equal(got.filter(({ status }) => status === 200).length, 1);
  for (const each of got) if (each.status !== 200) assertProblem(each, 409, "token_used");
  const verified = await org.post("/v1/tokens/verify", body);
  assert.deepEqual(verified.body, { valid: false, code: "token_used" });
});
