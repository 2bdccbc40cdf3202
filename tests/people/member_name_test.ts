import assert from "node:assert/strict";
import { ApprovalOrg } from "../helpers/approval_org.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { Visitor } from "../helpers/visitor.ts";

/** What members call themselves: who reads it, and for whom nobody can pass. */

const PATH = "/security";

const nameOf = (org: TestOrg, email: string) =>
  org.transact(({ snapshot }) => snapshot.members.get(email)?.name ?? null);

Deno.test("a member says what they are called, and is read by it with their address beside it", async () => {
  await using approvals = await ApprovalOrg.start();
  const { org } = approvals;
  const ann = await Visitor.of(org, "owner", { email: "lee@example.com" });
  assert.doesNotMatch((await ann.get("/team")).text, /Ann Lee/);
  const saved = await ann.send(PATH, "name", { name: " Ann Lee " });
  assert.deepEqual([saved.to, saved.notice], [PATH, "Your name is saved."]);
  assert.equal(await nameOf(org, "lee@example.com"), "Ann Lee");

  const viewer = await Visitor.of(org, "viewer");
  assert.match((await viewer.get("/team")).text, /Ann Lee lee@example\.com/);
  assert.match((await viewer.get("/team/lee@example.com")).html, /<title>Ann Lee \(lee@example/);
  assert.match(
    (await viewer.get("/activity")).text,
    /Ann Lee \(lee@example\.com\) changed what they are called/,
  );
  const { id } = await approvals.pending();
  await ann.send(`/approvals/${id}`, "deny", { quick_reason: "not_now" });
  assert.match((await viewer.get(`/approvals/${id}`)).text, /Ann Lee \(lee@example\.com\)/);
  await ann.send("/team", "invite", { email: "new@example.com", role: "viewer" });
  const [mail] = org.countersign.mail.to("new@example.com");
  assert.match(mail?.subject ?? "", /^Ann Lee \(lee@example\.com\) invites you/);

  // The log keeps it apart from the leaf, so that it can be erased.
  const entry = (await approvals.entries()).find(({ type }) => type === "member.named");
  assert.ok(entry !== undefined);
  assert.doesNotMatch(JSON.stringify(entry), /Ann Lee|lee@example/);

  assert.equal((await ann.send(PATH, "name", { name: "" })).to, PATH);
  assert.equal(await nameOf(org, "lee@example.com"), null);
});

Deno.test("nobody takes a name that looks like another's, or like an address", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const ann = await Visitor.of(org, "owner", { email: "ann@example.com", name: "Ann Lee" });
  const eve = await Visitor.of(org, "approver", { email: "eve@example.com" });
  for (const name of ["Ann Lee", "ann lee", "Ann Iee", "Аnn Lee", "Ann", "Ann Lee "]) {
    const got = await eve.send(PATH, "name", { name });
    assert.equal(got.status, 422, name);
    assert.match(got.text, /looks like the name or the address of another member/);
  }
  for (const name of ["ann@example.com", "Ann (ann@example.com)", "Ann\u200bLee", "x".repeat(61)]) {
    assert.equal((await eve.send(PATH, "name", { name })).status, 422, name);
  }
  assert.equal(await nameOf(org, "eve@example.com"), null);
  // One's own name, in another case, is nobody else's.
  assert.equal((await ann.send(PATH, "name", { name: "ANN LEE" })).to, PATH);
});

Deno.test("two who choose one name at once do not both get it", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const [one, two] = [await Visitor.of(org, "approver"), await Visitor.of(org, "approver")];
  const results = await Promise.all(
    [one, two].map((who) => who.send(PATH, "name", { name: "Kim" })),
  );
  assert.deepEqual(results.map(({ status }) => status).sort(), [303, 422]);
});

Deno.test("a stolen session changes no name: it takes the passkey", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const stale = await Visitor.of(org, "owner", { fresh: false });
  assert.match((await stale.send(PATH, "name", { name: "Kim" })).text, /Confirm it is you/);
});
