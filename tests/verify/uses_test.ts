import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { Countersign } from "../helpers/countersign.ts";
import { CHECK, checked, granted, shop } from "../helpers/mandates.ts";
import { storedLines } from "../helpers/stored_log.ts";
import { changed, judged, told } from "./forged_log.ts";

/** How often mandates let something be done, recounted from whole logs. */

const PARAMETERS = { type: "object", required: ["amount"] };

Deno.test("uses and rates are recounted: of an honest log nothing is found, of one use too many that", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org(), {
    agent: "shop-assistant",
    scopes: [{ tool: "refund", decision: "allow", limits: { max_per_minute: 2, max_per_day: 4 } }],
  });
  const rated = await granted(org);
  const used = await granted(org, {
    bundle: undefined,
    agent: "shop-assistant",
    uses: 3,
    scopes: [
      { tool: "refund", decision: "allow" },
    ],
  });
  for (let minute = 0; minute < 3; minute++) {
    for (let i = 0; i < 3; i++) {
      await checked(org, rated);
      await checked(org, used);
    }
    countersign.clock.now += 60_000;
  }
  const honest = await judged(org);
  assert.ok(honest.verdict.ok, JSON.stringify(honest.verdict));
  const refused = (what: string, at: number) => {
    const lines = honest.lines.filter(({ entry }) =>
      entry.type === "permission.checked" && told(entry, "resolved_from") === "mandate_rate" &&
      (entry.subject as JsonObject).mandate === what
    );
    return lines.at(at)?.index;
  };
  for (const index of [refused(rated, 0), refused(rated, -1), refused(used, 0)]) {
    assert.notEqual(index, undefined);
    const lines = changed(
      await storedLines(countersign.services.deps, org.id),
      (line) => line.index === index,
      (data) => ({ ...data, permission: "allowed", ...(data.chain as JsonObject) }),
    );
    const { verdict } = await judged(org, { change: () => lines ?? [] });
    assert.deepEqual(verdict.ok ? null : [verdict.finding.code, verdict.finding.index], [
      "budget_overspent",
      index,
    ]);
  }
});

Deno.test("a use is given back by whoever was let do it in that commit alone", async () => {
  await using countersign = await Countersign.start();
  const org = await shop(await countersign.org());
  const id = await granted(org, { uses: 1 });
  await org.manage("PATCH", "/v1/tools/refund", { parameters: PARAMETERS });
  const body = { tool_name: "refund", mandate_id: id, mint: true };
  for (let i = 0; i < 3; i++) {
    assert.equal((await org.post(CHECK, body)).body.code, "invalid_arguments");
  }
  await org.manage("PATCH", "/v1/tools/refund", { parameters: null });
  assert.equal((await checked(org, id)).permission, "allowed");
  const honest = await judged(org);
  assert.ok(honest.verdict.ok, JSON.stringify(honest.verdict));
  const lines = changed(
    await storedLines(countersign.services.deps, org.id),
    ({ entry }) => entry.type === "budget.settled",
    (data) => ({ ...data, request_id: "req_another" }),
  );
  const { verdict } = await judged(org, { change: () => lines ?? [] });
  assert.equal(verdict.ok ? null : verdict.finding.code, "settlement_unfounded");
});
