import assert from "node:assert/strict";
import { clocksAt, isOver, isWithin, stillLasts } from "../../lib/ledger/clock.ts";
import { ApprovalOrg } from "../helpers/approval_org.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { consume, entriesOf, minted, orgWithTransfer } from "../helpers/minted_tokens.ts";
import { assertProblem } from "../helpers/refused.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** Has one entry written by a clock that was ahead for a moment. */
async function ahead(org: TestOrg, milliseconds: number): Promise<void> {
  const { clock } = org.countersign;
  clock.advance(milliseconds);
  const got = await org.post("/v1/permissions/check", { tool_name: "lookup" });
  assert.equal(got.status, 200, got.text);
  clock.advance(-milliseconds);
}

Deno.test("isOver() goes by the clock, and by the log's where that tells something", () => {
  const now = 1000;
  assert.equal(isOver(1001, 900, clocksAt(now)), false);
  assert.equal(isOver(1000, 900, clocksAt(now)), true);
  // The clock was set back since the log passed the deadline.
  assert.equal(isOver(1100, 900, { now, at: 1100, jumps: [] }), true);
  // The log was past it when it was set.
  assert.equal(isOver(1010, 5000, { now, at: 5000, jumps: [] }), false);
  assert.equal(isOver(1010, 5000, { now: 1010, at: 5000, jumps: [] }), true);
  // It was set by a clock that somebody found to be wrong.
  const jumps = [{ from: 9000, to: 950 }];
  assert.equal(isOver(99_000, 9000, { now, at: 9001, jumps }), true);
  assert.equal(isOver(99_000, 951, { now, at: 9001, jumps }), true);
  assert.equal(isOver(99_000, 950, { now, at: 9001, jumps }), false);
  assert.equal(isOver(99_000, 9001, { now, at: 9001, jumps }), false);
});

Deno.test("isWithin() does not count a time to come for longer than one that was", () => {
  assert.equal(isWithin(60, 41, 100), true);
  assert.equal(isWithin(60, 40, 100), false);
  assert.equal(isWithin(60, 159, 100), true);
  assert.equal(isWithin(60, 160, 100), false);
});

Deno.test("stillLasts() does not believe in what would last for longer than it may", () => {
  assert.equal(stillLasts(1000, 100, 999), true);
  assert.equal(stillLasts(1000, 100, 1000), false);
  const longest = 999 + 100 + 5 * MINUTE;
  assert.equal(stillLasts(longest, 100, 999), true);
  assert.equal(stillLasts(longest + 1, 100, 999), false);
});

Deno.test("a token lives as long as it says behind an entry of a clock that was ahead", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const { clock } = countersign;
  await ahead(org, MINUTE);
  const body = { tool_name: "transfer", ttl_seconds: 10 };
  const [first, second] = [await minted(org, body), await minted(org, body)];
  assert.equal(Date.parse(first.expires_at), clock.now + 10 * SECOND);
  clock.advance(9 * SECOND);
  assert.equal((await consume(org, first.token, { tool_name: "transfer" })).status, 200);
  clock.advance(SECOND);
  assertProblem(
    await consume(org, second.token, { tool_name: "transfer" }),
    410,
    "token_expired",
  );
});

Deno.test("a token that the log has outlived stays expired when the clock is set back", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const body = { tool_name: "transfer", ttl_seconds: 10 };
  const { token } = await minted(org, body);
  await ahead(org, 10 * SECOND);
  assertProblem(await consume(org, token, { tool_name: "transfer" }), 410, "token_expired");
});

Deno.test("a run counts as unknown by the clock, and entries never go back", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const { clock } = countersign;
  const within = (await org.get("/v1/org", org.management)).body.report_within_seconds * SECOND;
  await ahead(org, MINUTE);
  const { token } = await minted(org, { tool_name: "transfer", ttl_seconds: 10 });
  assert.equal((await consume(org, token, { tool_name: "transfer" })).status, 200);
  clock.advance(within);
  const report = { tool_name: "transfer", execution_result: "success", token };
  const got = await org.post("/v1/executions/log", report);
  assert.equal(got.status, 201, got.text);
  assert.equal(got.body.late, true);
  const [noted, late] = await entriesOf(org, "execution.logged");
  assert.equal(noted?.data.execution_result, "unknown");
  assert.ok(noted !== undefined && late !== undefined && noted.at <= late.at);
});

Deno.test("a request ends, and what is approved lapses, by the clock", async () => {
  await using fixture = await ApprovalOrg.start();
  const { countersign: { clock }, org } = fixture;
  await ahead(org, 4 * MINUTE);
  const pending = await fixture.pending({ timeout_seconds: 60 });
  assert.equal(Date.parse(pending.expires_at), clock.now + MINUTE);
  clock.advance(MINUTE - 1);
  assert.equal((await fixture.get(pending.id)).body.status, "pending");
  clock.advance(1);
  assert.equal((await fixture.get(pending.id)).body.status, "expired");
  assertProblem(await fixture.decide(pending.id, "approve"), 409, "approval_not_pending");
});

Deno.test("rate windows go by the clock, also behind an entry of one that was ahead", async () => {
  await using fixture = await ApprovalOrg.start();
  const { countersign: { clock }, org } = fixture;
  await ahead(org, 4 * MINUTE);
  const { id } = await fixture.pending();
  assert.equal((await fixture.decide(id, "deny")).status, 200);
  const denied = await fixture.ask();
  assertProblem(denied, 409, "recently_denied");
  clock.advance(denied.body.next.retry_after_seconds * SECOND);
  assert.equal(denied.body.next.retry_after_seconds, 10 * 60);
  assert.equal((await fixture.ask()).status, 201);
});

Deno.test("a session ends by the clock, and none lasts until a wrong clock is right", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const { clock } = countersign;
  const look = { plan: () => "seen" };
  await ahead(org, 4 * MINUTE);
  const session = await org.signedIn("viewer");
  assert.equal(await org.as(session, "read", look), "seen");
  clock.advance(12 * 60 * MINUTE);
  await assert.rejects(org.as(session, "read", look), { code: "session_ended" });

  clock.advance(365 * 24 * 60 * MINUTE);
  const ofTomorrow = await org.signedIn("viewer");
  clock.advance(-365 * 24 * 60 * MINUTE);
  await assert.rejects(org.as(ofTomorrow, "read", look), { code: "session_ended" });
});
