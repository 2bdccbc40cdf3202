import assert from "node:assert/strict";
import { MAX_LIMITED_SOURCES, SOURCE_RATE_LIMIT, SourceLimits } from "../../lib/identity/limits.ts";
import { passkeysOf } from "../../lib/identity/passkeys.ts";
import { Refusal } from "../../lib/refusal.ts";
import { localPath } from "../../routes/http/headers.ts";
import { PAGES } from "../../routes/manifest.ts";
import { Countersign, type FixtureOptions } from "../helpers/countersign.ts";
import { People, presentSession, secretOf } from "../helpers/people.ts";
import { WebPerson } from "../helpers/web_person.ts";

/** Attacks on the ways in: floods of strangers, stolen mailboxes, links that lead or leak elsewhere. */

const PROXY = { COUNTERSIGN_TRUSTED_PROXY: "true" };

async function rows(countersign: Countersign, prefix: string): Promise<number> {
  return (await Array.fromAsync(countersign.services.deps.kv.list({ prefix: [prefix] }))).length;
}

/** What a stranger sends from an address. */
async function strangerPost(
  countersign: Countersign,
  address: string,
  path = "/session/sign-in",
  body = "{}",
): Promise<number> {
  const response = await fetch(countersign.origin + path, {
    method: "POST",
    redirect: "manual",
    headers: {
      origin: countersign.origin,
      "content-type": path === "/session/sign-in"
        ? "application/json"
        : "application/x-www-form-urlencoded",
      "x-forwarded-for": address,
    },
    body,
  });
  await response.body?.cancel();
  return response.status;
}

Deno.test("attack: a stranger begins sign-ins without end, and keeps nobody else from one", async () => {
  await using countersign = await Countersign.start({ variables: PROXY });
  const flood = Array.from(
    { length: SOURCE_RATE_LIMIT + 100 },
    (_, i) => strangerPost(countersign, `2001:db8:0:1::${i.toString(16)}`),
  );
  const statuses = await Promise.all(flood);
  assert.equal(statuses.filter((status) => status === 200).length, SOURCE_RATE_LIMIT);
  assert.equal(statuses.filter((status) => status === 429).length, 100);
  assert.equal(await rows(countersign, "ceremony"), SOURCE_RATE_LIMIT);
  assert.equal(await strangerPost(countersign, "2001:db8:0:2::1"), 200);
  countersign.clock.advance(60_000);
  assert.equal(await strangerPost(countersign, "2001:db8:0:1::1"), 200);
});

Deno.test("attack: a stranger asks for codes of made-up addresses without end", async () => {
  await using countersign = await Countersign.start({ variables: PROXY });
  const ask = (i: number) =>
    strangerPost(countersign, "192.0.2.7", "/recover", `do=send_code&email=a${i}%40example.com`);
  const statuses = await Promise.all(
    Array.from({ length: SOURCE_RATE_LIMIT + 20 }, (_, i) => ask(i)),
  );
  assert.equal(statuses.filter((status) => status === 303).length, SOURCE_RATE_LIMIT);
  assert.ok(await rows(countersign, "email_code_limit") <= SOURCE_RATE_LIMIT);
  assert.equal(countersign.mail.sent.length, 0);
});

Deno.test("attack: addresses without end are no memory without end, and one network is one source", () => {
  const limits = new SourceLimits();
  const refused = (address: string | null, now = 0) => {
    try {
      limits.take(address, now);
      return false;
    } catch (error) {
      assert.ok(error instanceof Refusal && error.code === "rate_limited");
      return true;
    }
  };
  const many = (address: (i: number) => string, count: number) =>
    Array.from({ length: count }, (_, i) => refused(address(i))).filter(Boolean).length;
  // The same network by any spelling of an address in it.
  const spellings = [
    "2001:db8::1",
    "2001:DB8:0:0:ffff::",
    "2001:0db8:0000::a:b:c:d",
    "2001:db8::%x",
  ];
  assert.equal(many((i) => spellings[i % 4] ?? "", SOURCE_RATE_LIMIT + 8), 8);
  assert.ok(!refused("2001:db8:0:1::1"));
  assert.equal(many(() => "::ffff:192.0.2.1", SOURCE_RATE_LIMIT), 0);
  assert.ok(refused("192.0.2.1"));
  // Beyond so many sources they share one limit.
  many((i) => `198.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, MAX_LIMITED_SOURCES);
  assert.equal(many((i) => `203.0.${i >> 8}.${i & 255}`, 12 * SOURCE_RATE_LIMIT) > 0, true);
  assert.ok(refused("192.0.2.1"));
  assert.ok(!refused("192.0.2.1", 60_000));
  assert.ok(!refused(null, 60_000));
});

Deno.test("attack: whoever reads the mailbox of somebody with a passkey gets nowhere by it", async () => {
  await using people = await People.start();
  const { countersign, services } = people;
  const { session, entered, owner } = await people.withOwner("jo@example.com");
  const { account } = entered.session;
  people.clock.advance(60 * 60_000);
  const other = await countersign.org();
  const rival = await other.signedIn("owner", {});
  const inviting = { hash: rival.hash, record: { ...session.record, org: other.id } };
  const thief = new WebPerson(countersign);
  // The code of a recovery is in the mailbox; without a recovery code it opens nothing.
  await thief.follow("/recover", "send_code", { email: owner.email });
  const code = people.codeFor(owner.email);
  const guess = { code, recovery_code: "0".repeat(26) };
  assert.equal((await thief.send("/recover", "confirm_code", guess)).status, 403);
  // An invitation is in the mailbox; who has an account gets no code for it.
  const path = `/invitation/${await people.invited(inviting, owner.email)}`;
  const before = countersign.mail.to(owner.email).length;
  await thief.follow(path, "send_code");
  const letters = countersign.mail.to(owner.email).slice(before);
  assert.ok(letters.every(({ subject, text }) => !/\d{6}/.test(subject + text)));
  for (const typed of [code, "000000", ""]) {
    const refused = await thief.send(path, "confirm_code", { code: typed });
    assert.ok(refused.status === 403 || refused.status === 422, refused.text);
  }
  assert.equal(thief.session, undefined);
  assert.ok(await presentSession(services.deps, entered.secret) !== null);
  assert.equal((await passkeysOf(services.deps.kv, account)).length, 1);
});

Deno.test("attack: whoever reads the mailbox of somebody unknown gets in by an invitation only", async () => {
  await using people = await People.start();
  const { countersign } = people;
  const { session } = await people.withOwner("jo@example.com");
  const thief = new WebPerson(countersign);
  await thief.follow("/recover", "send_code", { email: "new@example.com" });
  assert.deepEqual(countersign.mail.to("new@example.com"), []);
  const guess = { code: "000000", recovery_code: "0".repeat(26) };
  assert.equal((await thief.send("/recover", "confirm_code", guess)).status, 403);
  // Withdrawn, ended or used up, the letter in the mailbox is paper.
  const path = `/invitation/${await people.invited(session, "new@example.com")}`;
  people.clock.advance(7 * 24 * 60 * 60_000);
  assert.equal((await thief.get(path)).status, 404);
  assert.equal((await thief.send(path, "send_code")).status, 404);
  assert.equal(thief.session, undefined);
});

Deno.test("attack: a link or a form leads to another site after it", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const hostile = [
    "https://evil.example",
    "//evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "/%09/evil.example",
    "/\t/evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "/x\r\nlocation: https://evil.example",
    "/..//evil.example",
    "/./\\evil.example",
    "/@evil.example",
    "///evil.example",
    "https:evil.example",
    "http://localhost@evil.example",
  ];
  const isOwn = (to: string | null) =>
    to !== null && /^\/(?![/\\])/.test(to) &&
    new URL(to, countersign.origin).origin === countersign.origin;
  for (const to of hostile) {
    const { secret } = await org.signedIn("owner", {});
    const out = await WebPerson.with(countersign, secret).send("/sign-out", "sign_out", { to });
    assert.ok(out.status === 303 && isOwn(out.to), `/sign-out ${to}: ${out.to}`);
    for (const path of ["/sign-in", "/security/passkeys/new"]) {
      const { secret } = await org.signedIn("owner", {});
      const web = WebPerson.with(countersign, secret);
      const page = await web.get(`${path}?to=${encodeURIComponent(to)}`);
      const led = page.html.matchAll(/ (?:href|action)="([^"]*)"/g);
      for (const [, href = ""] of led) {
        const { origin } = new URL(href.replaceAll("&amp;", "&"), countersign.origin);
        assert.ok(origin === countersign.origin || origin === "null", `${path} ${to}: ${href}`);
      }
      const wanted = page.html.match(/data-name="sign_in" data-props="([^"]*)"/)?.[1] ?? "{}";
      const next = JSON.parse(wanted.replaceAll("&quot;", '"')).to ?? "/";
      assert.ok(isOwn(next), `${path} ${to}: ${next}`);
    }
    // Who is not signed in is led back to the page that was asked for, on this site.
    const away = await fetch(`${countersign.origin}/tenants?q=${encodeURIComponent(to)}`, {
      redirect: "manual",
    });
    await away.body?.cancel();
    const next = new URL(away.headers.get("location") ?? "", countersign.origin);
    assert.equal(next.pathname, "/sign-in");
    const back = localPath(next.searchParams.get("to"), new URL(countersign.origin));
    assert.ok(back?.startsWith("/tenants?"), `${to}: ${back}`);
  }
});

Deno.test("attack: a path that begins like another site's leads to no sign-in that leaves", async () => {
  await using countersign = await Countersign.start();
  for (const path of ["//evil.example/", "//evil.example/tenants", "/\\evil.example/tenants"]) {
    const url = `http://127.0.0.1:${countersign.server.addr.port}${path}`;
    const got = await fetch(url, { redirect: "manual", headers: { accept: "text/html" } });
    await got.body?.cancel();
    const location = got.headers.get("location");
    assert.ok(location === null || location.startsWith("/sign-in"), `${path}: ${location}`);
  }
  assert.ok(PAGES.every(({ path }) => path.startsWith("/") && !path.startsWith("//")));
});

Deno.test("attack: links, codes, nonces and cookies are read in the process's log", async () => {
  const lines: string[] = [];
  const options: FixtureOptions = {
    variables: { COUNTERSIGN_LOG: "access" },
    deps: { log: (...line) => void lines.push(JSON.stringify(line)) },
  };
  await using people = await People.start(options);
  const { countersign } = people;
  const link = await people.setUpLink();
  const web = new WebPerson(countersign);
  const path = `/set-up/${link}`;
  await web.get(path);
  await web.follow(path, "send_code", { organization: "Acme", email: "jo@example.com" });
  const code = people.codeFor("jo@example.com");
  const passkey = await web.follow(path, "confirm_code", { code });
  const done = await web.send(passkey.to, "finish", await web.enrol(passkey.html));
  assert.equal(done.status, 200, done.text);
  await web.get(`/nothing/${link}`);
  await web.show("sign-in", "/session/sign-in");
  const nonce = new URL(passkey.to, countersign.origin).searchParams.get("passkey") ?? "";
  const log = lines.join("\n");
  assert.match(log, /"\/set-up\/:link"/);
  for (const secret of [link, nonce, code, web.session, secretOf(`${countersign.origin}${path}`)]) {
    assert.ok(secret !== undefined && secret.length >= 6 && !log.includes(secret), secret);
  }
  assert.ok(!log.includes("jo@example.com"));
});
