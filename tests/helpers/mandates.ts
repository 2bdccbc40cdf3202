import assert from "node:assert/strict";
import type { Got, TestOrg } from "./countersign.ts";

/** Bundles and mandates for tests, over the API. */

export const CHECK = "/v1/permissions/check";

/** A bundle whose one label is an app's, and that lets everything of `refund` through. */
export const BUNDLE = {
  agent: "shop-assistant",
  scopes: [{ tool: "refund", decision: "allow" }],
};

/** Publishes a bundle; the answer's body. */
export async function published(org: TestOrg, id = "shop", body: object = BUNDLE) {
  const got = await org.manage("PUT", `/v1/bundles/${id}`, body);
  assert.ok(got.status === 200 || got.status === 201, got.text);
  return got.body;
}

export function grant(org: TestOrg, fields: object = {}, key = org.management): Promise<Got> {
  return org.post("/v1/mandates", { user_id: "u1", bundle: { id: "shop" }, ...fields }, key);
}

/** Grants a mandate; its id. */
export async function granted(org: TestOrg, fields: object = {}): Promise<string> {
  const got = await grant(org, fields);
  assert.equal(got.status, 201, got.text);
  return got.body.id;
}

/** An org with the approved tool `refund`, and a bundle `shop` for it. */
export async function shop(org: TestOrg, body: object = BUNDLE): Promise<TestOrg> {
  await org.tool("refund");
  await org.member("ann@example.com");
  await published(org, "shop", body);
  return org;
}

/** What a check under a mandate answers. */
export async function checked(
  org: TestOrg,
  mandate_id: string | null,
  fields: object = {},
  key = org.standard,
) {
  const under = mandate_id === null ? {} : { mandate_id };
  const got = await org.post(CHECK, { tool_name: "refund", ...under, ...fields }, key);
  assert.equal(got.status, 200, got.text);
  return got.body;
}
