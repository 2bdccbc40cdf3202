import fc from "fast-check";
import assert from "node:assert/strict";
import {
  type ApprovalFacts,
  foldInsights,
  median,
  mostFrequent,
  spanOf,
  TRIED_OUT,
} from "../../lib/evidence/insights.ts";
import { readChecks, readInsights } from "../../lib/evidence/read_insights.ts";
import type { EntryDraft } from "../../lib/ledger/entry.ts";
import { PAGE_ENTRIES } from "../../lib/ledger/log_tail.ts";
import { logPageKey } from "../../lib/store/keys.ts";
import { readRecord } from "../../lib/store/kv.ts";
import { type DayChecks, logPage } from "../../lib/store/records/log.ts";
import { PERMISSIONS } from "../../lib/store/records/vocabulary.ts";
import { ApprovalOrg, TOOL } from "../helpers/approval_org.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { grow, plainDraft } from "../helpers/evidence.ts";

const HOUR = 60 * 60 * 1000;
const DAY = 24 * HOUR;
/** Noon of 2026-01-31, UTC. */
const NOW = Date.UTC(2026, 0, 31, 12);
const NOTHING = {
  approvals: [],
  waiting: [],
  checks: [],
  truncated: { approvals: false, checks: false },
};

let made = 0;

function request(fields: Partial<ApprovalFacts> = {}): ApprovalFacts {
  const id = `apr_${made++}`;
  return {
    id,
    reference: `REF-${id}`,
    progress: { state: "pending", level: 1 },
    tool_name: "t",
    requester: { type: "agent", id: "agt_1", name: "bot" },
    resolved_from: "org_tool",
    rule_id: "rul_1",
    created_at: NOW - HOUR,
    decisions: [],
    ...fields,
  };
}

function decision(at: number, level: 1 | 2 = 1): ApprovalFacts["decisions"][number] {
  return {
    level,
    decision: "approve",
    member: "usr_1",
    asserted_by: null,
    at,
    note: null,
    quick_reason: null,
  };
}

/** A request that took `ms` at its only level. */
function approved(ms: number, fields: Partial<ApprovalFacts> = {}): ApprovalFacts {
  const decided_at = NOW - HOUR + ms;
  return request({
    progress: { state: "approved", level: 1, decided_at, use_before: decided_at + HOUR },
    decisions: [decision(decided_at)],
    ...fields,
  });
}

Deno.test("foldInsights() of nothing has every day, and no number that would need a request", () => {
  const insights = foldInsights(NOTHING, spanOf(NOW, 30));
  assert.equal(insights.days.length, 30);
  assert.deepEqual(insights.days[0], {
    day: "2026-01-02",
    at: Date.UTC(2026, 0, 2),
    allowed: 0,
    requires_approval: 0,
    disabled: 0,
    approved: 0,
    denied: 0,
    expired: 0,
  });
  assert.equal(insights.days.at(-1)?.day, "2026-01-31");
  assert.deepEqual(insights.waiting, { count: 0, oldest: null });
  assert.equal(insights.median_seconds, null);
  assert.equal(insights.quick_share, null);
  assert.equal(insights.expiry_rate, null);
  assert.equal(insights.noisiest_requester, null);
  assert.equal(insights.noisiest_rule, null);
});

Deno.test("foldInsights() leaves out of every number what was asked to try this out", () => {
  const tried = Object.values(TRIED_OUT);
  const samples = tried.map((tool_name) => approved(500, { tool_name }));
  const real = approved(60_000);
  const insights = foldInsights({ ...NOTHING, approvals: [...samples, real] }, spanOf(NOW, 30));
  assert.equal(insights.tried_out, 2);
  assert.deepEqual(
    { ...insights, tried_out: 0 },
    foldInsights({ ...NOTHING, approvals: [real] }, spanOf(NOW, 30)),
  );
});

Deno.test("foldInsights() counts an outcome on its own day, whatever became of it afterwards", () => {
  const decided_at = NOW - 2 * DAY;
  const granted = { level: 1, decided_at, use_before: decided_at + HOUR } as const;
  const approvals = [
    request({ progress: { state: "approved", ...granted } }),
    request({ progress: { state: "used", ...granted, used_at: NOW, token_id: "rtk_1" } }),
    request({ progress: { state: "lapsed", ...granted, ended_at: NOW } }),
    request({ progress: { state: "revoked", ...granted, ended_at: NOW, token_id: null } }),
    request({
      progress: {
        state: "cancelled",
        level: 1,
        decided_at,
        ended_at: NOW,
        because: "tool_changed",
      },
    }),
    request({
      progress: {
        state: "cancelled",
        level: 1,
        decided_at: null,
        ended_at: NOW,
        because: "withdrawn",
      },
    }),
    request({ progress: { state: "denied", level: 1, decided_at: NOW - DAY } }),
    request({ progress: { state: "expired", level: 1, ended_at: NOW } }),
    request(),
  ];
  const { days, totals, expiry_rate } = foldInsights({ ...NOTHING, approvals }, spanOf(NOW, 3));
  assert.deepEqual(
    days.map(({ day, approved, denied, expired }) => [day, approved, denied, expired]),
    [["2026-01-29", 5, 0, 0], ["2026-01-30", 0, 1, 0], ["2026-01-31", 0, 0, 1]],
  );
  assert.deepEqual(
    [totals.approved, totals.denied, totals.expired, expiry_rate],
    [5, 1, 1, 1 / 7],
  );
});

Deno.test("foldInsights() counts what was asked before the span and decided in it", () => {
  const span = spanOf(NOW, 1);
  const early = request({
    created_at: span.since - HOUR,
    progress: { state: "denied", level: 1, decided_at: span.since + HOUR },
    decisions: [decision(span.since + HOUR)],
  });
  const before = request({
    created_at: span.since - 2 * HOUR,
    progress: { state: "denied", level: 1, decided_at: span.since - 1 },
    decisions: [decision(span.since - 1)],
  });
  const insights = foldInsights({ ...NOTHING, approvals: [early, before] }, span);
  assert.equal(insights.totals.denied, 1);
  assert.equal(insights.made, 0);
  assert.equal(insights.median_seconds, 2 * 60 * 60);
  assert.equal(insights.quick_share, 0);
  assert.equal(insights.noisiest_requester, null);
});

Deno.test("foldInsights() takes a level for quick that was decided within three seconds", () => {
  const asked = NOW - HOUR;
  const twoLevels = (first: number, second: number) =>
    approved(second, { decisions: [decision(asked + first), decision(asked + second, 2)] });
  const share = (approvals: ApprovalFacts[]) =>
    foldInsights({ ...NOTHING, approvals }, spanOf(NOW, 1)).quick_share;
  assert.equal(share([approved(2999)]), 1);
  assert.equal(share([approved(3000)]), 0);
  // The second level counts from the first one's decision: nobody could see it before.
  assert.equal(share([twoLevels(60_000, 62_000)]), 0.5);
  assert.equal(share([twoLevels(1000, 62_000), approved(10_000), approved(10)]), 0.5);
});

Deno.test("foldInsights() names the noisiest requester and rule, the same in any order", () => {
  const other = { type: "api_key", id: "key_9", name: "shop" } as const;
  const byDefault = { resolved_from: "tool_default", rule_id: null } as const;
  const approvals = [
    request({ requester: other, ...byDefault, tool_name: "refund" }),
    request({ requester: other, ...byDefault, tool_name: "refund" }),
    request({ requester: other, ...byDefault, tool_name: "close" }),
    request(),
  ];
  const insights = foldInsights({ ...NOTHING, approvals }, spanOf(NOW, 1));
  assert.deepEqual(insights.noisiest_requester, { ...other, count: 3 });
  assert.deepEqual(insights.noisiest_rule, { ...byDefault, tool_name: "refund", count: 2 });
  const again = foldInsights({ ...NOTHING, approvals: approvals.toReversed() }, spanOf(NOW, 1));
  assert.deepEqual(again.noisiest_rule, insights.noisiest_rule);
  assert.equal(mostFrequent(["b", "a", "b", "a", "c"], (name) => name)?.value, "a");
});

Deno.test("foldInsights() puts checks on their days and leaves out what lies before", () => {
  const today = Math.floor(NOW / DAY);
  const checks: DayChecks[] = [
    { day: today - 1, allowed: 5, requires_approval: 1, disabled: 0 },
    { day: today - 1, allowed: 1, requires_approval: 0, disabled: 2 },
    { day: today - 2, allowed: 100, requires_approval: 100, disabled: 100 },
  ];
  const { days, totals } = foldInsights({ ...NOTHING, checks }, spanOf(NOW, 2));
  assert.deepEqual(
    days.map(({ allowed, requires_approval, disabled }) => [allowed, requires_approval, disabled]),
    [[6, 1, 2], [0, 0, 0]],
  );
  assert.equal(totals.allowed, 6);
});

Deno.test("median() is the middle one of any numbers", () => {
  assert.equal(median([]), null);
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  fc.assert(fc.property(fc.array(fc.integer(), { minLength: 1 }), (numbers) => {
    const middle = median(numbers) ?? NaN;
    assert.ok(numbers.filter((number) => number < middle).length <= numbers.length / 2);
    assert.ok(numbers.filter((number) => number > middle).length <= numbers.length / 2);
  }));
});

/** One commit of checks and of entries that are none, at the clock's time. */
interface Batch {
  readonly later: number;
  readonly permissions: readonly (typeof PERMISSIONS[number] | null)[];
}

const batches: fc.Arbitrary<Batch[]> = fc.array(
  fc.record({
    later: fc.constantFrom(0, 1, HOUR, DAY, 3 * DAY),
    permissions: fc.array(fc.option(fc.constantFrom(...PERMISSIONS)), {
      minLength: 1,
      maxLength: 260,
      size: "max",
    }),
  }),
  { maxLength: 8 },
);

function checkDraft(permission: string): EntryDraft {
  return {
    type: "permission.checked",
    actor: { type: "api_key", id: "key_a" },
    subject: { tool: "t" },
    data: { permission },
  };
}

async function readFrom(org: TestOrg, since: number, budget?: Parameters<typeof readChecks>[3]) {
  const { kv } = org.countersign.services.deps;
  const { checks, truncated } = await readChecks(kv, org.id, since, budget);
  const counts: Record<string, number> = {};
  for (const { day, ...answers } of checks) {
    for (const permission of PERMISSIONS) {
      if (answers[permission] === 0) continue;
      const name = `${day} ${permission}`;
      counts[name] = (counts[name] ?? 0) + answers[permission];
    }
  }
  return { counts, truncated };
}

Deno.test("readChecks() counts what counting every entry gives", async () => {
  await fc.assert(
    fc.asyncProperty(batches, fc.nat({ max: 9 }), async (commits, back) => {
      await using countersign = await Countersign.start();
      const org = await countersign.org();
      const times: [number, string][] = [];
      for (const { later, permissions } of commits) {
        countersign.clock.advance(later);
        const { now } = countersign.clock;
        await grow(
          org,
          permissions.map((permission, i) =>
            permission === null ? plainDraft(i) : checkDraft(permission)
          ),
          300,
        );
        for (const permission of permissions) {
          if (permission !== null) times.push([now, permission]);
        }
      }
      const since = Math.floor(countersign.clock.now / DAY) * DAY - back * DAY;
      const expected: Record<string, number> = {};
      for (const [at, permission] of times) {
        if (at < since) continue;
        const name = `${Math.floor(at / DAY)} ${permission}`;
        expected[name] = (expected[name] ?? 0) + 1;
      }
      assert.deepEqual(await readFrom(org, since), { counts: expected, truncated: false });
    }),
    { numRuns: 12 },
  );
});

Deno.test("readChecks() says when its budget ended before the span", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await grow(org, Array.from({ length: 4 * PAGE_ENTRIES }, () => checkDraft("allowed")), 256);
  const whole = await readFrom(org, 0);
  assert.equal(whole.truncated, false);
  const part = await readFrom(org, 0, { summaries: 2, pages: 0 });
  assert.ok(part.truncated);
  const [counted = 0] = Object.values(part.counts);
  assert.ok(counted >= 2 * PAGE_ENTRIES && counted < 4 * PAGE_ENTRIES, `${counted} counted`);
});

Deno.test("readChecks() reads the entries of pages from before there were counts", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const { kv } = countersign.services.deps;
  await grow(org, Array.from({ length: 3 * PAGE_ENTRIES }, () => checkDraft("disabled")), 256);
  const whole = await readFrom(org, 0);
  for (const page of [0, 1]) {
    const record = await readRecord(kv, logPageKey(org.id, page), logPage);
    assert.ok(record?.value.checks);
    const { checks: _counts, ...old } = record.value;
    await kv.set(logPageKey(org.id, page), old);
  }
  assert.deepEqual(await readFrom(org, 0), whole);
  assert.ok((await readFrom(org, 0, { summaries: 10, pages: 1 })).truncated);
});

async function insightsOf(approvals: ApprovalOrg, options = {}) {
  const { services } = approvals.countersign;
  const snapshot = await approvals.org.transact((transaction) => transaction.snapshot);
  return await readInsights(services, snapshot, options);
}

Deno.test("readInsights() tells what waits, what was decided and who asked most", async () => {
  await using approvals = await ApprovalOrg.start();
  const { clock } = approvals.countersign;
  await approvals.org.post("/v1/permissions/check", { tool_name: TOOL });
  const first = await approvals.pending({ arguments: { n: 1 } });
  clock.advance(10_000);
  await approvals.decide(first.id, "approve");
  const second = await approvals.pending({ arguments: { n: 2 } });
  clock.advance(1000);
  await approvals.decide(second.id, "deny");
  const third = await approvals.pending({ arguments: { n: 3 } });
  clock.advance(1000);
  await approvals.pending({ arguments: { n: 4 } });
  const insights = await insightsOf(approvals);
  assert.equal(insights.waiting.count, 2);
  assert.deepEqual(insights.waiting.oldest, {
    id: third.id,
    reference: third.reference,
    tool_name: TOOL,
    created_at: Date.parse(third.created_at),
  });
  const today = insights.days.at(-1);
  assert.deepEqual([today?.requires_approval, today?.approved, today?.denied], [5, 1, 1]);
  assert.equal(insights.made, 4);
  assert.equal(insights.median_seconds, 5.5);
  assert.equal(insights.quick_share, 0.5);
  assert.equal(insights.noisiest_requester?.id, first.requested_by.id);
  assert.equal(insights.noisiest_rule?.tool_name, TOOL);
  assert.deepEqual(insights.truncated, { approvals: false, checks: false });
});

Deno.test("readInsights() sees a request expired before anybody noted it", async () => {
  await using approvals = await ApprovalOrg.start();
  await approvals.pending({ timeout_seconds: 60 });
  approvals.countersign.clock.advance(61_000);
  const { waiting, totals, expiry_rate } = await insightsOf(approvals);
  assert.deepEqual([waiting.count, totals.expired, expiry_rate], [0, 1, 1]);
});

Deno.test("readInsights() looks at no more requests than its bound, and says so", async () => {
  await using approvals = await ApprovalOrg.start();
  for (let n = 0; n < 4; n++) await approvals.pending({ arguments: { n } });
  const insights = await insightsOf(approvals, { maxApprovals: 3 });
  assert.equal(insights.made, 3);
  assert.equal(insights.waiting.count, 4, "what waits is counted whole");
  assert.ok(insights.truncated.approvals);
});

Deno.test("readInsights() forgets what lies before its days", async () => {
  await using approvals = await ApprovalOrg.start();
  await approvals.approved();
  approvals.countersign.clock.advance(2 * DAY);
  const { totals, made, days } = await insightsOf(approvals, { days: 2 });
  assert.deepEqual([totals.approved, totals.requires_approval, made, days.length], [0, 0, 0, 2]);
});
