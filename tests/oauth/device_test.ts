import assert from "node:assert/strict";
import fc from "fast-check";
import {
  askLogin,
  LOGIN_MS,
  LOGINS_OF_ALL,
  LOGINS_OF_ONE,
  polledLogin,
  pollOf,
  typedUserCode,
} from "../../lib/oauth/device.ts";
import { pollLogin } from "../../lib/oauth/device_token.ts";
import { deviceRequestsKey } from "../../lib/store/login_keys.ts";
import type { DeviceLogin } from "../../lib/store/records/device.ts";
import { DeviceWorld } from "../helpers/device_world.ts";
import { fault } from "../helpers/oauth_world.ts";
import { CLIENT } from "../helpers/people.ts";

const MINUTE = 60_000;

Deno.test("a computer asks, waits, is let in as an agent, and its secret ends as any other", async () => {
  await using it = await DeviceWorld.start();
  const { clock, world } = it;
  const got = await it.request();
  assert.equal(got.status, 200, got.text);
  assert.equal(got.headers.get("cache-control"), "no-store");
  const { device_code, user_code, ...rest } = got.body;
  assert.match(device_code, /^[A-Za-z0-9_-]{43}$/);
  assert.match(user_code, /^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/);
  // The code is typed: there is no address that brings it along.
  const verification_uri = `${world.origin}/device`;
  assert.deepEqual(rest, { expires_in: 600, interval: 5, verification_uri });
  const before = (await world.people.log(world.org)).length;

  fault(await it.poll(got.body), "authorization_pending");
  fault(await it.poll(got.body), "slow_down");
  clock.advance(9_999);
  fault(await it.poll(got.body), "slow_down", 400);
  clock.advance(15_000 - 9_999);
  fault(await it.poll(got.body), "authorization_pending");

  // As a person types it.
  const page = await it.look(` ${user_code.toLowerCase().replace("-", " ")}`);
  assert.equal(page.status, 200, page.text);
  for (const shown of [user_code, "build-box", "127.0.0.1", "as this browser", "Acme"]) {
    assert.ok(page.text.includes(shown), shown);
  }
  assert.match(page.text, /Whoever holds that terminal gets the secret/);
  const allowed = await it.allow(got.body);
  assert.equal(allowed.status, 200, allowed.text);

  const given = await it.poll(got.body);
  assert.equal(given.status, 200, given.text);
  const { access_token, id, ...told } = given.body;
  assert.match(access_token, /^cs_agent_/);
  assert.deepEqual(told, {
    token_type: "Bearer",
    gives: "agent",
    name: "build-box",
    org: world.org,
    org_name: "Acme",
  });
  assert.equal(await it.check(access_token), 200);

  const log = (await world.people.log(world.org)).slice(before);
  const named = log.filter(({ type }) => /^(login|agent)\./.test(type));
  assert.deepEqual(named.map(({ type }) => type), ["login.allowed", "agent.created"]);
  const [let_in, made] = named;
  assert.equal(let_in?.data.gives, "agent");
  assert.match(String(let_in?.data.credential), /^sha256:/);
  assert.ok("computer_digest" in (let_in?.data ?? {}), "name and address are private");
  assert.equal(made?.data.login, let_in?.subject.login);
  assert.deepEqual(made?.actor, let_in?.actor);
  assert.equal(made?.subject.agent, id);
  const behind = await it.services.ledgers.transact(world.org, {
    plan: ({ snapshot }) => snapshot.agents.get(id)?.members_behind,
  });
  assert.deepEqual(behind, [let_in?.actor.id], "who let it in answers for what it asks");
  const activity = await it.owner.get("/activity");
  assert.match(activity.text, /let a computer in at its terminal, as an agent/);
  assert.match(activity.text, /made agent “build-box”.* for a computer that they let in/);

  const removed = await it.owner.send(`/agents/${id}`, "remove");
  assert.equal(removed.status, 303, removed.text);
  assert.equal(await it.check(access_token), 401);
});

Deno.test("a standard key, a name that is none, and signing out at the terminal", async () => {
  await using it = await DeviceWorld.start();
  const { world } = it;
  const got = await it.login({ gives: "standard" });
  assert.match(got.access_token, /^cs_live_/);
  assert.equal(got.gives, "standard");
  assert.equal(await it.check(got.access_token), 200);
  const revoke = (token: string) => world.form("/oauth/revoke", { token });
  assert.equal((await revoke(got.access_token)).status, 200);
  assert.equal(await it.check(got.access_token), 401);
  const ended = (await world.people.log(world.org)).at(-1);
  assert.equal(ended?.type, "api_key.revoked");
  assert.deepEqual([ended.actor.type, ended.data.because], ["system", "signed_out"]);

  // What a person made ends by a person, whoever else holds it.
  const { owner } = it;
  const made = await owner.send("/agents", "create", { name: "own", trust_tier: "0" });
  const [own = ""] = /cs_agent_[0-9a-z]+/.exec(made.html) ?? assert.fail(made.text);
  assert.equal((await revoke(own)).status, 200);
  assert.equal(await it.check(own), 200);

  // So does one that a person gave a new token to, whatever becomes of its device code.
  const asked = await it.ask();
  await it.allow(asked);
  const { id } = (await it.poll(asked)).body;
  const turned = await owner.send(`/agents/${id}`, "rotate");
  const [token = ""] = /cs_agent_[0-9a-z]+/.exec(turned.html) ?? assert.fail(turned.text);
  assert.equal((await revoke(token)).status, 200);
  fault(await it.poll(asked), "invalid_grant");
  assert.equal(await it.check(token), 200);

  for (
    const [device_name, name] of [
      [null, "Unnamed computer"],
      ["  ", "Unnamed computer"],
      ["a\u202eb", "Unnamed computer"],
      ["x".repeat(500), "x".repeat(64)],
      [" Jo's laptop ", "Jo's laptop"],
    ] as const
  ) {
    const page = await it.look((await it.ask({ device_name })).user_code);
    assert.ok(page.text.includes(`An agent, called ${name} `), page.text);
  }
});

Deno.test("the token endpoint and the page refuse what they must, each in its words", async () => {
  await using it = await DeviceWorld.start();
  const { clock } = it;
  fault(await it.request({ client_id: null }), "invalid_request");
  fault(await it.request({ client_id: it.world.client_id }), "invalid_client", 401);
  const asked = await it.ask();
  fault(await it.poll(asked, { client_id: null }), "invalid_request");
  fault(await it.poll(asked, { device_code: null }), "invalid_request");
  fault(await it.poll(asked, { client_id: it.world.client_id }), "invalid_client", 401);
  fault(await it.poll({ device_code: "x" }), "invalid_grant");
  fault(await it.poll({ device_code: "A".repeat(43) }), "invalid_grant");
  // A person says no, and there is nothing more to answer.
  const denied = await it.owner.send("/device", "deny", { user_code: asked.user_code });
  assert.equal(denied.status, 303, denied.text);
  fault(await it.poll(asked), "access_denied");
  assert.equal((await it.look(asked.user_code)).status, 403);
  assert.equal((await it.world.people.log(it.world.org)).at(-1)?.type, "login.denied");
  // Ten minutes, to the millisecond; a late poll is told why.
  const late = await it.ask();
  clock.advance(LOGIN_MS - 1);
  assert.equal((await it.look(late.user_code)).status, 200);
  clock.advance(1);
  assert.equal((await it.look(late.user_code)).status, 403);
  fault(await it.poll(late), "expired_token");
  const allowed = await it.ask();
  assert.equal((await it.allow(allowed)).status, 200);
  assert.equal((await it.allow(allowed)).status, 403, "it was answered");
  clock.advance(LOGIN_MS);
  fault(await it.poll(allowed), "expired_token");
});

Deno.test("an interval grows with each early poll, and no faster poll fills the store's journal", async () => {
  await using it = await DeviceWorld.start();
  const asked = await it.ask();
  const { kv } = it.services.deps;
  const row = async () => {
    const [found] = await Array.fromAsync(
      kv.list<{ interval: number }>({ prefix: ["device_login"] }),
    );
    return [found?.versionstamp, found?.value.interval];
  };
  fault(await it.poll(asked), "authorization_pending");
  for (let n = 0; n < 11; n++) fault(await it.poll(asked), "slow_down");
  const [stamp, interval] = await row();
  assert.equal(interval, 60);
  fault(await it.poll(asked), "slow_down");
  assert.deepEqual(await row(), [stamp, 60], "nothing more is written");
  it.clock.advance(MINUTE);
  fault(await it.poll(asked), "authorization_pending");
});

Deno.test("property: whoever waits as it is told is not told to slow down, whatever it did before", () => {
  const waits = fc.array(
    fc.record({ obeys: fc.boolean(), early: fc.integer({ min: 0, max: 4_999 }) }),
    {
      maxLength: 40,
    },
  );
  fc.assert(fc.property(waits, (steps) => {
    const start = Date.UTC(2026, 0, 1);
    let login: DeviceLogin = {
      id: "lgn",
      sealed: new Uint8Array(),
      polled_at: 0,
      interval: 5,
      progress: { state: "pending" },
      expires_at: start + LOGIN_MS,
    };
    let [now, told] = [start, 5_000];
    for (const { obeys, early } of steps) {
      now += obeys ? told : early;
      const poll = pollOf(login, now);
      if (now >= start + LOGIN_MS) return assert.equal(poll, "expired_token");
      if (obeys) assert.equal(poll, "authorization_pending");
      if (poll === "slow_down") told += 5_000;
      const polled = polledLogin(login, poll, now) ?? login;
      assert.ok(polled.interval >= login.interval && polled.interval <= 60);
      login = polled;
    }
    const allowed = { org: "o", member: "m", session: "s", gives: "agent" } as const;
    const let_in: DeviceLogin = { ...login, progress: { state: "allowed", ...allowed } };
    assert.equal(pollOf(let_in, start + LOGIN_MS - 1), "hands_out");
    assert.equal(pollOf(let_in, start + LOGIN_MS), "expired_token");
    const used: DeviceLogin = { ...login, progress: { state: "used", ...allowed, made: "agt" } };
    assert.equal(pollOf(used, now), "repeats");
  }));
});

Deno.test("attack: a flood of requests from one address, and from everywhere, ends with its limit", async () => {
  await using it = await DeviceWorld.start();
  const { services, clock } = it;
  for (let n = 1; n < LOGINS_OF_ONE; n++) await it.ask();
  const over = await Promise.all([it.request(), it.request()]);
  assert.deepEqual(over.map(({ status }) => status).sort(), [200, 429]);
  const refused = over.find(({ status }) => status === 429);
  assert.equal(refused?.headers.get("retry-after"), "600");
  const count = async () =>
    (await Array.fromAsync(services.deps.kv.list({ prefix: ["device_login"] }))).length;
  assert.equal(await count(), LOGINS_OF_ONE);
  assert.equal((await it.request()).status, 429);
  assert.equal(await count(), LOGINS_OF_ONE, "what is refused keeps nothing");
  const at = Array<number>(LOGINS_OF_ALL - 3).fill(clock.now);
  await services.deps.kv.set([...deviceRequestsKey("all")], { at });
  const answers = await Promise.all(
    Array.from(
      { length: 8 },
      (_, i) => askLogin(services, null, { ...CLIENT, ip: `2001:db8:${i}::1` }),
    ),
  );
  assert.equal(answers.filter((answer) => "retry_after_seconds" in answer).length, 5);
  clock.advance(10 * MINUTE);
  assert.equal((await it.request()).status, 200);
});

Deno.test("typedUserCode() takes a code however it is grouped, and nothing that is none", () => {
  for (const typed of ["WDJB-MJHT", "wdjbmjht", " wdjb mjht ", "W.D.J.B.M.J.H.T", "wdjb–mjht"]) {
    assert.equal(typedUserCode(typed), "WDJBMJHT");
  }
  for (const typed of ["", "WDJB-MJH", "WDJB-MJHTT", "WDJB-MJHA", "WDJB-MJH0", "W".repeat(33)]) {
    assert.equal(typedUserCode(typed), null);
  }
});

Deno.test("of 30 parallel polls of one login one gets the secret, and the next ones end it", async () => {
  await using it = await DeviceWorld.start();
  const asked = await it.ask();
  await it.allow(asked);
  const { services } = it;
  const presented = { client_id: "countersign-cli", device_code: asked.device_code };
  const answers = await Promise.all(
    Array.from({ length: 30 }, () => pollLogin(services, presented, CLIENT)),
  );
  const given = answers.flatMap((answer) => "secret" in answer ? [answer.secret] : []);
  assert.equal(given.length, 1);
  const refused = new Set(answers.flatMap((answer) => "error" in answer ? [answer.error] : []));
  assert.deepEqual(refused, new Set(["invalid_grant"]));
  // Whose answer got lost, nobody has the secret of; of two who ask, one is a thief.
  fault(await it.poll(asked), "invalid_grant");
  assert.equal(await it.check(given[0] ?? ""), 401);
  const log = await it.world.people.log(it.world.org);
  const made = log.filter(({ type }) => type.startsWith("agent."));
  assert.deepEqual(made.map(({ type }) => type), ["agent.created", "agent.removed"]);
  assert.equal(made.at(-1)?.data.because, "code_reused");
  assert.match((await it.owner.get("/activity")).text, /its code was used a second time/);
  fault(await it.poll(asked), "invalid_grant");
  assert.equal((await it.world.people.log(it.world.org)).length, log.length, "once");
});
