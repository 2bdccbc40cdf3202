import assert from "node:assert/strict";
import { privatePartsFrom } from "../../lib/ledger/entry.ts";
import { orgKey } from "../../lib/store/keys.ts";
import { Countersign } from "../helpers/countersign.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

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

Deno.test("a check's reason is scrubbed before the log has it, one of a batch as well", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart_service");
  const checks = ["one", "two"].map((word) => ({
    tool_name: "restart_service",
    reason: `${word} for bob@example.com`,
  }));
  assert.equal((await org.post("/v1/permissions/check", checks[0])).status, 200);
  assert.equal(
    (await org.post("/v1/permissions/check-batch", { checks: [checks[1]] })).status,
    200,
  );
  const { deps } = countersign.services;
  const parts = await Array.fromAsync(privatePartsFrom(deps, org.id, 0, 1000));
  const reasons = parts.flatMap(({ parts: { reason } }) => reason?.value ?? []);
  assert.deepEqual(reasons, ["one for [e-mail]", "two for [e-mail]"]);
});

Deno.test("a check names no id that looks personal, unless the organization takes those", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart_service");
  const personal = { tool_name: "restart_service", resource_id: "bob@example.com" };
  const refused = await org.post("/v1/permissions/check", personal);
  assert.equal(refused.status, 422, refused.text);
  assert.equal(refused.body.code, "invalid_request");
  const log = await verifiedLog(countersign.services.deps, org.id);
  assert.ok(log.every(({ entry }) => entry.type !== "permission.checked"));
  await org.transact((transaction) => {
    const { org: record } = transaction.snapshot;
    transaction.setPolicy(orgKey(org.id), { ...record, allow_personal_ids: true });
  });
  assert.equal((await org.post("/v1/permissions/check", personal)).status, 200);
});
