import assert from "node:assert/strict";
import { bootstrap } from "../../lib/catalog/create_org.ts";
import { recoveryCodesLeft } from "../../lib/people/recovery_codes.ts";
import {
  acceptSetUp,
  confirmSetUpCode,
  finishSetUp,
  makeSetUpLink,
  seeSetUpLink,
  sendSetUpCode,
  SET_UP_MS,
  setUpNotice,
} from "../../lib/people/set_up.ts";
import * as keys from "../../lib/store/keys.ts";
import { readRecord } from "../../lib/store/kv.ts";
import { memberRecord } from "../../lib/store/records/identity.ts";
import { accountRecord, knownPasskey, passkeyRecord } from "../../lib/store/records/people.ts";
import { systemRandom } from "../../lib/store/system.ts";
import { TestClock } from "../helpers/countersign.ts";
import { CLIENT, People, secretOf } from "../helpers/people.ts";
import { refused } from "../helpers/refused.ts";

const BOOTSTRAP = {
  COUNTERSIGN_BOOTSTRAP_KEY: "cs_mgmt_" + "a-key-of-the-operators-own-choosing-1234",
  COUNTERSIGN_BOOTSTRAP_APPROVER_KEY: "cs_appr_" + "another-key-of-the-operators-choosing-56",
};
const OWNER = { COUNTERSIGN_BOOTSTRAP_OWNER: "jo@example.com" };

Deno.test("The first owner: link, code, passkey; then account, org and session are there", async () => {
  await using people = await People.start();
  const { services } = people;
  const link = await makeSetUpLink(services) ?? assert.fail("no link");
  assert.ok(link.url.startsWith(`${people.origin}/set-up/`));
  const secret = secretOf(link.url);
  const seen = { organization: null, email: null, expires_at: people.clock.now + SET_UP_MS };
  assert.deepEqual(await seeSetUpLink(services, secret), seen);

  const jo = people.person("jo@example.com");
  const entered = await jo.setUp(secret, "  Acme  ");
  const { org } = entered;
  assert.equal(entered.session.org, org);
  const session = await people.session(entered.secret);

  const { kv } = services.deps;
  const account = await readRecord(kv, keys.accountKey(session.record.account), accountRecord);
  assert.deepEqual(account?.value, {
    id: session.record.account,
    email: "jo@example.com",
    orgs: [org],
    had_passkey: true,
    recovered_at: null,
    orgless_since: null,
    orgs_made: [],
    created_at: people.clock.now,
  });
  const member = await readRecord(kv, keys.memberKey(org, "jo@example.com"), memberRecord);
  assert.equal(member?.value.role, "owner");
  assert.equal(member?.value.account, session.record.account);
  assert.equal(member?.value.has_passkey, true);
  const [credential] = jo.authenticator.credentials;
  const id = credential?.id ?? "";
  const passkey = await readRecord(kv, keys.passkeyKey(id), passkeyRecord);
  assert.equal(passkey?.value.rp_id, "localhost");
  assert.equal(passkey?.value.account, session.record.account);
  const known = await readRecord(kv, keys.knownPasskeyKey(org, id), knownPasskey);
  assert.deepEqual(known?.value.public_key, passkey?.value.public_key);

  assert.equal(entered.recovery_codes.length, 10);
  for (const code of entered.recovery_codes) assert.match(code, /^[0-9a-hjkmnp-tv-z]{26}$/);
  assert.equal(await recoveryCodesLeft(services, session.record.account), 10);

  await refused(seeSetUpLink(services, secret), "link_not_valid");
  assert.equal(await makeSetUpLink(services), null);
  assert.deepEqual(await people.types(org), [
    "org.created",
    "member.set",
    "member.accepted",
    "passkey.enrolled",
    "session.begun",
  ]);
  const own = await people.log();
  assert.deepEqual(own.map(({ type }) => type), [
    "org.created",
    "set_up_link.made",
    "account.created",
    "passkey.added",
    "session.begun",
  ]);
  assert.deepEqual(own.at(-1)?.actor, { type: "account", id: session.record.account });
  const text = JSON.stringify([...own, ...await people.log(org)]);
  for (const hidden of [secret, "jo@example.com", "192.0.2.1", entered.secret, id]) {
    assert.ok(!text.includes(hidden), hidden);
  }
});

Deno.test("With COUNTERSIGN_BOOTSTRAP_OWNER the link is for that org, address and owner", async () => {
  await using people = await People.start({ variables: { ...BOOTSTRAP, ...OWNER } });
  const link = await makeSetUpLink(people.services) ?? assert.fail("no link");
  assert.equal(link.organization, "default");
  assert.equal(link.email, "jo@example.com");
  const secret = secretOf(link.url);
  const eve = people.person("eve@example.com");
  const followed = { link: secret, flow: eve.flow };
  const asked = { ...followed, organization: "Mine", email: eve.email };
  assert.equal((await sendSetUpCode(people.services, asked, CLIENT)).to, "jo@example.com");
  assert.deepEqual(people.countersign.mail.to(eve.email), []);

  const jo = people.person("jo@example.com");
  const { org, session } = await jo.setUp(secret, null);
  const approver = BOOTSTRAP.COUNTERSIGN_BOOTSTRAP_APPROVER_KEY;
  const got = await people.countersign.request("GET", "/v1/approvals", { key: approver });
  assert.equal(got.status, 401, "the key that stood in for the passkey is out of force");
  const { body } = await people.countersign.request("GET", "/v1/org", {
    key: BOOTSTRAP.COUNTERSIGN_BOOTSTRAP_KEY,
  });
  assert.equal(body.id, org);
  assert.equal(body.name, "default");
  assert.equal(session.org, org);
});

Deno.test("An org without an owner gets the one that the reader of the link names", async () => {
  await using people = await People.start({ variables: BOOTSTRAP });
  const link = await makeSetUpLink(people.services) ?? assert.fail("no link");
  assert.equal(link.organization, "default");
  assert.equal(link.email, null);
  const { org } = await people.person("jo@example.com").setUp(secretOf(link.url), "Another name");
  const { body } = await people.countersign.request("GET", "/v1/org", {
    key: BOOTSTRAP.COUNTERSIGN_BOOTSTRAP_KEY,
  });
  assert.deepEqual([body.id, body.name], [org, "default"]);
});

Deno.test("attack: an owner approves what was asked with the operator's key, or what that made", async () => {
  await using people = await People.start({ variables: BOOTSTRAP });
  const link = await makeSetUpLink(people.services) ?? assert.fail("no link");
  const key = BOOTSTRAP.COUNTERSIGN_BOOTSTRAP_KEY;
  const manage = async (method: string, path: string, body?: unknown) => {
    const got = await people.countersign.request(method, path, { key, body });
    assert.ok(got.status < 300, got.text);
    return got.body;
  };
  const before = await manage("POST", "/v1/agents", { name: "before" });
  const standard = await manage("POST", "/v1/api-keys", { name: "k", tier: "standard" });
  await people.person("jo@example.com").setUp(secretOf(link.url), null);
  const after = await manage("POST", "/v1/agents", { name: "after" });
  const { data: members } = await manage("GET", "/v1/members");
  const [jo] = members.map(({ id }: { id: string }) => id);
  const { data: agents } = await manage("GET", "/v1/agents");
  const { data: apiKeys } = await manage("GET", "/v1/api-keys");
  const behind = new Map<string, string[]>(
    [...agents, ...apiKeys].map((one) => [one.id, one.members_behind]),
  );
  for (const made of [before, standard, after]) assert.deepEqual(behind.get(made.id), [jo]);
});

Deno.test("A new start voids the set-up link of the one before", async () => {
  const kv = await Deno.openKv(":memory:");
  const shared = { kv, secret: systemRandom(48), clock: new TestClock() };
  let first: string;
  {
    await using people = await People.start(shared);
    first = await people.setUpLink();
  }
  {
    await using people = await People.start(shared);
    const second = await people.setUpLink();
    const { why } = await refused(seeSetUpLink(people.services, first), "link_not_valid");
    assert.equal(why, "ended");
    await refused(people.person("jo@example.com").setUp(first), "link_not_valid");
    await people.person("jo@example.com").setUp(second);
  }
  kv.close();
});

Deno.test("A set-up link ends after an hour, also between its steps", async () => {
  await using people = await People.start();
  const { services, clock } = people;
  const link = await people.setUpLink();
  const jo = people.person("jo@example.com");
  const followed = { link, flow: jo.flow };
  clock.advance(SET_UP_MS - 60_000);
  const named = { ...followed, organization: "Acme", email: jo.email };
  await sendSetUpCode(services, named, CLIENT);
  const right = { ...followed, code: people.codeFor(jo.email) };
  const { nonce, options } = await confirmSetUpCode(services, right, CLIENT);
  const response = await jo.enrol(options);
  clock.advance(60_000);
  await refused(seeSetUpLink(services, link), "link_not_valid");
  await refused(sendSetUpCode(services, named, CLIENT), "link_not_valid");
  await refused(confirmSetUpCode(services, right, CLIENT), "link_not_valid");
  const finish = finishSetUp(services, { ...followed, nonce, response }, CLIENT);
  await refused(finish, "link_not_valid");
});

Deno.test("Of two who finish with one set-up link one becomes the owner", async () => {
  await using people = await People.start();
  const { services } = people;
  const link = await people.setUpLink();
  const both = await Promise.all(["jo@example.com", "eve@example.com"].map(async (email) => {
    const person = people.person(email);
    const followed = { link, flow: person.flow };
    await sendSetUpCode(services, { ...followed, organization: "Acme", email }, CLIENT);
    const right = { ...followed, code: people.codeFor(email) };
    const { nonce, options } = await confirmSetUpCode(services, right, CLIENT);
    return { ...followed, nonce, response: await person.enrol(options) };
  }));
  const ended = await Promise.allSettled(both.map((one) => finishSetUp(services, one, CLIENT)));
  const statuses = ended.map(({ status }) => status).sort();
  assert.deepEqual(statuses, ["fulfilled", "rejected"]);
  const orgs = await Array.fromAsync(services.deps.kv.list({ prefix: ["org"] }));
  assert.equal(orgs.length, 2, "the deployment's own and one");
  const accounts = await Array.fromAsync(services.deps.kv.list({ prefix: ["account"] }));
  assert.equal(accounts.length, 1);
});

Deno.test("A passkey that was begun by one set-up link does not finish another", async () => {
  await using people = await People.start();
  const { services } = people;
  const jo = people.person("jo@example.com");
  const first = { link: await people.setUpLink(), flow: jo.flow };
  await sendSetUpCode(services, { ...first, organization: "Acme", email: jo.email }, CLIENT);
  const right = { ...first, code: people.codeFor(jo.email) };
  const { nonce, options } = await confirmSetUpCode(services, right, CLIENT);
  const response = await jo.enrol(options);
  const second = { link: await people.setUpLink(), flow: jo.flow };
  await refused(finishSetUp(services, { ...first, nonce, response }, CLIENT), "link_not_valid");
  await refused(finishSetUp(services, { ...second, nonce, response }, CLIENT), "link_not_valid");
});

Deno.test("A new passkey is taken from the browser only that asked, once, and honestly made", async () => {
  await using people = await People.start();
  const { services } = people;
  const link = await people.setUpLink();
  const jo = people.person("jo@example.com");
  const followed = { link, flow: jo.flow };
  await sendSetUpCode(services, { ...followed, organization: "Acme", email: jo.email }, CLIENT);
  const right = { ...followed, code: people.codeFor(jo.email) };
  const { nonce, options } = await confirmSetUpCode(services, right, CLIENT);
  const why = async (given: Parameters<typeof finishSetUp>[1]) =>
    (await refused(finishSetUp(services, given, CLIENT), "assertion_not_accepted")).why;
  const honest = await jo.enrol(options);
  const wrong = { ...followed, nonce };
  assert.equal(
    await why({ ...wrong, response: honest, flow: people.newFlow() }),
    "ceremony_ended",
  );
  assert.equal(
    await why({ ...wrong, response: honest, nonce: people.newFlow() }),
    "ceremony_ended",
  );
  const elsewhere = await jo.enrol(options, { origin: "https://evil.example" });
  assert.equal(await why({ ...wrong, response: elsewhere }), "wrong_origin");
  const unverified = await jo.enrol(options, { userVerified: false });
  assert.equal(await why({ ...wrong, response: unverified }), "user_not_verified");
  people.clock.advance(5 * 60_000);
  assert.equal(await why({ ...wrong, response: honest }), "ceremony_ended");
});

Deno.test("Names of orgs and addresses are checked before anything is sent", async () => {
  await using people = await People.start();
  const { services } = people;
  const followed = { link: await people.setUpLink(), flow: people.newFlow() };
  const wrong: [string | null, string | null, string][] = [
    ["", "jo@example.com", "/organization"],
    [null, "jo@example.com", "/organization"],
    ["a\u202eb", "jo@example.com", "/organization"],
    ["x".repeat(101), "jo@example.com", "/organization"],
    ["Acme", "jo", "/email"],
    ["Acme", null, "/email"],
    ["Acme", "jo@example.com\r\nBcc: eve@example.com", "/email"],
  ];
  for (const [organization, email, path] of wrong) {
    const attempt = sendSetUpCode(services, { ...followed, organization, email }, CLIENT);
    const { errors } = await refused(attempt, "invalid_request");
    assert.equal(errors[0]?.path, path);
  }
  assert.deepEqual(people.countersign.mail.sent, []);
});

Deno.test("Somebody with an account becomes the owner by the link and their passkey, without a code", async () => {
  await using people = await People.start();
  const { owner, org } = await people.withOwner();
  const { services } = people;
  // Their ownership ended: nobody rules the org.
  await services.ledgers.transact(org, {
    plan(transaction) {
      const member = transaction.snapshot.members.get(owner.email) ?? assert.fail("no member");
      transaction.setPolicy(keys.memberKey(org, owner.email), {
        ...member,
        role: "approver",
        account: null,
        has_passkey: false,
      });
    },
  });
  const link = await people.setUpLink();
  const followed = { link, flow: owner.flow };
  const named = { ...followed, organization: null, email: owner.email };
  await sendSetUpCode(services, named, CLIENT);
  const letter = people.countersign.mail.to(owner.email).at(-1);
  assert.match(letter?.text ?? "", /sign in with your passkey/);
  const confirm = confirmSetUpCode(services, { ...followed, code: "123456" }, CLIENT);
  await refused(confirm, "code_not_accepted");

  const { secret } = await owner.signIn();
  const session = await people.session(secret);
  assert.equal(session.record.org, null);
  const accepted = { link, organization: null };
  assert.deepEqual(await acceptSetUp(services, session, accepted, CLIENT), { org });
  assert.equal((await people.session(secret)).record.org, org);
  assert.equal(await makeSetUpLink(services), null);
  await refused(acceptSetUp(services, session, accepted, CLIENT), "link_not_valid");
});

Deno.test("A member who cannot be read is not replaced by a set-up link", async () => {
  await using people = await People.start();
  const { kv } = people.services.deps;
  await bootstrap(people.services);
  await kv.set(["member", "org_damaged", "jo@example.com"], { role: "owner" });
  assert.equal(await makeSetUpLink(people.services), null);
});

Deno.test("What the start prints has the link, and the way without a browser while there is no org", async () => {
  await using people = await People.start();
  const link = await makeSetUpLink(people.services) ?? assert.fail("no link");
  const notice = setUpNotice(link, false);
  assert.ok(notice.includes(`\n  ${link.url}\n`));
  // A platform has no command line that starts it.
  const onPlatform = setUpNotice(link, true);
  assert.match(onPlatform, /environment variable COUNTERSIGN_BOOTSTRAP_KEY/);
  assert.doesNotMatch(onPlatform, /deno task/);
  assert.match(notice, /COUNTERSIGN_BOOTSTRAP_KEY="cs_mgmt_\$\(openssl rand -hex 24\)"/);
  const bound = setUpNotice({ ...link, organization: "Acme", email: "jo@example.com" }, false);
  assert.match(bound, /makes jo@example\.com an owner of the organization "Acme"/);
  assert.doesNotMatch(bound, /BOOTSTRAP_KEY/);
});
