import assert from "node:assert/strict";
import { FRESH_MS } from "../../lib/identity/sessions.ts";
import { beginStepUp, stepUp } from "../../lib/people/sign_in.ts";
import { acceptClockAsOperator } from "../../lib/server/clock.ts";
import {
  clockAcceptedKey,
  clockSeenKey,
  DEPLOYMENT_ORG,
  sessionKey,
} from "../../lib/store/keys.ts";
import type { SessionRecord } from "../../lib/store/records/people.ts";
import { Countersign, TestClock, TestOrg } from "../helpers/countersign.ts";
import { consume, entriesOf, minted } from "../helpers/minted_tokens.ts";
import { CLIENT, People, presentSession } from "../helpers/people.ts";
import { assertProblem } from "../helpers/refused.ts";
import { verifiedLog } from "../helpers/stored_log.ts";
import { Visitor } from "../helpers/visitor.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;
const YEAR = 365 * DAY;
const ACTION = { tool_name: "transfer" };
const BODY = { ...ACTION, ttl_seconds: 10 };

/** Two nodes over one store, whose clocks the test sets apart, and an org that both serve. */
class TwoNodes implements AsyncDisposable {
  private constructor(
    readonly right: Countersign,
    readonly wrong: Countersign,
    readonly org: TestOrg,
    /** The same org, as the node with the wrong clock serves it. */
    readonly there: TestOrg,
    readonly kv: Deno.Kv,
  ) {}

  static async start(ahead: number): Promise<TwoNodes> {
    const kv = await Deno.openKv(":memory:");
    const right = await Countersign.start({ kv });
    const clock = new TestClock(right.clock.now + ahead);
    const wrong = await Countersign.start({ kv, clock, secret: right.secret });
    const org = await right.org();
    await org.tool("transfer");
    const there = new TestOrg(wrong, org.id);
    Object.assign(there.secrets, org.secrets);
    return new TwoNodes(right, wrong, org, there, kv);
  }

  advance(milliseconds: number): void {
    for (const { clock } of [this.right, this.wrong]) clock.advance(milliseconds);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.wrong[Symbol.asyncDispose]();
    await this.right[Symbol.asyncDispose]();
    this.kv.close();
  }
}

const check = (org: TestOrg) => org.post("/v1/permissions/check", ACTION);
const accept = ({ services: { ledgers } }: Countersign, org: string) =>
  ledgers.transact(org, acceptClockAsOperator(ledgers.clock));

Deno.test("behind a node that is a year ahead nothing is committed until that is accepted", async () => {
  await using nodes = await TwoNodes.start(YEAR);
  const { right, org, there } = nodes;
  const before = await minted(org, BODY);
  const ofWrongClock = await minted(there, BODY);

  const refused = await check(org);
  assertProblem(refused, 503, "clock");
  assert.equal(refused.headers.get("retry-after"), "60");
  assert.equal(refused.body.permission, undefined);
  assertProblem(await consume(org, before.token, ACTION), 503, "clock");
  assert.equal(
    (await org.get("/v1/tools/transfer", org.management)).status,
    200,
    "reading goes on",
  );
  const notReady = await right.request("GET", "/readyz");
  assert.deepEqual([notReady.status, notReady.body.clock], [503, "behind"]);

  const jump = await accept(right, org.id);
  assert.equal(jump?.why, "ahead");
  right.clock.advance(SECOND);
  assert.equal((await right.request("GET", "/readyz")).status, 200);
  assert.equal((await check(org)).status, 200);

  // What either clock has passed is over, and so is what the wrong one had let through.
  assertProblem(await consume(org, before.token, ACTION), 410, "token_expired");
  assertProblem(await consume(org, ofWrongClock.token, ACTION), 410, "token_expired");
  const [first, second] = [await minted(org, BODY), await minted(org, BODY)];
  right.clock.advance(9 * SECOND);
  assert.equal((await consume(org, first.token, ACTION)).status, 200);
  right.clock.advance(SECOND);
  assertProblem(await consume(org, second.token, ACTION), 410, "token_expired");

  const log = await verifiedLog(right.services.deps, org.id);
  const times = log.map(({ entry }) => entry.at);
  assert.deepEqual(times, times.toSorted(), "entries never go back");
  const accepted = log.find(({ entry }) => entry.type === "clock.accepted")?.entry;
  assert.deepEqual(accepted?.data, {
    from: new Date(jump?.from ?? 0).toISOString(),
    to: new Date(jump?.to ?? 0).toISOString(),
  });
  const after = times.filter((at) => at > (accepted?.at ?? ""));
  assert.ok(new Set(after).size >= 6, "each commit has its own millisecond");
});

Deno.test("what was accepted is no leave to go further: the wrong clock writes again", async () => {
  await using nodes = await TwoNodes.start(YEAR);
  const { right, org, there } = nodes;
  assert.equal((await check(there)).status, 200);
  await accept(right, org.id);
  assert.equal((await check(org)).status, 200);
  nodes.advance(MINUTE);
  assert.equal((await check(there)).status, 200);
  assertProblem(await check(org), 503, "clock");
  assert.equal((await accept(right, org.id))?.why, "ahead");
  assert.equal((await check(org)).status, 200);
});

Deno.test("a log that is 5 minutes ahead is served, one that is further is not; one behind always", async () => {
  await using nodes = await TwoNodes.start(5 * MINUTE);
  const { right, wrong, org, there } = nodes;
  assert.equal((await check(there)).status, 200);
  assert.equal((await check(org)).status, 200);
  assert.equal((await right.request("GET", "/readyz")).body.clock, "ok");
  assert.equal(await accept(right, org.id), null, "there is nothing to accept");
  wrong.clock.advance(1);
  assert.equal((await check(there)).status, 200);
  assertProblem(await check(org), 503, "clock");
  wrong.clock.advance(30 * DAY);
  assert.equal((await check(there)).status, 200, "the org was quiet");
});

Deno.test("when the time has caught up with an accepted clock, the log goes by it again", async () => {
  await using nodes = await TwoNodes.start(DAY);
  const { right, org, there } = nodes;
  assert.equal((await check(there)).status, 200);
  await accept(right, org.id);
  right.clock.advance(2 * DAY);
  assert.equal((await check(org)).status, 200);
  const newest = (await verifiedLog(right.services.deps, org.id)).at(-1)?.entry;
  assert.equal(newest?.at, new Date(right.clock.now).toISOString());
  // Nothing of the leave is left.
  right.clock.advance(-2 * DAY);
  assertProblem(await check(org), 503, "clock");
});

Deno.test("a process whose clock was set by more than 5 minutes commits nothing", async () => {
  const lines: string[] = [];
  await using countersign = await Countersign.start({
    deps: { log: (_, message, fields) => void lines.push(`${fields?.org} ${message}`) },
  });
  const org = await countersign.org();
  const { clock } = countersign;
  for (const milliseconds of [5 * MINUTE, -5 * MINUTE]) {
    clock.set(milliseconds);
    assert.equal((await check(org)).status, 200, "5 minutes are borne");
  }
  for (const milliseconds of [5 * MINUTE + 1, -5 * MINUTE - 1]) {
    clock.set(milliseconds);
    for (const attempt of [1, 2]) {
      assertProblem(await check(org), 503, "clock");
      clock.advance(attempt * DAY);
    }
    assert.equal((await countersign.request("GET", "/readyz")).body.clock, "drifted");
    clock.set(-milliseconds);
    assert.equal((await check(org)).status, 200, "it is right again");
  }
  const said = lines.filter((line) => line.startsWith(`${org.id} The clock was set`));
  assert.equal(said.length, 2, "once for each time that it begins");
});

Deno.test("an owner accepts the clock on the Settings page, under a fresh passkey", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const { clock } = countersign;
  const owner = await Visitor.of(org, "owner");
  const unsure = await Visitor.of(org, "owner", { fresh: false });
  const admin = await Visitor.of(org, "admin");
  assert.doesNotMatch((await owner.get("/settings")).text, /The clock of the server/);
  await org.tool("delete", { default_permission: "requires_approval" });
  const ask = { tool_name: "delete", reason: "old", timeout_seconds: 60 };
  assert.equal((await org.post("/v1/approvals", ask)).status, 201);
  clock.set(10 * MINUTE);
  assertProblem(await check(org), 503, "clock");
  assert.equal((await admin.get("/")).status, 200, "what ended meanwhile is seen, not noted");
  assert.match((await admin.get("/settings")).text, /An owner can accept the clock/);
  assert.equal((await admin.send("/settings", "accept_clock")).status, 403);
  assert.match((await unsure.send("/settings", "accept_clock")).text, /Confirm it is you/);
  // Their passkey was shown more than five minutes ago by now.
  assert.match((await owner.send("/settings", "accept_clock")).text, /Confirm it is you/);
  // They show it once more, which a clock that was set does not keep them from.
  const key = [...sessionKey(owner.session.hash)];
  const { deps } = countersign.services;
  const { value } = await deps.kv.get<SessionRecord>(key);
  await deps.kv.set(key, { ...value, fresh_until: clock.now + FRESH_MS });
  assert.match((await owner.get("/settings")).text, /The clock is right: accept it/);
  assert.equal((await owner.send("/settings", "accept_clock")).notice, "The clock is accepted.");
  assert.doesNotMatch((await owner.get("/settings")).text, /The clock of the server/);
  assert.equal((await check(org)).status, 200);
  const [entry] = await entriesOf(org, "clock.accepted");
  assert.equal(entry?.actor.id, owner.session.member.id);
  assert.equal(entry?.data.to, new Date(clock.now).toISOString());
});

Deno.test("who accepted a clock that was ahead goes on in their session, by the right one", async () => {
  await using nodes = await TwoNodes.start(DAY);
  const owner = await Visitor.of(nodes.org, "owner");
  assert.equal((await check(nodes.there)).status, 200);
  assert.match((await owner.get("/settings")).text, /accept it/);
  assert.equal((await owner.send("/settings", "accept_clock")).notice, "The clock is accepted.");
  assert.equal((await owner.get("/")).status, 200);
  assert.doesNotMatch((await owner.get("/settings")).text, /The clock of the server/);
});

Deno.test("a start more than a day after the store was in use is said, and refused nothing", async () => {
  using kv = await Deno.openKv(":memory:");
  const clock = new TestClock();
  const lines: string[] = [];
  const log = (_: string, message: string) => void lines.push(message);
  const start = (jumps: number) => {
    clock.advance(jumps);
    return Countersign.start({ kv, clock, deps: { log } });
  };
  {
    await using first = await start(0);
    await first.services.processTimes.look();
    await first.services.processTimes.beat();
    assert.deepEqual((await kv.get([...clockSeenKey()])).value, { at: clock.now });
  }
  {
    await using next = await start(DAY);
    await next.services.processTimes.look();
    assert.equal((await next.request("GET", "/readyz")).body.clock, "ok");
  }
  await using late = await start(1);
  const { services } = late;
  await services.processTimes.look();
  const { status, body } = await late.request("GET", "/readyz");
  assert.deepEqual([status, body.status, body.clock], [200, "ready", "jumped"]);
  const said = lines.filter((line) => line.startsWith("The clock lies more than a day after"));
  assert.equal(said.length, 1);
  const org = await late.org();
  assert.equal((await check(org)).status, 200);
  assert.equal((await accept(late, org.id))?.why, "jumped");
  clock.advance(SECOND);
  assert.equal((await late.request("GET", "/readyz")).body.clock, "ok");
});

Deno.test("a process hears within a minute that the clock was accepted elsewhere", async () => {
  using kv = await Deno.openKv(":memory:");
  await using countersign = await Countersign.start({ kv });
  const { clock, services: { processTimes } } = countersign;
  const org = await countersign.org();
  await processTimes.beat();
  clock.set(DAY);
  await processTimes.beat();
  assert.deepEqual((await kv.get([...clockSeenKey()])).value, { at: clock.now - DAY });
  assertProblem(await check(org), 503, "clock");
  await kv.set([...clockAcceptedKey()], { at: clock.now - 6 * MINUTE });
  await processTimes.beat();
  assertProblem(await check(org), 503, "clock");
  await kv.set([...clockAcceptedKey()], { at: clock.now });
  await processTimes.beat();
  assert.equal((await check(org)).status, 200);
});

Deno.test("the deployment's own log is accepted like any other", async () => {
  await using nodes = await TwoNodes.start(YEAR);
  const { right, wrong } = nodes;
  const write = { type: "test.written", subject: {}, data: {} };
  const append = ({ services: { ledgers } }: Countersign) =>
    ledgers.transact(DEPLOYMENT_ORG, {
      plan: (transaction) =>
        transaction.append({ ...write, actor: { type: "system", id: "test" } }),
    });
  await append(wrong);
  await assert.rejects(append(right), { code: "clock" });
  await accept(right, DEPLOYMENT_ORG);
  await append(right);
});

Deno.test("somebody signs in and shows their passkey to a process whose clock was set", async () => {
  await using people = await People.start();
  const { owner: jo } = await people.withOwner();
  people.clock.set(6 * MINUTE);
  const { secret } = await jo.signIn();
  const session = await presentSession(people.services.deps, secret);
  assert.ok(session !== null);
  const { nonce, options } = await beginStepUp(people.services, session);
  const response = await jo.assert(options);
  await stepUp(people.services, session, { nonce, response }, CLIENT);
  await assert.rejects(
    people.services.ledgers.transact(DEPLOYMENT_ORG, {
      plan: (transaction) => transaction.set(["test"], {}),
    }),
    { code: "clock" },
  );
});
