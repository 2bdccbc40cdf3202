import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { JsonObject } from "../../lib/base/json.ts";
import { mayHaveReceipt } from "../../lib/receipts/claims.ts";
import type { Entry } from "../../lib/ledger/entry.ts";
import type { Countersign, TestOrg } from "./countersign.ts";
import { checked, grant, granted, shop } from "./mandates.ts";
import { type StoredEntry, verifiedLog } from "./stored_log.ts";

/** Scopes of which one answers each thing that a scope can. */
const SCOPES = {
  agent: "shop-assistant",
  scopes: [
    { tool: "refund", decision: "allow", budget: { limit_micros: 9_000, period: "day" } },
    { tool: "mail", decision: "confirm" },
    { tool: "wire", decision: "escalate" },
    { tool: "wipe", decision: "deny" },
  ],
};

/** An org in whose log there is everything that has a receipt. */
export async function eventful(countersign: Countersign): Promise<TestOrg> {
  const org = await countersign.org();
  for (const tool of ["mail", "wire", "wipe"]) await org.tool(tool);
  await shop(org, SCOPES);
  const first = await granted(org);
  const id = (await grant(org, { replaces: first })).body.id;
  await checked(org, null, { tool_name: "mail" });
  await checked(org, "mdt_01jd8x2v6nfy0s6g9q4t3hw7ke");
  const cost = { estimated_cost_micros: 700 };
  const { decision_id } = await checked(org, id, { ...cost, resource_id: "order-7" });
  const settled = await org.post("/v1/budgets/settle", { decision_id, actual_cost_micros: 650 });
  assert.equal(settled.status, 200, settled.text);
  const { token } = await checked(org, id, { ...cost, mint: true });
  await org.post("/v1/tokens/consume", { token, tool_name: "refund" });
  const logged = await org.post("/v1/executions/log", {
    token,
    tool_name: "refund",
    execution_result: "success",
    cost_micros: 2 ** 53 - 1 - 9_000,
  });
  assert.equal(logged.status, 201, logged.text);
  for (const [tool_name, decision] of [["mail", "approve"], ["wire", "deny"], ["wipe", null]]) {
    const asked = await checked(org, id, {
      tool_name,
      ...(decision === null ? {} : { request: true, reason: "please" }),
    });
    if (decision === null) continue;
    const decided = asked.nonce === undefined
      ? await org.post(`/v1/approvals/${asked.approval.id}/decide`, {
        decision,
        decided_by: "ann@example.com",
      }, org.approver)
      : await org.post(`/v1/confirmations/${asked.nonce}`, { decision }, org.approver);
    assert.equal(decided.status, 200, decided.text);
  }
  const used = await checked(org, id, {
    tool_name: "mail",
    request: true,
    mint: true,
    reason: "please",
  });
  assert.ok(used.token_id);
  const own = await org.post("/v1/mandates", { user_id: "ü😀", ...SCOPES }, org.management);
  assert.equal(own.status, 201, own.text);
  await org.post(`/v1/mandates/${own.body.id}/revoke`, { by: "user" }, org.management);
  return org;
}

const RECEIPTED =
  /^(permission\.checked|mandate\.\w+|budget\.settled|execution\.logged|approval\.decided)$/;

/** The entries of an org that have a receipt, the oldest first. The log is verified. */
export async function receiptedEntries(
  { services }: Countersign,
  org: TestOrg,
): Promise<StoredEntry[]> {
  return (await verifiedLog(services.deps, org.id)).filter(({ entry }) =>
    RECEIPTED.test(entry.type) || mayHaveReceipt(entry)
  );
}

export function receiptPath({ id }: Pick<Entry, "id">): string {
  return `/v1/receipts/rcp_${id.slice(4)}`;
}

/** What a JWS says. */
export function payloadOf(receipt: { readonly payload: string }): JsonObject {
  return JSON.parse(Buffer.from(receipt.payload, "base64url").toString());
}
