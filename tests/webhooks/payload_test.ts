import assert from "node:assert/strict";
import { writeEvent } from "../../lib/events/event.ts";
import { type Happening, HEARD_TYPES } from "../../lib/store/records/event.ts";
import { HOUR } from "../helpers/alerted.ts";
import { TOOL } from "../helpers/approval_org.ts";
import { WebhookOrg } from "./webhook_org.ts";

/** What must not leave: each stands where only what it is may stand. */
const SECRETS = {
  argument: "ARGUMENT-WORD",
  context: "CONTEXT-WORD",
  end_user: "END-USER-WORD",
  reference: "REFERENCE-ID-WORD",
  reason: "jane.doe@example.com",
  note: "4111 1111 1111 1111",
  token: "ghp_0123456789abcdefghijklmnopqrstuvwxyzAB",
};

const WAITS = ["approval", "expires_at", "level", "reason", "reference", "tool_name", "url"];
const ENDED = [...WAITS, "decided_by", "note", "outcome"].sort();
const TOLD_TOOL = ["tool_id", "tool_name", "url"];
const BUDGET = ["limit_micros", "mandate_id", "percent", "scope_kind", "spent_micros"];

/** All that each kind says, by the names of it. A new kind is missing here until it is judged. */
const SAYS: Readonly<Record<Happening["type"], readonly string[]>> = {
  "approval.created": WAITS,
  "approval.escalated": WAITS,
  "approval.decided": ENDED,
  "approval.expired": ENDED,
  "approval.cancelled": ENDED,
  "approval.revoked": ENDED,
  "tool.auto_created": TOLD_TOOL,
  "tool.drifted": TOLD_TOOL,
  "credential.needs_reconnect": ["credential_id", "name", "owner"],
  "execution.unknown": ["due_at", "token_id", "tool_name"],
  "kill_switch.changed": ["active", "id", "scope"],
  "webhook.disabled": ["webhook_id", "why"],
  "confirmation.resolved": ["confirmation_id", "mandate_id", "outcome"],
  "mandate.revoked": ["by", "mandate_id"],
  "budget.threshold": BUDGET,
  "budget.overrun": BUDGET,
};

Deno.test("over every kind: what it says and no more; no argument, context, end user, credential or secret", async () => {
  await using world = await WebhookOrg.start();
  const { it, it: { org }, receivers } = world;
  const { secret } = await world.webhook({ events: [...HEARD_TYPES] });
  receivers.answer = ({ url }) => ({ status: url.includes("gone") ? 410 : 200 });
  const said = {
    reason: `for ${SECRETS.reason} ${SECRETS.token} ${"very ".repeat(80)}urgent`,
    arguments: { word: SECRETS.argument, token: SECRETS.token },
    context: { word: SECRETS.context },
    reference_id: SECRETS.reference,
  };
  const note = `card ${SECRETS.note} ${"indeed ".repeat(60)}`;
  const asked = (method: string) => it.pending({ ...said, method });
  await org.tool("twice", {
    default_permission: "requires_approval",
    requires_second_approval: true,
  });
  await org.tool("free");
  await org.member("bob@example.com", { groups: [1] });
  await org.member("two@example.com", { groups: [2] });
  const by = { decided_by: "bob@example.com", note };

  const taken = await asked("A");
  await it.decide(taken.id, "approve", by);
  await it.revoke(taken.id);
  await it.decide((await asked("B")).id, "deny", by);
  await it.cancel((await asked("C")).id);
  await it.pending({ ...said, method: "D", timeout_seconds: 60 });
  await org.transact((transaction) => {
    // Two people and their passkeys would be needed: what is told is read from the request.
    writeEvent(transaction, { type: "approval.escalated", approval: taken.id });
    const tool = transaction.snapshot.tool("free") ?? assert.fail();
    writeEvent(transaction, { type: "tool.drifted", tool_id: tool.id });
  });
  const kept = await org.manage("POST", "/v1/credentials", {
    name: "Notes",
    kind: "bearer",
    origins: ["https://notes.example.com"],
    secret: SECRETS.token,
  });
  assert.equal(kept.status, 201, kept.text);
  await org.transact((transaction) => {
    // A provider would be needed: what is told is read from the credential.
    const credential: string = kept.body.id;
    writeEvent(transaction, { type: "credential.needs_reconnect", credential });
  });
  await org.post("/v1/permissions/check", { tool_name: "new_tool", arguments: said.arguments });
  const action = { tool_name: "free", arguments: said.arguments };
  const minted = await org.post("/v1/tokens/mint", action);
  const { token } = minted.body;
  const consumed = await org.post("/v1/tokens/consume", { ...action, token });
  assert.equal(consumed.status, 200, consumed.text);
  for (const active of [true, false]) {
    const kill_switch = { active, reason: SECRETS.context };
    await org.manage("PATCH", "/v1/tools/free", { kill_switch });
  }
  const mandate = await org.manage("POST", "/v1/mandates", {
    user_id: SECRETS.reference,
    agent: "app",
    scopes: [{ tool: "free", decision: "allow" }],
    budget: { limit_micros: 10, period: "total" },
  });
  assert.equal(mandate.status, 201, mandate.text);
  const mandate_id = mandate.body.id;
  const paid = { ...action, mandate_id, estimated_cost_micros: 10 };
  const { decision_id } = (await org.post("/v1/permissions/check", paid)).body;
  await org.post("/v1/budgets/settle", { decision_id, actual_cost_micros: 20 });
  const asking = { ...paid, estimated_cost_micros: 0, request: true, reason: said.reason };
  const confirmed = await org.manage("POST", "/v1/mandates", {
    user_id: SECRETS.reference,
    agent: "app",
    scopes: [{ tool: "free", decision: "confirm" }],
  });
  const under = { ...asking, mandate_id: confirmed.body.id };
  const { nonce } = (await org.post("/v1/permissions/check", under)).body;
  await org.post(`/v1/confirmations/${nonce}`, { decision: "deny" });
  await org.post(`/v1/mandates/${mandate_id}/revoke`, { by: "user", note: SECRETS.note });
  await world.webhook({ url: "https://gone.example.com/", events: ["approval.created"] });
  await asked("E");
  await world.pass(2 * HOUR, HOUR);

  const told = new Map<string, Record<string, unknown>[]>();
  const keys = [org.management, org.standard, org.approver, token, secret];
  for (const received of receivers.taken()) {
    const { url, headers, body } = received;
    const all = JSON.stringify([url, headers, body]);
    for (const word of [...Object.values(SECRETS), ...keys]) {
      assert.ok(!all.includes(word), `${word} in ${all}`);
    }
    assert.ok(body.length <= 16 * 1024);
    if (url.includes("gone")) continue;
    const { type, timestamp, data, ...more } = JSON.parse(body);
    assert.deepEqual(more, {});
    assert.match(timestamp, /^\d{4}-\d\d-\d\dT/);
    told.set(type, [...told.get(type) ?? [], data]);
  }
  for (const [type, names] of Object.entries(SAYS)) {
    const all = told.get(type) ?? assert.fail(`${type} was not told`);
    for (const data of all) {
      assert.deepEqual(Object.keys(data).sort(), [...names].sort(), type);
      for (const words of [data.reason, data.note]) {
        if (typeof words === "string") assert.ok([...words].length <= 200, type);
      }
    }
  }
  assert.equal(told.get("approval.created")?.[0]?.tool_name, TOOL);
  const outcomes = [...told].flatMap(([type, all]) =>
    all.flatMap(({ outcome, decided_by }) =>
      outcome === undefined ? [] : [`${type} ${outcome} ${String(decided_by).slice(0, 4)}`]
    )
  );
  assert.deepEqual([...new Set(outcomes)].sort(), [
    "approval.cancelled cancelled null",
    "approval.decided approved key_",
    "approval.decided denied key_",
    "approval.expired expired null",
    "approval.revoked revoked key_",
    "confirmation.resolved denied unde",
  ]);
});
