import fc from "fast-check";
import assert from "node:assert/strict";
import { asMember } from "../../lib/identity/acting.ts";
import type { PresentedSession } from "../../lib/identity/sessions.ts";
import { deleteOrg } from "../../lib/leaving/org.ts";
import { endOrgless, keepOrgless } from "../../lib/leaving/orgless_accounts.ts";
import { deleteAccount } from "../../lib/leaving/person.ts";
import { acceptInvitation, seeInvitation } from "../../lib/people/accept_invitation.ts";
import { ERASED_AFTER_MS } from "../../lib/people/left_behind.ts";
import { makeOrg } from "../../lib/people/make_org.ts";
import { removeMember } from "../../lib/people/members.ts";
import { sweep } from "../../lib/server/due_worker.ts";
import * as keys from "../../lib/store/keys.ts";
import * as news from "../../lib/store/news_keys.ts";
import { readRecord } from "../../lib/store/kv.ts";
import { accountRecord } from "../../lib/store/records/people.ts";
import { CLIENT, People, type Person, presentSession, type Ruled } from "../helpers/people.ts";
import { runs } from "../helpers/property_runs.ts";
import { refused } from "../helpers/refused.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

const EMAIL = "left.in.none@example.com";
const DAY = 24 * 60 * 60 * 1000;

/** A deployment with one owner, and a person whom it let in. */
class World implements AsyncDisposable {
  private constructor(
    readonly people: People,
    readonly ruled: Ruled,
    readonly ann: Person,
    readonly account: string,
  ) {}

  static async start(): Promise<World> {
    const people = await People.start();
    const ruled = await people.withOwner();
    const ann = people.person(EMAIL);
    const { secret } = await ann.accept(await people.invited(ruled.session, EMAIL, "admin"));
    const { record } = await people.session(secret);
    await sweep(people.services, people.clock.now);
    return new World(people, ruled, ann, record.account);
  }

  get org(): string {
    return this.ruled.org;
  }

  get kv() {
    return this.people.services.deps.kv;
  }

  /** A fresh session of somebody. */
  async session(person: Person): Promise<PresentedSession> {
    const { secret } = await person.signIn();
    return await this.people.session(secret);
  }

  async invite(): Promise<string> {
    return await this.people.invited(await this.session(this.ruled.owner), EMAIL, "viewer");
  }

  async accept(link: string): Promise<void> {
    await acceptInvitation(this.people.services, await this.session(this.ann), link, CLIENT);
  }

  async remove(email = EMAIL): Promise<void> {
    const boss = await this.session(this.ruled.owner);
    const operation = asMember(boss, "manage_members", removeMember(email, "req_test"));
    await this.people.services.ledgers.transact(this.org, operation);
  }

  async later(milliseconds: number): Promise<void> {
    this.people.clock.advance(milliseconds);
    await sweep(this.people.services, this.people.clock.now);
    // What was scheduled by it for this very moment.
    await sweep(this.people.services, this.people.clock.now);
  }

  async exists(): Promise<boolean> {
    return await readRecord(this.kv, keys.accountKey(this.account), accountRecord) !== null;
  }

  /** Kinds of rows in which a text stands. */
  async naming(text: string): Promise<string[]> {
    const kinds = new Set<string>();
    for await (const { key, value } of this.kv.list({ prefix: [] })) {
      const row = Deno.inspect([key, value], { depth: 20, strAbbreviateSize: Infinity });
      if (row.includes(text)) kinds.add(String(key[0]));
    }
    return [...kinds].sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.people[Symbol.asyncDispose]();
  }
}

Deno.test("an account that was removed from its only org goes a week after it was last used", async () => {
  await using world = await World.start();
  await world.remove();
  await world.later(6 * DAY);
  const { secret } = await world.ann.signIn();
  assert.equal((await world.people.session(secret)).record.org, null);
  await world.later(2 * DAY);
  assert.ok(await world.exists(), "the sign-in began the week anew");
  await world.later(5 * DAY - 1);
  assert.ok(await world.exists());
  await world.later(1);
  assert.ok(!await world.exists());
  assert.equal(await presentSession(world.people.services.deps, secret), null);
  await refused(world.ann.signIn(), "assertion_not_accepted");
  assert.deepEqual(await world.naming(EMAIL), []);
  const naming = (await world.naming(world.account)).filter((kind) => kind !== "passkey_known");
  assert.deepEqual(naming, [], "the logs name it by its id");
  const own = await world.people.log();
  const end = own.find(({ type }) => type === "account.deleted");
  assert.deepEqual(end?.actor, { type: "system", id: "deletion" });
  assert.deepEqual(end?.subject, { account: world.account });
  assert.ok(own.some(({ type }) => type === "private.erased"));
  assert.notEqual((await world.kv.get([...keys.erasedKey()])).versionstamp, null);
  // The org that removed them keeps who it was, sealed.
  await verifiedLog(world.people.services.deps, world.org);
  const again = world.people.person(EMAIL);
  await again.accept(await world.invite());
  assert.notEqual((await world.session(again)).record.account, world.account);
});

Deno.test("whoever makes an org within the week stays, and whoever is invited is waited for", async () => {
  await using world = await World.start();
  const { services } = world.people;
  await world.remove();
  await world.later(6 * DAY);
  const link = await world.invite();
  await world.later(6 * DAY);
  assert.ok(await world.exists(), "the invitation counts still");
  await world.accept(link);
  await world.later(3 * DAY);
  await world.remove();
  await world.later(6 * DAY);
  assert.ok(await world.exists(), "work of before does not end it");
  await makeOrg(services, await world.session(world.ann), "Of my own", CLIENT);
  await world.later(30 * DAY);
  assert.ok(await world.exists());
  const record = await readRecord(world.kv, keys.accountKey(world.account), accountRecord);
  assert.equal(record?.value.orgless_since, null);
});

Deno.test("members of a deleted org go like those that were removed, and what they left at once", async () => {
  await using world = await World.start();
  const { services } = world.people;
  await services.ledgers.transact(world.org, {
    plan(transaction) {
      const subscription = {
        id: "browser",
        account: world.account,
        endpoint: "https://push.example.com/x",
        p256dh: "p",
        auth: "a",
        user_agent: null,
        created_at: 0,
      };
      transaction.set(news.pushSubscriptionKey(world.account, "browser"), subscription);
      transaction.set(news.pushEndpointKey("browser"), { account: world.account });
    },
  });
  const boss = await world.session(world.ruled.owner);
  const operation = asMember(boss, "delete_org", deleteOrg("Acme", CLIENT));
  await services.ledgers.transact(world.org, operation);
  await world.later(0);
  assert.deepEqual(
    (await world.naming("browser")).filter((kind) => kind.startsWith("push_")),
    [],
  );
  await world.later(ERASED_AFTER_MS - 1);
  assert.ok(await world.exists());
  await world.later(1);
  assert.ok(!await world.exists());
  assert.deepEqual(await world.naming(EMAIL), []);
  assert.deepEqual(await world.naming("jo@example.com"), []);
});

Deno.test("an account that was in no org before there was a week gets one at the next start", async () => {
  await using world = await World.start();
  const { services, clock } = world.people;
  const key = keys.accountKey(world.account);
  await world.remove();
  await world.later(DAY);
  const { orgless_since: _, ...before } = (await readRecord(world.kv, key, accountRecord))?.value ??
    assert.fail();
  await world.kv.set([...key], before);
  for await (const { key } of world.kv.list({ prefix: [...keys.duePrefix()] })) {
    if (key[2] === "account_orgless") await world.kv.atomic().delete(key).commit();
  }
  await world.later(30 * DAY);
  assert.ok(await world.exists(), "nothing is due for it");
  await keepOrgless(services);
  const since = clock.now;
  await world.later(DAY);
  await keepOrgless(services);
  const kept = await readRecord(world.kv, key, accountRecord);
  assert.equal(kept?.value.orgless_since, since);
  await world.later(6 * DAY);
  assert.ok(!await world.exists());
});

Deno.test("a removed member's address goes from the rows beside the log, unless they are back", async () => {
  await using world = await World.start();
  const { services } = world.people;
  const pending = "never.came@example.com";
  const link = await world.people.invited(await world.session(world.ruled.owner), pending);
  const secret = new URL(link, "http://localhost").pathname.split("/").at(-1) ?? "";
  await world.remove(pending);
  await refused(seeInvitation(services, secret), "link_not_valid");
  assert.ok(!(await world.naming(pending)).includes("invitation"));
  assert.ok((await world.naming(pending)).includes("policy_change"));
  await world.remove();
  const back = await world.invite();
  await world.accept(back);
  await world.later(ERASED_AFTER_MS);
  // The link itself counts for a week of the store's own time.
  assert.deepEqual((await world.naming(pending)).filter((kind) => kind !== "invitation_link"), []);
  assert.ok((await world.naming(EMAIL)).includes("policy_change"));
});

Deno.test("deleting an account that is in no org any more leaves nothing for later", async () => {
  await using world = await World.start();
  await world.remove();
  await deleteAccount(world.people.services, await world.session(world.ann), CLIENT);
  await world.later(ERASED_AFTER_MS);
  const ends = (await world.people.types()).filter((type) => type === "account.deleted");
  assert.equal(ends.length, 1);
  assert.deepEqual(await world.naming(EMAIL), []);
});

Deno.test("the ledger does not wait until the invitations of all orgs are read", async () => {
  await using world = await World.start();
  const { people, account } = world;
  await world.remove();
  people.clock.advance(ERASED_AFTER_MS);
  const read = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const { kv } = people.services.deps;
  const held = new Proxy(kv, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      if (name !== "list") return value.bind(target);
      return (...[selector, options]: Parameters<Deno.Kv["list"]>) => {
        const rows = target.list(selector, options);
        if (!("prefix" in selector) || selector.prefix[0] !== "invitation") return rows;
        return (async function* () {
          read.resolve();
          await goOn.promise;
          yield* rows;
        })();
      };
    },
  });
  const services = { ...people.services, deps: { ...people.services.deps, kv: held } };
  const ending = endOrgless(services, {
    kind: "account_orgless",
    at: people.clock.now,
    org: keys.DEPLOYMENT_ORG,
    id: account,
  });
  await read.promise;
  await world.ann.signIn();
  goOn.resolve();
  await ending;
  assert.ok(await world.exists(), "it was used meanwhile");
});

Deno.test("a sign-in at the moment at which an account ends keeps it, or is refused", async () => {
  for (const signsInFirst of [true, false]) {
    await using world = await World.start();
    const { people, account } = world;
    await world.remove();
    people.clock.advance(ERASED_AFTER_MS);
    const end = () =>
      endOrgless(people.services, {
        kind: "account_orgless",
        at: people.clock.now,
        org: keys.DEPLOYMENT_ORG,
        id: account,
      });
    const signIn = () => world.ann.signIn();
    const [first, second] = signsInFirst ? [signIn, end] : [end, signIn];
    const outcomes = await Promise.allSettled([first(), second()]);
    const isIn = outcomes[signsInFirst ? 0 : 1]?.status === "fulfilled";
    assert.equal(await world.exists(), isIn);
  }
});

Deno.test("whoever signs in without an org has the commit write the account, which its end checks", async () => {
  await using world = await World.start();
  const key = keys.accountKey(world.account);
  const versionOf = async () => (await world.kv.get([...key])).versionstamp;
  const before = await versionOf();
  await world.ann.signIn();
  assert.equal(await versionOf(), before, "in an org no sign-in waits for another");
  await world.remove();
  const removed = await versionOf();
  await world.ann.signIn();
  assert.notEqual(await versionOf(), removed);
});

type Step = "remove" | "invite" | "accept" | "sign_in" | number;

Deno.test("an account is there while it is in an org, was used within a week, or is invited", async () => {
  const step = fc.oneof(
    fc.constantFrom<Step>("remove", "invite", "accept", "sign_in"),
    fc.integer({ min: 1, max: 8 }).map((days): Step => days * DAY),
  );
  const story = fc.array(step, { minLength: 4, maxLength: 14 });
  await fc.assert(
    fc.asyncProperty(story, async (steps) => {
      await using world = await World.start();
      const { clock } = world.people;
      let joined = true;
      let link: string | null = null;
      let used: number = clock.now;
      let invitedUntil = 0;
      for (const one of steps) {
        if (typeof one === "number") {
          await world.later(one);
        } else if (one === "remove" && joined) {
          await world.remove();
          [joined, used, link, invitedUntil] = [false, clock.now, null, 0];
        } else if (one === "invite" && !joined) {
          link = await world.invite();
          invitedUntil = clock.now + ERASED_AFTER_MS;
        } else if (one === "accept" && link !== null && clock.now < invitedUntil) {
          await world.accept(link);
          [joined, used, link, invitedUntil] = [true, clock.now, null, 0];
        } else if (one === "sign_in") {
          await world.ann.signIn();
          used = clock.now;
        }
        const until = Math.max(used + ERASED_AFTER_MS, invitedUntil);
        const stays: boolean = joined || clock.now < until;
        assert.equal(await world.exists(), stays, `${one}`);
        if (!stays) return;
      }
    }),
    runs(40),
  );
});
