import assert from "node:assert/strict";
import { Countersign } from "../helpers/countersign.ts";
import { checked, granted, shop } from "../helpers/mandates.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

/** Resources that are closed to all mandates. */

const RESOURCE = { resource_id: "order-1" };
const PATH = "/v1/tombstones/order-1";

Deno.test("a resource that is closed is touched by nothing under a mandate, on any node, until it is opened", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  await using other = await countersign.another();
  const id = await granted(org);
  const before = await checked(org, id, { ...RESOURCE, mint: true });
  assert.equal((await org.manage("DELETE", PATH)).status, 404);
  const put = await org.manage("PUT", PATH);
  assert.deepEqual([put.status, put.body.resource_id], [201, "order-1"], put.text);
  assert.deepEqual((await org.manage("PUT", PATH)).body, { ...put.body, audit: null });

  for (const node of [countersign, other]) {
    const body = { tool_name: "refund", mandate_id: id, ...RESOURCE, explain: true };
    const got = await node.request("POST", "/v1/permissions/check", { key: org.standard, body });
    assert.deepEqual([got.body.permission, got.body.resolved_from], [
      "disabled",
      "mandate_resource",
    ]);
  }
  const consume = { token: before.token.token ?? before.token, tool_name: "refund", ...RESOURCE };
  const void_ = await org.post("/v1/tokens/consume", consume);
  assert.deepEqual([void_.body.code, void_.body.reason], ["token_revoked", "mandate"], void_.text);
  // Nothing else is closed: another resource, none, and whoever asks without a mandate.
  for (const fields of [{ resource_id: "order-2" }, {}]) {
    assert.equal((await checked(org, id, fields)).permission, "allowed");
  }
  assert.equal((await checked(org, null, RESOURCE)).permission, "allowed");

  assert.equal((await org.manage("DELETE", PATH)).body.removed, true);
  assert.equal((await checked(org, id, RESOURCE)).permission, "allowed");
  assert.equal((await org.post("/v1/tokens/consume", consume)).status, 200);
  await verifiedLog(countersign.services.deps, org.id);
});

Deno.test("only a management key closes a resource, and no id that looks personal", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const got = await org.countersign.request("PUT", PATH, { key: org.standard });
  assert.deepEqual([got.status, got.body.code], [403, "wrong_tier"]);
  const personal = await org.manage("PUT", "/v1/tombstones/ann%40example.com");
  assert.equal(personal.status, 422, personal.text);
});

Deno.test("activity is narrowed to one mandate", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const [one, two] = [await granted(org), await granted(org, { user_id: "u2" })];
  await checked(org, one);
  await checked(org, two);
  const { data } = (await org.get(`/v1/activity?mandate_id=${one}`)).body;
  const about = data.map((entry: { subject: { mandate: string } }) => entry.subject.mandate);
  assert.deepEqual(about, [one, one]);
});

Deno.test("closed resources are listed by their ids, a page at a time, to management keys alone", async () => {
  await using countersign = await Countersign.start();
  const [org, other] = [await countersign.org(), await countersign.org()];
  const list = async (cursor = "") => {
    const { body } = await org.manage("GET", `/v1/tombstones?limit=2${cursor}`);
    const ids = body.data.map(({ resource_id }: { resource_id: string }) => resource_id);
    return { ids, next: body.next_cursor };
  };
  assert.deepEqual(await list(), { ids: [], next: null });
  for (const id of ["b", "c", "a"]) await org.manage("PUT", `/v1/tombstones/${id}`);
  await other.manage("PUT", "/v1/tombstones/d");
  const first = await list();
  assert.deepEqual(first.ids, ["a", "b"]);
  assert.deepEqual(await list(`&cursor=${first.next}`), { ids: ["c"], next: null });
  await org.manage("DELETE", "/v1/tombstones/a");
  assert.deepEqual((await list()).ids, ["b", "c"]);
  const [listed] = (await org.manage("GET", "/v1/tombstones")).body.data;
  assert.deepEqual(Object.keys(listed), ["resource_id", "created_at", "created_by"]);
  assert.equal((await org.get("/v1/tombstones")).status, 403);
});
