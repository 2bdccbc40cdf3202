import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import type { FindingCode } from "../../lib/verify/finding.ts";
import { CallOrg, READ, WIPE } from "../helpers/call_org.ts";
import type { Line } from "../helpers/signed_log.ts";
import { judged, other, placeOf, told } from "./forged_log.ts";

/** Whatever somebody who holds the log's key makes of the uses of a sub-token is found. */
Deno.test("a log tells of sub-tokens: who made them, what they reach, how often they were used", async () => {
  await using calls = await CallOrg.start();
  const { org } = calls;
  const agent = await org.agent();
  const made = await org.post("/v1/sub-tokens", {
    name: "a step",
    ttl_seconds: 600,
    max_uses: 3,
    tools: [READ, WIPE],
  }, agent);
  const { token, id } = made.body;
  const check = { tool_name: READ };
  await org.post("/v1/permissions/check", check, token);
  const waits = await calls.call(WIPE, { call_key: "one" }, token);
  await calls.yes(waits);
  assert.equal((await calls.call(WIPE, { call_key: "one" }, token)).status, 200);
  await org.post("/v1/permissions/check", { tool_name: "elsewhere" }, token);
  const deleted = await org.countersign.request("DELETE", `/v1/sub-tokens/${id}`, { key: agent });
  assert.equal(deleted.status, 200, deleted.text);
  assert.equal((await judged(org)).verdict.ok, true);

  const finds = async (code: FindingCode, change: (lines: Line[]) => Line[]) => {
    const { verdict } = await judged(org, { change });
    const found = verdict.ok ? "nothing" : verdict.finding.code;
    assert.equal(found, code, JSON.stringify(verdict));
  };
  const data = (line: Line, more: JsonObject) => ({
    entry: { ...line.entry, data: { ...line.entry.data as JsonObject, ...more } },
  });
  const by = (line: Line, more: JsonObject) => ({
    entry: { ...line.entry, actor: { ...line.entry.actor as JsonObject, ...more } },
  });
  const use = (number: number | null) => (lines: Line[]) =>
    placeOf(lines, "permission.checked", ({ entry }) => told(entry, "sub_token_use") === number);
  const made_at = (lines: Line[]) => placeOf(lines, "sub_token.created");
  const revoked_at = (lines: Line[]) => placeOf(lines, "sub_token.revoked");

  // A use is left out, its number is another, one more is made, or one says that it goes on.
  await finds("sub_token_overused", (lines) => lines.toSpliced(use(1)(lines), 1));
  await finds(
    "sub_token_overused",
    (lines) => other(lines, use(3)(lines), (line) => data(line, { sub_token_use: 2 })),
  );
  await finds(
    "sub_token_overused",
    (lines) => other(lines, use(3)(lines), (line) => data(line, { sub_token_use: null })),
  );
  await finds(
    "sub_token_overused",
    (lines) => other(lines, made_at(lines), (line) => data(line, { max_uses: 2 })),
  );
  // What it does not name is let through, or what it names is another.
  await finds(
    "sub_token_widened",
    (lines) => other(lines, use(3)(lines), (line) => data(line, { permission: "allowed" })),
  );
  await finds(
    "sub_token_widened",
    (lines) => other(lines, made_at(lines), (line) => data(line, { scope: { methods: ["GET"] } })),
  );
  // It is nobody's, another's, over, or does what none does.
  const { verdict } = await judged(org, {
    change: (lines) => lines.toSpliced(made_at(lines), 1),
  });
  const whole = (await judged(org)).verdict;
  // A log that does not begin with its org names nobody of before: what is missing is counted.
  assert.ok(verdict.ok && whole.ok);
  assert.ok(verdict.report.untold.missing > whole.report.untold.missing);
  const stranger = "agt_01kdvdna00e000000000000000";
  await finds(
    "actor_not_entitled",
    (lines) => other(lines, made_at(lines), (line) => by(line, { id: stranger })),
  );
  await finds("actor_ended", (lines) => {
    const revoked = lines[revoked_at(lines)]!;
    return lines.toSpliced(revoked_at(lines), 1).toSpliced(use(2)(lines), 0, revoked);
  });
  await finds(
    "actor_ended",
    (lines) =>
      other(
        lines,
        made_at(lines),
        (line) => data(line, { expires_at: "2025-12-31T00:00:00.000Z" }),
      ),
  );
  await finds(
    "actor_not_entitled",
    (lines) => other(lines, revoked_at(lines), (line) => by(line, { sub_token: id })),
  );
  await finds(
    "actor_not_entitled",
    (lines) => other(lines, made_at(lines), (line) => by(line, { sub_token: id })),
  );
});
