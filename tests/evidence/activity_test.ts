import fc from "fast-check";
import assert from "node:assert/strict";
import type { Entry, EntryDraft } from "../../lib/ledger/entry.ts";
import { readActivity } from "../../lib/ledger/log_reader.ts";
import { Countersign, type Got, type TestOrg } from "../helpers/countersign.ts";
import { type ExportedLine, exportLines, grow, plainDraft } from "../helpers/evidence.ts";

const TYPES = ["permission.checked", "approval.decided", "token.minted", "rule.set"];
const TOOLS = ["restart_service", "delete/file", "mail:send"];
const TENANTS = ["acme", "globex", 'quo"ted'];
const ACTORS = ["key_a", "key_b", "agt_c"];
const PERMISSIONS = ["allowed", "requires_approval", "disabled"];

interface Block {
  readonly count: number;
  readonly later: number;
  readonly type: string;
  readonly tool: string | null;
  readonly tenant: string | null;
  readonly actor: string;
  readonly permission: string | null;
}

/** Runs of like entries, so that whole pages lack a value. */
const blocks: fc.Arbitrary<Block[]> = fc.array(
  fc.record({
    count: fc.integer({ min: 40, max: 120 }),
    later: fc.constantFrom(0, 1, 1000),
    type: fc.constantFrom(...TYPES),
    tool: fc.option(fc.constantFrom(...TOOLS)),
    tenant: fc.option(fc.constantFrom(...TENANTS)),
    actor: fc.constantFrom(...ACTORS),
    permission: fc.option(fc.constantFrom(...PERMISSIONS)),
  }),
  { minLength: 8, maxLength: 10 },
);

interface Filter {
  type?: string | undefined;
  tool_name?: string | undefined;
  tenant_id?: string | undefined;
  actor?: string | undefined;
  permission?: string | undefined;
  since?: string | undefined;
  until?: string | undefined;
  order: "asc" | "desc";
}

const maybe = (values: readonly string[]) =>
  fc.option(fc.constantFrom(...values), { nil: undefined, freq: 2 });
const time = fc.option(
  fc.integer({ min: -1, max: 11_000 }).map((offset) => new Date(START + offset).toISOString()),
  { nil: undefined, freq: 2 },
);
const START = Date.UTC(2026, 0, 1);

const filters: fc.Arbitrary<Filter> = fc.record({
  type: maybe([...TYPES, "never.seen"]),
  tool_name: maybe(TOOLS),
  tenant_id: maybe(TENANTS),
  actor: maybe(ACTORS),
  permission: maybe(PERMISSIONS),
  since: time,
  until: time,
  order: fc.constantFrom("asc", "desc"),
});

function draftOf({ type, tool, tenant, actor, permission }: Block, number: number): EntryDraft {
  const data = permission === null ? { number } : { number, permission };
  return { type, actor: { type: "api_key", id: actor }, subject: { tool, tenant }, data };
}

function fits(entry: Entry, filter: Filter): boolean {
  const { since, until } = filter;
  return (since === undefined || entry.at >= since) && (until === undefined || entry.at < until) &&
    (filter.type === undefined || entry.type === filter.type) &&
    (filter.actor === undefined || entry.actor.id === filter.actor) &&
    (filter.tool_name === undefined || entry.subject.tool === filter.tool_name) &&
    (filter.tenant_id === undefined || entry.subject.tenant === filter.tenant_id) &&
    (filter.permission === undefined || entry.data.permission === filter.permission);
}

function naive(lines: readonly ExportedLine[], filter: Filter): number[] {
  const found = lines.filter(({ entry }) => fits(entry, filter)).map(({ index }) => index);
  return filter.order === "desc" ? found.reverse() : found;
}

/** The indexes on all pages of an activity query. */
async function indexes(
  org: TestOrg,
  filter: Partial<Filter>,
  key = org.standard,
  limit = 200,
): Promise<number[]> {
  const found: number[] = [];
  const given = Object.entries(filter).filter(([, value]) => value !== undefined);
  for (let cursor: string | null = ""; cursor !== null;) {
    const query = new URLSearchParams([...given, ["limit", String(limit)]] as string[][]);
    if (cursor !== "") query.set("cursor", cursor);
    const got: Got = await org.get(`/v1/activity?${query}`, key);
    assert.equal(got.status, 200, got.text);
    assert.ok(got.body.data.length <= limit);
    found.push(...got.body.data.map(({ index }: { index: number }) => index));
    cursor = got.body.next_cursor;
  }
  return found;
}

Deno.test("GET /v1/activity answers what a filter over the whole export would", async () => {
  await using countersign = await Countersign.start();
  let matched = 0;
  await fc.assert(
    fc.asyncProperty(
      blocks,
      fc.array(filters, { minLength: 4, maxLength: 4 }),
      fc.integer({ min: 20, max: 200 }),
      async (log, asked, limit) => {
        countersign.clock.now = START;
        const org = await countersign.org();
        for (const block of log) {
          countersign.clock.advance(block.later);
          await grow(org, Array.from({ length: block.count }, (_, i) => draftOf(block, i)), 61);
        }
        const lines = await exportLines(org);
        for (const filter of asked) {
          const expected = naive(lines, filter);
          matched += expected.length;
          assert.deepEqual(await indexes(org, filter, org.standard, limit), expected);
        }
      },
    ),
    { numRuns: 12, seed: 4711 },
  );
  assert.ok(matched > 1000, `the filters matched ${matched} entries only`);
});

Deno.test("GET /v1/activity shows an entry as it is hashed, the newest first", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart_service");
  const checked = await org.post("/v1/permissions/check", { tool_name: "restart_service" });
  const got = await org.get("/v1/activity?limit=1");
  const [entry] = got.body.data;
  const line = (await exportLines(org)).at(-1);
  const { id, at, type, actor, subject, data } = line?.entry ?? {};
  const { index, leaf_hash } = checked.body.audit;
  assert.deepEqual(entry, { index, id, at, type, actor, subject, data, leaf_hash });
  assert.equal(id, checked.body.decision_id);
  assert.equal(type, "permission.checked");
});

Deno.test("GET /v1/activity pages stay as they are while the log grows", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await grow(org, Array.from({ length: 300 }, (_, i) => plainDraft(i)));
  const first = await org.get("/v1/activity?limit=100");
  await grow(org, Array.from({ length: 300 }, (_, i) => plainDraft(1000 + i)));
  const second = await org.get(`/v1/activity?limit=100&cursor=${first.body.next_cursor}`);
  const numbers = [...first.body.data, ...second.body.data].map(({ data }) => data.number);
  assert.deepEqual(numbers, Array.from({ length: 200 }, (_, i) => 299 - i));

  const ascending = await org.get("/v1/activity?order=asc&limit=1");
  assert.equal(ascending.body.data[0].index, 0);
});

Deno.test("readActivity() is honest about an end of its budget, and finds all in the end", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const rare = { ...plainDraft(-1), type: "test.rare" };
  const drafts = Array.from({ length: 2000 }, (_, i) => i % 700 === 3 ? rare : plainDraft(i));
  await grow(org, drafts);
  const { kv } = countersign.services.deps;
  for (const order of ["asc", "desc"] as const) {
    for (const budget of [{ pages: 1, summaries: 100 }, { pages: 100, summaries: 2 }]) {
      const query = {
        facets: [{ facet: "type", value: "test.rare" }],
        since: null,
        until: null,
        order,
        limit: 50,
      } as const;
      const found: number[] = [];
      let requests = 0;
      let position: number | null = null;
      do {
        const page = await readActivity(kv, org.id, { ...query, position }, budget);
        found.push(...page.entries.map(({ index }) => index));
        position = page.next;
        requests++;
      } while (position !== null);
      const rareOnes = (await exportLines(org)).filter(({ entry }) => entry.type === "test.rare")
        .map(({ index }) => index);
      assert.deepEqual(found, order === "asc" ? rareOnes : rareOnes.reverse());
      assert.ok(requests > 2, `${requests} requests`);
    }
  }
});

Deno.test("GET /v1/activity shows an agent its own entries only", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart_service");
  const [one, other] = [await org.agent(), await org.agent()];
  const own = await org.post("/v1/permissions/check", { tool_name: "restart_service" }, one);
  const others = await org.post("/v1/permissions/check", { tool_name: "restart_service" }, other);
  assert.deepEqual(await indexes(org, {}, one), [own.body.audit.index]);
  const lines = await exportLines(org);
  const actor = lines[others.body.audit.index]?.entry.actor.id;
  assert.deepEqual(await indexes(org, { actor }, one), [], "another agent's id as filter");
});

Deno.test("GET /v1/activity keeps a key inside its tenants", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const tenants = ["acme", "globex", null];
  await grow(org, tenants.map((tenant) => ({ ...plainDraft(0), subject: { tenant } })));
  const one = await org.key("standard", { tenant_ids: ["acme"] });
  const two = await org.key("standard", { tenant_ids: ["acme", "globex"] });
  assert.deepEqual(await indexes(org, {}, one), [1]);
  for (const [key, query] of [[one, "?tenant_id=globex"], [two, ""], [two, "?tenant_id=x"]]) {
    const got = await org.get(`/v1/activity${query}`, key);
    assert.deepEqual([got.status, got.body.code], [403, "tenant_not_permitted"]);
  }
  for (const path of ["/v1/audit/export", "/v1/audit/entries"]) {
    const got = await org.get(path, one);
    assert.deepEqual([got.status, got.body.code], [403, "tenant_not_permitted"]);
  }
});

Deno.test("the audit log refuses the wrong tier, a foreign cursor and a bad query", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const agent = await org.agent();
  const refused = async (path: string, key: string) => {
    const got = await org.get(path, key);
    return [got.status, got.body.code];
  };
  const whole = [
    "checkpoint",
    "entries",
    "export",
    "proof/inclusion?index=0",
    "proof/consistency?from=0",
  ];
  for (const path of whole) {
    assert.deepEqual(await refused(`/v1/audit/${path}`, org.approver), [403, "wrong_tier"], path);
    assert.equal((await org.get(`/v1/audit/${path}`, org.management)).status, 200, path);
    // What others did is not for an agent; hashes, by which it proves its own entries, are.
    const status = ["entries", "export"].includes(path) ? 403 : 200;
    assert.equal((await org.get(`/v1/audit/${path}`, agent)).status, status, path);
  }
  assert.deepEqual(await refused("/v1/activity", org.approver), [403, "wrong_tier"]);
  assert.deepEqual(await refused("/v1/receipts/dec_x", org.approver), [403, "wrong_tier"]);
  const rotated = await org.post("/v1/audit/rotate-key", {});
  assert.deepEqual([rotated.status, rotated.body.code], [403, "wrong_tier"]);
  const bad = [
    "cursor=abc",
    "cursor=WyJhIl0",
    "limit=0",
    "limit=201",
    "since=yesterday",
    "order=up",
  ];
  for (const query of [...bad, "permission=maybe", "unknown=1", "type=a&type=b"]) {
    const path = `/v1/activity?${query}`;
    assert.deepEqual(await refused(path, org.standard), [422, "invalid_request"], query);
  }
});
