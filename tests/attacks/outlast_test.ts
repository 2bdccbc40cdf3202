import assert from "node:assert/strict";
import { asMember } from "../../lib/identity/acting.ts";
import { passkeysOf } from "../../lib/identity/passkeys.ts";
import { beginSession } from "../../lib/identity/sessions.ts";
import type { Transaction } from "../../lib/ledger/transaction.ts";
import { ownGrants } from "../../lib/oauth/access.ts";
import { MAX_GRANTS } from "../../lib/oauth/consent.ts";
import { acceptInvitation } from "../../lib/people/accept_invitation.ts";
import { makeOrg } from "../../lib/people/make_org.ts";
import { removeMember } from "../../lib/people/members.ts";
import { MAX_ORGS } from "../../lib/people/membership.ts";
import { MAX_PASSKEYS } from "../../lib/people/passkeys.ts";
import { makeRecoveryLink, redeemRecoveryLink } from "../../lib/people/recover.ts";
import { MAX_SESSIONS, sessionsOf, signOutEverywhere } from "../../lib/people/sessions.ts";
import * as keys from "../../lib/store/keys.ts";
import { readRecord } from "../../lib/store/kv.ts";
import type { AccountGrant } from "../../lib/store/records/oauth.ts";
import { type AccountRecord, accountRecord } from "../../lib/store/records/people.ts";
import { OAuthWorld } from "../helpers/oauth_world.ts";
import { CLIENT, People } from "../helpers/people.ts";
import { refused } from "../helpers/refused.ts";

/** Whoever has somebody's passkey, or session, and makes so much of it that nothing can end it all. */

const DAY = 24 * 60 * 60 * 1000;

/** The account whose owner is robbed. */
class Robbed {
  constructor(readonly world: OAuthWorld) {}

  get services() {
    return this.world.people.services;
  }

  get account(): string {
    return this.world.ruled.entered.session.account;
  }

  async write(plan: (transaction: Transaction) => void, org = keys.DEPLOYMENT_ORG): Promise<void> {
    await this.services.ledgers.transact(org, { plan });
  }

  grants(): Promise<AccountGrant[]> {
    return ownGrants(this.services, this.account);
  }

  async record(): Promise<AccountRecord> {
    const row = await readRecord(
      this.services.deps.kv,
      keys.accountKey(this.account),
      accountRecord,
    );
    return row?.value ?? assert.fail("the account is gone");
  }

  /** Makes as many connections as there may be, of the one that there is. */
  async connectAll(): Promise<void> {
    const { org } = this.world.ruled;
    const [one] = await this.grants();
    assert.ok(one !== undefined);
    await this.write((transaction) => {
      const { snapshot, now } = transaction;
      const known = snapshot.grants.get(one.id) ?? assert.fail("not in the policy");
      for (let i = 1; i < MAX_GRANTS; i++) {
        const id = transaction.id("grt");
        const client_name = "x".repeat(100);
        const made = { created_at: now - 15 * DAY, expires_at: now + 20 * DAY + i };
        const grant = { ...one, ...made, id, client_name };
        transaction.set(keys.accountGrantKey(this.account, id), grant);
        transaction.setPolicy(keys.grantKey(org, id), { ...known, id, client_name });
      }
    }, org);
  }
}

Deno.test("attack: a thief with a passkey lets programs in without end, to outlast what ends them", async () => {
  await using world = await OAuthWorld.start();
  const robbed = new Robbed(world);
  await world.code();
  await robbed.connectAll();
  const before = await robbed.grants();
  const oldest = before.toSorted((a, b) =>
    a.created_at - b.created_at || a.expires_at - b.expires_at
  )
    .slice(0, 2);
  for (let i = 0; i < 2; i++) await world.code();
  const after = await robbed.grants();
  assert.equal(after.length, MAX_GRANTS);
  // Those that were refreshed least lately, in the policy of the org as well.
  const ids = new Set(after.map(({ id }) => id));
  assert.ok(oldest.every(({ id }) => !ids.has(id)));
  const known = await robbed.services.ledgers.transact(world.ruled.org, {
    plan: ({ snapshot }) => [...snapshot.grants.keys()],
  });
  assert.deepEqual(new Set(known), ids);
  const log = await world.people.log(world.ruled.org);
  assert.equal(log.filter(({ data }) => data.because === "crowded_out").length, 2);
});

Deno.test("attack: all that one person may have ends at once, by whichever of the ways", async (t) => {
  for (const way of ["recovery", "signing out everywhere", "another owner"] as const) {
    await t.step(way, async () => {
      await using world = await OAuthWorld.start();
      const robbed = new Robbed(world);
      const { people, ruled } = world;
      const { services } = robbed;
      const { account } = robbed;
      await world.code();
      await robbed.connectAll();
      const record = await robbed.record();
      await robbed.write((transaction) => {
        const orgs = [ruled.org];
        while (orgs.length < MAX_ORGS) orgs.push(transaction.id("org"));
        transaction.set(keys.accountKey(account), { ...record, orgs });
        for (let i = 1; i < MAX_PASSKEYS; i++) {
          const credential_id = `${"p".repeat(80)}${i}`;
          const { at } = transaction;
          transaction.set(keys.accountPasskeyKey(account, credential_id), { created_at: at });
          transaction.set(keys.passkeyKey(credential_id), {
            credential_id,
            account,
            public_key: new Uint8Array(77),
            counter: 0,
            transports: [],
            backed_up: false,
            device_type: "singleDevice",
            name: "x",
            rp_id: services.settings.url.hostname,
            created_at: at,
            last_used_at: null,
          });
        }
        for (let i = 1; i < MAX_SESSIONS; i++) {
          const user_agent = "u".repeat(200);
          beginSession(transaction, { account, org: ruled.org, credential_id: "x", user_agent });
        }
      });
      if (way === "recovery") {
        const { url } = await makeRecoveryLink(services, record.email) ?? assert.fail();
        const [, , , link = ""] = new URL(url).pathname.split("/");
        await redeemRecoveryLink(services, { account, link, flow: "f".repeat(43) }, CLIENT);
        assert.deepEqual(await passkeysOf(services.deps.kv, account), []);
        assert.deepEqual(await sessionsOf(services.deps, account), []);
      } else if (way === "signing out everywhere") {
        await signOutEverywhere(services, ruled.session, CLIENT);
        assert.equal((await sessionsOf(services.deps, account)).length, 1);
      } else {
        const email = "other@example.com";
        const link = await people.invited(ruled.session, email, "owner");
        const { secret } = await people.person(email).accept(link);
        const removing = removeMember(record.email, CLIENT.request_id);
        await services.ledgers.transact(
          ruled.org,
          asMember(await people.session(secret), "manage_members", removing),
        );
      }
      const left = await services.ledgers.transact(ruled.org, {
        plan: ({ snapshot }) => [...snapshot.grants.values()],
      });
      assert.deepEqual(left, []);
    });
  }
});

Deno.test("attack: a stolen session joins organizations without end, to outlast a recovery", async () => {
  await using people = await People.start();
  const { services } = people;
  const { session, entered } = await people.withOwner();
  const victim = people.person("vic@example.com");
  const joined = await victim.accept(await people.invited(session, victim.email));
  await makeOrg(services, session, "Another", CLIENT);
  const link = await people.invited(await people.session(entered.secret), victim.email);
  const key = keys.accountKey(joined.session.account);
  const inOrgs = async (count: number) => {
    const row = await readRecord(services.deps.kv, key, accountRecord) ?? assert.fail();
    await services.ledgers.transact(keys.DEPLOYMENT_ORG, {
      plan(transaction) {
        const orgs = row.value.orgs.slice(0, 1);
        while (orgs.length < count) orgs.push(transaction.id("org"));
        transaction.set(key, { ...row.value, orgs });
      },
    });
  };
  const stolen = await people.session(joined.secret);
  await inOrgs(MAX_ORGS);
  await refused(acceptInvitation(services, stolen, link, CLIENT), "too_many_organizations");
  // The invitation waits for when there is room.
  await inOrgs(MAX_ORGS - 1);
  await acceptInvitation(services, stolen, link, CLIENT);
});
