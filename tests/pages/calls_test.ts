import assert from "node:assert/strict";
import { CallOrg, READ, WIPE } from "../helpers/call_org.ts";
import { EventStream } from "../helpers/event_stream.ts";
import { rowsOf } from "../helpers/page_html.ts";
import { notSent, resultOf } from "../helpers/scripted_upstreams.ts";
import { HOSTILE, Visitor } from "../helpers/visitor.ts";

const ASKED = { reason: "It is asked for." };

/** What a server says of why, which is the asker's or a stranger's text. */
const SAYS = `No such note: ${HOSTILE.markup}`;

async function look(calls: CallOrg, id: string, role: "owner" | "viewer" = "owner") {
  const visitor = await Visitor.of(calls.org, role, { email: `${role}@example.com` });
  return await visitor.get(`/calls/${id}`);
}

async function newest(calls: CallOrg): Promise<string> {
  const visitor = await Visitor.of(calls.org, "owner", { email: "newest@example.com" });
  const { html } = await visitor.get("/calls");
  return /href="\/calls\/(cal_[0-9a-z]+)"/.exec(html)?.[1] ?? "";
}

Deno.test("a call that needs no person: asked, allowed, sent, answered, with its entries and spans", async () => {
  await using calls = await CallOrg.start();
  calls.upstreams.answer = () => {
    calls.it.countersign.clock.advance(1400);
    return resultOf([{ type: "text", text: "the text of a secret note" }]);
  };
  const { body } = await calls.call(READ, { ...ASKED, arguments: { id: "note-7" } });
  const { text, html } = await look(calls, body.call_id);
  assert.match(
    text,
    /Completed What happened Asked by .* Allowed without a person: tool_default.*Sent to notes\.example\.com.*Answered, .* after 1\.4 s/,
  );
  assert.match(text, /Runs at notes\.example\.com , upstream notes The server took 1\.4 s/);
  assert.match(html, /permission\.checked <span[^>]*>#\d+.*token\.consumed.*execution\.logged/s);
  for (const href of ["/tools/notes/read", "/upstreams/notes", "/api-keys/key_"]) {
    assert.ok(html.includes(`href="${href}`), href);
  }
  // Neither arguments nor results are on it, whoever looks.
  for (const word of ["note-7", "secret note"]) assert.ok(!html.includes(word), word);
});

Deno.test("a call that waits leads to its request, the request and the log lead to it, and after the yes it says who", async () => {
  await using calls = await CallOrg.start();
  const { org } = calls;
  const asked = await calls.call(WIPE, ASKED);
  const id = asked.body.call_id;
  const pending = await look(calls, id);
  assert.match(pending.text, /Pending .*Waits for a person.*Waits for a decision, until/);
  assert.ok(pending.html.includes(`href="/approvals/${asked.body.approval.id}"`));
  const owner = await Visitor.of(org, "owner", { email: "reader@example.com" });
  const request = () => owner.get(`/approvals/${asked.body.approval.id}`);
  assert.ok((await request()).html.includes(`href="/calls/${id}"`));

  calls.it.countersign.clock.advance(90_000);
  await calls.yes(asked);
  const ready = await look(calls, id);
  assert.match(ready.text, /Approved, and not run yet.*Approved by ann@example\.com.*after 1 min/);

  await calls.call(WIPE, ASKED);
  const done = await look(calls, id);
  assert.match(done.text, /Completed .*Approved by ann@example\.com.*Sent to .*Answered/);
  assert.match(done.text, /People took 1 min/);
  assert.ok((await request()).html.includes(`href="/calls/${id}"`));
  // The entries of its run lead back.
  const entry = /href="(\/activity\/\d+)">token\.consumed/.exec(done.html)?.[1] ?? "";
  assert.ok((await owner.get(entry)).html.includes(`href="/calls/${id}"`), entry);
});

Deno.test("the page of an open call follows it: what is brought anew is what is shown, and no argument", async () => {
  await using calls = await CallOrg.start();
  const asked = await calls.call(WIPE, { ...ASKED, arguments: { id: "note-7" } });
  const id = asked.body.call_id;
  const pending = await look(calls, id);
  assert.match(pending.html, /<x-island data-name="call"/);
  assert.match(pending.html, /<noscript>.*href="\/calls\/cal_.*Load again/s);

  const owner = await Visitor.of(calls.org, "owner", { email: "live@example.com" });
  const stream = await EventStream.open(calls.org, owner.session, `/calls/${id}/live`);
  const news = async () => (await stream.next())?.data;
  const first = await news();
  assert.deepEqual([first.status, first.approval.state], ["pending", "pending"]);
  await calls.yes(asked);
  const approved = await news();
  assert.deepEqual([approved.status, approved.approval.state], ["pending", "approved"]);
  await calls.call(WIPE, { ...ASKED, arguments: { id: "note-7" } });
  let last = await news();
  while (last.status !== "completed") last = await news();
  assert.equal(last.result, "success");
  assert.ok(!JSON.stringify([first, approved, last]).includes("note-7"));
  // One that has ended needs no script: it stays as it is.
  const done = await look(calls, id);
  assert.doesNotMatch(done.html, /data-name="call"|Load again/);
  await stream.close();
});

Deno.test("what nobody knows is said, with what to do; a reader without the right to arguments sees no foreign word", async () => {
  await using calls = await CallOrg.start();
  calls.upstreams.answer = () => ({ is: "unknown", why: "cut", says: SAYS });
  const { body } = await calls.call(READ, ASKED);
  const page = await look(calls, body.call_id);
  assert.match(
    page.text,
    /Unknown .*Nobody knows whether it ran.*may have run, or run still.*never sends it again.*Only if it didn.t/,
  );
  assert.match(page.text, /No whole answer came/);
  assert.match(page.text, /In its own words: No such note/);
  assert.ok(!page.html.includes(HOSTILE.markup));
  const viewer = await look(calls, body.call_id, "viewer");
  assert.match(viewer.text, /Nobody knows whether it ran/);
  assert.doesNotMatch(viewer.text, /In its own words|No such note/);
});

Deno.test("a process that ended leaves a call running until its report is due, and unknown from then on", async () => {
  await using calls = await CallOrg.start();
  const { promise, resolve } = Promise.withResolvers<void>();
  const sent = Promise.withResolvers<void>();
  calls.upstreams.answer = async () => {
    sent.resolve();
    await promise;
    return resultOf([]);
  };
  const under = calls.call(READ, ASKED);
  await sent.promise;
  const id = await newest(calls);
  const running = await look(calls, id);
  assert.match(running.text, /Running .*Sent, not answered yet.*Waits for the server, until/);
  calls.it.countersign.clock.advance(10 * 60_000);
  const unknown = await look(calls, id);
  assert.match(unknown.text, /Unknown .*Nobody knows whether it ran.*Nobody knew in time/);
  resolve();
  await under;
});

Deno.test("each end that is no result says what it means and what to do", async (t) => {
  for (
    const [name, answer, said] of [
      ["failed", { is: "failed", says: SAYS, status: 404, code: null }, /The server refused it/],
      ["asks", { is: "asks", asked: ["elicitation/create"] }, /asked something back/],
      ["too large", { is: "too_large", max_bytes: 10, bytes: 11 }, /too large to pass on/],
      ["busy", notSent("busy"), /had no time, so nothing was sent/],
      ["credential", notSent("unauthorized"), /wants to know who calls, so nothing was sent/],
      ["unreachable", notSent("unreachable"), /wasn't reached, so nothing was sent/],
      ["tool failed", resultOf([{ type: "text", text: "no" }], true), /says that it failed/],
    ] as const
  ) {
    await t.step(name, async () => {
      await using calls = await CallOrg.start();
      calls.upstreams.answer = () => answer as never;
      await calls.call(READ, { ...ASKED, call_key: "mine" });
      const { text, status, html } = await look(calls, await newest(calls));
      assert.equal(status, 200);
      assert.match(text, said);
      assert.ok(!html.includes(HOSTILE.markup));
      if (answer.is === "not_sent") assert.match(text, /Not sent .*permission was given back/);
    });
  }
});

Deno.test("refusals under a key are calls too, and say which they were", async () => {
  await using calls = await CallOrg.start();
  const { org } = calls;
  await org.manage("PATCH", `/v1/tools/${READ}`, { status: "disabled" });
  await calls.call(READ, { ...ASKED, call_key: "first" });
  assert.match((await look(calls, await newest(calls))).text, /Refused .*The rules say no/);
  const asked = await calls.call(WIPE, { ...ASKED, call_key: "second" });
  await calls.it.decide(asked.body.approval.id, "deny");
  const { text } = await look(calls, asked.body.call_id);
  assert.match(text, /Refused .*No one said yes.*Denied by ann@example\.com/);
});

Deno.test("calls are listed newest first, by upstream, tool and who asked; the upstream's page shows its last", async () => {
  await using calls = await CallOrg.start();
  const { org } = calls;
  await calls.call(READ, ASKED);
  calls.it.countersign.clock.advance(5000);
  await calls.call(WIPE, ASKED);
  const owner = await Visitor.of(org, "owner", { email: "lists@example.com" });
  const rows = async (query: string) => rowsOf((await owner.get(`/calls${query}`)).html).slice(1);
  const [first, second, ...rest] = await rows("");
  assert.match(first ?? "", /notes\/wipe.*Pending/s);
  assert.match(second ?? "", /notes\/read.*Completed/s);
  assert.equal(rest.length, 0);
  assert.equal((await rows("?upstream=notes")).length, 2);
  assert.equal((await rows("?upstream=other")).length, 0);
  assert.equal((await rows(`?tool_name=${encodeURIComponent(READ)}`)).length, 1);
  assert.equal((await rows("?actor=nobody")).length, 0);
  const upstream = await owner.get("/upstreams/notes");
  assert.match(upstream.text, /Last calls .*notes\/wipe/);
  assert.match(upstream.html, /href="\/calls\?upstream=notes"/);
  assert.match((await owner.get("/activity")).html, /href="\/calls"/);
});

Deno.test("a list of many goes on after its last, whatever stands between", async () => {
  await using calls = await CallOrg.start();
  const owner = await Visitor.of(calls.org, "owner", { email: "lists@example.com" });
  for (let at = 0; at < 55; at++) await calls.call(READ, { ...ASKED, arguments: { id: `n${at}` } });
  const first = await owner.get("/calls");
  assert.equal(rowsOf(first.html).length, 51);
  const older = /href="(\/calls\?cursor=[^"]+)"/.exec(first.html)?.[1] ?? "";
  const second = await owner.get(older);
  assert.equal(rowsOf(second.html).length, 6);
  const ids = [first, second].flatMap(({ html }) =>
    [...html.matchAll(/href="\/calls\/(cal_[^"]+)"/g)].map(([, id]) => id)
  );
  assert.equal(new Set(ids).size, 55);
});

Deno.test("a call of another organization is answered like one that never was", async () => {
  await using calls = await CallOrg.start();
  const { body } = await calls.call(READ, ASKED);
  const other = await calls.it.countersign.org();
  const stranger = await Visitor.of(other, "owner", { email: "stranger@example.com" });
  const foreign = await stranger.get(`/calls/${body.call_id}`);
  const unknown = await stranger.get("/calls/cal_01kdvdna00e55teg4yp2h3fh4p");
  assert.deepEqual([foreign.status, unknown.status], [404, 404]);
  const words = ({ text }: typeof foreign) => text.replace(/req_\w+/, "");
  assert.equal(words(foreign), words(unknown));
  assert.match(foreign.text, /There is no call of this id/);
  assert.equal((await stranger.get("/calls/nothing")).status, 404);
  assert.equal(rowsOf((await stranger.get("/calls")).html).length, 0);
});
