import assert from "node:assert/strict";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { assertProblem } from "../helpers/refused.ts";

const CHECK = "/v1/permissions/check";
const PATH = "/v1/tools/odd";

async function discovered(countersign: Countersign): Promise<TestOrg> {
  const org = await countersign.org();
  await org.post(CHECK, { tool_name: "odd" });
  const { body } = await org.get(PATH);
  assert.deepEqual(
    [body.status, body.discovered, body.default_permission],
    ["draft", true, "requires_approval"],
  );
  return org;
}

Deno.test("A discovered draft is approved only with a default that a person names", async () => {
  await using countersign = await Countersign.start();
  const org = await discovered(countersign);
  const approve = { status: "approved", annotations_acknowledged: true };
  const refused: [string, unknown, string][] = [
    ["PATCH", { status: "approved" }, "/annotations_acknowledged"],
    ["PATCH", { status: "approved", default_permission: "allowed" }, "/annotations_acknowledged"],
    ["PATCH", approve, "/default_permission"],
    ["PATCH", { ...approve, default_permission: null }, "/default_permission"],
    ["PUT", approve, "/default_permission"],
    ["PUT", { annotations_acknowledged: true }, "/default_permission"],
    ["PUT", { ...approve, default_permission: null }, "/default_permission"],
  ];
  for (const [method, body, path] of refused) {
    assertProblem(await org.manage(method, PATH, body), 422, "invalid_request", path);
  }
  const approved = await org.manage("PATCH", PATH, { ...approve, default_permission: "allowed" });
  assert.equal(approved.status, 200);
  assert.deepEqual(
    [approved.body.status, approved.body.discovered, approved.body.default_permission],
    ["approved", false, "allowed"],
  );
  assert.equal((await org.post(CHECK, { tool_name: "odd" })).body.permission, "allowed");
});

Deno.test("A default that a person set before counts when the draft is approved later", async () => {
  await using countersign = await Countersign.start();
  const org = await discovered(countersign);
  const named = await org.manage("PATCH", PATH, { default_permission: "requires_approval" });
  assert.equal(named.body.discovered, false);
  const approve = { status: "approved", annotations_acknowledged: true };
  assert.equal((await org.manage("PATCH", PATH, approve)).status, 200);

  await org.manage("PUT", "/v1/tools/described", { default_permission: "disabled" });
  assert.equal((await org.manage("PATCH", "/v1/tools/described", approve)).status, 200);
  await org.manage("PUT", "/v1/tools/vague", {});
  const vague = await org.manage("PATCH", "/v1/tools/vague", approve);
  assertProblem(vague, 422, "invalid_request", "/default_permission");
});

Deno.test("A discovered draft is not approved by a detour over another status", async () => {
  await using countersign = await Countersign.start();
  const org = await discovered(countersign);
  const approve = { status: "approved", annotations_acknowledged: true };
  for (const status of ["disabled", "archived"]) {
    assert.equal((await org.manage("PATCH", PATH, { status })).status, 200);
    const got = await org.manage("PATCH", PATH, approve);
    assertProblem(got, 422, "invalid_request", "/default_permission");
  }
});

Deno.test("No draft is approved by a detour, however it was made and written", async () => {
  await using countersign = await Countersign.start();
  const org = await discovered(countersign);
  await org.manage("PUT", "/v1/tools/vague", {});
  const approve = { status: "approved", annotations_acknowledged: true };
  for (const path of [PATH, "/v1/tools/vague"]) {
    for (const [method, status] of [["PUT", "disabled"], ["PATCH", "archived"]] as const) {
      assert.equal((await org.manage(method, path, { status })).status, 200);
      for (const again of ["PUT", "PATCH"]) {
        const got = await org.manage(again, path, approve);
        assertProblem(got, 422, "invalid_request", "/default_permission");
      }
    }
    // Nor by way of the whole policy.
    const { body } = await org.manage("GET", "/v1/policy");
    const row = body.tools.find(({ name }: { name: string }) => path.endsWith(name));
    const put = { tools: [{ ...row, ...approve }] };
    const headers = { "if-match": `"${body.policy_version}"` };
    const patched = await org.manage("PATCH", "/v1/policy?dry_run=false", { put }, headers);
    assertProblem(patched, 422, "invalid_request", "/put/tools/0/default_permission");
    const named = { ...approve, default_permission: "requires_approval" };
    assert.equal((await org.manage("PATCH", path, named)).status, 200);
    // Once it was approved, it may be out of use for a while, and have no default of its own.
    assert.equal((await org.manage("PUT", path, { status: "disabled" })).status, 200);
    assert.equal((await org.manage("PATCH", path, approve)).status, 200);
  }
});

Deno.test("Registering a tool again does not release its kill switch, nor does removing a draft", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.member("jo@example.com", { role: "owner", has_passkey: true });
  const kill_switch = { active: true, reason: "runs wild" };
  await org.manage("PUT", PATH, { annotations_acknowledged: true, kill_switch });
  const again = await org.manage("PUT", PATH, { annotations_acknowledged: true, tags: ["a"] });
  assert.equal(again.status, 200);
  assert.deepEqual(again.body.kill_switch, kill_switch);
  const released = { annotations_acknowledged: true, kill_switch: { active: false } };
  assertProblem(await org.manage("PUT", PATH, released), 403, "owner_required");
  assertProblem(
    await org.manage("POST", "/v1/tools", { name: "odd", ...released }),
    403,
    "owner_required",
  );
  await org.manage("PATCH", PATH, { status: "draft" });
  assertProblem(await org.manage("DELETE", PATH), 403, "owner_required");
});
