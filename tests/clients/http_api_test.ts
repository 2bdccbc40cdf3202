import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { ApprovalOrg } from "../helpers/approval_org.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { stripeDocument, StripeMock } from "../helpers/stripe_mock.ts";

/** HTTP APIs of others by the documents that they publish. */

/** All rows of a list. */
async function allOf(org: TestOrg, path: string): Promise<JsonObject[]> {
  const rows: JsonObject[] = [];
  for (let cursor = "";;) {
    const { body } = await org.get(`${path}?limit=100${cursor}`);
    rows.push(...body.data);
    if (body.next_cursor === null) return rows;
    cursor = `&cursor=${body.next_cursor}`;
  }
}

async function approve(org: TestOrg, upstream: string, names: readonly string[]): Promise<void> {
  const tools = (await allOf(org, `/v1/upstreams/${upstream}/tools`))
    .filter(({ name }) => names.includes(String(name)))
    .map(({ name, definition_digest }) => ({
      name: name!,
      definition_digest: definition_digest!,
      default_permission: "allowed",
    }));
  assert.equal(tools.length, names.length);
  const got = await org.manage("POST", `/v1/upstreams/${upstream}/approve`, { tools });
  assert.equal(got.status, 200, got.text);
}

Deno.test("Stripe's API is 594 drafts, and those that are approved run at its own mock", async () => {
  await using mock = await StripeMock.start();
  await using countersign = await Countersign.start({
    variables: { COUNTERSIGN_PRIVATE_HOSTS: mock.host },
  });
  const org = await countersign.org();
  const base_url = `http://${mock.host}`;
  const credential = await org.manage("POST", "/v1/credentials", {
    name: "Stripe",
    kind: "bearer",
    origins: [base_url],
    secret: "sk_test_4eC39HqLyjWDarjtT1zdp7dc",
  });
  assert.equal(credential.status, 201, credential.text);
  const put = await org.manage("PUT", "/v1/upstreams/stripe", {
    kind: "openapi",
    document: JSON.parse(await stripeDocument()),
    base_url,
    credential: { credential_id: credential.body.id },
  });
  assert.equal(put.status, 201, put.text);
  assert.deepEqual(put.body.tools, {
    listed: 594,
    draft: 594,
    approved: 0,
    changed: [],
    refused: [],
  });
  const rows = await allOf(org, "/v1/upstreams/stripe/tools");
  const names = new Set(rows.map(({ exposed_name }) => String(exposed_name)));
  assert.equal(names.size, 594);
  for (const name of names) assert.match(name, /^[A-Za-z0-9_.-]{1,64}$/);

  await approve(org, "stripe", [
    "stripe/GetBalance",
    "stripe/PostCustomers",
    "stripe/GetCustomersCustomer",
  ]);
  const call = async (tool: string, args: JsonObject) => {
    const body = { tool_name: `stripe/${tool}`, arguments: args };
    return await org.post("/v1/calls", body);
  };
  const balance = await call("GetBalance", {});
  assert.equal(balance.status, 200, balance.text);
  assert.equal(balance.body.result.structured_content.object, "balance");
  const fields = { email: "ann@example.com", metadata: { a: "b&c" }, address: { city: "Bern" } };
  const customer = await call("PostCustomers", { body: fields });
  assert.equal(customer.status, 200, customer.text);
  assert.equal(customer.body.result.structured_content.object, "customer");
  const id = customer.body.result.structured_content.id;
  const read = await call("GetCustomersCustomer", { customer: id, expand: ["default_source"] });
  assert.equal(read.status, 200, read.text);
  assert.equal(read.body.result.structured_content.id, id);
});

Deno.test("another Countersign's API is tools here, by the document that it serves of itself", async () => {
  await using other = await ApprovalOrg.start();
  const { origin } = other.countersign;
  await using countersign = await Countersign.start({
    variables: { COUNTERSIGN_PRIVATE_HOSTS: new URL(origin).host },
  });
  const org = await countersign.org();
  const document = await (await fetch(`${origin}/v1/openapi.json`)).json();
  const credential = await org.manage("POST", "/v1/credentials", {
    name: "The other one",
    kind: "bearer",
    origins: [origin],
    secret: other.org.standard,
  });
  const put = await org.manage("PUT", "/v1/upstreams/other", {
    kind: "openapi",
    document,
    base_url: origin,
    credential: { credential_id: credential.body.id },
  });
  assert.equal(put.status, 201, put.text);
  const rows = await allOf(org, "/v1/upstreams/other/tools");
  assert.ok(rows.length > 60, `${rows.length} operations`);
  assert.deepEqual(put.body.tools.refused, []);
  const names = rows.map(({ name }) => String(name));
  const named = (part: RegExp) =>
    names.find((name) => part.test(name)) ?? assert.fail(names.join());
  const [check, tool] = [named(/postPermissionsCheck$/), named(/getToolsByName$/)];
  await approve(org, "other", [check, tool]);
  const checked = await org.post("/v1/calls", {
    tool_name: check,
    arguments: { body: { tool_name: "server/restart" } },
  });
  assert.equal(checked.status, 200, checked.text);
  assert.ok("permission" in checked.body.result.structured_content);
  const missing = await org.post("/v1/calls", { tool_name: tool, arguments: { name: "no/such" } });
  assert.equal(missing.status, 502, missing.text);
  assert.match(missing.text, /not_found/);
});
