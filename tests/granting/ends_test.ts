import assert from "node:assert/strict";
import { sweep } from "../../lib/server/due_worker.ts";
import { Countersign, type Got, type TestOrg } from "../helpers/countersign.ts";
import { BUNDLE, CHECK, checked, grant, granted, published, shop } from "../helpers/mandates.ts";
import { entriesOf } from "../helpers/minted_tokens.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

/** The end of a mandate: revoked, replaced, expired. */

const DAY_MS = 24 * 60 * 60 * 1000;

const ASKING = { ...BUNDLE, scopes: [{ tool: "refund", decision: "escalate" }] };

function revoke(org: TestOrg, id: string, key = org.standard): Promise<Got> {
  return org.post(`/v1/mandates/${id}/revoke`, { by: "user", note: "ann@example.com left" }, key);
}

type End = (org: TestOrg, id: string) => Promise<void>;

const ENDS: Readonly<Record<"revoked" | "superseded" | "expired", End>> = {
  async revoked(org, id) {
    const got = await revoke(org, id);
    assert.deepEqual([got.status, got.body.state], [200, "revoked"], got.text);
  },
  async superseded(org, id) {
    const got = await grant(org, { replaces: id });
    const { replaces, replaced } = got.body;
    assert.deepEqual([got.status, replaces, replaced], [201, id, id], got.text);
  },
  expired(org) {
    org.countersign.clock.advance(30 * DAY_MS);
    return Promise.resolve();
  },
};

function consume(org: TestOrg, token: string): Promise<Got> {
  return org.post("/v1/tokens/consume", { token, tool_name: "refund" });
}

for (const [state, end] of Object.entries(ENDS)) {
  Deno.test(`a mandate that is ${state} allows nothing from then on, on any node`, async () => {
    await using countersign = await Countersign.start();
    const org = await shop(await countersign.org());
    await using other = await countersign.another();
    const id = await granted(org);
    const body = { tool_name: "refund", mandate_id: id };
    const elsewhere = () => other.request("POST", CHECK, { key: org.standard, body });
    assert.equal((await elsewhere()).body.permission, "allowed");
    assert.equal((await checked(org, id)).permission, "allowed");
    await end(org, id);
    const got = await elsewhere();
    assert.deepEqual([got.body.permission, got.body.resolved_from], [
      "disabled",
      `mandate_${state}`,
    ]);
    assert.equal((await checked(org, id)).resolved_from, `mandate_${state}`);
    assert.equal((await org.get(`/v1/mandates/${id}`)).body.state, state);
    await verifiedLog(countersign.services.deps, org.id);
  });

  Deno.test(`an unspent run token of a mandate that is ${state} is void`, async () => {
    await using countersign = await Countersign.start();
    const org = await shop(await countersign.org());
    // It ends sooner than its tokens would.
    const ends = countersign.clock.now + 60_000;
    const id = await granted(org, { expires_at: new Date(ends).toISOString() });
    const { token, expires_at } = await checked(org, id, { mint: true });
    assert.equal(Date.parse(expires_at), ends);
    if (state === "expired") countersign.clock.advance(60_000);
    else await end(org, id);
    const got = await consume(org, token);
    if (state === "expired") assert.deepEqual([got.status, got.body.code], [410, "token_expired"]);
    else assert.deepEqual([got.body.code, got.body.reason], ["token_revoked", "mandate"], got.text);
  });

  Deno.test(`what waits for approval under a mandate that is ${state} is ended`, async () => {
    await using countersign = await Countersign.start();
    const org = await shop(await countersign.org(), ASKING);
    const ends = countersign.clock.now + 120_000;
    const id = await granted(org, { expires_at: new Date(ends).toISOString() });
    const asked = async (resource_id: string) =>
      (await checked(org, id, { request: true, reason: "please", resource_id })).approval;
    const [pending, approved] = [await asked("a"), await asked("b")];
    assert.equal(Date.parse(pending.expires_at), ends);
    const decide = (approval: string) =>
      org.post(`/v1/approvals/${approval}/decide`, {
        decision: "approve",
        decided_by: "ann@example.com",
      }, org.approver);
    const given = await decide(approved.id);
    assert.ok(Date.parse(given.body.use_before) <= ends, given.text);
    if (state === "expired") countersign.clock.advance(120_000);
    else await end(org, id);

    const late = await decide(pending.id);
    assert.deepEqual([late.status, late.body.code], [409, "approval_not_pending"]);
    const minted = await org.post("/v1/tokens/mint", {
      tool_name: "refund",
      resource_id: "b",
      mandate_id: id,
      approval_id: approved.id,
    });
    assert.deepEqual([minted.status, minted.body.code], [403, "tool_disabled"], minted.text);
    await sweep(countersign.services, countersign.clock.now);
    for (const { id } of [pending, approved]) {
      const { body } = await org.get(`/v1/approvals/${id}`);
      const expected = state !== "expired" ? "mandate_ended" : id === approved.id ? "lapsed" : null;
      assert.equal(body.ended_because, expected);
      if (expected === null) assert.equal(body.status, "expired");
    }
  });
}

Deno.test("due work cancels what waits under an ended mandate, and lists say so", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org(), ASKING);
  const [id, other] = [await granted(org), await granted(org)];
  for (const mandate of [id, other]) {
    for (const resource_id of ["a", "b", "c"]) {
      await checked(org, mandate, { request: true, reason: "please", resource_id });
    }
  }
  await revoke(org, id);
  await sweep(countersign.services, countersign.clock.now);
  const { body } = await org.get("/v1/approvals?status=pending");
  assert.deepEqual(body.data.map(({ mandate_id }: { mandate_id: string }) => mandate_id), [
    other,
    other,
    other,
  ]);
  const cancelled = await entriesOf(org, "approval.cancelled");
  assert.deepEqual(cancelled.map(({ data }) => data.because), Array(3).fill("mandate_ended"));
});

Deno.test("revoking twice is one entry, whose reason is scrubbed and kept apart", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const id = await granted(org);
  const first = await revoke(org, id);
  const second = await revoke(org, id, org.approver);
  assert.deepEqual(second.body, first.body);
  const entries = await entriesOf(org, "mandate.revoked");
  assert.deepEqual(entries.map(({ data }) => data.mandate_seq), [2]);
  assert.doesNotMatch(JSON.stringify(entries), /ann@example|"user"/);
});

Deno.test("of two replacements at once one wins", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  await using other = await countersign.another();
  const id = await granted(org);
  const body = { user_id: "u1", bundle: { id: "shop" }, replaces: id };
  const got = await Promise.all(
    [countersign, other, countersign, other].map((node) =>
      node.request("POST", "/v1/mandates", { key: org.management, body })
    ),
  );
  assert.deepEqual(got.map(({ status }) => status).sort(), [201, 409, 409, 409]);
  const lost = got.filter(({ status }) => status === 409);
  assert.ok(lost.every(({ body }) => body.code === "mandate_ended" && body.state === "superseded"));
  const [winner] = got.filter(({ status }) => status === 201);
  assert.equal((await org.get(`/v1/mandates/${id}`)).body.replaced_by, winner?.body.id);
});

Deno.test("nobody replaces a mandate of somebody else", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const stranger = await shop(await countersign.org());
  const id = await granted(org);
  const foreign = await grant(stranger, { replaces: id });
  assert.deepEqual([foreign.status, foreign.body.code], [404, "mandate_not_found"]);
  await published(org, "other", { ...BUNDLE, agent: "other" });
  for (const fields of [{ user_id: "u2" }, { bundle: { id: "other" } }, { tenant_id: "acme" }]) {
    const got = await grant(org, { ...fields, replaces: id });
    assert.deepEqual([got.status, got.body.errors?.[0].path], [422, "/replaces"], got.text);
  }
  assert.equal((await checked(org, id)).permission, "allowed");
});

Deno.test("a kept answer that a mandate allowed is not repeated once the mandate has ended", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const id = await granted(org);
  for (const mint of [false, true]) {
    const body = { tool_name: "refund", mandate_id: id, mint };
    const ask = () => org.post(CHECK, body, org.standard, { "idempotency-key": `once-${mint}` });
    const first = await ask();
    assert.deepEqual((await ask()).body, first.body);
  }
  await revoke(org, id);
  for (const mint of [false, true]) {
    const body = { tool_name: "refund", mandate_id: id, mint };
    const key = { "idempotency-key": `once-${mint}` };
    const got = await org.post(CHECK, body, org.standard, key);
    assert.deepEqual([got.status, got.body.code], [409, "idempotency_stale"], got.text);
  }
});

Deno.test("a mandate with terms of its own is in a log that verifies, its definition with it", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const { agent, scopes } = BUNDLE;
  const got = await org.post("/v1/mandates", { user_id: "u1", agent, scopes }, org.management);
  assert.equal(got.status, 201, got.text);
  const entries = await verifiedLog(countersign.services.deps, org.id);
  const made = entries.filter(({ entry }) => typeof entry.data.definition_digest === "string");
  assert.deepEqual(made.map(({ entry }) => entry.type), ["bundle.published", "mandate.granted"]);
});
