import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { checked, granted, shop } from "../helpers/mandates.ts";
import type { Line } from "../helpers/signed_log.ts";
import { changed, judged, told } from "./forged_log.ts";

/** What a budget gives back after silence, recounted from the log: at the time that it says, and no other. */

const HOUR_MS = 60 * 60_000;

const FORGETS = { limit_micros: 10, period: "total", on_silence: "release" };

const BOUGHT = {
  agent: "shop-assistant",
  scopes: [{ tool: "refund", decision: "allow", budget: { ...FORGETS, limit_micros: 20 } }],
};

const cost = (estimated_cost_micros: number, more: object = {}) => ({
  estimated_cost_micros,
  ...more,
});

/** Finds nothing in the log as it stands; what counts against the mandate's own budget and its scope's. */
async function standing(org: TestOrg, mandate: string) {
  const { verdict } = await judged(org, { mandate });
  assert.ok(verdict.ok, verdict.ok ? "" : JSON.stringify(verdict.finding));
  assert.equal(verdict.report.spending.unchecked, 0);
  const rows = verdict.report.mandate?.standings ?? [];
  const { budget } = (await org.get(`/v1/mandates/${mandate}`)).body;
  const told = Object.fromEntries(
    rows.map(({ scope, settled, held }) => [scope, [settled, held]]),
  );
  // The service says what counts now, the log what did at its last entry.
  return { told, now: [budget.settled, budget.reserved] };
}

Deno.test("what a budget gives back after an hour of silence may be reserved again, and nothing is found in its log", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org(), BOUGHT);
  const id = await granted(org, { budget: FORGETS });
  const over = async () => assert.equal((await checked(org, id, cost(9))).permission, "disabled");
  await checked(org, id, cost(9));
  assert.deepEqual(await standing(org, id), {
    told: { mandate: [0, 9], "scope:refund": [0, 9] },
    now: [0, 9],
  });
  await over();
  countersign.clock.advance(HOUR_MS - 60_000);
  await over();
  countersign.clock.advance(2 * 60_000);
  const { decision_id } = await checked(org, id, cost(9));
  assert.deepEqual((await standing(org, id)).told, {
    mandate: [0, 9],
    "scope:refund": [0, 9],
  });

  // What is said after it was given back counts all the same.
  countersign.clock.advance(2 * HOUR_MS);
  const settled = { decision_id, actual_cost_micros: 3 };
  assert.equal((await org.post("/v1/budgets/settle", settled)).status, 200);
  assert.deepEqual((await standing(org, id)).told.mandate, [3, 0]);
});

Deno.test("what a token has of a budget that forgets is recounted as the token's", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org(), BOUGHT);
  const id = await granted(org, { budget: FORGETS });
  const run = { tool_name: "refund" };
  const { token } = await checked(org, id, cost(2, { mint: true }));
  assert.deepEqual((await standing(org, id)).told.mandate, [0, 2]);
  assert.equal((await org.post("/v1/tokens/consume", { ...run, token })).status, 200);
  assert.deepEqual((await standing(org, id)).told.mandate, [2, 0]);
  const { decision_id } = await checked(org, id, cost(4));
  const mint = { ...run, mandate_id: id, decision_id, ...cost(4) };
  assert.equal((await org.post("/v1/tokens/mint", mint)).status, 201);
  countersign.clock.advance(2 * HOUR_MS);
  await checked(org, id, cost(1));
  // What was taken over stays spent, whatever becomes of its token.
  assert.deepEqual((await standing(org, id)).told.mandate, [6, 1]);
});

type Reserved = readonly { readonly scope: string; readonly until?: number }[];

/** The log with another time at which the last amount that is meant is given back. */
function givenBack(lines: Line[], scope: string, until: (was?: number) => number | undefined) {
  const forged = changed(
    lines,
    ({ entry }) => told(entry, "reserved") !== undefined,
    (data) => ({
      ...data,
      reserved: (data.reserved as unknown as Reserved).map((one) => {
        const { until: was, ...rest } = one;
        const next = one.scope === scope ? until(was) : was;
        return { ...rest, ...(next === undefined ? {} : { until: next }) };
      }),
    } as JsonObject),
  );
  return forged ?? assert.fail("nothing is reserved");
}

Deno.test("a log that gives back what was reserved earlier, later, for good or where no limit forgets is found", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org(), BOUGHT);
  await org.manage("PUT", "/v1/budgets/org", { limit_micros: 50, period: "day" });
  const id = await granted(org, { budget: FORGETS });
  await checked(org, id, cost(9));
  const forgeries: [string, (was?: number) => number | undefined][] = [
    ["mandate", (was = 0) => was - 60_000],
    ["mandate", (was = 0) => was + 60_000],
    ["mandate", () => undefined],
    ["scope:refund", () => 0],
    ["org", () => countersign.clock.now + HOUR_MS],
  ];
  for (const [scope, until] of forgeries) {
    const { verdict } = await judged(org, { change: (lines) => givenBack(lines, scope, until) });
    assert.ok(!verdict.ok, `${scope}: nothing was found`);
    assert.equal(verdict.finding.code, "budget_miscounted");
    assert.match(verdict.finding.what, new RegExp(`against the budget of ${scope}, .*given back`));
  }
});

Deno.test("a log that reserves again before the hour of silence is over is found", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org(), BOUGHT);
  const id = await granted(org, { budget: FORGETS });
  await checked(org, id, cost(9));
  countersign.clock.advance(HOUR_MS + 60_000);
  await checked(org, id, cost(9));
  assert.equal((await judged(org)).verdict.ok, true);
  const { verdict } = await judged(org, {
    // The second check is said to have been asked half an hour after the first.
    change(lines) {
      const at = lines.findLastIndex(({ entry }) => told(entry, "reserved") !== undefined);
      const early = countersign.clock.now - HOUR_MS / 2;
      const entries = givenBack(lines, "mandate", () => early + HOUR_MS);
      return givenBack(entries, "scope:refund", () => early + HOUR_MS).slice(0, at + 1).map(
        (line, i) =>
          i < at ? line : { ...line, entry: { ...line.entry, at: new Date(early).toISOString() } },
      );
    },
  });
  assert.ok(!verdict.ok);
  assert.equal(verdict.finding.code, "budget_overspent");
});
