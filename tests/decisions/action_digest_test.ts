import canonicalize from "canonicalize";
import fc from "fast-check";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { type Action, differingFacts } from "../../lib/base/action.ts";
import type { JsonObject } from "../../lib/base/json.ts";
import { actionDigest } from "../../lib/decisions/decide.ts";
import { jsonObject, reversed } from "../helpers/arbitrary_json.ts";

const RESTART: Action = {
  tenant: "acme",
  resource: "server-prod-01",
  tool: "restart_service",
  method: "POST",
  arguments: { note: '€ "x"', force: true },
};

const BARE: Action = {
  tenant: null,
  resource: null,
  tool: "restart_service",
  method: null,
  arguments: {},
};

const fact = fc.oneof(fc.constant(null), fc.string({ unit: "binary", maxLength: 4 }));
const action: fc.Arbitrary<Action> = fc.record({
  tenant: fact,
  resource: fact,
  tool: fc.string({ unit: "binary", maxLength: 4 }),
  method: fact,
  arguments: jsonObject,
});

Deno.test("actionDigest() gives the digests computed with another language's SHA-256", () => {
  // SHA-256 of the UTF-8 of
  // {"arguments":{"force":true,"note":"€ \"x\""},"method":"POST","org":"org_1",
  //  "resource":"server-prod-01","tenant":"acme","tool":"restart_service","v":1}
  // without the line break, and of the same with {} and nulls.
  assert.equal(
    actionDigest("org_1", RESTART),
    "sha256:2daae1ab6e0b66dfa48b86d766a48eddcbb4067d83251f4bc859f5b5e6595a6e",
  );
  assert.equal(
    actionDigest("org_1", BARE),
    "sha256:ae42473d947ed0b449ed73939b028994ccdea05abd471c7b2386162dd2732bc1",
  );
});

Deno.test("actionDigest() is the SHA-256 of the canonical form of the whole", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), action, (org, action) => {
    const { tenant, resource, tool, method, arguments: args } = action;
    const whole = { v: 1, org, tenant, resource, tool, method, arguments: args };
    const expected = createHash("sha256").update(canonicalize(whole) ?? "").digest("hex");
    assert.equal(actionDigest(org, action), `sha256:${expected}`);
  }));
});

Deno.test("actionDigest() does not depend on the order of members", () => {
  fc.assert(fc.property(action, (action) => {
    const other = { ...action, arguments: reversed(action.arguments) as JsonObject };
    assert.equal(actionDigest("org_1", other), actionDigest("org_1", action));
  }));
});

Deno.test("actionDigest() tells every fact apart, and absent from empty", () => {
  const digests = [
    actionDigest("org_1", RESTART),
    actionDigest("org_2", RESTART),
    actionDigest("org_1", { ...RESTART, tenant: "acme2" }),
    actionDigest("org_1", { ...RESTART, tenant: null }),
    actionDigest("org_1", { ...RESTART, tenant: "" }),
    actionDigest("org_1", { ...RESTART, tenant: "null" }),
    actionDigest("org_1", { ...RESTART, tenant: RESTART.resource, resource: RESTART.tenant }),
    actionDigest("org_1", { ...RESTART, tool: "restart_servicE" }),
    actionDigest("org_1", { ...RESTART, method: "post" }),
    actionDigest("org_1", { ...RESTART, arguments: {} }),
    actionDigest("org_1", { ...RESTART, arguments: { ...RESTART.arguments, force: "true" } }),
    actionDigest("org_1", { ...RESTART, tool: 'x","v":1}' }),
  ];
  assert.equal(new Set(digests).size, digests.length);
});

Deno.test("differingFacts() names facts and arguments as the API does", () => {
  assert.deepEqual(differingFacts(RESTART, RESTART), []);
  assert.deepEqual(differingFacts(RESTART, BARE), [
    "/arguments/force",
    "/arguments/note",
    "/method",
    "/resource_id",
    "/tenant_id",
  ]);
  assert.deepEqual(differingFacts(RESTART, { ...RESTART, tool: "stop" }), ["/tool_name"]);
  assert.deepEqual(
    differingFacts(
      { ...BARE, arguments: { to: { iban: "A" }, amount: [1] } },
      { ...BARE, arguments: { to: { iban: "B" }, amount: [1, 2] } },
    ),
    ["/arguments/amount/1", "/arguments/to/iban"],
  );
});

Deno.test("differingFacts() names the tool and tenant however many arguments differ", () => {
  const args = Object.fromEntries(Array.from({ length: 99 }, (_, index) => [`a${index}`, index]));
  const facts = differingFacts(BARE, { ...BARE, tenant: "t", tool: "x", arguments: args });
  assert.equal(facts.length, 50);
  assert.deepEqual(facts.slice(-2), ["/tenant_id", "/tool_name"]);
});

Deno.test("differingFacts() is empty exactly when the digests are equal", () => {
  fc.assert(fc.property(action, action, (a, b) => {
    const same = actionDigest("org_1", a) === actionDigest("org_1", b);
    assert.equal(differingFacts(a, b).length === 0, same);
    assert.deepEqual(differingFacts(a, b).toSorted(), differingFacts(a, b));
  }));
});
