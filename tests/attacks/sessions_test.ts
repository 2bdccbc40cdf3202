import assert from "node:assert/strict";
import { secretHash } from "../../lib/identity/credentials.ts";
import { passkeysOf } from "../../lib/identity/passkeys.ts";
import { beginSession } from "../../lib/identity/sessions.ts";
import {
  addPasskey,
  beginAddPasskey,
  MAX_PASSKEYS,
  removePasskey,
} from "../../lib/people/passkeys.ts";
import { MAX_SESSIONS, sessionsOf } from "../../lib/people/sessions.ts";
import { accountKey, DEPLOYMENT_ORG } from "../../lib/store/keys.ts";
import { readCookie, setCookieLine } from "../../routes/http/headers.ts";
import { ApprovalOrg } from "../helpers/approval_org.ts";
import { Countersign } from "../helpers/countersign.ts";
import { addDevice, CLIENT, People, type Person, presentSession } from "../helpers/people.ts";
import { refused } from "../helpers/refused.ts";
import { WebPerson } from "../helpers/web_person.ts";

/** Attacks on who is signed in: by stolen cookies, sibling sites, other tabs and sheer number. */

/** Begins sessions by a passkey, as so many sign-ins with it would. */
async function begin(people: People, account: string, credential_id: string, count: number) {
  const part = 100;
  for (let done = 0; done < count; done += part) {
    await people.services.ledgers.transact(DEPLOYMENT_ORG, {
      plan(transaction) {
        for (let i = done; i < Math.min(count, done + part); i++) {
          beginSession(transaction, { account, org: null, credential_id, user_agent: null });
        }
      },
    });
  }
}

Deno.test("attack: a thief with a passkey begins sessions without end, to outlast its removal", async () => {
  await using people = await People.start();
  const { services } = people;
  const { session, entered, owner } = await people.withOwner();
  const { account } = entered.session;
  const { device: thief, passkey } = await addDevice(people, session, owner.email);
  await begin(people, account, passkey.credential_id, MAX_SESSIONS - 2);
  for (let i = 0; i < 5; i++) {
    people.clock.advance(1);
    await thief.signIn();
  }
  assert.equal((await sessionsOf(services.deps, account)).length, MAX_SESSIONS);
  const again = await owner.signIn();
  const own = await people.session(again.secret);
  await removePasskey(services, own, passkey.credential_id, CLIENT);
  const left = await sessionsOf(services.deps, account);
  assert.ok(left.every(({ record }) => record.credential_id !== passkey.credential_id));
  await refused(thief.signIn(), "assertion_not_accepted");
});

Deno.test("attack: parallel sign-ins by one passkey begin no more sessions than one may have", async () => {
  await using people = await People.start();
  const { services } = people;
  const { entered, owner } = await people.withOwner();
  const { account, credential_id } = entered.session;
  await begin(people, account, credential_id, MAX_SESSIONS + 20);
  // Of a passkey that counts its uses only those in order get in.
  const attempts = await Promise.allSettled(Array.from({ length: 8 }, () => owner.signIn()));
  assert.ok(attempts.some(({ status }) => status === "fulfilled"));
  assert.ok((await sessionsOf(services.deps, account)).length <= MAX_SESSIONS);
});

Deno.test("attack: a stolen fresh session adds passkeys without end, to outlast a recovery", async () => {
  await using people = await People.start();
  const { services } = people;
  const { session, entered, owner } = await people.withOwner();
  const { account } = entered.session;
  const ready: { device: Person; nonce: string; options: never }[] = [];
  for (let i = 0; i < MAX_PASSKEYS + 5; i++) {
    const { nonce, options } = await beginAddPasskey(services, session);
    ready.push({ device: people.person(owner.email), nonce, options: options as never });
  }
  const outcomes = await Promise.allSettled(ready.map(async ({ device, nonce, options }) => {
    const response = await device.enrol(options);
    await addPasskey(services, session, { nonce, response, name: null }, CLIENT);
  }));
  const added = outcomes.filter(({ status }) => status === "fulfilled").length;
  assert.equal(added, MAX_PASSKEYS - 1);
  assert.equal((await passkeysOf(services.deps.kv, account)).length, MAX_PASSKEYS);
  await refused(beginAddPasskey(services, session), "too_many_passkeys");
});

Deno.test("attack: asking for the head of a stream takes its places, until none is left", async () => {
  await using it = await ApprovalOrg.start();
  const { countersign, org } = it;
  const body = await it.pending();
  const { secret } = await org.signedIn("owner", {});
  const headers = { cookie: `countersign_session=${secret}` };
  const path = `${countersign.origin}/approvals/${body.id}/live`;
  for (let i = 0; i < 60; i++) {
    const head = await fetch(path, { method: "HEAD", headers });
    assert.equal(head.status, 200);
  }
  const stream = await fetch(path, { headers });
  await stream.body?.cancel();
  assert.equal(stream.status, 200);
});

Deno.test("attack: a page on a sibling host reads, or opens streams, with the member's cookie", async () => {
  await using it = await ApprovalOrg.start();
  const { countersign, org } = it;
  const body = await it.pending();
  const { secret } = await org.signedIn("owner", {});
  const cookie = `countersign_session=${secret}`;
  for (const site of ["same-site", "cross-site"]) {
    for (const path of [`/approvals/${body.id}/live`, `/approvals/${body.id}`, "/activity"]) {
      for (const mode of ["cors", "no-cors", "websocket"]) {
        const headers = { cookie, "sec-fetch-site": site, "sec-fetch-mode": mode };
        const got = await fetch(countersign.origin + path, { headers });
        await got.body?.cancel();
        assert.equal(got.status, 403, `${site} ${mode} ${path}`);
      }
    }
    // A link in a mail or on a page of somebody else's still leads here.
    const followed = { cookie, "sec-fetch-site": site, "sec-fetch-mode": "navigate" };
    const page = await fetch(`${countersign.origin}/approvals/${body.id}`, { headers: followed });
    assert.equal(page.status, 200);
    await page.body?.cancel();
  }
});

Deno.test("attack: one person's many sessions hold no more streams than one", async () => {
  await using it = await ApprovalOrg.start();
  const { countersign, org } = it;
  const body = await it.pending();
  const { member } = await org.signedIn("viewer", {});
  const path = `${countersign.origin}/approvals/${body.id}/live`;
  const open: Response[] = [];
  const statuses: number[] = [];
  for (let n = 0; n < 2; n++) {
    const secret = await org.transact((transaction) =>
      beginSession(transaction, {
        account: member.account ?? "",
        org: org.id,
        credential_id: "none",
        user_agent: null,
      }).secret
    );
    for (let i = 0; i < 30; i++) {
      const headers = { cookie: `countersign_session=${secret}` };
      const stream = await fetch(path, { headers });
      statuses.push(stream.status);
      open.push(stream);
    }
  }
  for (const stream of open) await stream.body?.cancel();
  assert.equal(statuses.filter((status) => status === 200).length, 50);
  assert.equal(statuses.filter((status) => status === 429).length, 10);
});

Deno.test("attack: a session cookie that another host set, by any spelling of its name, is none", () => {
  const own = new URL("https://countersign.example.com");
  const secret = "A".repeat(43);
  const evil = "E".repeat(43);
  const read = (cookie: string) => readCookie(new Headers({ cookie }), own, "session");
  assert.equal(read(`__Host-countersign_session=${secret}`), secret);
  const tossed = [
    `countersign_session=${evil}`,
    `__host-countersign_session=${evil}`,
    `__Secure-countersign_session=${evil}`,
    `\u00a0__Host-countersign_session=${evil}`,
    `__Host-countersign_session\u00a0=${evil}`,
    `\u0085__Host-countersign_session=${evil}`,
    `"__Host-countersign_session"=${evil}`,
    `$Version=1; x="__Host-countersign_session=${evil}"`,
    `x=__Host-countersign_session=${evil}`,
  ];
  for (const cookie of tossed) {
    assert.equal(read(cookie), null, cookie);
    assert.equal(read(`${cookie}; __Host-countersign_session=${secret}`), secret, cookie);
  }
});

Deno.test("attack: a session cookie is sent in the clear, to another host, or to a script", () => {
  for (const name of ["session", "flow", "notice"] as const) {
    const set = { name, value: "x\r\nset-cookie: y=1; domain=evil.example", maxAgeSeconds: 60 };
    const line = setCookieLine(new URL("https://countersign.example.com"), set);
    assert.ok(line.startsWith(`__Host-countersign_${name}=x%0D%0A`), line);
    const attributes = line.split(";").slice(1).map((part) => part.trim().toLowerCase());
    assert.deepEqual(attributes.toSorted(), [
      "httponly",
      "max-age=60",
      "path=/",
      "samesite=lax",
      "secure",
    ]);
  }
});

Deno.test("attack: a stolen store's rows, hashes and ids are no session cookies", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const { secret, hash, caller } = await org.signedIn("owner", {});
  const { deps } = countersign.services;
  for (const made of [hash, secretHash(hash), caller.session_id, caller.account, ` ${secret}`]) {
    assert.equal(await presentSession(deps, made), null);
    const web = WebPerson.with(countersign, encodeURIComponent(made));
    assert.equal((await web.get("/")).to, "/sign-in");
  }
});

Deno.test("attack: a notice that somebody else put into the browser is text, marked where it deceives", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const { secret } = await org.signedIn("owner", {});
  const web = WebPerson.with(countersign, secret);
  const planted = "<img src=x onerror=alert(1)> \u202egnp.exe";
  web.cookies.set("countersign_notice", encodeURIComponent(planted));
  const { html } = await web.get("/tenants");
  assert.ok(!html.includes("<img"));
  assert.ok(!html.includes("\u202e"));
  assert.match(html, /U\+202E/);
  // It is shown once.
  assert.ok(!(await web.get("/tenants")).html.includes("U+202E"));
});

Deno.test("attack: a form of one org, open in another tab, changes the org that was switched to", async () => {
  await using countersign = await Countersign.start();
  const [staging, production] = [await countersign.org(), await countersign.org()];
  const { secret, member } = await staging.signedIn("owner", {});
  const account = member.account ?? "";
  await production.member(member.email, { role: "owner", account, has_passkey: true });
  await production.transact((transaction) =>
    transaction.set(accountKey(account), {
      id: account,
      email: member.email,
      orgs: [staging.id, production.id],
      had_passkey: true,
      recovered_at: null,
      orgs_made: [],
      created_at: transaction.at,
    })
  );
  for (const org of [staging, production]) {
    await org.manage("PUT", "/v1/tenants/acme", { name: "Acme" });
  }
  const web = WebPerson.with(countersign, secret);
  const page = await web.get("/tenants/acme");
  const [, shown = ""] = / name="page_org" value="([^"]*)"/.exec(page.html) ?? [];
  assert.equal(shown, staging.id);
  await web.follow("/switch-org", "switch_org", { org: production.id });
  for (const does of ["change", "remove"]) {
    const fields = { page_org: shown, name: "Changed" };
    const stale = await web.send("/tenants/acme", does, fields);
    assert.equal(stale.status, 409, does);
    assert.match(stale.text, /You switched to another organization/);
  }
  for (const org of [staging, production]) {
    assert.equal((await org.get("/v1/tenants/acme")).body.name, "Acme");
  }
  // Every form of a member's page says it, the frame's own among them.
  const forms = page.html.match(/<form[^>]* method="post"/g)?.length;
  assert.equal(page.html.match(/ name="page_org"/g)?.length, forms);
});
