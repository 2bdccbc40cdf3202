import assert from "node:assert/strict";
import { NO_FILTERS } from "../../lib/evidence/filters.ts";
import { NewestEntries } from "../../lib/evidence/newest.ts";
import type { EntryRow } from "../../lib/evidence/sentences.ts";
import { sessionKey } from "../../lib/store/keys.ts";
import { parseReceipt, verifyReceipt } from "../../lib/verify/verify_receipt.ts";
import { Countersign, type SignedIn } from "../helpers/countersign.ts";
import { EventStream } from "../helpers/event_stream.ts";
import { exportLines, grow, plainDraft, publishedKeys } from "../helpers/evidence.ts";
import { HOSTILE, Visitor } from "../helpers/visitor.ts";

const ROW = /href="\/activity\/(\d+)"/g;

function indices(html: string): number[] {
  return [...html.matchAll(ROW)].map(([, index]) => Number(index));
}

function get(countersign: Countersign, path: string, { secret }: SignedIn) {
  const headers = { cookie: `countersign_session=${secret}` };
  return countersign.request("GET", path, { headers });
}

Deno.test("Activity tells every entry in a sentence, the newest first, page by page", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const viewer = await Visitor.of(org, "viewer");
  await org.tool("read_file");
  await org.post("/v1/permissions/check", { tool_name: "read_file", tenant_id: "acme" });
  await grow(org, Array.from({ length: 120 }, (_, number) => plainDraft(number)));

  const first = await viewer.get("/activity");
  assert.equal(first.status, 200);
  const seen = indices(first.html);
  assert.equal(seen.length, 50);
  let older = /href="(\/activity\?cursor=[^"]+)" rel="next"/.exec(first.html)?.[1];
  for (let pages = 0; older !== undefined; pages++) {
    assert.ok(pages < 5);
    const page = await viewer.get(older);
    seen.push(...indices(page.html));
    assert.match(page.html, /href="\/activity" rel="prev"/);
    assert.ok(!page.html.includes("activity_tail"), "an older page is not live");
    older = /href="(\/activity\?cursor=[^"]+)" rel="next"/.exec(page.html)?.[1];
  }
  assert.deepEqual(seen, seen.map((_, place) => seen.length - 1 - place));

  const checks = await viewer.get("/activity?type=permission.checked");
  assert.match(checks.text, /Key “standard” …[0-9a-z]{6} asked to run read_file for acme: allowed/);
  assert.equal(indices(checks.html).length, 1);
});

Deno.test("Activity is narrowed by time, type, tool, tenant, who and answer", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("read_file");
  await org.tool("drop_tables", { default_permission: "disabled" });
  const agent = await org.agent({ name: "billing-agent" });
  countersign.clock.advance(24 * 60 * 60 * 1000);
  const viewer = await Visitor.of(org, "viewer");
  await org.post("/v1/permissions/check", { tool_name: "read_file", tenant_id: "acme" }, agent);
  await org.post("/v1/permissions/check", { tool_name: "drop_tables" });
  const last = (await org.get("/v1/activity?limit=1")).body.data[0].index;
  const cases: readonly [string, readonly number[]][] = [
    ["type=permission.checked", [last, last - 1]],
    ["type=permission.checked&order=asc", [last - 1, last]],
    ["tool_name=drop_tables", [last]],
    ["tenant_id=acme", [last - 1]],
    ["actor=billing-agent", [last - 1]],
    ["permission=disabled", [last]],
    ["since=2026-01-02&type=permission.checked&permission=allowed", [last - 1]],
    ["until=2026-01-01&type=permission.checked", []],
    ["tenant_id=nobody", []],
  ];
  for (const [query, expected] of cases) {
    assert.deepEqual(indices((await viewer.get(`/activity?${query}`)).html), expected, query);
  }
  const wrong = await viewer.get("/activity?since=yesterday&permission=maybe");
  assert.equal(wrong.status, 200);
  assert.match(wrong.text, /is "yesterday"; give a day such as 2026-01-31 or a time/);
  assert.match(wrong.text, /is "maybe"; expected allowed/);
  assert.ok(indices(wrong.html).length > 0, "a field with a problem filters nothing");
  assert.equal((await viewer.get("/activity?cursor=nothing")).status, 422);
});

Deno.test("Activity shows what others named as text, hidden characters too", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  const subject = { tool: HOSTILE.markup, tenant: HOSTILE.bidi };
  const draft = plainDraft(1);
  await grow(org, [{ ...draft, type: HOSTILE.markup, subject, data: { x: HOSTILE.bidi } }]);
  const list = await owner.get("/activity");
  const [index] = indices(list.html);
  for (const { html, text } of [list, await owner.get(`/activity/${index}`)]) {
    assert.ok(!html.includes(HOSTILE.markup));
    assert.ok(text.includes(HOSTILE.markup));
  }
  assert.match((await owner.get(`/activity/${index}`)).html, /U\+202E/);
});

Deno.test("the live stream goes on with what fits, and ends with the session", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const viewer = await Visitor.of(org, "viewer");
  await org.tool("read_file");
  const path = "/activity/live?type=permission.checked";
  const events = await EventStream.open(org, viewer.session, path);
  assert.deepEqual(await events.next(), { name: "news", data: [] });
  await grow(org, [plainDraft(1)]);
  const checked = await org.post("/v1/permissions/check", { tool_name: "read_file" });
  const grown = await events.next();
  assert.equal(grown?.name, "news");
  const rows: EntryRow[] = grown.data;
  assert.deepEqual(rows.map(({ index, permission }) => [index, permission]), [
    [checked.body.audit.index, "allowed"],
  ]);
  await org.transact((transaction) => transaction.delete(sessionKey(viewer.session.hash)));
  const ended = await events.next();
  assert.deepEqual([ended?.name, ended?.data.code], ["ended", "session_ended"]);
  await events.close();
});

Deno.test("NewestEntries follows the log by small and large steps, and holds its limit", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const { kv } = countersign.services.deps;
  const all = new NewestEntries(kv, org.id, NO_FILTERS, 10);
  const some = new NewestEntries(kv, org.id, { ...NO_FILTERS, type: "test.counted" }, 10);
  await all.look();
  assert.deepEqual(await some.look(), []);
  for (const count of [0, 1, 3, 12, 501, 2]) {
    await grow(org, Array.from({ length: count }, (_, number) => plainDraft(number)));
    const { data } = (await org.get("/v1/activity?limit=10")).body;
    const expected = data.map(({ index }: EntryRow) => index);
    assert.deepEqual((await all.look()).map(({ index }) => index), expected, `after ${count}`);
    const counted = data.filter(({ type }: EntryRow) => type === "test.counted");
    assert.deepEqual(
      (await some.look()).map(({ index }) => index),
      counted.map(({ index }: EntryRow) => index),
    );
  }
});

Deno.test("an entry's page shows all of it, and hands out a receipt that proves it", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const viewer = await Visitor.of(org, "viewer");
  await org.tool("read_file");
  const checked = await org.post("/v1/permissions/check", {
    tool_name: "read_file",
    tenant_id: "acme",
    reason: "a secret reason",
  });
  const { index, leaf_hash } = checked.body.audit;
  const page = await viewer.get(`/activity/${index}`);
  assert.equal(page.status, 200);
  assert.match(page.text, /Key “standard” …[0-9a-z]{6} asked to run read_file for acme: allowed/);
  assert.ok(page.text.includes(checked.body.decision_id));
  assert.match(page.html, /href="\/tools\/read_file"/);
  assert.match(page.html, /href="\/tenants\/acme"/);
  assert.match(page.html, new RegExp(`href="/activity/${index - 1}" rel="prev"`));
  assert.doesNotMatch(page.html, /rel="next"/);
  assert.doesNotMatch(page.text, /a secret reason/);

  const receipt = await get(countersign, `/activity/${index}/receipt.json`, viewer.session);
  assert.match(receipt.headers.get("content-disposition") ?? "", /attachment; filename="receipt-/);
  assert.equal(receipt.body.leaf_hash, leaf_hash);
  const parsed = parseReceipt(receipt.body);
  assert.ok(parsed.ok);
  const { keys } = await publishedKeys(org);
  assert.ok((await verifyReceipt(parsed.receipt, keys)).ok);

  const other = await Visitor.of(await countersign.org(), "owner");
  const theirs = await get(countersign, `/activity/0/receipt.json`, other.session);
  assert.notEqual(theirs.body.entry.org, org.id);
  for (const path of ["99999", "-1", "01", "1e1", "nothing", "99999999999999999999"]) {
    assert.equal((await viewer.get(`/activity/${path}`)).status, 404, path);
  }
  const none = await get(countersign, "/activity/99999/receipt.json", viewer.session);
  assert.deepEqual([none.status, none.body.code], [404, "not_found"]);
});

Deno.test("only an owner under a fresh assertion reads a private part, and the log says so", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("refund", { default_permission: "requires_approval" });
  await org.post("/v1/approvals", { tool_name: "refund", reason: HOSTILE.markup });
  const [{ index }] = (await org.get("/v1/activity?type=approval.created")).body.data;
  const path = `/activity/${index}`;
  const reads = async () =>
    (await exportLines(org)).filter(({ entry }) => entry.type === "audit.private_read");

  for (const role of ["admin", "approver", "viewer"] as const) {
    const visitor = await Visitor.of(org, role);
    assert.match((await visitor.get(path)).text, /Only an owner can read it/);
    assert.equal((await visitor.send(path, "private")).status, 403, role);
  }
  const stale = await Visitor.of(org, "owner", { fresh: false });
  const asked = await stale.send(path, "private");
  assert.match(asked.text, /Confirm it is you Reading what the log keeps private/);
  assert.ok(!asked.text.includes(HOSTILE.markup));
  assert.deepEqual(await reads(), []);

  const owner = await Visitor.of(org, "owner");
  const shown = await owner.send(path, "private");
  assert.equal(shown.status, 200);
  assert.ok(shown.text.includes(HOSTILE.markup) && !shown.html.includes(HOSTILE.markup));
  assert.match(shown.text, /salt/);
  const [read, ...more] = await reads();
  assert.deepEqual(more, []);
  assert.deepEqual(read?.entry.actor, { type: "member", id: owner.session.member.id });
  assert.deepEqual([read?.entry.data.from, read?.entry.data.to], [index, index + 1]);
  assert.equal((await owner.send("/activity/99999", "private")).status, 404);
  assert.equal((await reads()).length, 1, "nothing was read");
});
