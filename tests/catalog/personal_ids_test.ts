import fc from "fast-check";
import assert from "node:assert/strict";
import { personalShape } from "../../lib/catalog/personal_ids.ts";
import { privatePartsFrom, saltedDigest } from "../../lib/ledger/entry.ts";
import { orgKey } from "../../lib/store/keys.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { assertProblem } from "../helpers/refused.ts";

const PERSONAL = {
  "an e-mail address": ["jo@example.com", "user:jo@example.com/1", "JO%40EXAMPLE.COM"],
  "a telephone number": [
    "+4915112345678",
    "+15551234567",
    "+1 555 0100",
    "+1 (555) 123-4567",
    "+49 151 12345678",
    "tel:+1-415-555-0132",
    "caller/+14155550132/orders",
    "%2B14155550132",
    "＋14155550132",
    "+14155550132/7a",
  ],
  "a payment card's number": [
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "card:4111.1111.1111.1111",
    "card_4111-1111-1111-1111",
    "4111%201111%201111%201111",
    "4111‑1111‑1111‑1111",
  ],
  "a social security number": ["123-45-6789", "ssn:123-45-6789", "ssn_078-05-1120/x"],
} as const;

const IMPERSONAL = [
  "server-prod-01",
  "4111111111111111",
  "14155550132",
  "123456789",
  "001-2024-05-12",
  "2024-05-12",
  "10.0.0.1",
  "v1.2.3+20240512",
  "1.0.0+14155550132",
  "C++",
  "a+b",
  "+1",
  "+123456",
  "+1234567890123456",
  "order-2024-123-45-6789",
  "123-45-67890",
  "1234-45-6789",
  "4111-1111-1111-1112",
  "0190c2a4-7b1e-7c31-9c64-1b2f0a3d4e5f",
  "50%",
  "東京-01",
  "",
];

Deno.test("personalShape() finds what is written as people write it, and leaves other ids alone", () => {
  for (const [shape, ids] of Object.entries(PERSONAL)) {
    for (const id of ids) assert.equal(personalShape(id), shape, id);
  }
  for (const id of IMPERSONAL) assert.equal(personalShape(id), null, id);
});

Deno.test("personalShape() finds nothing in bare digits, however many", () => {
  fc.assert(fc.property(fc.stringMatching(/^[0-9]{1,40}$/), (id) => {
    assert.equal(personalShape(id), null);
  }));
});

/** The first tool name or id that is refused, by the field of the check that it stands in. */
const IN_A_CHECK = {
  tool_name: ["123-45-6789", "4111-1111-1111-1111", "pay/4111-1111-1111-1111"],
  method: ["GET +14155550132", "jo@example.com", "123-45-6789", "4111 1111 1111 1111"],
  tenant_id: ["+14155550132", "4111 1111 1111 1111", "123-45-6789"],
  resource_id: ["tel:+14155550132", "4111-1111-1111-1111", "123-45-6789"],
} as const;

interface Seen {
  readonly index: number;
  readonly type: string;
  readonly data: Record<string, unknown>;
}

async function entriesOf(org: TestOrg): Promise<Seen[]> {
  const got = await org.get("/v1/activity?order=asc&limit=200");
  assert.equal(got.status, 200);
  return got.body.data;
}

async function allowPersonalIds(org: TestOrg): Promise<void> {
  await org.transact((transaction) => {
    const { org: record } = transaction.snapshot;
    transaction.setPolicy(orgKey(record.id), { ...record, allow_personal_ids: true });
  });
}

Deno.test("names and ids that look personal are refused wherever they would enter the log", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const selectors = (field: string, id: string) =>
    field === "tool_name" ? { [field]: id } : { tool_name: "x", [field]: id };
  const size = (await entriesOf(org)).length;
  for (const [field, ids] of Object.entries(IN_A_CHECK)) {
    for (const id of ids) {
      const action = { tool_name: "deploy", [field]: id };
      const at = `/${field}`;
      assertProblem(await org.post("/v1/permissions/check", action), 422, "invalid_request", at);
      const asked = await org.post("/v1/approvals", { ...action, reason: "r" });
      assertProblem(asked, 422, "invalid_request", at);
      const report = { ...action, token: null, execution_result: "success" };
      assertProblem(await org.post("/v1/executions/log", report), 422, "invalid_request", at);
      const rule = { selector: selectors(field, id), permission: "allowed" };
      const put = await org.manage("PUT", "/v1/rules", rule);
      assertProblem(put, 422, "invalid_request", `/selector/${field}`);
    }
  }
  const tool = { description: "d", methods: ["GET", "123-45-6789"] };
  const named = await org.manage("PUT", "/v1/tools/4111-1111-1111-1111", { description: "d" });
  assertProblem(named, 422, "invalid_request", "/name");
  const methods = await org.manage("PUT", "/v1/tools/deploy", tool);
  assertProblem(methods, 422, "invalid_request", "/methods/1");
  const key = { name: "k", tier: "standard", tenant_ids: ["acme", "+14155550132"] };
  assertProblem(
    await org.manage("POST", "/v1/api-keys", key),
    422,
    "invalid_request",
    "/tenant_ids/1",
  );
  assert.equal((await entriesOf(org)).length, size);

  await allowPersonalIds(org);
  for (const [field, [id]] of Object.entries(IN_A_CHECK)) {
    const got = await org.post("/v1/permissions/check", { tool_name: "deploy", [field]: id });
    assert.equal(got.status, 200, field);
  }
});

Deno.test("a reference that looks personal is taken, and its leaf has a salted digest of it", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const personal = "jo@example.com";
  const check = { tool_name: "deploy", reference_id: personal };
  assert.equal((await org.post("/v1/permissions/check", check)).status, 200);
  const ask = { ...check, reason: "r", context: { a: 1 } };
  const asked = await org.post("/v1/approvals", ask);
  assert.equal(asked.status, 201);
  assert.equal(asked.body.reference_id, personal);
  assert.equal((await org.post("/v1/approvals", ask)).status, 200);
  const entries = await entriesOf(org);
  assert.ok(!JSON.stringify(entries).includes(personal));
  const { deps } = countersign.services;
  const parts = await Array.fromAsync(privatePartsFrom(deps, org.id, 0, 1000));
  const types = ["permission.checked", "approval.created", "approval.asked_again"];
  for (const type of types) {
    const { data, index } = entries.find((entry) => entry.type === type) ?? assert.fail(type);
    assert.equal(data.reference_id, null);
    const part = parts.find((one) => one.index === index)?.parts.reference_id;
    const { salt, value } = part ?? assert.fail(type);
    assert.equal(value, personal);
    assert.equal(data.reference_id_digest, saltedDigest(salt, value));
  }
  const plain = await org.post("/v1/permissions/check", { ...check, reference_id: "ticket-4711" });
  assert.equal(plain.status, 200);
  assert.equal((await entriesOf(org)).at(-1)?.data.reference_id, "ticket-4711");
});
