import assert from "node:assert/strict";
import { ApprovalOrg } from "../helpers/approval_org.ts";

Deno.test("an unknown query parameter is named, and nothing is said of a body", async () => {
  await using it = await ApprovalOrg.start();
  for (const path of ["/v1/activity", "/v1/approvals", "/v1/rules"]) {
    const { status, body } = await it.org.get(`${path}?unknown=1&limit=5`);
    assert.equal(status, 422);
    assert.equal(body.detail, "/unknown is no parameter of this query.");
    assert.deepEqual(body.errors.map((error: { path: string }) => error.path), ["/unknown"]);
  }
  const key = await it.org.post("/v1/permissions/check", { tool_name: "a" }, it.org.standard, {
    "idempotency-key": "two words",
  });
  assert.match(key.body.detail, /^The request needs an Idempotency-Key/);
});

Deno.test("token endpoints name the content type that they want", async () => {
  await using it = await ApprovalOrg.start();
  for (const path of ["/oauth/token", "/oauth/revoke"]) {
    for (
      const type of [
        "application/json",
        "application/json, application/x-www-form-urlencoded",
        "multipart/form-data",
        null,
      ]
    ) {
      const response = await fetch(`${it.countersign.origin}${path}`, {
        method: "POST",
        headers: type === null ? {} : { "content-type": type },
        body: new TextEncoder().encode("grant_type=refresh_token&refresh_token=x&client_id=y"),
      });
      const { error, error_description } = await response.json();
      assert.deepEqual([response.status, error], [400, "invalid_request"]);
      assert.match(error_description, /Content-Type: application\/x-www-form-urlencoded/);
    }
  }
});

Deno.test("a description of a tool has up to 16,384 bytes", async () => {
  await using it = await ApprovalOrg.start();
  const put = (description: string) =>
    it.countersign.request("PUT", "/v1/tools/long", {
      body: { description },
      key: it.org.management,
    });
  for (const description of ["x".repeat(8_879), "x".repeat(16_384), "é".repeat(8_192)]) {
    const got = await put(description);
    assert.ok([200, 201].includes(got.status), got.text);
    assert.equal((await it.org.get("/v1/tools/long")).body.description, description);
  }
  for (const description of ["x".repeat(16_385), "é".repeat(8_193)]) {
    const got = await put(description);
    assert.equal(got.status, 422);
    assert.match(got.body.detail, /^\/description has at most 16384 bytes/);
  }
});

Deno.test("a client's registration that is refused as JSON says what and where", async () => {
  await using it = await ApprovalOrg.start();
  const said = async (body: string) => {
    const response = await fetch(`${it.countersign.origin}/oauth/register`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    const { error, error_description } = await response.json();
    assert.deepEqual([response.status, error], [400, "invalid_client_metadata"]);
    assert.match(error_description, /^[\x20-\x7e]+$/);
    return error_description;
  };
  assert.match(
    await said('{"client_id_issued_at":9007199254740993}'),
    /\/client_id_issued_at .*(beyond|exactly)/,
  );
  assert.match(await said('{"client_name":"a","client_name":"b"}'), /\/client_name .*already/);
  assert.match(await said("{"), /Text ends where/);
});
