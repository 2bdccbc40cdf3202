import assert from "node:assert/strict";
import { Countersign } from "../helpers/countersign.ts";
import { assertProblem } from "../helpers/refused.ts";
import { configEntries, namesOf } from "./changes.ts";

Deno.test("A member is made, changed and removed, and the log does not show the address", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const path = "/v1/members/jo@example.com";
  assertProblem(await org.get(path), 404, "not_found");
  assertProblem(await org.manage("DELETE", path), 404, "not_found");

  const made = await org.manage("PUT", path, { role: "approver", groups: [2, 1] });
  assert.equal(made.status, 201);
  const { id, policy_version, ...member } = made.body;
  assert.match(id, /^usr_/);
  assert.deepEqual(member, {
    email: "jo@example.com",
    role: "approver",
    groups: [1, 2],
    has_passkey: false,
    created_at: "2026-01-01T00:00:00.000Z",
  });
  assert.deepEqual((await org.get(path)).body, { id, ...member });
  const again = await org.manage("PUT", path, { role: "approver", groups: [1, 2] });
  assert.equal(again.status, 200);
  assert.deepEqual(again.body, made.body);
  const changed = await org.manage("PUT", path, { role: "viewer" });
  assert.deepEqual(changed.body, {
    id,
    ...member,
    role: "viewer",
    groups: [],
    policy_version: policy_version + 1,
  });
  const removed = await org.manage("DELETE", path);
  assert.deepEqual(removed.body, {
    ...changed.body,
    removed: true,
    policy_version: policy_version + 2,
  });
  assertProblem(await org.get(path), 404, "not_found");

  const entries = await configEntries(org);
  assert.deepEqual(entries.map(({ type }) => type), ["member.set", "member.set", "member.removed"]);
  for (const { subject, data } of entries) {
    assert.deepEqual(subject, { member: id });
    assert.match(String(data.email_digest), /^sha256:/);
    assert.ok(!JSON.stringify(data).includes("example.com"));
  }
  assert.deepEqual(entries[0]?.data.changed, { role: "approver", groups: [1, 2] });
});

Deno.test("One address in other letters is the same member", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const made = await org.manage("PUT", "/v1/members/Jo@Example.com", { role: "approver" });
  assert.equal(made.body.email, "jo@example.com");
  const again = await org.manage("PUT", "/v1/members/JO%40EXAMPLE.COM", { role: "approver" });
  assert.equal(again.status, 200);
  assert.equal(again.body.id, made.body.id);
  assert.deepEqual(await namesOf(org, "/v1/members", "email", 1), ["jo@example.com"]);
});

Deno.test("A key neither makes nor touches who rules the org", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.member("owner@example.com", { role: "owner" });
  await org.member("admin@example.com", { role: "admin" });
  for (const role of ["owner", "admin"]) {
    const path = `/v1/members/${role}@example.com`;
    for (const wanted of ["approver", "viewer"]) {
      assertProblem(await org.manage("PUT", path, { role: wanted }), 403, "owner_required");
    }
    assertProblem(await org.manage("DELETE", path), 403, "owner_required");
    const risen = await org.manage("PUT", "/v1/members/new@example.com", { role });
    assertProblem(risen, 422, "invalid_request", "/role");
    assert.equal((await org.get(path)).body.role, role);
  }
  assertProblem(await org.get("/v1/members/new@example.com"), 404, "not_found");
});

Deno.test("A member refuses what does not fit", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const cases: [unknown, string][] = [
    [{}, "/role"],
    [{ role: "approver", groups: [3] }, "/groups/0"],
    [{ role: "approver", groups: ["1"] }, "/groups/0"],
    [{ role: "approver", groups: [1, 1] }, "/groups"],
    [{ role: "viewer", groups: [1] }, "/groups"],
    [{ role: "approver", has_passkey: true }, "/has_passkey"],
    [{ role: "approver", email: "other@example.com" }, "/email"],
  ];
  for (const [body, path] of cases) {
    const got = await org.manage("PUT", "/v1/members/jo@example.com", body);
    assertProblem(got, 422, "invalid_request", path);
  }
  const addresses = [
    "jo",
    "jo@",
    "@example.com",
    "jo@example",
    "j o@example.com",
    "jо@example.com",
  ];
  for (const address of addresses) {
    const path = `/v1/members/${encodeURIComponent(address)}`;
    assertProblem(
      await org.manage("PUT", path, { role: "viewer" }),
      422,
      "invalid_request",
      "/email",
    );
  }
});

Deno.test("A member with a passkey keeps it when role and groups change", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.member("jo@example.com", { role: "approver", has_passkey: true });
  const got = await org.manage("PUT", "/v1/members/jo@example.com", {
    role: "approver",
    groups: [2],
  });
  assert.equal(got.body.has_passkey, true);
});
