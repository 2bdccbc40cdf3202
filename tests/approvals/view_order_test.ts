import canonicalize from "canonicalize";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { viewDigest } from "../../lib/approvals/frozen_view.ts";
import { canonicalBytes } from "../../lib/base/canonical.ts";
import type { JsonObject } from "../../lib/base/json.ts";
import { actionDigest } from "../../lib/decisions/decide.ts";
import { approvalViewKey } from "../../lib/store/keys.ts";
import { sealedRecord } from "../../lib/store/records/log.ts";
import { readRecord } from "../../lib/store/kv.ts";
import { ApprovalOrg } from "../helpers/approval_org.ts";

/** An edit as a host sends it, its members in no alphabet's order, and JSON's odd names among them. */
const EDIT = '{"path":"src/a.ts","edits":[{"oldText":"a","newText":"b\\u00e9"}],' +
  '"dryRun":false,"__proto__":{"z":1,"a":[null,-1.5,1e21]},"€":"\\ud83d\\ude00"}';

/** What the tool's schema says, in its order. */
const PARAMETERS = '{"type":"object","properties":{"path":{"type":"string"},"edits":{},' +
  '"dryRun":{"type":"boolean"}}}';

function sentView(): JsonObject {
  return JSON.parse(
    `{"v":1,"org":"org_1","tool":{"name":"edit_file","parameters":${PARAMETERS}},` +
      `"arguments":${EDIT},"reason":"as discussed","context":{"z":1,"a":2},"asked_again":[]}`,
  );
}

/** The same value with the members of every object the other way round. */
function turned(text: string): JsonObject {
  return JSON.parse(text, (_name, value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    const copy = Object.create(Object.prototype);
    for (const [name, member] of Object.entries(value).toReversed()) {
      Object.defineProperty(copy, name, {
        value: member,
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
    return copy;
  });
}

Deno.test("the digests of a request are those of version 0.2.0, in whatever order it came", () => {
  const view = sentView();
  const args = view.arguments as JsonObject;
  const action = { tenant: null, resource: "r", tool: "edit_file", method: null };
  // As the release before this order was kept computed them.
  const ofView = "sha256:c177aec4a664cf59ef452944e69ceae020453868fa805e335b9810de43cce69a";
  const ofAction = "sha256:89721476feaaa3c0808aae1ffb82a00ef1ce2af522f9434675723dafd487dbc3";
  assert.equal(viewDigest(view), ofView);
  assert.equal(viewDigest(turned(JSON.stringify(view))), ofView);
  assert.equal(actionDigest("org_1", { ...action, arguments: args }), ofAction);
  assert.equal(
    actionDigest("org_1", { ...action, arguments: turned(JSON.stringify(args)) }),
    ofAction,
  );
});

Deno.test("a view keeps the order in which members came, and is digested without it", async () => {
  await using it = await ApprovalOrg.start();
  const parameters = JSON.parse(PARAMETERS);
  await it.org.tool("edit_file", { default_permission: "requires_approval", parameters });
  const context = { z: { b: 1, a: 2 }, a: 1 };
  const asked = { tool_name: "edit_file", arguments: JSON.parse(EDIT), context };
  const { id, action_digest } = await it.pending(asked);
  const { body } = await it.get(id, it.org.approver);
  assert.equal(JSON.stringify(body.arguments), JSON.stringify(JSON.parse(EDIT)));
  const { view } = body.review;
  assert.equal(JSON.stringify(view.arguments), JSON.stringify(JSON.parse(EDIT)));
  assert.equal(JSON.stringify(view.context), JSON.stringify(context));
  assert.equal(JSON.stringify(view.tool.parameters), PARAMETERS);
  const ofView = createHash("sha256").update(canonicalize(view) ?? "").digest("hex");
  assert.equal(body.view_digest, `sha256:${ofView}`);

  // The same action in another order joins it: it is the same action.
  const again = await it.ask({ ...asked, arguments: turned(EDIT), reason: "now" });
  assert.equal(again.status, 200);
  assert.deepEqual([again.body.id, again.body.action_digest], [id, action_digest]);
  assert.equal(JSON.stringify(again.body.arguments), JSON.stringify(JSON.parse(EDIT)));
});

Deno.test("a view that was stored sorted by name is read as before", async () => {
  await using it = await ApprovalOrg.start();
  const { id, view_digest } = await it.pending({ arguments: JSON.parse(EDIT) });
  const { kv, sealer } = it.countersign.services.deps;
  const key = approvalViewKey(it.org.id, id, 0);
  const stored = await readRecord(kv, key, sealedRecord);
  assert.ok(stored);
  const sorted = canonicalBytes(JSON.parse(EDIT));
  await kv.set(key, { sealed: sealer.seal(key, sorted) });
  const { body } = await it.get(id, it.org.approver);
  assert.equal(JSON.stringify(body.arguments), new TextDecoder().decode(sorted));
  assert.equal(body.view_digest, view_digest);
  const ofView = createHash("sha256").update(canonicalize(body.review.view) ?? "").digest("hex");
  assert.equal(view_digest, `sha256:${ofView}`);
});
