import assert from "node:assert/strict";
import { Countersign } from "../helpers/countersign.ts";
import { action, AllowlyOrg, policy } from "../helpers/allowly.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

Deno.test("a policy registers what the catalog does not know, for who has a mandate, and the log says so", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const it = await AllowlyOrg.over(org);
  await org.tool("known", { default_permission: "disabled" });
  await it.published("shop", policy(action("known"), action("refund"), action("wipe")));

  const refund = (await org.get("/v1/tools/refund")).body;
  assert.equal(refund.status, "approved");
  assert.equal(refund.requires_mandate, true);
  assert.equal(refund.default_permission, "allowed");
  assert.deepEqual(refund.annotations, {
    read_only: false,
    destructive: true,
    idempotent: false,
    open_world: true,
  });
  const known = (await org.get("/v1/tools/known")).body;
  assert.equal(known.requires_mandate, false, "what is known stays as it is");
  const set = (await verifiedLog(countersign.services.deps, org.id)).filter(({ entry }) =>
    entry.type === "tool.set" && entry.data.because === "register_from_policies"
  );
  assert.deepEqual(set.map(({ entry }) => entry.subject.tool), ["refund", "wipe"]);

  const bare = await org.post("/v1/permissions/check", { tool_name: "refund" });
  assert.equal(bare.body.resolved_from, "gate_mandate");
  const id = await it.granted("shop");
  assert.equal((await it.checked(id, "refund")).decision, "allow");
  const closed = await it.checked(id, "known");
  assert.equal(closed.decision, "deny", "what the policy of the organization disables stays so");
});

Deno.test("without the setting a policy is made all the same, and its unknown actions are drafts", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const it = await AllowlyOrg.over(org);
  await org.manage("PATCH", "/v1/org", { register_from_policies: false });
  await it.published("shop", policy(action("refund")));
  assert.equal((await org.get("/v1/tools/refund")).status, 404);
  const id = await it.granted("shop");
  assert.equal((await it.checked(id, "refund")).decision, "escalate");
  assert.equal((await org.get("/v1/tools/refund")).body.status, "draft");
  await org.manage("PATCH", "/v1/org", { register_from_policies: true });
  await it.published("shop", policy(action("refund"), action("other")));
  assert.equal((await org.get("/v1/tools/refund")).body.status, "draft", "until it is approved");
  assert.equal((await org.get("/v1/tools/other")).body.status, "approved");
});

Deno.test("what is published by the API as a bundle registers nothing, and is no policy", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const it = await AllowlyOrg.over(org);
  const bundle = { agent: "a", scopes: [{ tool: "refund", decision: "allow" }] };
  assert.equal((await org.manage("PUT", "/v1/bundles/shop", bundle)).status, 201);
  assert.equal((await org.get("/v1/tools/refund")).status, 404);
  const got = await it.ask("GET", "/v1/policies/shop");
  assert.equal(got.status, 404);
  assert.equal(got.body.error.code, "policy_not_found");
  assert.deepEqual((await it.ask("GET", "/v1/policies")).body, { items: [], has_more: false });
  const granting = await it.ask("POST", "/v1/authorizations", {
    user_id: "u1",
    policy_id: "shop",
    policy_version: 1,
    metadata: {},
  });
  assert.equal(granting.status, 404);
  assert.equal(
    (await it.ask("DELETE", "/v1/policies/shop", undefined, org.management)).status,
    404,
  );
});
