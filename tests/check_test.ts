import assert from "node:assert/strict";
import { Countersign } from "./countersign_fixture.ts";

Deno.test("POST /v1/permissions/check answers with the decision and its entry", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart_service");
  const got = await org.post("/v1/permissions/check", { tool_name: "restart_service" });
  assert.equal(got.status, 200);
  assert.equal(got.body.permission, "allowed");
  assert.equal(got.body.resolved_from, "tool_default");
  assert.equal(got.body.audit.leaf_hash.length, 64);
});
