import assert from "node:assert/strict";
import { openDecision } from "../../lib/approvals/sign.ts";
import { noteDigest } from "../../lib/passkeys/challenge.ts";
import { credentialDigest } from "../../lib/passkeys/evidence.ts";
import { decisionNonceKey, passkeyKey } from "../../lib/store/keys.ts";
import { readRecord } from "../../lib/store/kv.ts";
import { passkeyRecord } from "../../lib/store/records/people.ts";
import { TOOL } from "../helpers/approval_org.ts";
import { DecisionOrg } from "../helpers/decision_org.ts";
import { checkpointNote, exportText, publishedKeys, verdictOn } from "../helpers/evidence.ts";
import { assertProblem, refused } from "../helpers/refused.ts";

Deno.test("signDecision() approves, and the agent's token works", async () => {
  await using it = await DecisionOrg.start();
  const ann = await it.person("owner");
  const { id } = await it.pending();
  const { record } = await ann.approve(id, { note: "fine, ask bob@example.com" });
  assert.equal(record.progress.state, "approved");

  const got = (await it.get(id)).body;
  assert.equal(got.status, "approved");
  assert.equal(got.decisions[0].decided_by, ann.id);
  assert.equal(got.decisions[0].asserted_by, null);
  assert.equal(got.decisions[0].note, "fine, ask [e-mail]");
  assert.equal((await it.mint(id)).status, 201);

  const [entry] = await it.entries("approval.decided", id);
  assert.deepEqual(entry?.actor, { type: "member", id: ann.id });
  assert.equal(entry?.subject.member, ann.id);
  assert.equal(entry?.data.asserted_by, null);
  assert.equal(entry?.data.credential, credentialDigest(ann.passkeys[0]?.credential_id ?? ""));
  assert.ok(entry?.data.assertion_digest);
  assert.ok(entry?.data.note_digest);
});

Deno.test("signDecision() counts the passkey's use, and names it in the log once, beforehand", async () => {
  await using it = await DecisionOrg.start();
  const ann = await it.person("owner");
  const { kv } = it.countersign.services.deps;
  for (const method of ["GET", "POST"]) await ann.approve((await it.pending({ method })).id);
  const key = passkeyKey(ann.passkeys[0]?.credential_id ?? "");
  const stored = (await readRecord(kv, key, passkeyRecord))?.value;
  assert.equal(stored?.counter, 2);
  assert.equal(stored?.last_used_at, it.countersign.clock.now);

  const types = (await it.entries()).map(({ type }) => type);
  const enrolled = types.indexOf("passkey.enrolled");
  assert.ok(enrolled !== -1 && enrolled < types.indexOf("approval.decided"));
  assert.equal(types.lastIndexOf("passkey.enrolled"), enrolled);
});

Deno.test("openDecision() hands out what the statement needs and no digest", async () => {
  await using it = await DecisionOrg.start();
  const ann = await it.person("owner");
  const { id, reference } = await it.pending();
  const { facts } = await ann.open(reference);
  const at = it.countersign.clock.now;
  const time = (ms: number) => new Date(ms).toISOString();
  assert.match(facts.nonce, /^[A-Za-z0-9_-]{43}$/);
  assert.deepEqual(facts, {
    issuer: it.countersign.origin,
    org: it.org.id,
    approval: id,
    level: 1,
    member: ann.id,
    nonce: facts.nonce,
    issued_at: time(at),
    expires_at: time(at + 300_000),
    use_before: time(at + 300_000 + 900_000),
  });
});

Deno.test("a statement says no later use than its approval allows", async () => {
  await using it = await DecisionOrg.start();
  const ann = await it.person("owner");
  const last = await it.pending({ timeout_seconds: 60 });
  const { facts } = await ann.open(last.id);
  assert.equal(facts.expires_at, last.expires_at);
  const { use_before } = (await ann.approve(last.id)).record.progress as { use_before: number };
  assert.ok(use_before <= Date.parse(facts.use_before));

  // The second level may decide as late as the request is pending.
  await it.secondLevel();
  await it.org.member("two@example.com", { groups: [2] });
  const first = await it.pending({ method: "POST" });
  const opened = await ann.open(first.id);
  assert.equal(Date.parse(opened.facts.use_before), Date.parse(first.expires_at) + 900_000);
});

Deno.test("an approval that is one of two by now is good for no longer than its passkey signed", async () => {
  await using it = await DecisionOrg.start();
  const ann = await it.person("owner");
  const two = await it.person("approver", { groups: [2] });
  const { id } = await it.pending();
  const alone = await ann.open(id);
  const response = await ann.sign(alone);
  // What was signed ends five minutes from here; the second person could come within the hour.
  await it.secondLevel();
  await refused(ann.send(id, alone, response), "nonce_ended");
  const first = await ann.open(id);
  await ann.send(id, first, await ann.sign(first));
  it.countersign.clock.advance(50 * 60_000);
  const { use_before } = (await two.approve(id)).record.progress as { use_before: number };
  assert.ok(use_before <= Date.parse(first.facts.use_before));
});

Deno.test("the first of two signs for the longest use that the second may give it", async () => {
  await using it = await DecisionOrg.start();
  await it.secondLevel({ approval_use_seconds: 3600 });
  const ann = await it.person("owner");
  const two = await it.person("approver", { groups: [2] });
  const { id } = await it.pending();
  // Shorter while the first one signs, and as it was when the second does.
  await it.secondLevel({ approval_use_seconds: 60 });
  const first = await ann.open(id);
  await ann.send(id, first, await ann.sign(first));
  await it.secondLevel({ approval_use_seconds: 3600 });
  it.countersign.clock.advance(59 * 60_000);
  const { use_before } = (await two.approve(id)).record.progress as { use_before: number };
  assert.ok(use_before <= Date.parse(first.facts.use_before));
});

Deno.test("a newer page takes the place of the older one in the same session", async () => {
  await using it = await DecisionOrg.start();
  const ann = await it.person("owner");
  const { id } = await it.pending();
  const older = await ann.open(id);
  const newer = await ann.open(id);
  await refused(ann.send(id, older, await ann.sign(older)), "nonce_ended");
  await ann.send(id, newer, await ann.sign(newer));
  const key = decisionNonceKey(it.org.id, ann.session.caller.session_id, id);
  assert.equal((await it.countersign.services.deps.kv.get(key)).value, null);
});

Deno.test("a note is signed as it was typed, whatever line ends the form sends", async () => {
  await using it = await DecisionOrg.start();
  const ann = await it.person("owner");
  const { id } = await it.pending();
  await ann.approve(id, { note: "one\ntwo", sentNote: "one\r\ntwo" });
  assert.equal(await it.status(id), "approved");
  assert.equal(noteDigest("one\r\ntwo"), noteDigest("one\ntwo"));
  const other = await it.pending({ method: "POST" });
  await refused(ann.approve(other.id, { note: "x".repeat(1001) }), "invalid_request");
});

Deno.test("two levels take two people, each under their own passkey", async () => {
  await using it = await DecisionOrg.start();
  await it.secondLevel();
  const one = await it.person("approver", { groups: [1] });
  const two = await it.person("approver", { groups: [2] });
  const { id } = await it.pending();
  await refused(two.open(id), "not_an_approver", { level: 1 });
  await one.approve(id);
  assert.equal(await it.status(id), "pending");
  await refused(one.open(id), "already_decided_level");
  await refused(one.deny(id), "already_decided_level");
  await two.approve(id);
  assert.equal(await it.status(id), "approved");
  const decided = await it.entries("approval.decided", id);
  assert.deepEqual(decided.map(({ subject, data }) => [subject.member, data.level]), [
    [one.id, 1],
    [two.id, 2],
  ]);
});

Deno.test("either level's denial ends the request", async () => {
  await using it = await DecisionOrg.start();
  await it.secondLevel();
  const one = await it.person("approver", { groups: [1] });
  const two = await it.person("approver", { groups: [2] });
  const { id } = await it.pending();
  await one.approve(id);
  await two.deny(id);
  assert.equal(await it.status(id), "denied");
});

Deno.test("a person decides what their own agent asked, unless duties are separated", async () => {
  await using it = await DecisionOrg.start();
  const ann = await it.person("owner");
  const agent = await it.org.agent({ members_behind: [ann.id] });
  await ann.approve((await it.pending({}, agent)).id);
  await it.settings({ separation_of_duties: true });
  const { id } = await it.pending({ method: "POST" }, agent);
  await refused(ann.open(id), "self_approval");
  await refused(ann.deny(id), "self_approval");
  // Switching it off does not loosen what was asked under it.
  await it.settings({ separation_of_duties: false });
  await refused(ann.open(id), "self_approval");
  await (await it.person("admin")).approve(id);
  assert.equal(await it.status(id), "approved");
});

Deno.test("denyDecision() takes a session alone, and tells the agent why", async () => {
  await using it = await DecisionOrg.start();
  const ann = await it.person("approver", { fresh: false });
  const { id } = await it.pending();
  const { pause } = await ann.deny(id, { quick_reason: "wrong_target", note: "the old one" });
  assert.equal(pause, null);
  const [decision] = (await it.get(id)).body.decisions;
  assert.equal(decision.quick_reason, "wrong_target");
  assert.equal(decision.note, "the old one");
  assert.equal(decision.decided_by, ann.id);
  const [entry] = await it.entries("approval.decided", id);
  assert.equal(entry?.data.quick_reason, "wrong_target");
  assert.equal(entry?.data.credential, undefined);
  assertProblem(await it.ask(), 409, "recently_denied");
  await refused(ann.deny(id), "approval_not_pending", { status: "denied", because: null });
});

Deno.test("denyDecision() pauses the agent that asked, in the same commit", async () => {
  await using it = await DecisionOrg.start();
  const ann = await it.person("approver");
  const agent = await it.org.agent();
  const { id } = await it.pending({}, agent);
  const other = await it.pending({ method: "POST" }, agent);
  assert.equal((await ann.deny(id, { pause_agent: true })).pause, "paused");
  const check = await it.org.post("/v1/permissions/check", { tool_name: TOOL }, agent);
  assert.equal(check.body.permission, "disabled");
  const entries = await it.entries();
  const denied = entries.find(({ type }) => type === "approval.decided");
  const paused = entries.find(({ type }) => type === "agent.set");
  assert.equal(paused?.index, (denied?.index ?? 0) + 1);
  assert.deepEqual(paused?.actor, { type: "member", id: ann.id });
  assert.equal((await ann.deny(other.id, { pause_agent: true })).pause, "was_paused");
});

Deno.test("denyDecision() says that an API key cannot be paused", async () => {
  await using it = await DecisionOrg.start();
  const ann = await it.person("approver");
  const { id } = await it.pending();
  assert.equal((await ann.deny(id, { pause_agent: true })).pause, "not_an_agent");
  assert.equal(await it.status(id), "denied");
});

Deno.test("openDecision() says beforehand why there is nothing to decide", async () => {
  await using it = await DecisionOrg.start();
  const ann = await it.person("owner");
  const held = await it.person("owner", { held: true });
  const a = await it.pending({ method: "A" });
  const page = await ann.open(a.id);
  await it.cancel(a.id);
  const withdrawn = { status: "cancelled", because: "withdrawn" } as const;
  await refused(
    ann.send(a.id, page, await ann.sign(page)),
    "approval_not_pending",
    withdrawn,
  );
  const b = await it.pending({ method: "B" });
  // Their page shows no arguments, so it is not even opened.
  const { settings } = it.countersign.services;
  await refused(
    it.org.as(held.session, "decide", openDecision(settings, b.id)),
    "recovery_held",
  );
  await refused(ann.open("apr_00000000000000000000000000"), "not_found");
});

Deno.test("a decision fits a commit over KV Connect, which takes ten checks", async () => {
  const variables = {
    COUNTERSIGN_KV: "https://kv.example.com/connect",
    COUNTERSIGN_SECRET: "0123456789abcdef".repeat(4),
  };
  await using it = await DecisionOrg.start({ variables });
  assert.equal(it.countersign.services.ledgers.limits.checks, 7);
  const ann = await it.person("owner");
  const { reference } = await it.pending();
  await ann.approve(reference);
  assert.equal(await it.status(reference), "approved");
});

Deno.test("the log shows offline who signed what, from its export alone", async () => {
  await using it = await DecisionOrg.start();
  await it.secondLevel();
  const auditor = await it.org.key("standard", { audit_private: true });
  const one = await it.person("approver", { groups: [1] });
  const two = await it.person("approver", { groups: [2] });
  const { id } = await it.pending({ arguments: { server: "staging-1" } });
  await one.approve(id, { note: "fine" });
  await two.approve(id);
  const { keys } = await publishedKeys(it.org);
  const note = await checkpointNote(it.org);
  const verdict = await verdictOn(await exportText(it.org, auditor), note, keys);
  assert.ok(verdict.ok, verdict.ok ? "" : verdict.finding.what);
  assert.deepEqual(verdict.report.decisions, { checked: 2, unchecked: 0, byKey: 0 });
});
