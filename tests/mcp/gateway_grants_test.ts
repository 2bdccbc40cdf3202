import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { putMember } from "../../lib/people/members.ts";
import { grantKey } from "../../lib/store/keys.ts";
import { CallOrg } from "../helpers/call_org.ts";
import { grantIn, rawCall, resultOf } from "../helpers/mcp_client.ts";

/** What members let programs run at the gateway. */

const GATEWAY = "/mcp/gateway";

const RUN = ["mcp:run"] as const;

async function calling(it: CallOrg, token: string, name: string, args: JsonObject = {}) {
  const { countersign } = it.it;
  const params = { name, arguments: args };
  return await rawCall(countersign, "tools/call", params, { token, path: GATEWAY });
}

Deno.test("a grant runs tools in its member's name, who is behind what is asked", async () => {
  await using it = await CallOrg.start();
  const grant = await grantIn([[it.org, "approver"]], RUN, GATEWAY);
  const got = resultOf(await calling(it, grant.token, "notes__read", { id: "n1" }));
  assert.equal(got.content[0].text, "done");
  const consumed = (await it.log()).filter(({ entry }) => entry.type === "token.consumed").at(-1);
  assert.deepEqual(consumed?.entry.actor, { type: "oauth_grant", id: grant.id });
  const held = calling(it, grant.token, "notes__wipe", { id: "n1" });
  let approval: JsonObject | undefined;
  while (approval === undefined) {
    approval = (await it.org.get("/v1/approvals?status=pending", it.org.approver)).body.data[0];
  }
  const by = approval.requested_by as JsonObject;
  assert.deepEqual([by.type, by.id], ["oauth_grant", grant.id]);
  await it.it.decide(String(approval.id), "approve");
  assert.equal(resultOf(await held).content[0].text, "done");
  assert.equal(it.sent, 2);
});

Deno.test("what was granted ends with the grant, and with the role that it took, at the next call", async () => {
  await using it = await CallOrg.start();
  const { org } = it;
  const owner = await org.signedIn("owner");
  const grant = await grantIn([[org, "approver"]], RUN, GATEWAY);
  const { email } = grant.members.get(org.id) ?? assert.fail();
  const as = (role: "viewer" | "approver") =>
    org.as(owner, "manage_members", putMember(email, { role, groups: [] }, "req_test"));
  const status = async () => (await calling(it, grant.token, "notes__read")).status;
  assert.equal(await status(), 200);
  await as("viewer");
  assert.equal(await status(), 401);
  await as("approver");
  assert.equal(await status(), 200);
  await org.transact((transaction) => transaction.deletePolicy(grantKey(org.id, grant.id)));
  assert.equal(await status(), 401);
  assert.equal(it.sent, 2);
});

Deno.test("what runs nothing elsewhere: scopes of /mcp at the gateway, and its own at /mcp", async () => {
  await using it = await CallOrg.start();
  const { countersign } = it.it;
  const forMcp = await grantIn([[it.org, "owner"]], ["mcp:read", "mcp:write"]);
  assert.equal((await calling(it, forMcp.token, "notes__read")).status, 401);
  const forGateway = await grantIn([[it.org, "owner"]], RUN, GATEWAY);
  const { status } = await rawCall(countersign, "tools/list", {}, { token: forGateway.token });
  assert.equal(status, 401);
  // One whose rows say what no consent gives: the address of the gateway, without its scope.
  const odd = await grantIn([[it.org, "owner"]], ["mcp:write"], GATEWAY);
  const listed = await rawCall(countersign, "tools/list", {}, { token: odd.token, path: GATEWAY });
  assert.equal(listed.status, 403, listed.text);
  assert.match(listed.headers.get("www-authenticate") ?? "", /insufficient_scope.*scope="mcp:run"/);
  assert.equal((await calling(it, odd.token, "notes__read")).status, 403);
  assert.equal(it.sent, 0);
});
