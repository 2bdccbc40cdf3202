import assert from "node:assert/strict";
import { Countersign } from "../helpers/countersign.ts";
import { action, AllowlyOrg, policy } from "../helpers/allowly.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

/** What was tried against the surface for clients of Allowly, by name. */

const SHOP = policy(
  action("refund"),
  action("mail", { decision: "confirm" }),
  action("wire", { decision: "escalate" }),
);

async function shop(countersign: Countersign): Promise<AllowlyOrg> {
  const it = await AllowlyOrg.over(await countersign.org());
  await it.published("shop", SHOP);
  return it;
}

Deno.test("another organization's ids lead nowhere, and are answered as unknown ones", async () => {
  await using countersign = await Countersign.start();
  const [own, foreign] = [await shop(countersign), await shop(countersign)];
  const ann = await own.org.member("ann@example.com");
  const id = await own.granted("shop");
  const settleable = await own.granted("shop", { budget_limit_micros: 10 });
  const spent = await own.checked(settleable, "refund", { estimated_cost_micros: 1 });
  const mail = await own.checked(id, "mail");
  const wire = await own.checked(id, "wire");
  const unknown = (id: string) => `${id.slice(0, 4)}${"0".repeat(26)}`;
  const by: [string, string, (id: string) => unknown, string, string][] = [
    ["DELETE", "/v1/authorizations/:id", () => undefined, id, foreign.runtime],
    ["GET", "/v1/confirmations/:id/status", () => undefined, mail.confirmation_id, foreign.runtime],
    ["GET", "/v1/escalations/:id", () => undefined, wire.escalation_id, foreign.runtime],
    [
      "POST",
      "/v1/escalations/:id/resolve",
      () => ({
        resolution: "approved",
        resolved_by: `member:${ann.id}`,
      }),
      wire.escalation_id,
      foreign.org.approver,
    ],
    ["GET", "/v1/receipts/:id", () => undefined, spent.receipt.receipt_id, foreign.runtime],
    ["GET", "/v1/receipts?authorization_id=:id", () => undefined, id, foreign.runtime],
    [
      "POST",
      "/v1/budget-settlements",
      (id) => ({
        check_receipt_id: id,
        actual_cost_micros: 0,
      }),
      spent.receipt.receipt_id,
      foreign.runtime,
    ],
    [
      "POST",
      "/v1/authorizations",
      (id) => ({
        user_id: "u1",
        policy_id: "shop",
        policy_version: 1,
        metadata: {},
        replaces: id,
      }),
      id,
      foreign.runtime,
    ],
  ];
  for (const [method, path, bodyOf, real, key] of by) {
    const [of, made] = await Promise.all(
      [real, unknown(real)].map((id) =>
        foreign.ask(method, path.replace(":id", id), bodyOf(id), key)
      ),
    );
    assert.equal(of?.status, 404, `${method} ${path}: ${of?.text}`);
    assert.equal(of?.body.error.code, made?.body.error.code, path);
    assert.equal(of?.status, made?.status, path);
  }
  const nonce = await foreign.ask(
    "POST",
    `/v1/confirmations/${mail.confirm_nonce}`,
    { approved: true },
    foreign.org.approver,
  );
  assert.equal(nonce.status, 410);
  assert.equal((await foreign.checked(id, "refund")).reason, "authorization_not_found");
  assert.equal((await own.checked(id, "refund")).decision, "allow", "none of it did anything");
});

Deno.test("who asked does not answer: neither by a standard key nor as an agent, who gets no nonce", async () => {
  await using countersign = await Countersign.start();
  const it = await shop(countersign);
  const { org } = it;
  const id = await it.granted("shop");
  const { confirm_nonce: nonce } = await it.checked(id, "mail");
  const { escalation_id } = await it.checked(id, "wire");
  const ann = await org.member("ann@example.com");
  const agent = await org.agent();
  for (const key of [it.runtime, org.standard, org.management, agent]) {
    const yes = await it.ask("POST", `/v1/confirmations/${nonce}`, { approved: true }, key);
    assert.equal(yes.status, 403, yes.text);
    assert.equal(yes.body.error.code, "wrong_tier");
    const resolving = { resolution: "approved", resolved_by: `member:${ann.id}` };
    const path = `/v1/escalations/${escalation_id}/resolve`;
    assert.equal((await it.ask("POST", path, resolving, key)).status, 403);
  }
  const body = { authorization_id: id, actions: ["mail"], context: {} };
  const asked = await it.ask("POST", "/v1/check", body, agent);
  assert.equal(asked.status, 403);
  assert.ok(!asked.text.includes("nonce"));
  const named = await it.ask("POST", "/v1/check", body, it.runtime, {
    "x-allowly-agent-token": "eyJ",
  });
  assert.equal(named.status, 422, "an identity that nobody looks at is refused");
});

Deno.test("of a hundred answers to one nonce one counts, and the others are gone, all alike", async () => {
  await using countersign = await Countersign.start();
  const it = await shop(countersign);
  const id = await it.granted("shop");
  const { confirm_nonce: nonce } = await it.checked(id, "mail");
  const answers = await Promise.all(
    Array.from(
      { length: 100 },
      (_, i) =>
        it.ask("POST", `/v1/confirmations/${nonce}`, { approved: i % 2 === 0 }, it.org.approver),
    ),
  );
  const [won, ...others] = answers.toSorted((a, b) => a.status - b.status);
  assert.equal(won?.status, 200);
  const unknown = await it.ask(
    "POST",
    "/v1/confirmations/xyz",
    { approved: true },
    it.org.approver,
  );
  for (const { status, body } of others) {
    assert.equal(status, 410);
    assert.deepEqual(body.error, unknown.body.error);
  }
});

Deno.test("a confirmation is good for its action and context, once, and for no longer than said", async () => {
  await using countersign = await Countersign.start();
  const it = await shop(countersign);
  const id = await it.granted("shop");
  const ask = async (context = { to: "a" }) => await it.checked(id, "mail", { context });
  const yes = async (nonce: string) =>
    (await it.ask("POST", `/v1/confirmations/${nonce}`, {
      approved: true,
      ttl_seconds: 30,
    }, it.org.approver)).body.authorization_id;
  const child = await yes((await ask()).confirm_nonce);
  const denied = await it.checked(child, "mail", { context: { to: "b" } });
  assert.equal(denied.reason, "authorization_not_found");
  assert.equal(
    (await it.checked(child, "refund")).decision,
    "deny",
    "nor for what else is allowed",
  );
  const other = await it.org.key("standard");
  const stolen = await it.ask("POST", "/v1/check", {
    authorization_id: child,
    actions: ["mail"],
    context: { to: "a" },
  }, other);
  assert.equal(stolen.body.results.mail.decision, "deny", "nor for another key");
  const both = await Promise.all([ask(), it.checked(child, "mail", { context: { to: "a" } })]);
  assert.deepEqual(both.map(({ decision }) => decision).sort(), ["allow", "confirm"]);
  const late = await ask({ to: "c" });
  const authorization = await yes(late.confirm_nonce);
  countersign.clock.advance(30_001);
  const over = await it.checked(authorization, "mail", { context: { to: "c" } });
  assert.equal(over.decision, "confirm");
  const status = await it.ask("GET", `/v1/confirmations/${late.confirmation_id}/status`);
  assert.equal(status.body.authority_status, "expired");
});

Deno.test("a revoked or replaced authorization takes its confirmations along", async () => {
  await using countersign = await Countersign.start();
  const it = await shop(countersign);
  const id = await it.granted("shop");
  const { confirm_nonce, confirmation_id } = await it.checked(id, "mail");
  const revoked = await it.ask("DELETE", `/v1/authorizations/${id}`, undefined);
  assert.deepEqual(revoked.body.revoked_confirmations, [confirmation_id]);
  const path = `/v1/confirmations/${confirm_nonce}`;
  assert.equal((await it.ask("POST", path, { approved: true }, it.org.approver)).status, 410);
  assert.equal((await it.checked(id, "refund")).reason, "authorization_revoked");
});

Deno.test("the same Idempotency-Key spends once, of several actions as of one, and on DELETE", async () => {
  await using countersign = await Countersign.start();
  const it = await AllowlyOrg.over(await countersign.org());
  await it.published("shop", policy(action("a"), action("b"), action("c")));
  const id = await it.granted("shop", { budget_limit_micros: 100 });
  const body = {
    authorization_id: id,
    actions: ["a", "b"],
    context: {},
    estimated_cost_micros: 10,
  };
  const headers = { "idempotency-key": "k1" };
  const ask = (body: object) => it.ask("POST", "/v1/check", body, it.runtime, headers);
  const [first, again] = [await ask(body), await ask(body)];
  assert.equal(again.text, first.text);
  assert.equal(first.body.results.b.budget.spent_after_micros, 20);
  const next = await it.checked(id, "c", { estimated_cost_micros: 1 });
  assert.equal(next.budget.spent_after_micros, 21);
  const other = await ask({ ...body, actions: ["a", "c"] });
  assert.equal(other.body.error.code, "idempotency_mismatch");
  const revoke = () =>
    it.ask("DELETE", `/v1/authorizations/${id}`, { revoked_by: "u1" }, it.runtime, headers);
  const [one, two] = [await revoke(), await revoke()];
  assert.equal(one.status, 200);
  assert.equal(two.headers.get("idempotent-replayed"), "true");
});

Deno.test("the use of what was approved is counted against each limit as it is, however they lie", async () => {
  await using countersign = await Countersign.start();
  const it = await AllowlyOrg.over(await countersign.org());
  const { org } = it;
  await org.tool("mail");
  await org.tool("refund");
  const budget = { limit_micros: 50, period: "total" };
  const bundle = {
    agent: "shop-assistant",
    scopes: [
      { tool: "mail", decision: "confirm", budget, limits: { max_per_day: 3 } },
      { tool: "refund", decision: "allow" },
    ],
  };
  assert.equal((await org.manage("PUT", "/v1/bundles/own", bundle)).status, 201);
  const made = await org.post("/v1/mandates", {
    user_id: "u1",
    bundle: { id: "own" },
    uses: 3,
    budget: { limit_micros: 100, period: "total" },
  }, org.management);
  const { id } = made.body;
  const fields = { estimated_cost_micros: 10, context: { to: "a" } };
  const asked = await it.checked(id, "mail", fields);
  const path = `/v1/confirmations/${asked.confirm_nonce}`;
  assert.equal((await it.ask("POST", path, { approved: true }, org.approver)).status, 200);
  const used = await it.checked(id, "mail", fields);
  assert.equal(used.decision, "allow");
  // Longer than an unspent token would hold what it may cost.
  countersign.clock.advance(3_600_000);
  assert.equal((await it.checked(id, "refund", fields)).decision, "allow");
  const dear = { ...fields, context: { to: "b" }, estimated_cost_micros: 41 };
  assert.equal(
    (await it.checked(id, "mail", dear)).reason,
    "budget_exceeded",
    "10 of 50 are spent",
  );
  const { body } = await org.get(`/v1/mandates/${id}`);
  assert.equal(body.uses_left, 1);
  assert.equal(body.budget.settled, 20);
  assert.equal(body.budget.reserved, 0);
  const settled = await it.ask("POST", "/v1/budget-settlements", {
    check_receipt_id: used.receipt.receipt_id,
    actual_cost_micros: 4,
  });
  assert.equal(settled.body.spent_after_micros, 14, settled.text);
  await verifiedLog(countersign.services.deps, org.id);
});

Deno.test("what is no id of a mandate is denied, recorded, and not in the log", async () => {
  await using countersign = await Countersign.start();
  const it = await shop(countersign);
  for (const id of ["jane@example.com", "auth_1", "cnf_01jd8x2v6nfy0s6g9q4t3hw7ke", "mdt_x"]) {
    const got = await it.check(id, ["refund"]);
    assert.equal(got.status, 200, got.text);
    assert.equal(got.body.authorization_id, id);
    assert.equal(got.body.results.refund.reason, "authorization_not_found");
    assert.equal(got.body.user_id, null);
  }
  const log = await verifiedLog(countersign.services.deps, it.org.id);
  const checks = log.filter(({ entry }) => entry.type === "permission.checked");
  assert.equal(checks.length, 4);
  assert.ok(!JSON.stringify(log).includes("jane@example.com"));
});

Deno.test("switched off, every path is 404: for an organization, and for all", async () => {
  await using countersign = await Countersign.start();
  const it = await shop(countersign);
  const id = await it.granted("shop");
  assert.equal((await it.org.manage("PATCH", "/v1/org", { allowly: false })).status, 200);
  const tries: [string, string, unknown?][] = [
    ["POST", "/v1/check", { authorization_id: id, actions: ["refund"], context: {} }],
    ["GET", "/v1/policies"],
    ["GET", "/v1/authorizations?limit=1"],
    ["DELETE", `/v1/authorizations/${id}`],
    ["GET", `/v1/workspaces/${it.org.id}/keys`],
  ];
  for (const [method, path, body] of tries) {
    const got = await it.ask(method, path, body);
    assert.equal(got.status, 404, `${method} ${path}`);
    assert.ok(got.body.error.code.endsWith("not_found"), got.text);
  }
  const { body } = await it.org.get(`/v1/mandates/${id}`);
  assert.equal(body.state, "active", "none of it did anything");
  await using other = await countersign.another({ COUNTERSIGN_ALLOWLY: "off" });
  for (const [method, path, body] of [...tries, ["GET", "/readyz"] as const]) {
    const got = await other.request(method, `/allowly${path}`, { key: it.runtime, body });
    assert.equal(got.status, 404);
    assert.equal(got.body.error.code, "route_not_found");
  }
});
