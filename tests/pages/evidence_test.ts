import assert from "node:assert/strict";
import { fromHex } from "../../lib/base/bytes.ts";
import { verifySignature } from "../../lib/tlog/checkpoint.ts";
import { verifyConsistency } from "../../lib/tlog/verify_proof.ts";
import { Countersign, type Got, type TestOrg } from "../helpers/countersign.ts";
import {
  checkpointNote,
  exportLines,
  parsedNote,
  publishedKeys,
  verdictOn,
} from "../helpers/evidence.ts";
import { Visitor } from "../helpers/visitor.ts";

const PAGE = "/activity/evidence";
const SECRET_REASON = "because of the twins";

function fetched(visitor: Visitor, path: string, method = "GET", headers = {}): Promise<Got> {
  const { countersign } = visitor.org;
  return countersign.request(method, `${PAGE}/${path}`, {
    headers: {
      cookie: `countersign_session=${visitor.session.secret}`,
      ...(method === "POST" ? { origin: countersign.origin } : {}),
      ...headers,
    },
  });
}

async function filled(countersign: Countersign): Promise<TestOrg> {
  const org = await countersign.org();
  await org.tool("refund", { default_permission: "requires_approval" });
  await org.post("/v1/approvals", { tool_name: "refund", reason: SECRET_REASON });
  return org;
}

async function privateReads(org: TestOrg) {
  return (await exportLines(org)).filter(({ entry }) => entry.type === "audit.private_read");
}

Deno.test("the page of evidence shows and hands out the signed checkpoint of this moment", async () => {
  await using countersign = await Countersign.start();
  const org = await filled(countersign);
  const viewer = await Visitor.of(org, "viewer");
  const { keys } = await publishedKeys(org);
  const page = await viewer.get(PAGE);
  assert.equal(page.status, 200);
  const note = await checkpointNote(org);
  for (const line of note.trimEnd().split("\n")) assert.ok(page.text.includes(line.slice(0, 20)));
  assert.ok(page.text.includes(keys[0]?.kid ?? assert.fail()));
  assert.ok(page.html.includes(`href="/.well-known/countersign/keys/${org.id}"`));
  const file = await fetched(viewer, "checkpoint.txt");
  assert.match(file.headers.get("content-disposition") ?? "", /filename="checkpoint-\d+\.txt"/);
  assert.equal(file.text, note);
  assert.ok((await verifySignature(parsedNote(file.text), keys)).ok);
});

Deno.test("a consistency proof from the page ties an older checkpoint to a newer one", async () => {
  await using countersign = await Countersign.start();
  const org = await filled(countersign);
  const viewer = await Visitor.of(org, "viewer");
  const older = parsedNote(await checkpointNote(org));
  await org.post("/v1/permissions/check", { tool_name: "refund" });
  const newer = parsedNote(await checkpointNote(org));
  const { body } = await fetched(viewer, `consistency.json?from=${older.size}&to=${newer.size}`);
  const hashes = body.hashes.map((hash: string) => fromHex(hash));
  assert.ok(verifyConsistency(older.size, newer.size, older.rootHash, newer.rootHash, hashes));
  for (const wrong of ["from=2&to=1", "from=0&to=99999", "from=x&to=1", "to=1"]) {
    assert.equal((await fetched(viewer, `consistency.json?${wrong}`)).status, 422, wrong);
  }
});

Deno.test("the log is exported without private parts to everybody who may read it", async () => {
  await using countersign = await Countersign.start();
  const org = await filled(countersign);
  for (const role of ["viewer", "owner"] as const) {
    const visitor = await Visitor.of(org, role);
    const sent = await visitor.send(PAGE, "export", { since: "", until: "" });
    assert.deepEqual([sent.status, sent.to], [303, `${PAGE}/export`]);
    const note = await checkpointNote(org);
    const exported = await fetched(visitor, "export");
    assert.match(exported.headers.get("content-disposition") ?? "", /attachment; filename="org_/);
    assert.ok(!exported.text.includes(SECRET_REASON), "not even to a fresh owner who did not ask");
    assert.ok((await verdictOn(exported.text, note, (await publishedKeys(org)).keys)).ok);
  }
  assert.deepEqual(await privateReads(org), []);
});

Deno.test("an export is of the days that were asked for, the last one included", async () => {
  await using countersign = await Countersign.start();
  const org = await filled(countersign);
  countersign.clock.advance(24 * 60 * 60 * 1000);
  const viewer = await Visitor.of(org, "viewer");
  await org.post("/v1/permissions/check", { tool_name: "refund" });
  const days = async (since: string, until: string) => {
    const { to } = await viewer.send(PAGE, "export", { since, until });
    const { text } = await fetched(viewer, (to ?? assert.fail()).slice(PAGE.length + 1));
    return [...new Set([...text.matchAll(/"at":"([\d-]+)T/g)].map(([, day]) => day))];
  };
  assert.deepEqual(await days("2026-01-01", "2026-01-01"), ["2026-01-01"]);
  assert.deepEqual(await days("2026-01-02", ""), ["2026-01-02"]);
  assert.deepEqual(await days("", "2026-01-02"), ["2026-01-01", "2026-01-02"]);
  const backwards = await viewer.send(PAGE, "export", { since: "2026-01-02", until: "2026-01-01" });
  assert.equal(backwards.status, 422);
  assert.match(backwards.text, /until: must not be before the first day/);
  assert.match(backwards.html, /value="2026-01-02"/);
  const words = await viewer.send(PAGE, "export", { since: "yesterday" });
  assert.match(words.text, /since: must be a day such as 2026-01-31/);
});

Deno.test("private parts are exported to an owner under a fresh assertion, who is noted", async () => {
  await using countersign = await Countersign.start();
  const org = await filled(countersign);
  for (const role of ["admin", "viewer"] as const) {
    const visitor = await Visitor.of(org, role);
    assert.doesNotMatch((await visitor.get(PAGE)).text, /With private parts/);
    assert.equal((await visitor.send(PAGE, "export", { private: "on" })).status, 403);
    assert.equal((await fetched(visitor, "export", "POST")).status, 403, role);
  }
  const stale = await Visitor.of(org, "owner", { fresh: false });
  assert.match(
    (await stale.send(PAGE, "export", { private: "on", since: "2026-01-01" })).text,
    /Confirm it is you Reading what the log keeps private/,
  );
  const refused = await fetched(stale, "export", "POST");
  assert.deepEqual([refused.status, refused.body.code], [403, "fresh_assertion_required"]);
  assert.ok(!(await fetched(stale, "export?private=on")).text.includes(SECRET_REASON));

  const owner = await Visitor.of(org, "owner");
  const ready = await owner.send(PAGE, "export", { private: "on" });
  assert.match(ready.text, /Ready to download \d+ entries, from the first one to the newest/);
  assert.match(ready.html, new RegExp(`method="post" action="${PAGE}/export"`));
  assert.deepEqual(await privateReads(org), [], "nothing was read yet");
  const foreign = await fetched(owner, "export", "POST", { origin: "https://evil.example" });
  assert.equal(foreign.status, 403);
  const note = await checkpointNote(org);
  const exported = await fetched(owner, "export", "POST");
  assert.ok(exported.text.includes(SECRET_REASON));
  assert.ok((await verdictOn(exported.text, note, (await publishedKeys(org)).keys)).ok);
  const [read, ...more] = await privateReads(org);
  assert.deepEqual([read?.entry.actor.id, more.length], [owner.session.member.id, 0]);
  assert.equal(read?.entry.data.to, parsedNote(note).size);
});

Deno.test("whoever configures replaces the log's key, under a fresh assertion", async () => {
  await using countersign = await Countersign.start();
  const org = await filled(countersign);
  const pinned = await publishedKeys(org);
  const [before] = pinned.keys;
  for (const role of ["approver", "viewer"] as const) {
    const visitor = await Visitor.of(org, role);
    assert.doesNotMatch((await visitor.get(PAGE)).text, /Replace the key/);
    assert.equal((await visitor.send(PAGE, "rotate_key")).status, 403);
  }
  const stale = await Visitor.of(org, "admin", { fresh: false });
  assert.match((await stale.send(PAGE, "rotate_key")).text, /Replacing the key of the log/);
  assert.deepEqual((await publishedKeys(org)).keys, pinned.keys);

  const admin = await Visitor.of(org, "admin");
  const rotated = await admin.send(PAGE, "rotate_key");
  assert.deepEqual([rotated.status, rotated.to], [303, PAGE]);
  // Keys come in the order of their ids, which are chance.
  const after = (await publishedKeys(org)).keys;
  assert.deepEqual(after.map(({ status }) => status).sort(), ["active", "retired"]);
  const active = after.find(({ status }) => status === "active");
  assert.ok(rotated.notice?.includes(active?.kid ?? assert.fail()));
  const text = (await fetched(admin, "export")).text;
  const verdict = await verdictOn(text, await checkpointNote(org), before ? [before] : []);
  assert.ok(verdict.ok, "who pinned the old key follows");
});

Deno.test("the page that checks receipts is the same for everybody, and asks nothing of anybody", async () => {
  await using countersign = await Countersign.start();
  const org = await filled(countersign);
  const stranger = await countersign.request("GET", "/verify");
  const owner = await Visitor.of(org, "owner");
  assert.equal(stranger.status, 200);
  assert.equal((await owner.get("/verify")).html, stranger.text);
  assert.deepEqual(stranger.headers.getSetCookie(), []);
  assert.match(stranger.text, /What it proves, and what not/);
  assert.ok(!/<form|<button[^>]*type="submit"/.test(stranger.text), "nothing can be sent");
});
