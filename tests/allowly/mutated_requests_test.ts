import assert from "node:assert/strict";
import type { JsonValue } from "../../lib/base/json.ts";
import { ALLOWLY_ROUTES } from "../../routes/manifest.ts";
import { Countersign, type Got } from "../helpers/countersign.ts";
import { action, AllowlyOrg, policy } from "../helpers/allowly.ts";
import { rounds } from "../helpers/property_runs.ts";
import { mutated, ODD, seeded, textOf } from "../helpers/mutated_json.ts";

/** Requests that are nearly right, of every path: what is refused is refused, and nothing breaks. */

const REQUESTS = rounds(2500, 10_000);

const PATHS = ALLOWLY_ROUTES.map((route) => ({
  route,
  pattern: new URLPattern({ pathname: route.path }),
}));

/** Answers are closed: they have the members that are declared, and no other. */
function assertDeclared(method: string, path: string, { status, body, text }: Got): void {
  const [pathname] = path.split("?");
  const found = PATHS.find(({ route, pattern }) =>
    route.method === method.toLowerCase() && pattern.test({ pathname: `/allowly${pathname}` })
  );
  const schema = found?.route.answers[status];
  assert.notEqual(schema, undefined, `${method} ${path} declares no ${status}`);
  if (schema === null) return assert.equal(text, "");
  const parsed = schema?.safeParse(body);
  assert.ok(parsed?.success, `${method} ${path}: ${text} ${parsed?.error?.message}`);
}

Deno.test("mutated requests are answered without a 5xx, each refusal with its error", async () => {
  const failures: unknown[] = [];
  await using countersign = await Countersign.start({
    deps: {
      log: (level, ...rest) => {
        if (level === "error") failures.push(rest);
      },
    },
  });
  const org = await countersign.org();
  const unlimited = { rate_limit_per_minute: null, may_grant: true };
  const it = await AllowlyOrg.over(org);
  const ann = await org.member("ann@example.com");
  const rules = [{
    id: "r",
    decision: "confirm",
    target: "agent_owner",
    conditions: [{ field: "n", op: "gt", value: 5 }, {
      field: "l",
      op: "contains_any",
      value: [1],
    }],
  }];
  const definition = policy(
    action("refund", { fields: { n: "integer", l: "list" }, rules, guards: { max_per_day: 9 } }),
    action("mail", { decision: "confirm" }),
    action("wire", { decision: "escalate" }),
  );
  const ref = await it.published("shop", definition);
  const id = await it.granted("shop", { budget_limit_micros: 1_000_000 });
  const cost = { estimated_cost_micros: 1 };
  const allowed = await it.checked(id, "refund", { context: { n: 1, l: [] }, ...cost });
  const mail = await it.checked(id, "mail", cost);
  const wire = await it.checked(id, "wire", cost);
  const keys = [await org.key("standard", unlimited), org.management, org.approver];
  const templates: [string, string, JsonValue][] = [
    ["POST", "/v1/policies", { policy_id: "p", ...definition, previous_policy_ref: ref }],
    ["POST", "/v1/setup/policies/publish", { policy_id: "p", ...definition, description: "d" }],
    ["POST", "/v1/setup/policies/preview", { definition, action: "refund", context: { n: 1 } }],
    ["GET", "/v1/policies", null],
    ["GET", "/v1/policies/shop", null],
    ["DELETE", "/v1/policies/p", null],
    ["POST", "/v1/authorizations", {
      user_id: "u1",
      policy_id: "shop",
      policy_version: 1,
      metadata: { a: 1 },
      actions: ["refund"],
      expires_at: "2027-01-01T00:00:00Z",
      budget_limit_micros: 5,
      replaces: null,
    }],
    ["GET", "/v1/authorizations", null],
    ["DELETE", "/v1/authorizations/mdt_00000000000000000000000000", {
      revoked_by: "u",
      notes: "n",
    }],
    ["POST", "/v1/check", {
      authorization_id: id,
      actions: ["refund", "mail"],
      resource: "r",
      session_id: "s",
      ...cost,
      context: { n: 1, l: ["x", { y: [1.5] }] },
      client_timestamp: "2026-01-01T00:00:00Z",
    }],
    ["POST", "/v1/check?wait=true", { authorization_id: id, actions: ["refund"], context: {} }],
    ["GET", `/v1/confirmations/${mail.confirmation_id}/status`, null],
    ["POST", `/v1/confirmations/${mail.confirm_nonce}x`, { approved: true, ttl_seconds: 60 }],
    ["GET", `/v1/escalations/${wire.escalation_id}`, null],
    ["POST", `/v1/escalations/${wire.escalation_id}/resolve`, {
      resolution: "rejected",
      resolved_by: `member:${ann.id}`,
      note: null,
    }],
    ["GET", `/v1/receipts/${allowed.receipt.receipt_id}`, null],
    ["GET", `/v1/receipts?authorization_id=${id}&limit=3`, null],
    ["POST", "/v1/budget-settlements", {
      check_receipt_id: allowed.receipt.receipt_id,
      actual_cost_micros: 1,
    }],
    ["GET", `/v1/workspaces/${org.id}/keys`, null],
    ["POST", "/v1/execute", {}],
  ];
  const random = seeded(18);
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T;
  const statuses = new Map<number, number>();
  const ask = async () => {
    const [method, path, body] = pick(templates);
    const at = random() < 0.2
      ? path.replace(/[^/?=&]+$/, () => encodeURIComponent(textOf(pick(ODD)).toWellFormed()))
      : path;
    const sent = method === "GET" ? undefined : JSON.stringify(mutated(body, random));
    const cut = sent === undefined || random() > 0.03 ? sent : sent.slice(0, -1);
    const headers: Record<string, string> = random() < 0.3
      ? { "idempotency-key": pick(["a", "b"]) }
      : {};
    const key = pick(keys);
    const got = await it.ask(method, at, cut, key, headers);
    statuses.set(got.status, (statuses.get(got.status) ?? 0) + 1);
    const about = `${method} ${at} ${cut}: ${got.text}`;
    assert.ok(got.status < 500, about);
    if (got.status < 400) return assertDeclared(method, at, got);
    assert.equal(typeof got.body.error?.code, "string", about);
    assert.equal(typeof got.body.error.message, "string", about);
    assert.ok(Array.isArray(got.body.error.fields), about);
    assert.equal(got.body.status, got.status, about);
  };
  for (let done = 0; done < REQUESTS; done += 50) {
    await Promise.all(Array.from({ length: 50 }, ask));
    // Limits of a minute are over, and the log goes on.
    countersign.clock.advance(60_000);
  }
  assert.deepEqual(failures, []);
  assert.ok(
    (statuses.get(200) ?? 0) > REQUESTS / 20 && (statuses.get(422) ?? 0) > REQUESTS / 10,
    "both are met",
  );
});
