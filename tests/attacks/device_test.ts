import assert from "node:assert/strict";
import { asMember } from "../../lib/identity/acting.ts";
import { LOGIN_MS } from "../../lib/oauth/device.ts";
import { TRIES_A_DAY, TRIES_A_SESSION } from "../../lib/oauth/let_in.ts";
import { putMember, removeMember } from "../../lib/people/members.ts";
import { signOutEverywhere } from "../../lib/people/sessions.ts";
import type { DeviceLogin } from "../../lib/store/records/device.ts";
import { challengeText } from "../../lib/passkeys/challenge.ts";
import { ceremonyStatement, deviceStatement } from "../../lib/passkeys/statement.ts";
import { type Asked, DeviceWorld } from "../helpers/device_world.ts";
import { FailingStore, type Fault } from "../helpers/failing_store.ts";
import { fault } from "../helpers/oauth_world.ts";
import { CLIENT } from "../helpers/people.ts";
import { SoftwareAuthenticator } from "../helpers/software_authenticator.ts";
import { islandProps, WebPerson } from "../helpers/web_person.ts";

const WRONG = "BBBB-BBBB";

/** The agents and keys that logins made, and that are there still. */
async function made({ services, world }: DeviceWorld): Promise<string[]> {
  return await services.ledgers.transact(world.org, {
    plan: ({ snapshot: { agents, apiKeys } }) =>
      [...agents.values(), ...apiKeys.values()]
        .filter(({ login }) => login !== undefined).map(({ id }) => id),
  });
}

Deno.test("attack: guessing codes ends after five wrong ones a session, parallel ones too, and twenty a day", async () => {
  await using it = await DeviceWorld.start();
  const { owner, world } = it;
  const asked = await it.ask();
  const tried = await Promise.all(Array.from({ length: 12 }, () => it.look(WRONG)));
  assert.deepEqual(new Set(tried.map(({ status }) => status)), new Set([403]));
  // Now a right one is as wrong, on each way there is.
  assert.match((await it.look(asked.user_code)).text, /No more codes are taken here/);
  const { user_code } = asked;
  assert.equal((await owner.send("/device", "deny", { user_code })).status, 403);
  const begun = await owner.post("/device/statement", { user_code });
  assert.equal(begun.json.code, "device_code_not_accepted");
  const rows = await Array.fromAsync(
    it.services.deps.kv.list<{ failed: unknown[] }>({ prefix: ["device_tries"] }),
  );
  assert.equal(rows[0]?.value.failed.length, TRIES_A_SESSION);
  // Another session of the same person begins anew, three times; the fourth has none left.
  for (let sessions = 2; sessions <= TRIES_A_DAY / TRIES_A_SESSION; sessions++) {
    const { secret } = await world.ruled.owner.signIn();
    const again = WebPerson.with(world.people.countersign, secret);
    assert.equal((await it.look(user_code, again)).status, 200);
    for (let n = 0; n < TRIES_A_SESSION; n++) await it.look(WRONG, again);
    assert.equal((await it.look(user_code, again)).status, 403);
  }
  const { secret } = await world.ruled.owner.signIn();
  const last = WebPerson.with(world.people.countersign, secret);
  assert.match((await it.look(user_code, last)).text, /No more codes are taken here/);
  // Nobody else is kept out by it.
  assert.equal((await it.look(user_code, await it.joined("admin"))).status, 200);
  fault(await it.poll(asked), "authorization_pending");
});

Deno.test("attack: a stolen session without the passkey lets nothing in, however it tries", async () => {
  await using it = await DeviceWorld.start();
  const { world } = it;
  const asked = await it.ask();
  const { user_code } = asked;
  // Fresh: its owner has just shown their passkey. That is not enough.
  const own = new SoftwareAuthenticator({ origin: world.origin });
  const thief = WebPerson.with(world.people.countersign, world.ruled.entered.secret, own);
  const page = await it.look(user_code, thief);
  const { facts } = islandProps(page.html, "device");
  const begin = async () => (await thief.post("/device/statement", { user_code })).json;
  const { owner: { authenticator } } = it;
  const answers = {
    /** Signed for another purpose, at another page. */
    async "of a step-up"() {
      const { nonce, options } = (await thief.post("/session/fresh", {})).json;
      const challenge = challengeText(ceremonyStatement("step-up", world.origin, nonce));
      const response = await authenticator.assert({ ...options, challenge });
      return { nonce, user_code, gives: "agent", response };
    },
    /** The owner signs the thief's nonce, taken for their own step-up. */
    async "of a step-up for this nonce"() {
      const { nonce, options } = await begin();
      const challenge = challengeText(ceremonyStatement("step-up", world.origin, nonce));
      const response = await authenticator.assert({ ...options, challenge });
      return { nonce, user_code, gives: "agent", response };
    },
  };
  for (const [name, answer] of Object.entries(answers)) {
    const got = await thief.post("/device/allow", await answer());
    assert.equal(got.json.code, "assertion_not_accepted", name);
  }
  const nothing = await thief.post("/device/allow", { nonce: "n", user_code, gives: "agent" });
  assert.equal(nothing.status, 422, nothing.text);
  // What was signed is what counts: another computer, another thing, another org.
  for (
    const signs of [
      { gives: "standard" },
      { user_code: "BCDFGHJK" },
      { name: "my-laptop" },
      { address: "192.0.2.9" },
      { org: "org_" + "1".repeat(26) },
      { member: "usr_" + "1".repeat(26) },
      { issuer: "https://evil.example" },
    ] as const
  ) {
    const got = await it.allow(asked, { signs });
    assert.equal(got.json?.code, "assertion_not_accepted", JSON.stringify(signs));
  }
  assert.equal((await it.allow(asked, { lies: { userVerified: false } })).status, 403);
  fault(await it.poll(asked), "authorization_pending");
  assert.deepEqual(await made(it), []);
  assert.equal(facts.name, "build-box");
});

Deno.test("attack: a nonce counts once, in its session, and for the login it was handed out for", async () => {
  await using it = await DeviceWorld.start();
  const { owner, world } = it;
  const [first, second] = [await it.ask(), await it.ask({ device_name: "evil-box" })];
  const { nonce, options } = (await owner.post("/device/statement", {
    user_code: first.user_code,
  })).json;
  const admin = await it.joined("admin");
  const sign = async (asked: Asked, who: WebPerson, { authenticator } = who) => {
    const { facts } = islandProps((await it.look(asked.user_code, who)).html, "device");
    const statement = deviceStatement({
      ...facts,
      user_code: asked.user_code.replace("-", ""),
      gives: "agent",
      nonce,
      issuer: world.origin,
    });
    const { allowCredentials: _of_the_owner, ...open } = options;
    const challenge = challengeText(statement);
    const response = await authenticator.assert({ ...open, challenge });
    return { nonce, user_code: asked.user_code, gives: "agent", response };
  };
  const elsewhere = await owner.post("/device/allow", await sign(second, owner));
  assert.equal(elsewhere.json.code, "assertion_not_accepted", "it is of another login");
  const another = WebPerson.with(
    world.people.countersign,
    (await world.ruled.owner.signIn()).secret,
    owner.authenticator,
  );
  const other = await another.post("/device/allow", await sign(first, another));
  assert.equal(other.json.code, "assertion_not_accepted", "it is of another session");
  const lent = await owner.post("/device/allow", await sign(first, owner, admin));
  assert.equal(lent.json.code, "assertion_not_accepted", "the passkey is a colleague's");
  const theirs = await admin.post("/device/allow", await sign(first, owner));
  assert.equal(theirs.json.code, "assertion_not_accepted", "it is of another person");
  assert.deepEqual(await made(it), []);
});

Deno.test("attack: no address brings a code along, and no other site types one", async () => {
  await using it = await DeviceWorld.start();
  const { user_code } = await it.ask();
  for (const name of ["user_code", "code", "usercode"]) {
    const page = await it.owner.get(`/device?${name}=${user_code}`);
    assert.ok(!page.html.includes(user_code), page.text);
    assert.ok(!page.html.includes("build-box"));
  }
  for (
    const headers of [
      { origin: "https://evil.example" },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
    ] as Record<string, string>[]
  ) {
    for (
      const [path, type, body] of [
        ["/device", "application/x-www-form-urlencoded", `do=look&user_code=${user_code}`],
        ["/device/statement", "application/json", JSON.stringify({ user_code })],
      ] as const
    ) {
      const got = await it.world.people.countersign.request("POST", path, {
        body,
        headers: {
          cookie: `countersign_session=${it.owner.session}`,
          origin: it.world.origin,
          "content-type": type,
          ...headers,
        },
      });
      assert.equal(got.status, 403, got.text);
    }
  }
  const stranger = new WebPerson(it.world.people.countersign);
  assert.equal((await stranger.get("/device")).to, "/sign-in?to=%2Fdevice");
});

Deno.test("approvers and viewers are told whom to ask, and let nothing in on any way", async () => {
  await using it = await DeviceWorld.start();
  const { user_code } = await it.ask();
  for (const role of ["approver", "viewer"] as const) {
    const person = await it.joined(role);
    const page = await person.get("/device");
    assert.equal(page.status, 200);
    assert.match(page.text, /For owners and admins.*Ask jo@example\.com to type its code/);
    assert.ok(!page.html.includes('name="user_code"'));
    for (const does of ["look", "deny"]) {
      assert.equal((await person.send("/device", does, { user_code })).status, 403, does);
    }
    const begun = await person.post("/device/statement", { user_code });
    assert.equal(begun.json.code, "role_required");
    assert.ok(!JSON.stringify(begun.json).includes("build-box"));
  }
});

/** What makes an answer void between the person's yes and the terminal's coming for it. */
const ENDS: Readonly<Record<string, (it: DeviceWorld, email: string) => Promise<unknown>>> = {
  async "signing out everywhere"({ world }, email) {
    const { services, people } = world;
    await signOutEverywhere(services, await people.session(secretOf(email)), CLIENT);
  },
  async "the end of the session"(_it, email) {
    const person = PERSONS.get(email) ?? assert.fail();
    assert.equal((await person.send("/sign-out", "sign_out")).status, 303);
  },
  async "a lower role"({ world }, email) {
    const lower = putMember(email, { role: "approver", groups: [] }, "req_test");
    await asOwner(world, lower);
  },
  async "the end of the membership"({ world }, email) {
    await asOwner(world, removeMember(email, "req_test"));
  },
};

const PERSONS = new Map<string, WebPerson>();

function secretOf(email: string): string {
  return PERSONS.get(email)?.session ?? assert.fail(`no session of ${email}`);
}

function asOwner<L, R>(
  { services, org, ruled }: DeviceWorld["world"],
  operation: Parameters<typeof asMember<L, R>>[2],
) {
  return services.ledgers.transact(org, asMember(ruled.session, "manage_members", operation));
}

Deno.test("attack: what was let in by who may not any more gets nothing, and makes nothing", async () => {
  await using it = await DeviceWorld.start();
  for (const [n, [name, end]] of Object.entries(ENDS).entries()) {
    const email = `admin${n}@example.com`;
    const person = await it.joined("admin", email);
    PERSONS.set(email, person);
    const asked = await it.ask();
    assert.equal((await it.allow(asked, {}, person)).status, 200, name);
    await end(it, email);
    fault(await it.poll(asked), "access_denied");
  }
  assert.deepEqual(await made(it), []);
});

Deno.test("attack: another organization's owner who reads a code gives its terminal a secret of their own only", async () => {
  await using it = await DeviceWorld.start();
  const { world } = it;
  const other = await world.people.countersign.org();
  const mallory = await other.signedIn("owner");
  const asked = await it.ask();
  // Without a passkey of this deployment they get as far as the page; with one, their org answers.
  const theirs = WebPerson.with(world.people.countersign, mallory.secret);
  const page = await it.look(asked.user_code, theirs);
  assert.equal(islandProps(page.html, "device").facts.org, other.id);
  const before = (await world.people.log(world.org)).length;
  assert.equal(
    (await theirs.send("/device", "deny", { user_code: asked.user_code })).status,
    303,
  );
  fault(await it.poll(asked), "access_denied");
  assert.equal((await world.people.log(world.org)).length, before, "nothing of it is in our log");
  assert.equal((await world.people.log(other.id)).at(-1)?.type, "login.denied");
});

Deno.test("three nodes: asked at one, let in at another, fetched at a third, once", async () => {
  await using it = await DeviceWorld.start();
  const { countersign } = it.world.people;
  await using first = await countersign.another();
  await using third = await countersign.another();
  const asked: Asked = (await it.request({}, first)).body;
  fault(await it.poll(asked, {}, third), "authorization_pending");
  fault(await it.poll(asked, {}, first), "slow_down");
  assert.equal((await it.allow(asked, { gives: "standard" })).status, 200);
  const got = await it.poll(asked, {}, third);
  assert.equal(got.status, 200, got.text);
  assert.equal(await it.check(got.body.access_token), 200);
  fault(await it.poll(asked, {}, first), "invalid_grant");
  assert.equal(await it.check(got.body.access_token), 401, "it came twice");
});

/** What the store does to one commit: done or not, the process hears nothing of it. */
const LOST: readonly Fault[] = ["fails", "answer_lost", "repeats", "lands_before_next"];

Deno.test("lost answers and kills: wherever one falls, a terminal has the secret, or nobody has", async () => {
  using kv = await Deno.openKv(":memory:");
  const store = new FailingStore(kv);
  await using it = await DeviceWorld.start({ kv: store });
  for (const lost of LOST) {
    // Deno's store commits a poll that hands out once; what comes before and after it is read.
    for (const at of [1, 2]) {
      const asked = await it.ask();
      assert.equal((await it.allow(asked)).status, 200);
      let commits = 0;
      store.fault = ({ kind }) => kind === "commit" && ++commits === at ? lost : null;
      const first = await it.poll(asked);
      store.fault = () => null;
      const given = first.status === 200 ? first : await it.poll(asked);
      const secret: string | undefined = given.body.access_token;
      const left = await made(it);
      if (secret === undefined) {
        fault(given, "invalid_grant");
        assert.deepEqual(left, [], `${lost} at ${at}`);
        continue;
      }
      assert.equal(left.length, 1, `${lost} at ${at}`);
      assert.equal(await it.check(secret), 200, `${lost} at ${at}`);
      // A process that is killed once the commit stands, before its answer: the terminal comes again.
      fault(await it.poll(asked), "invalid_grant");
      assert.deepEqual(await made(it), []);
      it.clock.advance(LOGIN_MS);
    }
  }
});

Deno.test("attack: a stolen store yields no code, name or address of a computer", async () => {
  await using it = await DeviceWorld.start();
  const asked = await it.ask({ device_name: "name-9931" });
  await it.look(WRONG);
  await it.allow(asked);
  const rows: string[] = [];
  for await (const { key, value } of it.services.deps.kv.list({ prefix: ["device_login"] })) {
    const { sealed, ...rest } = value as DeviceLogin;
    rows.push(Deno.inspect([key, rest]), new TextDecoder("latin1").decode(sealed));
  }
  for (const prefix of ["device_user_code", "device_requests", "device_tries"]) {
    for await (const row of it.services.deps.kv.list({ prefix: [prefix] })) {
      rows.push(Deno.inspect(row));
    }
  }
  assert.ok(rows.length >= 5);
  const { device_code, user_code } = asked;
  const hidden = [device_code, user_code, user_code.replace("-", ""), "name-9931", "127.0.0.1"];
  for (const secret of hidden) {
    assert.ok(!rows.some((row) => row.includes(secret)), secret);
  }
});
