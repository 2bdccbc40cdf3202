import assert from "node:assert/strict";
import type { Deps } from "../../lib/deps.ts";
import { SESSION_IDLE_MS, SESSION_LIFE_MS } from "../../lib/identity/sessions.ts";
import { putMember, removeMember } from "../../lib/people/members.ts";
import { endSessionOf } from "../../lib/people/sessions.ts";
import { signOut } from "../../lib/people/sign_in.ts";
import { orgKey, sessionKey, type StoreKey } from "../../lib/store/keys.ts";
import type { Kv } from "../../lib/store/kv.ts";
import { systemTimer, type Timer } from "../../lib/store/system.ts";
import { WatchedRows } from "../../lib/store/watched_rows.ts";
import { Countersign, type SignedIn, TestClock, type TestOrg } from "../helpers/countersign.ts";
import { EventStream } from "../helpers/event_stream.ts";
import { R } from "../helpers/member_deeds.ts";
import { CLIENT, presentSession } from "../helpers/people.ts";

const TICK_MS = 1000;
const SECRET = "iban-of-the-customer";

/** Timers of which the second between two readings of watched rows passes when a test says so. */
class Ticks {
  #waiting: (() => void)[] = [];
  #asked = Promise.withResolvers<void>();

  readonly timer = (milliseconds: number): Timer => {
    if (milliseconds !== TICK_MS) return systemTimer(milliseconds);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    this.#asked.resolve();
    return { elapsed: promise, cancel: () => {} };
  };

  /** Lets one second pass for whoever waits for it, or will. */
  async pass(): Promise<void> {
    await this.#asked.promise;
    this.#asked = Promise.withResolvers();
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

interface World {
  readonly countersign: Countersign;
  readonly clock: TestClock;
  readonly ticks: Ticks;
  readonly org: TestOrg;
  readonly owner: SignedIn;
  /** A request with a private argument. */
  readonly pending: string;
}

/** What ends what somebody may see, and what their page is told. */
interface Ending {
  readonly name: string;
  readonly end: (world: World, member: SignedIn) => Promise<void>;
  readonly code: string;
  readonly detail: RegExp;
}

function put(role: "viewer" | "approver") {
  return async ({ org, owner }: World, { member: { email } }: SignedIn) => {
    await org.as(owner, "manage_members", putMember(email, { role, groups: [] }, R));
  };
}

/** Another session of the same person. */
async function sessionOf({ countersign }: World, { secret }: SignedIn) {
  const { deps } = countersign.services;
  return await presentSession(deps, secret) ?? assert.fail("no session");
}

const ENDINGS: readonly Ending[] = [
  {
    name: "removed from the org",
    async end({ org, owner }, { member: { email } }) {
      await org.as(owner, "manage_members", removeMember(email, R));
    },
    code: "membership_ended",
    detail: /^You are no longer a member of test\.$/,
  },
  {
    name: "signed out",
    async end(world, member) {
      await signOut(world.countersign.services, await sessionOf(world, member), CLIENT);
    },
    code: "session_ended",
    detail: /^You were signed out: this session was ended, here or elsewhere\.$/,
  },
  {
    name: "ended from another session",
    async end(world, member) {
      const { countersign: { services } } = world;
      const own = await sessionOf(world, member);
      await endSessionOf(services, own, member.caller.session_id, CLIENT);
    },
    code: "session_ended",
    detail: /^You were signed out/,
  },
  {
    name: "idle",
    end({ clock }) {
      clock.advance(SESSION_IDLE_MS);
      return Promise.resolve();
    },
    code: "session_ended",
    detail: /^Your session ended after 12 hours without use\.$/,
  },
  {
    name: "signed in for a week",
    async end({ clock, countersign }, { hash }) {
      const { kv } = countersign.services.deps;
      const key = [...sessionKey(hash)];
      clock.advance(SESSION_LIFE_MS);
      const record = (await kv.get<object>(key)).value;
      // As if they had used it all the time.
      await kv.set(key, { ...record, seen_at: clock.now });
    },
    code: "session_ended",
    detail: /^Your session ended: one lasts for 7 days\.$/,
  },
  {
    name: "in an org that was deleted",
    async end({ org, clock }) {
      await org.transact((transaction) => {
        const { org: record } = transaction.snapshot;
        transaction.setPolicy(orgKey(org.id), { ...record, name: "", deleted_at: clock.now });
      });
    },
    code: "membership_ended",
    detail: /^You look at no organization: it was deleted/,
  },
];

async function started(): Promise<World & AsyncDisposable> {
  const ticks = new Ticks();
  const clock = new TestClock();
  const countersign = await Countersign.start({ clock, deps: { timer: ticks.timer } });
  const org = await countersign.org();
  await org.tool("refund", { default_permission: "requires_approval" });
  const asked = await org.post("/v1/approvals", {
    tool_name: "refund",
    arguments: { to: SECRET },
    reason: "asked",
  });
  assert.equal(asked.status, 201, asked.text);
  return {
    countersign,
    clock,
    ticks,
    org,
    owner: await org.signedIn("owner"),
    pending: asked.body.id,
    [Symbol.asyncDispose]: () => countersign[Symbol.asyncDispose](),
  };
}

/** Every stream of the dashboard. */
function streams({ pending }: World): string[] {
  return [
    `/approvals/${pending}/live`,
    "/approvals/live?view=waiting",
    "/activity/live",
    "/quickstart/live",
    "/session/live?right=read",
  ];
}

for (const { name, end, code, detail } of ENDINGS) {
  Deno.test(`every open page of somebody ${name} ends within a second, and says so`, async () => {
    await using world = await started();
    const member = await world.org.signedIn("approver");
    const open = await Promise.all(
      streams(world).map((path) => EventStream.open(world.org, member, path)),
    );
    for (const stream of open) {
      assert.equal((await stream.next())?.name, "news");
      assert.equal(stream.reader, member.member.id);
    }
    // The first reading knows no version of before, so each looks once more.
    await world.ticks.pass();
    await end(world, member);
    await world.ticks.pass();
    for (const stream of open) {
      let event = await stream.next();
      // An entry about it may be seen before.
      if (event?.name === "news") event = await stream.next();
      assert.equal(event?.name, "ended");
      assert.equal(event?.data.code, code);
      assert.match(event?.data.detail, detail);
      assert.equal(await stream.next(), null);
    }
  });
}

Deno.test("the frame of an open page follows a change of its reader's role", async () => {
  await using world = await started();
  const member = await world.org.signedIn("approver");
  const stream = await EventStream.open(world.org, member, "/activity/live");
  assert.equal((await stream.next())?.name, "news");
  assert.equal(stream.role, "approver");
  await world.ticks.pass();
  await put("viewer")(world, member);
  await world.ticks.pass();
  assert.equal((await stream.next())?.name, "news");
  assert.equal(stream.role, "viewer");
  await stream.close();
});

Deno.test("the open page of a request loses its arguments with the role that shows them", async () => {
  await using world = await started();
  const member = await world.org.signedIn("approver");
  const stream = await EventStream.open(world.org, member, `/approvals/${world.pending}/live`);
  const before = await stream.next();
  assert.equal(before?.data.sheet.view.arguments.to, SECRET);
  await world.ticks.pass();
  await put("viewer")(world, member);
  await world.ticks.pass();
  const after = await stream.next();
  assert.equal(after?.name, "news");
  assert.equal(after?.data.sheet.view, null);
  assert.ok(!JSON.stringify(after?.data).includes(SECRET));
  await stream.close();
});

Deno.test("a page that was shown by a right ends with it", async () => {
  await using world = await started();
  const { org, owner, ticks } = world;
  const member = await org.signedIn("approver");
  const stream = await EventStream.open(org, member, "/session/live?right=decide");
  await stream.next();
  await ticks.pass();
  await put("viewer")(world, member);
  await ticks.pass();
  const ended = await stream.next();
  assert.deepEqual([ended?.name, ended?.data.code], ["ended", "role_required"]);
  const refused = await org.countersign.request("GET", "/session/live?right=delete_org", {
    headers: { cookie: `countersign_session=${member.secret}` },
  });
  assert.match(refused.text, /event: ended\ndata: .*role_required/);
  const ownerOnly = await EventStream.open(org, owner, "/session/live?right=export_private");
  assert.equal((await ownerOnly.next())?.name, "news");
  await ownerOnly.close();
});

Deno.test("an open page keeps no session alive; what its person does does", async () => {
  await using world = await started();
  const { org, clock, ticks } = world;
  const member = await org.signedIn("approver");
  const cookie = `countersign_session=${member.secret}`;
  const stream = await EventStream.open(org, member, "/session/live?right=read");
  await stream.next();
  await ticks.pass();
  clock.advance(SESSION_IDLE_MS - 1);
  const again = await EventStream.open(org, member, "/session/live?right=read");
  await again.next();
  await again.close();
  const page = await fetch(`${world.countersign.origin}/tools`, { headers: { cookie } });
  assert.equal(page.status, 200);
  await page.body?.cancel();
  clock.advance(SESSION_IDLE_MS - 1);
  const last = await EventStream.open(org, member, "/session/live?right=read");
  assert.equal((await last.next())?.name, "news");
  assert.equal(last.clock, clock.now);
  await last.close();
  clock.advance(1);
  await ticks.pass();
  assert.match((await stream.next())?.data.detail, /12 hours without use/);
  assert.ok(stream.beats > 0, "silent while nothing changed");
});

/** A store that counts how it is read. */
function counting(): { kv: Kv; reads: number; values: Map<string, string> } {
  const values = new Map<string, string>();
  const counted = {
    reads: 0,
    values,
    kv: {
      getMany(keys: readonly Deno.KvKey[]) {
        counted.reads++;
        return Promise.resolve(keys.map((key) => ({
          key,
          value: null,
          versionstamp: values.get(JSON.stringify(key)) ?? null,
        })));
      },
    } as unknown as Kv,
  };
  return counted;
}

Deno.test("five hundred open pages cost the store a reading of their rows a second, and no more", async () => {
  const ticks = new Ticks();
  const counted = counting();
  const deps: Pick<Deps, "kv" | "now" | "timer"> = {
    kv: counted.kv,
    now: () => 0,
    timer: ticks.timer,
  };
  const rows = new WatchedRows(deps);
  const shared: StoreKey[] = [["policy_version", "org"], ["log_head", "org"]];
  const watches = Array.from(
    { length: 500 },
    (_, n) => rows.watch([["session", String(n)], ...shared]),
  );
  const first = watches.map((watch) => watch.moved());
  await ticks.pass();
  await Promise.all(first);
  assert.equal(counted.reads, Math.ceil(502 / 10));

  const told: number[] = [];
  const follow = (n: number) =>
    watches[n]?.moved().then(() => {
      told.push(n);
    });
  const waiting = watches.map((_, n) => follow(n));
  await ticks.pass();
  counted.values.set(JSON.stringify(["session", "7"]), "1");
  await ticks.pass();
  await waiting[7];
  assert.deepEqual(told, [7]);
  counted.values.set(JSON.stringify(["policy_version", "org"]), "2");
  await ticks.pass();
  await Promise.all(waiting);
  assert.equal(told.length, 500);
  assert.equal(counted.reads, 4 * Math.ceil(502 / 10));
  for (const watch of watches) watch.stop();
});

Deno.test("rows of which the store says nothing may have changed; nothing is read for nobody", async () => {
  const ticks = new Ticks();
  const counted = counting();
  const failing = { fails: true };
  const kv = {
    getMany: (keys: Deno.KvKey[]) =>
      failing.fails ? Promise.reject(new Error("gone")) : counted.kv.getMany(keys),
  } as unknown as Kv;
  let now = 0;
  const rows = new WatchedRows({ kv, now: () => now, timer: ticks.timer });
  const one = rows.watch([["a", "1"]]);
  const first = one.moved();
  await ticks.pass();
  await first;
  failing.fails = false;
  const known = one.moved();
  await ticks.pass();
  await known;
  one.due = 10;
  const due = one.moved();
  now = 10;
  await ticks.pass();
  await due;
  one.stop();
  const { reads } = counted;
  const two = rows.watch([["b", "1"]]);
  const again = two.moved();
  await ticks.pass();
  await again;
  assert.ok(counted.reads > reads);
  two.stop();
});
