import fc from "fast-check";
import assert from "node:assert/strict";
import { canonicalJson } from "../../lib/base/canonical.ts";
import { pointerTokens, valueAtPointer } from "../../lib/base/json.ts";
import { type Compared, lastApproved, whatDiffers } from "../../lib/sheet/comparison.ts";
import { approvalKey } from "../../lib/store/keys.ts";
import { readRecord } from "../../lib/store/kv.ts";
import { type ApprovalRecord, approvalRecord } from "../../lib/store/records/approval.ts";
import { ApprovalOrg } from "../helpers/approval_org.ts";
import { jsonObject, jsonValue } from "../helpers/arbitrary_json.ts";

function call(fields: Partial<Compared> = {}): Compared {
  return { tenant: null, resource: null, method: null, arguments: {}, ...fields };
}

Deno.test("whatDiffers() lists what was added, removed and changed, by place", () => {
  const before = call({
    tenant: "acme",
    method: "POST",
    arguments: { amount: 5, note: "x", to: [1, 2] },
  });
  const after = call({
    resource: "r",
    method: "DELETE",
    arguments: { amount: 5000, to: [1, 2, 3] },
  });
  assert.deepEqual(whatDiffers(before, after), {
    differences: [
      { pointer: "/arguments/amount", kind: "changed", before: 5, after: 5000 },
      { pointer: "/arguments/note", kind: "removed", before: "x", after: null },
      { pointer: "/arguments/to/2", kind: "added", before: null, after: 3 },
      { pointer: "/method", kind: "changed", before: "POST", after: "DELETE" },
      { pointer: "/resource_id", kind: "added", before: null, after: "r" },
      { pointer: "/tenant_id", kind: "removed", before: "acme", after: null },
    ],
    more: false,
    arguments_known: true,
  });
});

Deno.test("whatDiffers() tells a null that is there from a member that is not", () => {
  const { differences } = whatDiffers(
    call({ arguments: { a: null, b: 1 } }),
    call({ arguments: { b: null } }),
  );
  assert.deepEqual(differences, [
    { pointer: "/arguments/a", kind: "removed", before: null, after: null },
    { pointer: "/arguments/b", kind: "changed", before: 1, after: null },
  ]);
});

Deno.test("whatDiffers() compares the rest when arguments were erased, and says so", () => {
  const differences = whatDiffers(
    call({ arguments: null, tenant: "acme" }),
    call({ arguments: { a: 1 }, tenant: "globex" }),
  );
  assert.deepEqual(differences, {
    differences: [{ pointer: "/tenant_id", kind: "changed", before: "acme", after: "globex" }],
    more: false,
    arguments_known: false,
  });
});

Deno.test("whatDiffers() says that there may be more than it lists", () => {
  const many = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`m${i}`, i]));
  const { differences, more } = whatDiffers(call(), call({ arguments: many, tenant: "acme" }));
  assert.equal(differences.length, 50);
  assert.ok(more);
  assert.equal(differences.at(-1)?.pointer, "/tenant_id");
});

Deno.test("whatDiffers() finds nothing between equal calls, and both values at every place", () => {
  fc.assert(fc.property(jsonObject, jsonObject, (a, b) => {
    assert.deepEqual(whatDiffers(call({ arguments: a }), call({ arguments: a })).differences, []);
    const { differences } = whatDiffers(call({ arguments: a }), call({ arguments: b }));
    assert.equal(differences.length === 0, canonicalJson(a) === canonicalJson(b));
    for (const { pointer, kind, before, after } of differences) {
      const inside = pointer.replace(/^\/arguments/, "");
      assert.equal(valueAtPointer(a, inside) ?? null, before);
      assert.equal(valueAtPointer(b, inside) ?? null, after);
      assert.equal(kind === "added", valueAtPointer(a, inside) === undefined);
      assert.equal(kind === "removed", valueAtPointer(b, inside) === undefined);
    }
  }));
});

Deno.test("valueAtPointer() finds own members and elements only", () => {
  const value = { a: [{ "b/~": 1 }], "": { "": 2 } };
  assert.equal(valueAtPointer(value, "/a/0/b~1~0"), 1);
  assert.equal(valueAtPointer(value, "//"), 2);
  assert.equal(valueAtPointer(value, ""), value);
  for (const pointer of ["/toString", "/__proto__", "/a/length", "/a/00", "/a/-1", "/a/0/b/c"]) {
    assert.equal(valueAtPointer(value, pointer), undefined, pointer);
  }
  assert.deepEqual(pointerTokens("/a~1b/~01/"), ["a/b", "~1", ""]);
  fc.assert(fc.property(jsonValue, (any) => assert.equal(valueAtPointer(any, ""), any)));
});

async function recordOf(approvals: ApprovalOrg, id: string): Promise<ApprovalRecord> {
  const { kv } = approvals.countersign.services.deps;
  const record = await readRecord(kv, approvalKey(approvals.org.id, id), approvalRecord);
  assert.ok(record);
  return record.value;
}

/** What somebody who is about to decide a request finds. */
async function lastFor(
  approvals: ApprovalOrg,
  id: string,
  role: "owner" | "viewer" = "owner",
) {
  const { caller } = await approvals.org.signedIn(role);
  const record = await recordOf(approvals, id);
  return await lastApproved(approvals.countersign.services, caller, record);
}

Deno.test("lastApproved() finds nothing before any call of the tool was approved", async () => {
  await using approvals = await ApprovalOrg.start();
  const { id } = await approvals.pending();
  assert.equal(await lastFor(approvals, id), null);
  await approvals.decide(id, "deny");
  const next = await approvals.pending({ arguments: { n: 1 } });
  assert.equal(await lastFor(approvals, next.id), null);
});

Deno.test("lastApproved() opens what the approver of the tool's last approved call saw", async () => {
  await using approvals = await ApprovalOrg.start();
  const first = await approvals.approved({ arguments: { n: 1 }, resource_id: "r" });
  const again = await approvals.pending({ arguments: { n: 2 } });
  const last = await lastFor(approvals, again.id);
  assert.equal(last?.record.id, first.id);
  assert.deepEqual(last?.view?.arguments, { n: 1 });
  assert.equal(last?.same_requester, true);
  assert.equal(last?.same_action, false);
  await approvals.decide(again.id, "approve");
  assert.equal(await lastFor(approvals, again.id), null, "it is the newest itself by now");
  const third = await approvals.pending({ arguments: { n: 3 } });
  assert.equal((await lastFor(approvals, third.id))?.record.id, again.id);
});

Deno.test("lastApproved() prefers the same requester's, and falls back on the org's", async () => {
  await using approvals = await ApprovalOrg.start();
  const agent = await approvals.org.agent();
  const other = await approvals.org.agent();
  const own = await approvals.approved({ arguments: { n: 1 } }, agent);
  const newer = await approvals.approved({ arguments: { n: 2 } });
  const asked = await approvals.pending({ arguments: { n: 3 } }, agent);
  assert.equal((await lastFor(approvals, asked.id))?.record.id, own.id);
  const strange = await approvals.pending({ arguments: { n: 2 } }, other);
  const last = await lastFor(approvals, strange.id);
  assert.equal(last?.record.id, newer.id);
  assert.equal(last?.same_requester, false);
  assert.equal(last?.same_action, true);
});

Deno.test("lastApproved() has no view once the arguments were erased", async () => {
  await using approvals = await ApprovalOrg.start();
  await approvals.settings({ retain_arguments: false });
  const first = await approvals.approved({ arguments: { n: 1 } });
  await approvals.revoke(first.id);
  const again = await approvals.pending({ arguments: { n: 1 } });
  const last = await lastFor(approvals, again.id);
  assert.equal(last?.record.id, first.id);
  assert.equal(last?.view, null);
  assert.equal(last?.same_action, true);
});

Deno.test("lastApproved() knows each tool's own", async () => {
  await using approvals = await ApprovalOrg.start();
  await approvals.org.tool("other", { default_permission: "requires_approval" });
  await approvals.approved();
  const other = await approvals.pending({ tool_name: "other" });
  assert.equal(await lastFor(approvals, other.id), null);
});

Deno.test("lastApproved() opens nothing for a member who may not see arguments", async () => {
  await using approvals = await ApprovalOrg.start();
  await approvals.approved({ arguments: { n: 1 } });
  const { id } = await approvals.pending({ arguments: { n: 2 } });
  assert.ok(await lastFor(approvals, id));
  assert.equal(await lastFor(approvals, id, "viewer"), null);
});
